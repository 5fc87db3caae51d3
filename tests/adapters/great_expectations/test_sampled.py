"""What the library itself checks, on the window's sample: its verdicts as findings, and its failures as well."""

from __future__ import annotations

import json
import pickle
import threading
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hopsmon.adapters.great_expectations import library
from hopsmon.adapters.great_expectations.frames import frame_of
from hopsmon.adapters.great_expectations.library import registered
from hopsmon.adapters.great_expectations.sampled import SampledExpectations, suite_techniques
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.expectations.compiling import KNOWN
from hopsmon.core.expectations.propose import propose
from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.expectations.vocabulary import NEVER
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.reservoir import CAPACITY, Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import is_ours, run_window_technique
from hopsmon.errors import ConfigError
from hopsmon.streaming.patience import patient
from tests.core.expectations.cases import BASELINE, SCHEMA, batch
from tests.support.traffic import reference

PRIMES = "tests.support.prime_expectations"


def of(kind: str, **kwargs: Any) -> Expectation:
    return Expectation(f"expect_column_{kind}", kwargs)


def findings(*expectations: Expectation, modules: tuple[str, ...] = (), **columns: Any) -> list[Finding]:
    _, techniques = suite_techniques(Suite("s", expectations), SCHEMA, modules)
    rows = batch(**columns)
    recipe = Recipe(SCHEMA, statistics=frozenset({Reservoir}))
    window = Summary(instances=len(rows), features=recipe.summarise(rows), model=recipe.summarise_model(rows))
    window = Summary.from_bytes(window.to_bytes())
    assert all(isinstance(one, SampledExpectations) for one in techniques)
    return [found for one in techniques for found in run_window_technique(one, window, BASELINE)]


def test_values_that_are_not_as_expected_are_counted_in_the_sample() -> None:
    (found,) = findings(of("values_to_be_unique", column="x", mostly=0.9), x=[1.0, 2.0, 2.0, None])
    assert (found.technique, found.feature) == ("expect_column_values_to_be_unique", "x")
    assert (found.score, found.threshold, found.n) == (2 / 3, 0.1, 3)
    assert (found.is_drift, found.reason, found.severity) == (True, Reason.EXPECTATION_FAILED, Severity.WARNING)
    assert (found.details["on"], found.details["rows"], found.details["rows_seen"]) == ("sample", 4, 4)
    assert found.details["unexpected_values"] == [{"value": 2.0, "count": 2}]
    json.dumps(found.details, allow_nan=False)


def test_a_large_window_is_sampled_and_says_so() -> None:
    (found,) = findings(of("values_to_be_unique", column="i"), i=list(range(CAPACITY + 500)))
    assert (found.details["rows"], found.details["rows_seen"]) == (CAPACITY, CAPACITY + 500)
    assert not found.is_drift


def test_an_observed_value_is_the_score() -> None:
    partition = {"values": ["a", "b"], "weights": [0.5, 0.5]}
    (found,) = findings(
        of("kl_divergence_to_be_less_than", column="c", partition_object=partition, threshold=0.01),
        c=["a"] * 30 + ["b"] * 10,
    )
    assert found.is_drift
    assert found.score == pytest.approx(0.1308, abs=1e-3)
    assert found.details["observed_value"] == found.score


def test_rows_that_a_condition_picks() -> None:
    kwargs = {"column": "x", "min_value": 0, "row_condition": "y > 1", "condition_parser": "pandas"}
    (found,) = findings(of("values_to_be_between", **kwargs), x=[-1.0, 2.0, -3.0], y=[0.0, 2.0, 3.0])
    assert (found.details["element_count"], found.details["unexpected_count"]) == (2, 1)


