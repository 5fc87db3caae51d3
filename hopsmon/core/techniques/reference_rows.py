"""Reference rows: the sample of instances that a baseline keeps, as columns that techniques read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray, NumericColumn, Side
from hopsmon.core.frames import column_of
from hopsmon.core.schema import Feature
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.techniques.pairs import LABELS, NUMBERS
from hopsmon.errors import ConfigError

JUDGED = NUMBERS | LABELS  # not timestamps, which leave every range; nor free text and ids


@dataclass(frozen=True, eq=False)
class ReferenceRows:
    """A baseline's sample of its rows. Equal for baselines of one id with the same sample: so it can key a cache."""

    baseline: Baseline
    sample: Reservoir

    @property
    def _key(self) -> tuple[str, str]:
        return self.baseline.id, self.sample.digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReferenceRows) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def batch(self) -> Batch:
        """The rows as an instance technique reads them, in the random order of the sample."""
        return batch_of(self.sample, self.baseline.schema.features)


def reference_rows(baseline: Baseline) -> ReferenceRows | None:
    """The baseline's rows; None where it was built without them."""
    sample = baseline.joint.get(Reservoir.name)
    return ReferenceRows(baseline, sample) if isinstance(sample, Reservoir) else None


def batch_of(sample: Reservoir, features: Sequence[Feature]) -> Batch:
    """The sample's rows as typed columns; features it does not hold are left out."""
    nothing = np.zeros(sample.rows.num_rows, np.int64)
    held = set(sample.rows.column_names)
    columns = {feature.name: column_of(sample.rows, feature) for feature in features if feature.name in held}
    return Batch(Side.REQUEST, nothing, nothing, nothing, columns)


def judged_features(baseline: Baseline) -> list[Feature]:
    """The features that techniques on whole instances look at: numbers and labels."""
    return [feature for feature in baseline.schema.features if feature.type in JUDGED]


def numbers_of(column: NumericColumn) -> FloatArray:
    """The values, NaN wherever there is none, whatever number stands under a mask."""
    values = column.values
    for mask in (column.null, column.invalid):
        if mask is not None:
            values = np.where(mask, np.nan, values)
    return values


def need_scikit_learn(technique: str) -> None:
    """Raises ConfigError where scikit-learn is not installed."""
    try:
        import sklearn  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ConfigError(f"{technique} needs scikit-learn: pip install 'hopsmon[models]', or leave it out.") from error
