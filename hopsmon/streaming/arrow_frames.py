"""Arrow tables out of Spark frames and into them, the same in every line of Spark: 3.5 has no public call for either.

For rows that fit into one process. In both directions the rows are those that are there, whatever the session's time
zone; times come out in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def to_arrow(frame: DataFrame) -> pa.Table:
    """A frame's rows, as `DataFrame.toArrow` of Spark 4 gives them."""
    if hasattr(type(frame), "toArrow"):
        return frame.toArrow()
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = to_arrow_schema(frame.schema)
    # What `toArrow` is made of in Spark 4. A frame without rows gives no batches, and times have the session's zone.
    of_3_5: Any = frame
    batches = of_3_5._collect_as_arrow()
    return pa.Table.from_batches(batches).cast(schema) if batches else schema.empty_table()


def from_arrow(spark: SparkSession, table: pa.Table) -> DataFrame:
    """A table as a frame, as `createDataFrame` of Spark 4 makes it; times must have a zone.

    In Spark 3.5 by way of Python's own values, not of pandas, to which an integer column with a null is one of floats.
    """
    from pyspark.sql import DataFrame

    if hasattr(DataFrame, "toArrow"):  # both came with Spark 4
        return spark.createDataFrame(table)
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    schema = from_arrow_schema(table.schema)
    columns = table.cast(to_arrow_schema(schema)).columns  # times in microseconds, and no dictionaries
    rows = zip(*(column.to_pylist(maps_as_pydicts="strict") for column in columns), strict=True)
    return spark.createDataFrame(list(rows), schema)
