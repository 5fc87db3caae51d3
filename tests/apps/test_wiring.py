"""Configuration to plans: what fits together, and what is refused with which words."""

import builtins
import importlib.util
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from hopsmon import wiring
from hopsmon.config import ConfigProblems, MonitorConfig
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.schema import Feature, FeatureType, ModelRef
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError


def config(file: Path, **changes: Any) -> MonitorConfig:
    return MonitorConfig.from_mapping({**MonitorConfig.from_file(file).to_mapping(), **changes})


def test_a_plan_has_what_the_configuration_says(monitor_file: Path) -> None:
    plan = wiring.monitor_plan(
        config(
            monitor_file,
            limits={"max_slices": 7, "max_outliers": 9, "technique_seconds": 1.5},
            techniques=["psi", {"ks": {"threshold": 0.15}}],
            correction="bonferroni",
            threshold_rule="mean_3sd",
            importances={"temp": 0.7},
        )
    )
    assert (plan.correction, plan.importances) == (Correction.BONFERRONI, {"temp": 0.7})
    assert plan.threshold_rule is ThresholdRule.MEAN_3SD
    assert (plan.max_outliers, plan.technique_seconds) == (9, 1.5)
    assert [technique.name for technique in plan.techniques] == ["psi", "ks"]
    assert plan.model == ModelRef("flight_delay", 1)
    assert plan.max_slices == 7
    assert plan.slices == ("origin",)
    assert plan.match == {}
    assert plan.schema.features == (
        Feature("temp", FeatureType.NUMERIC),
        Feature("seats", FeatureType.INTEGER),
        Feature("origin", FeatureType.CATEGORICAL),
    )
    assert plan.schema.predictions == (Feature("score", FeatureType.NUMERIC),)
    assert plan.baseline.rows == 100


def test_match_has_only_what_is_named(monitor_file: Path) -> None:
    log = {"files": {"path": "events"}, "match": {"service": "flights"}}
    assert wiring.monitor_plan(config(monitor_file, log=log)).match == {"service": "flights"}


def test_predictions_named_once_are_those_of_the_data_as_well(monitor_file: Path, train: Path) -> None:
    changed = config(monitor_file, baseline={"data": {"path": str(train), "exclude": ["label"]}}, predictions=["score"])
    assert [feature.name for feature in wiring.monitor_plan(changed).schema.predictions] == ["score"]
    assert "score" not in [feature.name for feature in wiring.monitor_plan(changed).schema.features]


