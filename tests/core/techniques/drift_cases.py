"""What the drift tests share: verdicts from summaries, and from raw samples as a comparison in memory has them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import Side
from hopsmon.core.finding import Finding
from hopsmon.core.frames import batches_of, infer_schema
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.pairs import Pair
from tests.core.techniques.cases import window_technique

RAW = DEFAULT_STATISTICS | {Values}
CELLS = ("psi", "kl", "js", "hellinger", "tvd", "linf")
LINE = ("wasserstein", "ks", "cvm", "anderson_darling", "energy")
MOMENTS = ("mean_shift", "variance_shift")
TESTS = ("chi2", "g_test")
NEW_AND_GONE = ("unseen_categories", "vanished_categories")
NUMERIC = (*CELLS, *LINE, *MOMENTS)
CATEGORICAL = (*CELLS, *TESTS, *NEW_AND_GONE)


def pair_of(reference: Any, window: Any, kind: str | None = None, raw: bool = False) -> Pair:
    """One feature on both sides, summarised as the engine does it (or, `raw`, as a comparison in memory does)."""
    statistics = RAW if raw else DEFAULT_STATISTICS
    types: dict[str, FeatureType | str] = {} if kind is None else {"f": kind}
    baseline = build_baseline(pa.table({"f": reference}), ModelRef("m"), types=types, statistics=statistics)
    table = pa.table({"f": window})
    schema = baseline.schema if kind is not None else infer_schema(table.schema, types=types)
    (batch,) = batches_of(table, schema)
    assert batch.side is Side.REQUEST
    summary = Recipe(schema, baseline.features, statistics).summarise(batch)
    feature = schema.features[0]
    return Pair("f", feature.type, summary["f"], baseline.features["f"])


def verdicts(pair: Pair, *techniques: str, **parameters: Any) -> dict[str, Finding]:
    """The verdicts of several techniques on the same pair."""
    from hopsmon.core.baseline import Baseline
    from hopsmon.core.schema import Feature, ModelSchema

    baseline = Baseline(ModelSchema((Feature("f", pair.kind),)), {"f": pair.reference}, ModelRef("m"))
    window = Summary(features={"f": pair.window})
    found = {}
    for name in techniques:
        (found[name],) = run_window_technique(window_technique({name: parameters}), window, baseline)
    return found


def judge_raw(technique: str, reference: Any, window: Any, kind: str | None = None, **parameters: Any) -> Finding:
    """The verdict from raw samples."""
    return verdicts(pair_of(reference, window, kind, raw=True), technique, **parameters)[technique]
