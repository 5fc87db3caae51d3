"""Cases: the baseline and the windows that every technique is tried on. Seeded, so that each run is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding
from hopsmon.core.frames import batches_of
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import baseline_statistics
from hopsmon.core.statistics.values import Values

Columns: TypeAlias = Mapping[str, Any]

ROWS = 600
SERIES = 12  # windows of a series
PARTS = 4  # a window comes in so many parts, from as many tasks
TYPES = {"text": "string", "moment": "timestamp"}
_SEED = 20_260_101


def columns(rows: int, seed: int = 0) -> dict[str, Any]:
    """Independent rows of every type, some with nulls; always from the same distribution."""
    rng = np.random.default_rng((_SEED, seed))
    amount = rng.gamma(2.0, 3.0, rows)
    amount[rng.random(rows) < 0.05] = np.nan
    return {
        "temperature": rng.normal(20.0, 5.0, rows),
        "amount": pa.array(amount, from_pandas=True),
        "orders": rng.poisson(3.0, rows),
        "colour": rng.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1]),
        "member": rng.random(rows) < 0.4,
        "text": [f"id-{number}" for number in rng.integers(0, 10**9, rows)],
        "moment": np.arange(rows) + 1_700_000_000,
    }


def constant(rows: int) -> dict[str, Any]:
    """One value everywhere; none of them new."""
    first = {name: pa.array(values).slice(0, 1).to_pylist()[0] for name, values in columns(1).items()}
    return {name: [value] * rows for name, value in first.items()} | {"amount": [1.0] * rows}


def nulls(rows: int) -> dict[str, Any]:
    """No value anywhere."""
    table = pa.table(columns(1))
    return {field.name: pa.nulls(rows, field.type) for field in table.schema}


def broken(rows: int) -> dict[str, Any]:
    """Infinities, NaN, huge numbers, odd labels."""
    found = columns(rows, 7)
    found["temperature"] = np.resize([np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0], rows)
    found["colour"] = [["", "RED", "赤", "x" * 500][number % 4] for number in range(rows)]
    return found


@dataclass(frozen=True)
class Cases:
    """Baselines and windows with the statistics that one technique needs.

    Attributes:
        needs: what it reads.
        kept: findings that several checks look at.
    """

    needs: frozenset[type[Statistic]]
    kept: dict[str, list[Finding]] = field(default_factory=dict)

    @property
    def statistics(self) -> frozenset[type[Statistic]]:
        """What windows are summarised by: no raw values unless asked for, as in a stream."""
        return (baseline_statistics() | self.needs) - ({Values} - self.needs)

    def table(self, of: Columns) -> pa.Table:
        """The columns as a table of always the same types."""
        return pa.table(dict(of)).cast(self._schema)

    @cached_property
    def _schema(self) -> pa.Schema:
        return pa.table(columns(2)).schema

    def baseline_of(self, of: Columns) -> Baseline:
        """A baseline over these columns."""
        return build_baseline(self.table(of), ModelRef("check_technique"), types=TYPES, statistics=self.statistics)

    @cached_property
    def baseline(self) -> Baseline:
        """The reference that most windows are compared with."""
        return self.baseline_of(columns(ROWS))

    @cached_property
    def usual(self) -> Summary:
        """A window of other rows of the same distribution."""
        return self.window(columns(ROWS, 1))

    @cached_property
    def recipe(self) -> Recipe:
        """How windows are summarised on its bins."""
        return self.recipe_on(self.baseline)

    def recipe_on(self, baseline: Baseline) -> Recipe:
        """How windows are summarised on the bins of a baseline."""
        return Recipe(baseline.schema, baseline.features, self.statistics)

    def batch(self, of: Columns) -> Batch:
        """The instances of these columns."""
        (batch,) = batches_of(self.table(of), self.baseline.schema)
        return batch

    def window(self, of: Columns, recipe: Recipe | None = None) -> Summary:
        """The summary of these columns, as the engine makes it."""
        return summarised(self.batch(of), recipe or self.recipe)

    def parts(self, of: Columns) -> list[Summary]:
        """The same in parts that add up to it."""
        batch = self.batch(of)
        cuts = np.array_split(np.arange(len(batch)), PARTS)
        return [summarised(batch.take(rows), self.recipe) for rows in cuts]

    @property
    def odd(self) -> Mapping[str, Callable[[], Summary]]:
        """Windows that are unusual but come up."""
        return {
            "a window that knows no feature": Summary,
            "a window without rows": lambda: self.window(columns(0)),
            "a window of one row": lambda: self.window(columns(1, 1)),
            "a window of two rows": lambda: self.window(columns(2, 1)),
            "a constant window": lambda: self.window(constant(200)),
            "a window of nulls": lambda: self.window(nulls(200)),
            "a window of infinities, huge numbers and odd labels": lambda: self.window(broken(200)),
        }

    @property
    def odd_references(self) -> Mapping[str, Callable[[], Baseline]]:
        """Baselines that are unusual but come up."""
        return {
            "a reference of one row": lambda: self.baseline_of(columns(1, 2)),
            "a constant reference": lambda: self.baseline_of(constant(200)),
            "a reference of nulls": lambda: self.baseline_of(nulls(200)),
            "a reference without statistics": lambda: Baseline(self.baseline.schema, {}, ModelRef("none")),
        }


def summarised(batch: Batch, recipe: Recipe) -> Summary:
    """A window over the instances of a batch."""
    return Summary(
        requests=len(batch),
        instances=len(batch),
        features=recipe.summarise(batch),
        model=recipe.summarise_model(batch),
    )