def test_the_order_of_features_is_the_configured_one(monitor_file: Path) -> None:
    schema = wiring.monitor_plan(config(monitor_file, features=["origin", {"new": "boolean"}, "temp"])).schema
    assert [feature.name for feature in schema.features] == ["origin", "new", "temp"]
    assert schema.features[1].type is FeatureType.BOOLEAN  # the baseline lacks it: its findings will say so


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": ["temp", "temperature"], "slices": []}, "features[1]: The baseline has no 'temperature'"),
        ({"features": ["tmp"], "slices": []}, "Did you mean 'temp'?"),
        ({"features": [{"temp": "categorical"}], "slices": []}, "'temp' is numeric in the baseline, categorical here"),
        ({"features": ["score"], "slices": []}, "build it with --prediction"),
        ({"predictions": ["probability"]}, "predictions[0]: The baseline has no 'probability'"),
        (
            {"slices": ["orign"]},
            "slices[0]: The model has no feature 'orign'. Allowed: origin. Did you mean 'origin'?",
        ),
        ({"slices": ["temp"]}, "'temp' is numeric, and slices need labels"),
        ({"slices": ["score"]}, "'score' is a prediction"),
        ({"importances": {"tmep": 1}}, "importances.tmep: The model has no feature 'tmep'. Known: temp"),
        ({"importances": {"tmep": 1}}, "Did you mean 'temp'?"),
        ({"techniques": [{"psi": {"features": ["tmep"]}}]}, "techniques[0].features: The model has no feature 'tmep'."),
        ({"techniques": [{"ks": {"features": ["origin"]}}]}, "'origin' is categorical. ks can look at: temp, seats, "),
        ({"techniques": [{"ks": {"as": "mine", "features": ["score", "x"]}}]}, "mine can look at: temp, seats, score"),
    ],
)
def test_what_does_not_fit_the_baseline_is_refused(monitor_file: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        wiring.monitor_plan(config(monitor_file, **changes))
    assert said in str(caught.value)


def test_all_that_does_not_fit_is_said_at_once(monitor_file: Path) -> None:
    with pytest.raises(ConfigProblems) as caught:
        wiring.monitor_plan(config(monitor_file, features=["a", "b"], predictions=["c"], slices=["d"]))
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ({"file": "none.json"}, "Cannot read the baseline .* `hopsmon baseline DATA -o FILE` writes one"),
        ({"file": "monitor.yaml"}, "monitor.yaml: The baseline is not JSON"),
        ({"data": {"path": "none.parquet"}}, "No reference data at"),
        ({"data": {"path": "monitor.yaml"}}, "is no reference data. Allowed: .parquet, .csv"),
        ({"data": {"path": "broken.parquet"}}, "Cannot read '.*broken.parquet' as parquet"),
        ({"data": {"path": "train.parquet", "exclude": ["lable"]}}, r"no column 'lable' \(named in exclude\).*'label'"),
        ({"data": {"path": "train.parquet", "types": {"tmp": "numeric"}}}, r"no column 'tmp' \(named in types\)"),
        ({"data": {"path": "train.parquet", "types": {"origin": "numeric"}}}, "origin"),
    ],
)
def test_baselines_that_cannot_be_had(monitor_file: Path, baseline: dict[str, Any], said: str) -> None:
    (monitor_file.parent / "broken.parquet").write_bytes(b"no parquet")
    settings = {**MonitorConfig.from_file(monitor_file).to_mapping(), "baseline": baseline}
    with pytest.raises(ConfigError, match=said):
        wiring.monitor_plan(MonitorConfig.from_mapping(settings, folder=monitor_file.parent))


def test_parquet_csv_folder_and_delta_give_the_same_baseline(train: Path, tmp_path: Path) -> None:
    from deltalake import write_deltalake

    table = pq.read_table(train)
    pc.write_csv(table, tmp_path / "train.csv")
    (tmp_path / "parts").mkdir()
    for part in range(4):
        pq.write_table(table.slice(part * 25, 25), tmp_path / "parts" / f"{part}.parquet")
    write_deltalake(str(tmp_path / "delta"), table)
    places = (train, tmp_path / "train.csv", tmp_path / "parts", tmp_path / "delta")
    assert len({wiring.baseline_of_data(place, ModelRef("m"), ["score"]).id for place in places}) == 1


