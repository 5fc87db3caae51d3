"""Suites of the result tables: what always holds of their rows, for whoever reads them as feature groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.finding import Reason, Severity
from hopsmon.core.schema import FeatureType
from hopsmon.streaming import tables
from hopsmon.streaming.tables import TABLES, TableSpec

_PROBABILITIES = ("p_value", "p_adjusted")
_COUNTS: Mapping[str, Sequence[str]] = {
    tables.WINDOWS.name: (
        *("requests", "responses", "instances", "predictions", "rejected", "late", "unpaired"),
        *("revision", "outliers", "outliers_left_out"),
    ),
    tables.STATISTICS.name: ("count", "nulls", "invalid", "stddev", "distinct_approx"),
    tables.DRIFT.name: ("n",),
    tables.OUTLIERS.name: ("instance", "offset"),
    tables.REJECTS.name: ("offset",),
}
_WORDS: Mapping[str, Mapping[str, Sequence[object]]] = {
    tables.WINDOWS.name: {"status": ("ok", "insufficient", "partial")},
    tables.STATISTICS.name: {"feature_type": [str(kind) for kind in FeatureType]},
    tables.DRIFT.name: {
        "severity": [str(word) for word in Severity],
        "reason": [str(word) for word in Reason],
    },
    tables.STATES.name: {"slot": (0, 1)},
    tables.ALERTS.name: {
        "state": ("firing", "resolved"),
        "severity": (str(Severity.WARNING), str(Severity.CRITICAL)),
    },
}


def suites_for_tables() -> dict[str, Suite]:
    """The suite of each result table, by the table's name."""
    return {spec.name: suite_of_table(spec) for spec in TABLES.values()}


def suite_of_table(spec: TableSpec) -> Suite:
    """What always holds of a table's rows: keys are there, counts not negative, words known, p-values in [0, 1]."""
    return Suite(f"{spec.name}_suite", tuple(_expectations(spec)), {"written_by": "hopsmon", "grain": spec.grain})


def _expectations(spec: TableSpec) -> Iterator[Expectation]:
    names = [name for name, _, _ in spec.columns]
    for name in spec.key:
        yield _expectation("expect_column_values_to_not_be_null", f"names a row: {spec.grain}", column=name)
    if {"window_start", "window_end"} <= set(names):
        why = "a window has a length"
        kind = "expect_column_pair_values_a_to_be_greater_than_b"
        yield _expectation(kind, why, column_A="window_end", column_B="window_start")
    for name in _COUNTS.get(spec.name, ()):
        yield _expectation("expect_column_values_to_be_between", "never negative", column=name, min_value=0)
    for name in _PROBABILITIES:
        if name in names:
            bounds = {"min_value": 0, "max_value": 1}
            yield _expectation("expect_column_values_to_be_between", "a probability", column=name, **bounds)
    for name, words in _WORDS.get(spec.name, {}).items():
        yield _expectation("expect_column_values_to_be_in_set", "these are all", column=name, value_set=list(words))


def _expectation(kind: str, why: str, **kwargs: Any) -> Expectation:
    return Expectation(kind, kwargs, {"why": why}, Severity.CRITICAL)
