"""Feature groups by Hopsworks' query service: what the client's Python engine reads by, where it reaches no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa

from hopsmon.adapters.hopsworks.result_rows import Where


def read_by_query_service(group: Any, columns: Sequence[str], where: Where) -> pa.Table:
    """Rows of a feature group, in no order."""
    there = set(group.column_names)
    query = group.select([name for name in columns if name in there])
    conditions = list(_conditions(group, where))
    if conditions:
        query = query.filter(reduce(and_, conditions))
    return pa.Table.from_pandas(query.read(dataframe_type="pandas"), preserve_index=False)


def _conditions(group: Any, where: Where) -> Iterator[Any]:
    if where.monitors:
        yield group.get_feature("monitor").isin(list(where.monitors))
    if where.column is not None:
        feature = group.get_feature(where.column)
        yield feature >= _literal(where.first)
        yield feature <= _literal(where.last)


def _literal(value: Any) -> Any:
    """Times as the backend reads them: in UTC, without a zone."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ", timespec="microseconds")
    return value
