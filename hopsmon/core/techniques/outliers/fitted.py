"""Fitted: what the techniques share that fit a model to one half of the reference rows and calibrate on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.techniques.conformal import Calibration
from hopsmon.core.techniques.encoding import Encoder
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.core.techniques.reference_rows import ReferenceRows, judged_features, reference_rows
from hopsmon.core.techniques.threads import one_thread

DEFAULT_ALPHA = 1e-3  # one instance in a thousand: the least that half of a full sample (1,000 rows) can tell
MOST_EXPLAINED = 200  # instances of a batch whose features are ranked, the largest scores first
_LEAST_ROWS = 20  # of either half


class Model(Protocol):
    """What was learnt; picklable, and never changed."""

    def score(self, rows: FloatArray) -> FloatArray:
        """One number a row, larger = further from what was learnt."""
        ...

    def contributions(self, rows: FloatArray) -> FloatArray:
        """[rows, features]: what each feature adds to the score, 0 and up."""
        ...


class Modelled(Protocol):
    """A technique that learns; hashable."""

    name: ClassVar[str]

    @property
    def alpha(self) -> float:
        """The share of the reference's like that it may flag."""
        ...

    def fit(self, rows: FloatArray, encoder: Encoder) -> Model:
        """A function of the rows alone: the same in every process."""
        ...

    def __hash__(self) -> int:
        """Techniques are values."""
        ...


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model, how rows are encoded for it, and how rows it has not seen score; `error`: why there is none."""

    encoder: Encoder
    model: Model | None
    calibration: Calibration
    error: str | None = None

    def scores(self, batch: Batch, alpha: float) -> InstanceScores:
        """Scores, p-values and verdicts; NaN for instances without any value that can be judged."""
        if self.model is None:
            return InstanceScores.failed(len(batch), self.error or "")
        rows, known = self.encoder.encode(batch)
        score = np.full(len(batch), np.nan)
        if known.any():
            score[known] = self.model.score(rows if known.all() else rows[known])
        threshold = self.calibration.threshold(alpha)
        with np.errstate(invalid="ignore"):
            flagged = score > threshold
        parts = self._parts(rows, score, np.flatnonzero(flagged)) if flagged.any() else {}
        p_values = self.calibration.p_values(score)
        return InstanceScores(score, flagged, threshold, parts, self.error, p_values)

    def _parts(self, rows: FloatArray, score: FloatArray, flagged: np.ndarray) -> Mapping[str, FloatArray]:
        most = flagged[np.argsort(-score[flagged], kind="stable")[:MOST_EXPLAINED]]
        assert self.model is not None  # noqa: S101 - for the type checker; `scores` has looked
        found = self.model.contributions(rows[most])
        parts = {}
        for name, values in zip(self.encoder.names, found.T, strict=True):
            if values.any():
                parts[name] = np.zeros(len(score))
                parts[name][most] = values
        return parts


def check_by_model(technique: Modelled, batch: Batch, baseline: Baseline) -> InstanceScores:
    """The technique's verdicts; the model is fitted once a process and baseline."""
    rows = reference_rows(baseline)
    if rows is None:
        return InstanceScores.failed(len(batch), NO_ROWS)
    with one_thread():
        return _fitted(technique, rows).scores(batch, technique.alpha)


NO_ROWS = "the baseline keeps no sample of its rows (statistic 'reservoir'): build it with one, as is the default"


@lru_cache(maxsize=16)
def _fitted(technique: Modelled, reference: ReferenceRows) -> Fitted:
    """The rows stand in random order: every second one fits, the others calibrate."""
    batch = reference.batch()
    places = np.arange(len(batch))
    fitting = batch.take(places[::2])
    encoder = Encoder.of(fitting, judged_features(reference.baseline))
    problem = _problem(encoder, len(batch) // 2)
    if problem is not None:
        return Fitted(encoder, None, Calibration(np.empty(0)), problem)
    model = technique.fit(encoder.encode(fitting, infinite_missing=True)[0], encoder)
    held_out, known = encoder.encode(batch.take(places[1::2]))
    calibration = Calibration.of(model.score(held_out[known]))
    return Fitted(encoder, model, calibration, too_few(calibration, technique.alpha))


def _problem(encoder: Encoder, half: int) -> str | None:
    if not encoder.parts:
        return "no numeric, integer, boolean or categorical feature of the baseline varies"
    if half < _LEAST_ROWS:
        return f"the baseline's sample has {2 * half} rows; fitting and calibrating take {2 * _LEAST_ROWS}"
    return None


def too_few(calibration: Calibration, alpha: float) -> str | None:
    """What to say where no p-value can be as small as alpha; None where it can."""
    if np.isfinite(calibration.threshold(alpha)) or calibration.smallest <= alpha:
        return None
    return (
        f"nothing can be flagged: {len(calibration.ascending)} held-out reference rows give p-values down to"
        f" {calibration.smallest:.2g}, above alpha {alpha:g}. Use a larger alpha, or a baseline of more rows"
    )