def test_several_columns_have_one_finding_for_the_model() -> None:
    compound = Expectation("expect_compound_columns_to_be_unique", {"column_list": ["x", "c"]})
    pairs = of("pair_values_to_be_in_set", column_A="c", column_B="d", value_pairs_set=[["a", "b"]])
    found = findings(compound, pairs, x=[1.0, 1.0], c=["a", "a"], d=["b", "c"])
    assert [(one.feature, one.is_drift, one.details["unexpected_count"]) for one in found] == [
        (None, True, 2),
        (None, True, 1),
    ]


def test_two_of_one_type_go_the_same_way_as_ours() -> None:
    found = findings(of("values_to_be_unique", column="x"), of("values_to_be_unique", column="y"), x=[1.0], y=[1.0])
    assert [(one.technique, one.feature) for one in found] == [
        ("expect_column_values_to_be_unique", "x"),
        ("expect_column_values_to_be_unique", "y"),
    ]


def test_an_expectation_of_another_package() -> None:
    own = Expectation("expect_column_values_to_be_prime", {"column": "i"})
    (found,) = findings(own, modules=(PRIMES,), i=[2, 3, 4, 5, None])
    assert (found.details["unexpected_count"], found.details["missing_count"]) == (1, 1)
    assert found.details["unexpected_values"] == [{"value": 4.0, "count": 1}]


def test_one_that_the_library_cannot_evaluate_says_why_and_the_others_stand() -> None:
    kwargs = {"column": "x", "row_condition": "nobody > 1", "condition_parser": "pandas"}
    broken = of("values_to_be_unique", **kwargs)
    failed, fine = findings(broken, of("values_to_be_unique", column="y"), x=[1.0], y=[1.0])
    assert (failed.feature, failed.score, failed.reason) == ("x", None, Reason.FAILED)
    assert "nobody" in failed.details["error"]
    assert fine.reason is Reason.OK


def test_without_a_sample_there_is_nothing_to_check() -> None:
    _, (technique,) = suite_techniques(Suite("s", (of("values_to_be_unique", column="x"),)), SCHEMA)
    features = Recipe(SCHEMA).summarise(batch(x=[1.0]))
    (found,) = run_window_technique(technique, Summary(instances=1, features=features), BASELINE)
    assert (found.reason, found.details["statistic"]) == (Reason.NO_STATISTIC, "reservoir")
    empty = Summary(features=features, model={"reservoir": Reservoir()})
    assert run_window_technique(technique, empty, BASELINE)[0].reason is Reason.INSUFFICIENT
    other = Reservoir(pa.table({"y": [1.0]}), np.array([1], np.uint64), 1)
    (gone,) = run_window_technique(technique, Summary(features=features, model={"reservoir": other}), BASELINE)
    assert (gone.reason, gone.details["missing"]) == (Reason.NO_STATISTIC, ["x"])


def test_the_sample_has_the_types_of_a_feature_group() -> None:
    rows = batch(
        i=[1, 2], x=[1.5, None], c=["a", None], b=[True, False], t=["2026-01-01", 0], s=["secret", "text"], y=["bad", 1]
    )
    frame = frame_of(Reservoir.of_batch(rows, SCHEMA.features), SCHEMA.features).sort_values("i", ignore_index=True)
    assert list(frame.columns) == ["x", "y", "i", "c", "d", "b", "t"]
    assert [str(frame[name].dtype) for name in "xicbt"] == ["float64", "int64", "object", "bool", "datetime64[ns]"]
    assert frame.loc[0, ["c", "b"]].tolist() == ["a", True]
    assert frame.loc[0, "t"] == pd.Timestamp("2026-01-01")
    assert frame["d"].isna().all()
    assert frame["y"].isna().tolist() == [True, False]
    some = batch(i=[1, None, 2.5], b=[True, None, False])
    loose = frame_of(Reservoir.of_batch(some, SCHEMA.features), SCHEMA.features)
    assert [str(loose[name].dtype) for name in "ib"] == ["float64", "object"]


