"""What the tests of expectations share: a model, rows for it, and suites compiled and judged as the engine does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, Column, Side
from hopsmon.core.expectations.compiling import CompiledSuite, compile_suite
from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.expectations.technique import techniques_of
from hopsmon.core.finding import Finding
from hopsmon.core.payloads.typed import typed_column
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import measures_of, run_window_technique

SCHEMA = ModelSchema(
    (
        Feature("x", FeatureType.NUMERIC),
        Feature("y", FeatureType.NUMERIC),
        Feature("i", FeatureType.INTEGER),
        Feature("c", FeatureType.CATEGORICAL),
        Feature("d", FeatureType.CATEGORICAL),
        Feature("b", FeatureType.BOOLEAN),
        Feature("t", FeatureType.TIMESTAMP),
        Feature("s", FeatureType.STRING),
    ),
    (Feature("score", FeatureType.NUMERIC), Feature("label", FeatureType.CATEGORICAL)),
)
BASELINE = Baseline(SCHEMA, {}, ModelRef("m"))
KINDS = {feature.name: feature.type for feature in SCHEMA.all}


def expectation(kind: str, **kwargs: Any) -> Expectation:
    """By the end of its type: "values_to_be_null" is expect_column_values_to_be_null."""
    known = kind if kind.startswith("expect_") else f"expect_column_{kind}"
    return Expectation(known, kwargs)


def suite(*expectations: Expectation) -> Suite:
    return Suite("suite", tuple(expectations))


def compiled(*expectations: Expectation) -> CompiledSuite:
    return compile_suite(suite(*expectations), SCHEMA)


def batch(side: Side = Side.REQUEST, **columns: Sequence[Any]) -> Batch:
    """Values as they come in JSON: None is null, and what its feature cannot be read as is of a wrong type."""
    typed: dict[str, Column] = {name: typed_column(list(values), KINDS[name]) for name, values in columns.items()}
    rows = len(next(iter(columns.values())))
    return Batch(side, np.zeros(rows, np.int64), np.arange(rows), np.zeros(rows, np.int64), typed)


def window(suite: CompiledSuite, *batches: Batch) -> Summary:
    """The summary of a window, made batch by batch and read back from bytes, as the stream does it."""
    recipe = Recipe(SCHEMA, measures=measures_of(techniques_of(suite)))
    total = Summary()
    for one in batches:
        request = one.side is Side.REQUEST
        total += Summary(
            instances=len(one) if request else 0,
            predictions=0 if request else len(one),
            features=recipe.summarise(one),
            model=recipe.summarise_model(one),
        )
    return Summary.from_bytes(total.to_bytes())


def findings(suite: CompiledSuite, *batches: Batch) -> list[Finding]:
    summary = window(suite, *batches)
    techniques = techniques_of(suite)
    return [finding for one in techniques for finding in run_window_technique(one, summary, BASELINE)]


def finding(kind: str, kwargs: dict[str, Any], *batches: Batch) -> Finding:
    """The only finding of one expectation."""
    (found,) = findings(compiled(expectation(kind, **kwargs)), *batches)
    return found


def counts(kind: str, kwargs: dict[str, Any], *batches: Batch) -> tuple[int, int, int]:
    """Elements, missing, unexpected."""
    details = finding(kind, kwargs, *batches).details
    return details["element_count"], details["missing_count"], details["unexpected_count"]
