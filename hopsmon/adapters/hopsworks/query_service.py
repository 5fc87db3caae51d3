"""Feature groups by Hopsworks' query service: what the client's Python engine reads by, where it reaches no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.adapters.hopsworks.result_rows import Where


def read_by_query_service(group: Any, columns: Sequence[str], where: Where) -> pa.Table:
    """Rows of a feature group, in no order; the condition's column must be among the columns."""
    there = set(group.column_names)
    query = group.select([name for name in columns if name in there])
    conditions = list(_conditions(group, where))
    if conditions:
        query = query.filter(reduce(and_, conditions))
    rows = pa.Table.from_pandas(query.read(dataframe_type="pandas"), preserve_index=False)
    return within(rows, where)


def within(rows: pa.Table, where: Where) -> pa.Table:
    """The rows that a condition's span holds exactly: a query's filter knows whole seconds only."""
    if where.column is None:
        return rows
    first, last = (pa.scalar(bound) for bound in (where.first, where.last))
    values = rows.column(where.column).cast(first.type)
    return rows.filter(pc.and_(pc.greater_equal(values, first), pc.less_equal(values, last)))


def _conditions(group: Any, where: Where) -> Iterator[Any]:
    if where.monitors:
        yield group.get_feature("monitor").isin(list(where.monitors))
    if where.column is not None:
        feature = group.get_feature(where.column)
        second = timedelta(seconds=1) if isinstance(where.last, datetime) else 0
        yield feature >= where.first
        yield feature <= where.last + second
