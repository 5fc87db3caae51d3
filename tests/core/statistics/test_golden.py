"""Bytes written by earlier versions are read for ever: state and baselines outlive an upgrade.

`tests/golden/statistics/v1/<name>.json` holds the bytes of one value (hexadecimal) and what a reader must find in it.
Files are only ever added, never rewritten: `python -m tests.core.statistics.test_golden` writes those that are missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hopsmon.core.batch import Batch, CategoryColumn, Column, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.expectation_counts import CheckCounts, ExpectationCounts, SampledValue
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS, STATISTICS
from hopsmon.core.statistics.values import Values
from hopsmon.errors import ConfigError

GOLDEN = Path(__file__).parents[2] / "golden" / "statistics" / "v1"
FILES = sorted(GOLDEN.glob("*.json"))

SAMPLES: dict[str, Statistic | Summary] = {
    "counts": Counts(rows=100, nulls=7, nonfinite=3, invalid=1),
    "moments": Moments.of_sorted(np.array([1e9, 1e9 + 0.001, 1e9 + 0.003])),
    "extremes": Extremes(-0.1, 1e300),
    "extremes_of_nothing": Extremes(),
    "histogram": Histogram(np.array([0.1, 0.2, 0.30000000000000004, 1e9]), np.array([1, 300, 70_000]), 2, 3),
    "histogram_in_doubt": Histogram(np.array([0.1, 0.2, 0.30000000000000004]), np.array([1, 300]), 2, 3, doubt=70_000),
    "quantiles": Quantiles.of_values(np.arange(5_000.0)),
    "quantiles_of_few": Quantiles.of_values(np.array([0.1, 0.2])),
    "quantiles_of_one": Quantiles.of_values(np.array([0.1])),
    "quantiles_of_nothing": Quantiles(),
    "categories": Categories({"JFK": 3, "日本": 2, "": 1}, untracked=9, unseen=11, pinned=frozenset({"JFK"})),
    "distinct_sparse": Distinct.of_sorted(np.arange(50.0)),
    "distinct_nibbles": Distinct.of_sorted(np.arange(5_000.0)),
    "distinct_dense": Distinct(np.r_[np.full(1023, 2, np.uint8), np.uint8(40)]),
    "comoments": CoMoments.of_rows(np.array([[1.0, 2.0], [2.0, 4.0], [np.nan, 1.0]]), ["a", "b"]),
    "values": Values(np.array([-1e300, -0.5, 0.1, 0.1, 1e9])),
    "reservoir": Reservoir(
        pa.table({"delay": [0.5, math.nan, math.inf], "origin": pa.array(["JFK", None, "日本"])}),
        np.array([7, 2**63, 2**64 - 1], np.uint64),
        count=10_000,
    ),
    "expectations": ExpectationCounts(
        {
            "f": CheckCounts(100, 7, 3, (SampledValue(5, "日本", 2), SampledValue(2**64 - 1, [1, 0.5, None], 1))),
            "g": CheckCounts(50, 50, error="re.error: nothing to repeat"),
        }
    ),
}


def sample_summary() -> Summary:
    schema = ModelSchema((Feature("delay", FeatureType.NUMERIC), Feature("origin", FeatureType.CATEGORICAL)))
    histogram = Histogram(np.array([0.0, 1.0, 2.0]), np.array([5, 5]))
    reference = {"delay": FeatureSummary({"histogram": histogram})}
    columns: dict[str, Column] = {
        "delay": NumericColumn(np.array([0.5, 1.5, 1.7, np.nan]), null=np.array([False, False, False, True])),
        "origin": CategoryColumn(np.array([0, 1, 1, -1], np.int32), ("JFK", "LGA")),
    }
    times = np.arange(4)
    batch = Batch(Side.REQUEST, times, times, times, columns)
    recipe = Recipe(schema, reference, DEFAULT_STATISTICS | {CoMoments})
    features, model = recipe.summarise(batch), recipe.summarise_model(batch)
    return Summary(4, 3, 4, 3, 2, 1, 1_700_000_000_000_000, 1_700_000_900_000_000, features, model)


def found(value: Statistic | Summary) -> Any:
    """What a reader sees in a value, as plain JSON."""
    if isinstance(value, Summary):
        return {
            "counters": [
                value.requests,
                value.responses,
                value.instances,
                value.predictions,
                value.rejected,
                value.late,
            ],
            "events": [value.first_event, value.last_event],
            "features": {
                name: {key: found(value.statistics[key]) for key in sorted(value.statistics)}
                for name, value in value.features.items()
            },
            "model": {name: found(value) for name, value in value.model.items()},
        }
    return PLAIN[value.name](value)


PLAIN: dict[str, Callable[[Any], Any]] = {
    "counts": lambda value: [value.rows, value.nulls, value.nonfinite, value.invalid],
    "moments": lambda value: [value.count, value.mean, value.m2, value.mean_rest],
    "extremes": lambda value: [value.min, value.max],
    "histogram": lambda value: [
        *(value.edges.tolist(), value.counts.tolist(), value.underflow, value.overflow),
        *([value.doubt] if value.doubt else []),
    ],
    "quantiles": lambda value: [value.count, round(value.rank_error, 6), value.quantiles([0, 0.01, 0.5, 0.99, 1])],
    "categories": lambda value: [dict(value.counts), value.untracked, value.unseen, sorted(value.pinned)],
    "distinct": lambda value: [
        " ".join(f"{at}:{r}" for at, r in enumerate(value.registers) if r),
        round(value.estimate, 3),
    ],
    "comoments": lambda value: [list(value.names), value.count, value.skipped, value.means.tolist(), value.m2.tolist()],
    "values": lambda value: value.ascending.tolist(),
    "expectations": lambda value: {key: counts.as_list() for key, counts in value.by_key.items()},
    "reservoir": lambda value: [str(value.rows.to_pydict()), value.priorities.tolist(), value.count],
}


def kind_of(name: str) -> Any:
    return Summary if name == "summary" else STATISTICS[name.split("_", maxsplit=1)[0]]


def test_every_statistic_has_a_golden_file() -> None:
    assert {path.stem.split("_")[0] for path in FILES} >= {*STATISTICS, "summary"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_was_written_is_read(path: Path) -> None:
    golden = json.loads(path.read_text())
    value = kind_of(path.stem).from_bytes(bytes.fromhex("".join(golden["bytes"])))
    assert found(value) == golden["found"]
    assert value + kind_of(path.stem)() == value  # and goes on as before


@pytest.mark.parametrize("name", sorted(STATISTICS))
@pytest.mark.parametrize("version", [0, 3, 255])
def test_an_unknown_version_is_a_clear_error(name: str, version: int) -> None:
    stored = bytes([version]) + STATISTICS[name]().to_bytes()[1:]
    newest = 2 if name == "histogram" else 1
    told = f"Stored {name} has format version {version}; this hopsmon reads 1 to {newest}"
    with pytest.raises(ConfigError, match=told):
        STATISTICS[name].from_bytes(stored)


def _write_missing() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, value in {**SAMPLES, "summary": sample_summary()}.items():
        path = GOLDEN / f"{name}.json"
        if not path.exists():
            text = value.to_bytes().hex()
            lines = [text[start : start + 100] for start in range(0, len(text), 100)]
            path.write_text(json.dumps({"found": found(value), "bytes": lines}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    _write_missing()