def test_data_too_large_for_one_part_has_the_same_counts(train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hopsmon.core.statistics.counts import Counts
    from hopsmon.wiring import reference

    whole = wiring.baseline_of_data(train, ModelRef("m"))
    monkeypatch.setattr(reference, "ROWS_AT_ONCE", 30)
    parts = wiring.baseline_of_data(train, ModelRef("m"))
    assert parts.rows == whole.rows == 100
    for name in ("temp", "origin"):
        one, other = (made.feature(name) for made in (whole, parts))
        assert one is not None
        assert other is not None
        assert one.get(Counts) == other.get(Counts)


@pytest.fixture
def timed(train: Path) -> Path:
    """The reference data with a row each hour."""
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    table = pq.read_table(train)
    times = pa.array([start + timedelta(hours=hour) for hour in range(100)])
    pq.write_table(table.append_column("at", times), train)
    return train


TIMED = {"path": "train.parquet", "predictions": ["score"], "exclude": ["label"], "event_time": "at"}


def test_the_windows_of_the_reference_are_the_monitors(monitor_file: Path, timed: Path) -> None:
    data = {**TIMED, "path": str(timed), "season": "hour_of_day"}
    plan = wiring.monitor_plan(config(monitor_file, baseline={"data": data}, window={"size": "1h"}))
    assert len(plan.baseline.windows) == 100
    assert plan.baseline.window_micros == plan.window.size_micros
    assert plan.baseline.season is Season.HOUR_OF_DAY
    assert "at" not in [feature.name for feature in plan.schema.all]
    excluded = config(
        monitor_file, baseline={"data": {**data, "exclude": ["label", "at"]}}, window={"size": "1h", "slide": "30m"}
    )
    assert wiring.monitor_plan(excluded).baseline.id == plan.baseline.id


def test_windows_of_another_size_are_left_out_and_that_is_said(
    monitor_file: Path, timed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = wiring.baseline_of_data(
        timed,
        ModelRef("flight_delay"),
        ["score"],
        None,
        ["label"],
        event_time="at",
        window=timedelta(hours=1),
        slices=["origin"],
    )
    (monitor_file.parent / "b.json").write_text(made.to_json(), "utf-8")
    file = {"file": str(monitor_file.parent / "b.json")}
    same = wiring.monitor_plan(config(monitor_file, baseline=file, window={"size": "1h"}))
    assert same.baseline.windows == made.windows
    assert not caplog.records
    other = wiring.monitor_plan(config(monitor_file, baseline=file, window={"size": "1d"}))
    assert other.baseline.windows == ()
    assert other.baseline.id == made.without_windows().id
    assert "its windows are 1d long, its baseline knows how windows of 1h vary" in caplog.text
    assert "--window 1d" in caplog.text


def test_too_few_windows_are_told(monitor_file: Path, timed: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = {"data": {**TIMED, "path": str(timed)}}
    assert len(wiring.monitor_plan(config(monitor_file, baseline=data, window={"size": "1d"})).baseline.windows) == 4
    assert "its baseline has 4 windows of 1d; how they vary is used from 24 on" in caplog.text


def test_an_event_time_that_is_no_column_is_refused(monitor_file: Path, timed: Path) -> None:
    data = {"data": {**TIMED, "path": str(timed), "event_time": "att"}}
    with pytest.raises(ConfigError, match=r"No such column for the event time: att\. The data has: temp"):
        wiring.monitor_plan(config(monitor_file, baseline=data))


def test_a_missing_extra_says_how_to_install_it(monitor_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("kafka", "deltalake") else real(name)
    )
    kafka = {"kafka": {"bootstrap_servers": "b:9092", "topic": "t"}}
    with pytest.raises(ConfigError, match=r"pip install 'hopsmon\[kafka\]'"):
        wiring.log_of(config(monitor_file, log=kafka))
    with pytest.raises(ConfigError, match=r"pip install 'hopsmon\[local\]'"):
        wiring.home_at("x")


def test_a_files_monitor_imports_no_kafka(monitor_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_kafka(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "kafka" or name.startswith("hopsmon.adapters.kafka"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_kafka)
    (plan,) = wiring.query_plans([config(monitor_file)])
    assert plan.source.packages == ()


def test_a_store_is_a_folder_or_a_project() -> None:
    with pytest.raises(ConfigError, match="local folder, or a Hopsworks project"):
        wiring.home_at("s3://bucket/monitoring")


def test_monitors_of_one_query_share_its_plan(monitor_file: Path) -> None:
    members = [config(monitor_file, name=name, query="shared") for name in ("a", "b")]
    (plan,) = wiring.query_plans(members)
    assert plan.name == "shared"
    assert [monitor.name for monitor in plan.monitors] == ["a", "b"]
    assert plan.checkpoint == str(monitor_file.parent / "monitoring" / "_checkpoints" / "shared")


def test_monitors_without_query_have_one_each(monitor_file: Path) -> None:
    plans = wiring.query_plans([config(monitor_file, name=name) for name in ("a", "b")])
    assert [plan.name for plan in plans] == ["a", "b"]
    assert len({plan.checkpoint for plan in plans}) == 2


def test_one_query_reads_one_log(monitor_file: Path) -> None:
    other = config(monitor_file, name="b", query="q", log={"files": {"path": "elsewhere"}}, trigger="5s")
    with pytest.raises(ConfigError, match=r"'a' and 'b' share the query 'q' but differ in log\.files, trigger"):
        wiring.query_plans([config(monitor_file, name="a", query="q"), other])


def test_two_monitors_of_one_name_are_refused(monitor_file: Path) -> None:
    with pytest.raises(ConfigError, match="stand twice: flights"):
        wiring.query_plans([config(monitor_file), config(monitor_file)])