@pytest.mark.parametrize(
    ("expectation", "told"),
    [
        (of("values_to_be_unique", column="x", surprise=1), "extra fields not permitted"),
        (of("value_z_scores_to_be_less_than", column="x"), "expect_column_value_z_scores_to_be_less_than: threshold"),
    ],
)
def test_arguments_that_the_library_refuses_are_refused_at_the_start(expectation: Expectation, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        suite_techniques(Suite("mine", (expectation,)), SCHEMA)


def test_a_module_that_cannot_be_imported_is_told() -> None:
    with pytest.raises(ConfigError, match=r"expectations\.modules: 'no_such_module' cannot be imported"):
        suite_techniques(Suite("s", (of("values_to_be_null", column="x"),)), SCHEMA, ("no_such_module",))


def test_an_unknown_name_is_one_to_the_library_as_well() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'expect_column_values_to_be_unique'"):
        suite_techniques(Suite("s", (of("values_to_be_uniqe", column="x"),)), SCHEMA)


def test_without_the_library_only_what_needs_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("No module named 'great_expectations'")

    import builtins

    real = builtins.__import__

    def imported(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "great_expectations":
            missing()
        return real(name, *args, **kwargs)

    library.registered.cache_clear()
    monkeypatch.setattr(builtins, "__import__", imported)
    suite_techniques(Suite("s", (of("values_to_be_null", column="x"),)), SCHEMA)
    with pytest.raises(ConfigError, match=r"pip install 'hopsmon\[expectations\]'"):
        suite_techniques(Suite("s", (of("values_to_be_unique", column="x"),)), SCHEMA)
    monkeypatch.undo()
    library.registered.cache_clear()


def test_an_old_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    library.registered.cache_clear()
    monkeypatch.setattr(gx, "__version__", "0.18.22")
    with pytest.raises(ConfigError, match=r"Great Expectations 0.18.22 is installed; hopsmon runs it from 1.19 on"):
        registered()
    monkeypatch.undo()
    library.registered.cache_clear()


def test_it_runs_in_a_thread_of_its_own_and_travels_without_the_library() -> None:
    """It is the library's code that runs: it may hang, and must not stop a stream."""
    _, (technique,) = suite_techniques(Suite("s", (of("values_to_be_unique", column="x"),)), SCHEMA)
    assert not is_ours(technique)
    waiting = patient(technique, 30.0, "run")
    assert type(waiting) is not type(technique)
    rows = batch(x=[1.0, 1.0])
    recipe = Recipe(SCHEMA, statistics=frozenset({Reservoir}))
    window = Summary(instances=2, features=recipe.summarise(rows), model=recipe.summarise_model(rows))
    before = threading.active_count()
    (found,) = run_window_technique(waiting, window, BASELINE)
    assert found.is_drift
    assert threading.active_count() == before
    again = pickle.loads(pickle.dumps(technique))
    assert run_window_technique(again, window, BASELINE) == [found]


def test_we_know_what_the_library_knows() -> None:
    gone = {kind for kind, why in NEVER.items() if "no longer" in why} | {"expect_multicolumn_values_to_be_unique"}
    assert registered() - {"expect_column_values_to_be_prime"} == KNOWN - gone


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "with nulls"])
def test_a_proposed_suite_is_one_to_the_library_and_holds_for_the_data_it_is_of(missing: bool) -> None:
    more = {"when": pd.Timestamp("2026-01-01"), "flag": lambda rows: rows["age"] > 40, "number": range(4_000)}
    frame = reference().assign(**more)
    if missing:
        frame.loc[::50, ["age", "city"]] = None
    suite = propose(build_baseline(frame, ModelRef("credit", 3), predictions=["score"]))
    theirs = gx.ExpectationSuite(**json.loads(suite.to_json()))
    assert len(theirs.expectations) == len(suite.expectations)
    checked = library._batches().get_batch({"dataframe": frame}).validate(theirs)
    assert [one.expectation_config.to_json_dict() for one in checked.results if not one.success] == []
