"""Run lengths of the e-detector without drift, over thousands of runs at once, for benchmarks/false_alarms.

The runs lie on the very edge of the null hypothesis: every share differs from the reference's by exactly the band. All
features move together, and windows have different sizes. That is the hardest case that the guarantee covers.
"""

from __future__ import annotations

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.sequence.evidence import Bets, advanced

FEATURES = 30
BAND = 0.03
SIZES = (50, 100, 200, 400)
LONGEST = 8  # times c: runs without an alarm until then count as that long


def first_alarms(runs: int, windows: int, run_length: float, seed: int = 5) -> FloatArray:
    """The window (from 1) in which each run alarms for the first time; infinite where it does not."""
    rng = np.random.default_rng(seed)
    share = np.arange(0.1, 0.91, 0.1)
    band = np.full((len(share), 2), BAND)
    bets = Bets.on(share, band, np.ones(band.shape, np.bool_))
    edges = np.append(share + BAND, 1.0)
    log_evidence = np.zeros((runs, len(share), 2))
    most = np.full(band.shape, 1e12)
    first = np.full(runs, np.inf)
    for window in range(1, windows + 1):
        rows = int(rng.choice(SIZES))
        hits = rng.multinomial(rows, np.diff(edges, prepend=0.0), size=runs)[:, :-1].cumsum(axis=1)
        asked = np.full(hits.shape, float(rows))
        evidence = advanced(
            log_evidence, bets.log_factors(hits.astype(np.float64), asked, np.full(hits.shape, np.inf)), most
        )
        # 30 features that move together have the same evidence each, and so has their mean.
        alarm = np.isinf(first) & (evidence.mean(axis=(1, 2)) >= run_length)
        first[alarm] = window
        log_evidence = np.log1p(evidence)
    return first


def share_of_early_alarms(runs: int, run_length: int) -> tuple[dict[int, float], float]:
    """The share of runs that alarm before some windows; and their mean length, runs that do not end counted short."""
    first = first_alarms(runs, LONGEST * run_length, run_length)
    early = {
        windows: float((first <= windows).mean()) for windows in (run_length // 10, run_length // 4, run_length // 2)
    }
    return early, float(np.minimum(first, LONGEST * run_length).mean())
