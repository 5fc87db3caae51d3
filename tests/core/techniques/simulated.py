"""Many runs of the e-detector at once, on counts drawn at the edge of its null hypothesis."""

from __future__ import annotations

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.sequence.evidence import Bets, advanced


def first_alarms(runs: int, windows: int, rows: int, run_length: float, seed: int) -> FloatArray:
    """The first window (from 1) in which each run alarms; infinite for those that do not.

    Each run has 5 features of 9 deciles, all of them driven by one sample, so they depend on each other completely, and
    their distribution function lies higher than the reference's by exactly the band: the null hypothesis at its edge.
    """
    rng = np.random.default_rng(seed)
    share = np.tile(np.arange(0.1, 0.91, 0.1), (5, 1))
    band = np.full((*share.shape, 2), 0.03)
    bets = Bets.on(share, band, np.ones(band.shape, np.bool_))
    first = np.full(runs, np.inf)
    most = np.full(band.shape, 1e12)
    n = np.full(share.shape, float(rows))
    for run in range(runs):
        log_evidence = np.zeros(band.shape)
        for window in range(1, windows + 1):
            level = np.sort(rng.random(rows))
            hits = np.tile(level.searchsorted(share[0] + 0.03).astype(np.float64), (5, 1))
            evidence = advanced(log_evidence, bets.log_factors(hits, n, np.full(share.shape, np.inf)), most)
            if evidence.mean() >= run_length:
                first[run] = window
                break
            log_evidence = np.log1p(evidence)
    return first
