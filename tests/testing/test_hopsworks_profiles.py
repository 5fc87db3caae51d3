"""Profiles are what Hopsworks' profilers write: the same fields, the same arithmetic, the same roundings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hsfs.core.feature_descriptive_statistics import FeatureDescriptiveStatistics
from hsfs.engine.python import Engine

from hopsmon.testing.hopsworks_profiles import Form, Profiler
from hopsmon.testing.hopsworks_sketches import bars

FRAME = pd.DataFrame(
    {
        "amount": [0.5, 1.25, np.nan, 2.0, 4.0],
        "visits": [1, 2, 2, 2, 10],
        "member": [True, False, True, True, None],
        "city": ["a", "b", None, "b", "c"],
    }
)


def profiled(**settings: Any) -> dict[str, dict[str, Any]]:
    found = {one["featureName"]: dict(one) for one in Profiler(**settings).profile(FRAME)}
    for one in found.values():
        one["extended"] = json.loads(one.pop("extendedStatistics", "{}"))
    return found


def test_the_jvm_profilers_fields() -> None:
    found = profiled(exact_uniqueness=True)
    assert found["amount"] | {"percentiles": None, "extended": None} == {
        "featureName": "amount",
        "featureType": "Fractional",
        "count": 5,
        "completeness": 0.8,
        "numNonNullValues": 4,
        "numNullValues": 1,
        "approxNumDistinctValues": 4,
        "exactNumDistinctValues": 4,
        "distinctness": 1.0,
        "uniqueness": 1.0,
        "entropy": pytest.approx(np.log(4)),
        "min": 0.5,
        "max": 4.0,
        "sum": 7.75,
        "mean": 1.9375,
        "stdDev": pytest.approx(np.std([0.5, 1.25, 2.0, 4.0])),  # of the population
        "percentiles": None,
        "extended": None,
    }
    assert len(found["amount"]["percentiles"]) == 99
    assert sorted(found["amount"]["extended"]["kll"]) == ["buckets", "bytes", "kllFormat"]
    assert found["city"]["extended"]["histogram"][0] == {"value": "b", "count": 2, "ratio": 0.5}
    assert [bar["value"] for bar in found["member"]["extended"]["histogram"]] == ["true", "false"]
    assert "mean" not in found["city"]


def test_the_python_engine_writes_the_same_of_the_same_frame() -> None:
    """The real one, which needs no connection for it."""
    engine = Engine.__new__(Engine)
    written = json.loads(engine._profile(FRAME.copy(), [], False, False))["columns"]
    theirs = {one["column"]: FeatureDescriptiveStatistics._from_deequ_json(one).to_dict() for one in written}
    for name, ours in profiled(form=Form.PERCENTILES_PANDAS).items():
        ours.pop("extended")
        expected = {key: value for key, value in theirs[name].items() if value is not None}
        assert ours == {
            key: pytest.approx(value) if isinstance(value, float) else value for key, value in expected.items()
        }


def test_of_no_rows_there_is_nothing_but_a_count() -> None:
    for form in Form:
        assert Profiler(form).profile(FRAME.head(0)[["amount"]]) == [{"featureName": "amount", "count": 0}]


def test_a_column_of_nulls_has_no_numbers() -> None:
    (found,) = Profiler().profile(pa.table({"f": pa.array([None, None], pa.float64())}))
    assert sorted(found) == [
        "approxNumDistinctValues",
        "completeness",
        "count",
        "featureName",
        "featureType",
        "numNonNullValues",
        "numNullValues",
    ]


def test_nan_is_a_value_and_leaves_no_mean() -> None:
    values = pa.array([1.0, float("nan"), 2.0], from_pandas=False)
    (found,) = Profiler(Form.PERCENTILES).profile(pa.table({"f": values}))
    assert (found["numNonNullValues"], found["min"]) == (3, 1.0)
    assert not {"mean", "max", "stdDev", "sum"} & found.keys()
    assert found["percentiles"][-1] is None
    assert json.loads(found["extendedStatistics"])["histogram"][0]["value"] == "NaN to NaN"


def test_times_are_left_out_by_the_jvm_and_texts_to_the_python_engine() -> None:
    frame = pd.DataFrame({"at": pd.to_datetime(["2013-01-01", "2013-01-02"])})
    assert Profiler().profile(frame) == []
    (found,) = Profiler(Form.PERCENTILES_PANDAS).profile(frame)
    assert (found["featureType"], found["approxNumDistinctValues"]) == ("String", 2)


@pytest.mark.parametrize(
    ("low", "high", "first"),
    [
        (0.0, 1.0, "0.00 to 0.05"),
        (-0.04, 0.04, "-0.04 to -0.04"),
        (0.125, 20.125, "0.13 to 1.13"),  # Java rounds half up, and Python to the even digit
        (64372.0, 9999833154.0, "64372.00 to 500052811.10"),
    ],
)
def test_labels_are_rounded_to_two_decimals_as_in_java(low: float, high: float, first: str) -> None:
    assert bars(np.array([low, high]), 20)[0]["value"] == first


def test_bars_hold_what_the_profiler_counts() -> None:
    found = bars(np.arange(21.0), 20)
    assert [bar["count"] for bar in found] == [1] * 19 + [2]
    assert sum(bar["ratio"] for bar in found) == pytest.approx(1.0)
    assert [bar["count"] for bar in bars(np.full(5, 3.0), 4)] == [5, 0, 0, 0]


def test_deequ_wrote_the_kept_values_by_level() -> None:
    values = np.random.default_rng(1).normal(size=20_000)
    (found,) = Profiler(Form.KLL_DEEQU).profile(pa.table({"f": values}))
    kll = json.loads(found["extendedStatistics"])["kll"]
    levels = json.loads(kll["sketch"]["data"])
    assert kll["sketch"]["parameters"] == {"c": 0.64, "k": 2048.0}
    assert sum(len(level) << at for at, level in enumerate(levels)) == 20_000
    assert sum(bucket["count"] for bucket in kll["buckets"]) == 20_000


def test_correlations_name_every_numeric_column() -> None:
    frame = pa.table({"a": [1.0, 2.0, 4.0], "b": [1, 2, 3], "k": [5, 5, 5], "c": ["x", "y", "z"]})
    found = json.loads(Profiler(correlations=True).profile(frame)[0]["extendedStatistics"])["correlations"]
    assert [one["column"] for one in found] == ["a", "b", "k"]
    assert found[0]["correlation"] == 1.0
    assert found[1]["correlation"] == pytest.approx(np.corrcoef([1, 2, 4], [1, 2, 3])[0, 1])
    assert found[2]["correlation"] == "NaN"
