"""Frames: a window's sample of instances as the data frame that Great Expectations looks at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.reservoir import Reservoir


def frame_of(sample: Reservoir, features: Iterable[Feature]) -> Any:
    """The sampled rows as pandas, each column in the type that a feature group's has.

    Whole numbers are int64 where none is missing, times datetime64[ns] (UTC), booleans bool where none is missing. A
    value of a wrong type is missing here, as the sample does not keep it.
    """
    import pandas as pd

    held = set(sample.rows.column_names)
    columns = {
        feature.name: _series(sample.rows.column(feature.name), feature.type)
        for feature in features
        if feature.name in held
    }
    return pd.DataFrame(columns, index=range(sample.rows.num_rows))


def _series(column: pa.ChunkedArray, kind: FeatureType) -> Any:
    import pandas as pd

    values = column.to_pandas()
    if kind is FeatureType.TIMESTAMP:
        return pd.to_datetime(values, unit="s").astype("datetime64[ns]")
    if kind is FeatureType.INTEGER and _is_whole(values):
        return values.astype("int64")
    if kind is FeatureType.BOOLEAN:
        truth = values.map({"true": True, "false": False})
        return truth if truth.isna().any() else truth.astype(bool)
    return values


def _is_whole(values: Any) -> bool:
    """Whether all are there and have no fraction; beyond 2**53 they may not be what was sent."""
    return bool(values.notna().all() and (values % 1 == 0).all() and (values.abs() < 2**53).all())
