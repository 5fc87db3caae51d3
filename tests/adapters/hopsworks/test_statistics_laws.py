"""Whatever Hopsworks has for statistics, there is a baseline or a clear error; no number in it is none."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Reason
from hopsmon.core.frames import batches_of, infer_schema
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES, build
from hopsmon.core.verdicts import Judge
from hopsmon.errors import ConfigError
from hopsmon.testing.hopsworks_profiles import Form, Profiler
from tests.adapters.hopsworks.statistics_cases import NORMAL, Json, of_profile, profile_of

numbers = st.one_of(
    st.none(),
    st.integers(-3, 3).map(float),
    st.floats(-1e3, 1e3),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.1, 0.2, 0.30000000000000004, 1e9, 1e9 + 1e-3, 5e-324, -1.7e308, 1.7e308]),
)
whole = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**53), 2**53))
labels = st.one_of(st.none(), st.sampled_from(["a", "b", "", "日本", "0.10 to 0.20", "NaN"]), st.text(max_size=5))
columns = st.one_of(
    st.lists(numbers, max_size=60).map(lambda values: pa.array(values, pa.float64(), from_pandas=False)),
    st.lists(whole, max_size=60).map(lambda values: pa.array(values, pa.int64())),
    st.lists(labels, max_size=60).map(lambda values: pa.array(values, pa.string())),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=60).map(lambda values: pa.array(values, pa.bool_())),
)
profilers = st.builds(
    Profiler,
    form=st.sampled_from(Form),
    histograms=st.booleans(),
    correlations=st.booleans(),
    exact_uniqueness=st.booleans(),
    histogram_bins=st.integers(1, 30),
)
plain = st.one_of(st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(), st.text(max_size=6))
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Each example would log what became of its sources."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def sound(baseline: Baseline) -> None:
    """It survives JSON, and holds finite numbers that fit one another."""
    again = Baseline.from_json(baseline.to_json())
    assert again == baseline
    assert again.features == baseline.features
    for summary in baseline.features.values():
        counts, moments, bins = summary.get(Counts), summary.get(Moments), summary.get(Histogram)
        if counts is not None:
            assert min(counts.rows, counts.nulls, counts.nonfinite, counts.valid) >= 0
        if moments is not None:
            assert math.isfinite(moments.mean)
            assert moments.m2 >= 0
        if bins is not None and len(bins.edges):
            assert np.isfinite(bins.edges).all()
            assert (np.diff(bins.edges[:-1]) > 0).all()
            assert bins.edges[-1] >= bins.edges[-2]
            assert (bins.counts >= 0).all()
            assert bins.total > 0
            assert counts is None or counts.valid == bins.total
        if (sketch := summary.get(Quantiles)) is not None:
            assert bins is None or sketch.count == bins.total


def judged(baseline: Baseline, table: pa.Table) -> Iterator[Reason]:
    """The reasons of the default techniques' findings on a window of the same data."""
    batches = batches_of(table, baseline.schema)
    features = Recipe(baseline.schema, baseline.features).summarise(batches[0])
    judge = Judge([build(name) for name in DEFAULT_TECHNIQUES], baseline)
    findings, _ = judge.judge(Summary(instances=table.num_rows, features=features), None, {})
    assert not any(finding.is_drift for finding in findings)
    yield from (finding.reason for finding in findings)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(columns, min_size=1, max_size=3), profilers)
def test_any_data_give_a_baseline_that_they_do_not_drift_from(
    given_columns: list[pa.Array], profiler: Profiler
) -> None:
    rows = min(len(column) for column in given_columns)
    table = pa.table({f"f{at}": column[:rows] for at, column in enumerate(given_columns)})
    profile = json.loads(json.dumps(profiler.profile(table), allow_nan=False))
    if not any(column.get("count") for column in profile):
        with pytest.raises(ConfigError, match=r"of no rows|no feature"):
            of_profile(profile)
        return
    baseline, notices = of_profile(profile, schema=infer_schema(table.schema))
    sound(baseline)
    assert Reason.FAILED not in judged(baseline, table)
    told = {notice.feature for notice in notices}
    assert all(summary.statistics or name in told for name, summary in baseline.features.items())


@pytest.fixture(scope="module")
def profiles() -> list[Json]:
    forms = [profile_of(NORMAL[:300], form, correlations=True, exact_uniqueness=True) for form in Form]
    return [*forms, profile_of(pa.array(["a", "b", None] * 10)), profile_of(pa.array([True, False, None]))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_field_is_a_baseline_or_a_clear_error(profiles: list[Json], data: st.DataObject) -> None:
    profile = dict(data.draw(st.sampled_from(profiles)))
    extended = json.loads(profile.get("extendedStatistics", "{}"))
    places = [profile, extended, *(value for value in extended.values() if isinstance(value, dict))]
    places += [part for value in places[2:] for part in value.values() if isinstance(part, dict)]
    place = data.draw(st.sampled_from(places))
    if place:
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(st.one_of(anything, numbers, whole))
    if place is not profile:
        profile["extendedStatistics"] = data.draw(st.sampled_from([extended, json.dumps(extended)]))
    acceptable([profile])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["featureName", "count", "mean", "extendedStatistics", "x"]), anything))
)
def test_any_json_is_a_baseline_or_a_clear_error(profile: list[Json]) -> None:
    acceptable(profile)


def acceptable(profile: Any) -> None:
    with contextlib.suppress(ConfigError):
        sound(of_profile(profile)[0])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 150), st.integers(0, 255))
def test_damaged_sketches_are_not_used(end: bytes, at: int, byte: int) -> None:
    """Cut off, or with a byte changed: a sketch is refused, or it still is one of as many finite values."""
    profile = profile_of(NORMAL[:300])
    extended = json.loads(profile["extendedStatistics"])
    whole_sketch = bytearray(base64.b64decode(extended["kll"]["bytes"]))
    whole_sketch[at % len(whole_sketch)] = byte
    for damaged in (bytes(whole_sketch), bytes(whole_sketch[:at]) + end):
        extended["kll"]["bytes"] = base64.b64encode(damaged).decode()
        acceptable([{**profile, "extendedStatistics": extended}])
