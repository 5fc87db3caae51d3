"""What the techniques' tests share: baselines and windows made from columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import Batch, Side
from hopsmon.core.finding import Finding
from hopsmon.core.frames import batches_of, infer_schema
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.protocols import WindowTechnique
from hopsmon.core.techniques.registry import Spec, build

Columns = Mapping[str, Any]
RNG = np.random.default_rng(20260101)


def baseline_of(columns: Columns, **types: str) -> Baseline:
    return build_baseline(pa.table(dict(columns)), ModelRef("m"), types=types)


def batch_of(columns: Columns, **types: str) -> Batch:
    table = pa.table(dict(columns))
    (batch,) = batches_of(table, infer_schema(table.schema, types=types))
    assert batch.side is Side.REQUEST
    return batch


def window_of(columns: Columns, baseline: Baseline | None, **types: str) -> Summary:
    """A window over these columns, summarised on the baseline's bins as the engine does it."""
    table = pa.table(dict(columns))
    schema = infer_schema(table.schema, types=types)
    recipe = Recipe(schema, {} if baseline is None else baseline.features)
    (batch,) = batches_of(table, schema)
    return Summary(instances=table.num_rows, features=recipe.summarise(batch))


def window_technique(spec: Spec) -> WindowTechnique:
    technique = build(spec)
    assert isinstance(technique, WindowTechnique)
    return technique


def judge(technique: str, reference: Any, window: Any, kind: str | None = None, **parameters: float) -> Finding:
    """The verdict on one feature `f`."""
    types = {} if kind is None else {"f": kind}
    baseline = baseline_of({"f": reference}, **types)
    summary = window_of({"f": window}, baseline, **types)
    (finding,) = run_window_technique(window_technique({technique: parameters}), summary, baseline)
    assert finding.technique == technique
    return finding
