"""What the tests of techniques on whole rows share: correlated data, baselines that keep rows, windows with samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.frames import batches_of
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.registry import Spec
from tests.core.techniques.cases import Columns, baseline_of, window_technique


def correlated(rng: np.random.Generator, rows: int, correlation: float = 0.8, shift: float = 0.0) -> FloatArray:
    """Six normal features with this correlation between any two; the first shifted."""
    common = rng.normal(size=(rows, 1))
    values = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.normal(size=(rows, 6))
    values[:, 0] += shift
    return np.asarray(values)


def mixed(rng: np.random.Generator, rows: int, correlation: float = 0.8, shift: float = 0.0) -> dict[str, Any]:
    """These, a heavy-tailed feature, labels, and one of which a tenth is missing."""
    values = correlated(rng, rows, correlation, shift)
    return {
        **{f"x{number}": values[:, number] for number in range(6)},
        "heavy": rng.lognormal(0, 1.5, rows),
        "label": rng.choice(list("abcd"), rows, p=[0.5, 0.3, 0.15, 0.05]),
        "holes": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1),
    }


def without_rows(columns: Columns) -> Baseline:
    """A baseline that keeps no rows."""
    return build_baseline(pa.table(dict(columns)), ModelRef("m"), statistics=DEFAULT_STATISTICS)


def sampled(columns: Columns, baseline: Baseline) -> Summary:
    """A window with a sample of its rows, as the engine makes it where a technique needs one."""
    table = pa.table(dict(columns))
    (batch,) = batches_of(table, baseline.schema)
    return Summary(
        instances=table.num_rows, model=Recipe(baseline.schema, {}, frozenset({Reservoir})).summarise_model(batch)
    )


def judge_rows(spec: Spec, reference: Columns | Baseline, window: Columns) -> Finding:
    """The verdict on the model."""
    baseline = reference if isinstance(reference, Baseline) else baseline_of(reference)
    (finding,) = run_window_technique(window_technique(spec), sampled(window, baseline), baseline)
    assert finding.feature is None
    return finding
