"""An expectation that another package might bring: values that are prime numbers."""

from __future__ import annotations

from typing import Any

from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)


class ColumnValuesArePrime(ColumnMapMetricProvider):
    """Which values are prime."""

    condition_metric_name = "column_values.prime"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **_: Any) -> Any:
        return column.map(lambda value: value > 1 and all(value % by for by in range(2, int(value**0.5) + 1)))


class ExpectColumnValuesToBePrime(ColumnMapExpectation):
    """Expect values to be prime."""

    map_metric = "column_values.prime"
    success_keys = ("mostly",)
