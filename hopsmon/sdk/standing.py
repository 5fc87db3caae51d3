"""Standing: which of many monitors' findings stand when all of them are asked at once."""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa

from hopsmon.core.batch import BoolArray
from hopsmon.core.multiplicity import e_benjamini_hochberg, e_value_of
from hopsmon.errors import ConfigError
from hopsmon.streaming.across_slices import E_DETECTOR, stand_together

_SERIES = ("monitor", "model_name", "model_version", "slice")


def standing(drift: pa.Table, level: float) -> pa.Table:
    """The rows of hopsmon_drift whose drift stands among all rows given, which must be in order of time.

    e-BH, valid however monitors, slices and features depend on each other. Of p-values, over all rows that have one, at
    `level`, by e = 1 / (2 √p). Of the e-detector, over the newest evidence M of each monitor's slices: the k largest
    stand, k the largest number with M ≥ c · K / k for each of them.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level must be between 0 and 1, got {level!r}.")
    stands = _of_p_values(drift, level) | _of_evidence(drift)
    return drift.filter(pa.array(stands & drift["is_drift"].to_numpy()))


def _of_p_values(drift: pa.Table, level: float) -> BoolArray:
    p_values = drift["p_value"].to_pylist()
    asked = np.array([p_value is not None for p_value in p_values], np.bool_)
    e_values = np.array([e_value_of(p_value) for p_value in p_values if p_value is not None])
    stands = np.zeros(len(p_values), np.bool_)
    stands[asked] = e_benjamini_hochberg(e_values, level)
    return stands


def _of_evidence(drift: pa.Table) -> BoolArray:
    stands = np.zeros(drift.num_rows, np.bool_)
    newest: dict[tuple[str, ...], tuple[int, float]] = {}
    columns = [*_SERIES, "technique", "feature", "score", "threshold", "details"]
    for at, row in enumerate(drift.select(columns).to_pylist()):
        if row["technique"] == E_DETECTOR and not row["feature"] and row["score"] is not None:
            # Slices of a monitor were held against a larger threshold already, the more of them the larger.
            alone = orjson.loads(row["details"]).get("threshold_alone", row["threshold"])
            newest[tuple(row[name] for name in _SERIES)] = at, row["score"] - alone
    places, over = np.array(list(newest.values()), np.float64).reshape(-1, 2).T
    stands[places.astype(np.intp)] = stand_together(over)
    return stands
