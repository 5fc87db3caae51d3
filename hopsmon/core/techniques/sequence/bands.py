"""Bands: how far a share of rows may lie from the reference's before it counts as drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.season import spread
from hopsmon.core.techniques.sequence.questions import Questions

SOURCES = ("fixed", "sampling_error", "natural_variation")  # what a band may come from

_DOUBT = 0.05  # probability that any of the reference's shares is further from the truth than its sampling error
LEAST_WINDOWS = 24  # fewer windows than a day has hours: the spread is estimated with Student's t instead
_FEWEST_WINDOWS = 5
_QUANTILE = 0.99
_FEW_QUANTILE = 0.999  # a season has many phases, each with its own few windows
# A window counts as at most this many times n*, where luck alone would spread windows of n* rows as widely as the
# traffic does. More rows say no more about a share that moves by itself: with all 5,000 rows counted, each hour a bit
# further out than any in the reference was an alarm (30 to 45 hours a month instead of none; docs/benchmarks.md).
_WORTH = 4.0
MOST_WINDOWS = 400


@dataclass(frozen=True, slots=True)
class Bands:
    """Arrays are features × questions, NaN where a feature has fewer questions; `width` and `source` × (above, below).

    Attributes:
        width: how far a share may lie above and below the reference's.
        source: what each width comes from, an index into `SOURCES`.
        worth: how many rows of a window count at most.
        windows: how many reference windows the natural variation rests on; 0: there are too few.
    """

    width: FloatArray
    source: npt.NDArray[np.intp]
    worth: FloatArray
    windows: int

    @classmethod
    def of(
        cls,
        questions: Sequence[Questions],
        share: FloatArray,
        rows: FloatArray,
        baseline: Baseline,
        sizes: tuple[float, float],
    ) -> Bands:
        """The bands about the reference's shares.

        Args:
            rows: reference rows that each share rests on.
            sizes: the change of a share of one half that matters, and the least change that does.
        """
        size, least = sizes
        fixed = np.maximum(2 * size * np.sqrt(share * (1 - share)), least)
        natural, own, windows = natural_variation(questions, share, baseline)
        error = sampling_error(share, rows) + _doubt(questions, share)[..., None]
        parts = np.stack(np.broadcast_arrays(fixed[..., None], error, natural[..., None]))
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = np.where(own > 0, _WORTH * share * (1 - share) / own, np.inf)
        return cls(parts.max(axis=0), np.argmax(np.nan_to_num(parts), axis=0), worth, windows)


def _doubt(questions: Sequence[Questions], share: FloatArray) -> FloatArray:
    """How far the reference's shares may be from its own rows', where they are estimates."""
    doubt = np.zeros_like(share)
    for at, asked in enumerate(questions):
        doubt[at, : asked.values] = asked.doubt
    return doubt


def sampling_error(share: FloatArray, rows: FloatArray) -> FloatArray:
    """How far the truth may lie above and below the reference's own share, for all of its shares at once.

    Clopper & Pearson (Biometrika 26, 1934), Bonferroni over all questions and both sides. Never wider than the
    Dvoretzky-Kiefer-Wolfowitz band at the median and much narrower towards the ends.
    """
    tests = max(int(np.count_nonzero(~np.isnan(share))), 1)
    doubt = _DOUBT / (2 * tests)
    hits = share * rows
    with np.errstate(invalid="ignore"):
        upper = np.where(hits >= rows, 1.0, special.betainccinv(hits + 1, np.maximum(rows - hits, 1e-9), doubt))
        lower = np.where(hits <= 0, 0.0, special.betaincinv(np.maximum(hits, 1e-9), rows - hits + 1, doubt))
    return np.stack([upper - share, share - lower], axis=-1)


def natural_variation(
    questions: Sequence[Questions], share: FloatArray, baseline: Baseline
) -> tuple[FloatArray, FloatArray, int]:
    """How the shares of the reference's own windows vary about those of the whole: band, variance, number of windows.

    A window's share differs from the whole's by what the traffic does and by the luck of few rows. Only the former
    belongs into the band: the e-process knows the luck. So each deviation is shrunk by the part of its variance that
    n rows explain. All zeros without enough windows.
    """
    picked = [baseline.windows[number] for number in spread(len(baseline.windows), MOST_WINDOWS)]
    if len(picked) < _FEWEST_WINDOWS:
        return np.zeros_like(share), np.zeros_like(share), 0
    hits, rows = np.zeros((2, len(picked), *share.shape))
    for number, window in enumerate(picked):
        for at, asked in enumerate(questions):
            summary = window.summary.features.get(asked.name)
            found = None if summary is None else asked.counted(summary)
            if found is not None:
                hits[number, at, : len(asked.keys)], rows[number, at, : len(asked.keys)] = found
    return *_spread(hits, rows, np.nan_to_num(share)), len(picked)


def _spread(hits: FloatArray, rows: FloatArray, share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Band and variance over windows (first axis) of such counts, without the luck of few rows."""
    known = rows > 0
    windows = known.sum(axis=0)
    away = np.where(known, hits / np.maximum(rows, 1) - share, 0.0)
    luck = np.where(known, share * (1 - share) / np.maximum(rows, 1), 0.0)
    own = np.maximum((away**2 - luck).sum(axis=0), 0.0) / np.maximum(windows, 1)
    shrunk = np.abs(away) * np.sqrt(own / np.maximum(own + luck, 1e-300))
    shrunk[~known] = np.nan
    many = np.nan_to_num(_nan_quantile(shrunk, _QUANTILE))
    scarce = windows < LEAST_WINDOWS
    own = np.where(scarce, np.maximum(own, _pooled(own, share)), own)
    student = special.stdtrit(np.maximum(windows - 1.0, 1.0), _FEW_QUANTILE)
    few = student * np.sqrt(own * (1 + 1 / np.maximum(windows, 1)))
    band = np.where(scarce, few, many)
    enough = windows >= _FEWEST_WINDOWS
    return np.where(enough, band, 0.0), np.where(enough, own, 0.0)


def _pooled(own: FloatArray, share: FloatArray) -> FloatArray:
    """Each feature's mean variance, in parts of share · (1 - share): from few windows a single one is a poor guess."""
    noise = share * (1 - share)
    total = np.where(noise > 0, own, 0.0).sum(axis=-1, keepdims=True)
    return np.asarray(noise * total / np.maximum(noise.sum(axis=-1, keepdims=True), 1e-300))


def _nan_quantile(values: FloatArray, level: float) -> FloatArray:
    """Like numpy's nanquantile ("higher"), which loops over columns; NaN sorts last."""
    ordered = np.sort(values, axis=0)
    known = (~np.isnan(values)).sum(axis=0)
    at = np.clip(np.ceil(level * (known - 1)).astype(np.intp), 0, None)
    return np.asarray(np.take_along_axis(ordered, at[None], axis=0)[0])
