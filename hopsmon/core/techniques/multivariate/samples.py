"""Samples: the rows of window and reference side by side, and what to say where one is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.encoding import Encoder
from hopsmon.core.techniques.pairs import NotComputableError, enough
from hopsmon.core.techniques.reference_rows import batch_of, judged_features
from hopsmon.core.techniques.threads import one_thread

DEFAULT_MIN_ROWS = 100  # fewer rows say nothing about how features go together
_MOST_NAMED = 20


@dataclass(frozen=True)
class Samples:
    """Rows of both sides, in random order, and how to encode them.

    Attributes:
        seen: instances in the window; its sample may hold fewer.
    """

    window: Batch
    reference: Batch
    encoder: Encoder
    seen: int

    @property
    def n(self) -> int:
        """Rows of the window's sample."""
        return len(self.window)

    @property
    def m(self) -> int:
        """Rows of the reference's sample."""
        return len(self.reference)

    def matrices(self, most: int | None = None) -> tuple[FloatArray, FloatArray]:
        """Window and reference as matrices; at most so many rows of each. Infinite values count as missing."""
        window, reference = (_head(side, most) for side in (self.window, self.reference))
        encode = self.encoder.encode
        return encode(window, infinite_missing=True)[0], encode(reference, infinite_missing=True)[0]

    def details(self, contributions: FloatArray | None, **more: Any) -> dict[str, Any]:
        """What every finding of this family says: the sizes, and each feature's share in the score."""
        found = {"rows_seen": self.seen, "reference_n": self.m, **more}
        return found if contributions is None else {**found, "contributions": self.shares(contributions)}

    def shares(self, contributions: FloatArray) -> Mapping[str, float]:
        """Each feature's share of the positive contributions, largest first."""
        positive = np.maximum(np.nan_to_num(contributions), 0.0)
        total = float(positive.sum())
        if not total:
            return {}
        names = self.encoder.names
        order = np.argsort(-positive, kind="stable")[:_MOST_NAMED].tolist()
        return {names[at]: round(float(positive[at]) / total, 6) for at in order if positive[at] > 0}


def _head(batch: Batch, most: int | None) -> Batch:
    return batch if most is None else batch.take(np.arange(min(most, len(batch))))


def judge_samples(
    technique: str, window: Summary, baseline: Baseline, min_rows: int, compare: Callable[[Samples], Finding]
) -> Sequence[Finding]:
    """The finding for the model, or why there is none."""
    try:
        samples = samples_of(window, baseline, min_rows)
        with one_thread():
            return [compare(samples)]
    except NotComputableError as cause:
        return [Finding.not_computable(technique, None, cause.reason, cause.n, **cause.details)]


def samples_of(window: Summary, baseline: Baseline, min_rows: int) -> Samples:
    """Both sides' rows.

    Raises:
        NotComputableError: a side has no sample, or too few rows, or no feature varies in the reference.
    """
    seen, reference = window.model.get(Reservoir.name), baseline.joint.get(Reservoir.name)
    if not isinstance(seen, Reservoir) or not isinstance(reference, Reservoir):
        sides = [side for side, at in (("window", seen), ("baseline", reference)) if not isinstance(at, Reservoir)]
        raise NotComputableError(Reason.NO_STATISTIC, statistic=Reservoir.name, missing_in=sides)
    if not reference.rows.num_rows:
        raise NotComputableError(Reason.EMPTY_REFERENCE, seen.rows.num_rows)
    enough(seen.rows.num_rows, reference.rows.num_rows, min_rows)
    held = set(seen.rows.column_names)
    features = [feature for feature in judged_features(baseline) if feature.name in held]
    mine, theirs = batch_of(seen, features), batch_of(reference, features)
    encoder = Encoder.of(theirs, features, also=mine)
    if not encoder.parts:
        raise NotComputableError(Reason.CONSTANT_REFERENCE, len(mine), reference_n=len(theirs))
    return Samples(mine, theirs, encoder, seen.count)
