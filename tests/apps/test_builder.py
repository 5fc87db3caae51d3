"""The fluent builder: the same monitor as the plain configuration, in a folder as in a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import hopsmon
from hopsmon import ConfigError, MonitorConfig
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.schema import ModelRef
from hopsmon.errors import UnknownNameError
from hopsmon.sdk import MonitorBuilder, Store
from hopsmon.testing.hopsworks_server import HopsworksServer
from hopsmon.wiring import monitor_plan
from tests.apps.test_cli_run import WINDOWS

ASKED = Callable[[MonitorBuilder], MonitorBuilder]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    return hopsmon.connect("monitoring")


def started(store: Store) -> MonitorBuilder:
    """All that a monitor must have."""
    builder = store.create_model_monitor("flights", model="flight_delay", model_version=1)
    return builder.with_log(files="events").with_reference_data("train.parquet", predictions=["score"])


def techniques(builder: MonitorBuilder) -> list[Any]:
    return list(builder.config().to_mapping()["techniques"])


def test_both_ways_to_say_it_give_the_same_monitor(store: Store, monitor_file: Path) -> None:
    monitor_file.write_text(
        monitor_file.read_text().replace("name: flights", "name: other")
        + WINDOWS
        + "techniques: [{psi: {threshold: 0.2}}, {statistic_change: {as: mean_change, statistic: mean, threshold: 0.3, "
        "relative: true, features: [temp]}}, {range: {tolerance: 0.5}}]\n"
        "alerts: {channels: [{hopsworks: {receiver: oncall}}], min_severity: critical}\n"
        "expectations: {file: suite.json}\n"
    )
    plain = store.create_monitor(monitor_file)
    built = (
        started(store)
        .with_reference_data("train.parquet", predictions=["score"], exclude=["label"])
        .with_detection_window("1h", watermark="0s")
        .compare_on_distribution(metric="PSI", threshold=0.2)
        .compare_on(metric="mean", threshold=0.3, relative=True, feature_name="temp")
        .detect_outliers("range", tolerance=0.5)
        .with_slices("origin")
        .with_alerts(receiver="oncall", min_severity="critical")
        .with_expectations(file="suite.json")
        .with_settings(limits={"min_instances": 10})
        .save()
    )
    assert built.config.to_mapping() == {**plain.config.to_mapping(), "name": "flights"}
    assert store.monitor("flights").config == built.config


def test_what_is_built_can_run(store: Store, train: Path) -> None:
    builder = started(store).with_reference_data(train, predictions=["score"], exclude=["label"])
    monitor = builder.compare_on("mean", 0.3, relative=True).compare_on_distribution("KOLMOGOROV_SMIRNOV", 0.1).save()
    plan = monitor_plan(monitor.config)
    assert [technique.name for technique in plan.techniques] == ["mean_change", "ks"]


def test_settings_without_a_method_of_their_own_are_said_by_name(store: Store) -> None:
    built = started(store).with_settings(threshold_rule="quantile", correction="none").config()
    assert (built.threshold_rule, built.correction) == (ThresholdRule.QUANTILE, Correction.NONE)


def test_nothing_named_runs_the_defaults(store: Store) -> None:
    assert started(store).config().techniques == MonitorConfig.model_fields["techniques"].default


def test_named_outlier_detectors_take_the_place_of_the_default_ones(store: Store) -> None:
    names = techniques(started(store).detect_outliers("iqr").detect_outliers("range", tolerance=0.2))
    assert names == [
        "e_detector",
        "psi",
        "ks",
        "chi2",
        "null_share",
        "unseen_categories",
        "iqr",
        {"range": {"tolerance": 0.2}},
    ]


@pytest.mark.parametrize(
    ("metric", "threshold", "spec"),
    [
        ("PSI", None, {"psi": {"threshold": 0.2}}),
        ("psi", 0.3, {"psi": {"threshold": 0.3}}),
        ("KL_DIVERGENCE", 0.2, {"kl": {"threshold": 0.2}}),
        ("JS_DIVERGENCE", 0.04, {"js": {"threshold": 0.2}}),  # its root
        ("HELLINGER", 0.15, {"hellinger": {"threshold": 0.15}}),
        ("WASSERSTEIN", 5.0, {"wasserstein": {"unit": "raw", "threshold": 5.0}}),
        ("KOLMOGOROV_SMIRNOV", 0.2, {"ks": {"threshold": 0.2}}),
    ],
)
def test_hopsworks_names_of_distances(store: Store, metric: str, threshold: float | None, spec: Any) -> None:
    assert techniques(started(store).compare_on_distribution(metric, threshold)) == [spec]


def test_without_a_threshold_a_distance_has_its_own(store: Store) -> None:
    assert techniques(started(store).compare_on_distribution("HELLINGER", alpha=0.01)) == [
        {"hellinger": {"alpha": 0.01}}
    ]


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda made: made.compare_on_distribution("PSY"), "Unknown distribution metric 'PSY'.*Did you mean 'PSI'"),
        (lambda made: made.compare_on("stdev", 0.1), "Unknown metric 'stdev'.*Did you mean 'std_dev'"),
        (lambda made: made.detect_outliers("isolation_forrest"), "Did you mean 'isolation_forest'"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(store: Store, ask: ASKED, error: str) -> None:
    with pytest.raises(UnknownNameError, match=error):
        ask(started(store))


def test_a_drift_technique_is_no_outlier_detector(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"psi does not look at single instances .*: .*isolation_forest"):
        started(store).detect_outliers("psi")


def test_equal_comparisons_of_several_features_are_one(store: Store) -> None:
    builder = started(store)
    for name in ("temp", "seats", "temp"):
        builder.compare_on_distribution("PSI", 0.2, feature_name=name)
    assert techniques(builder) == [{"psi": {"threshold": 0.2, "features": ["temp", "seats"]}}]
    builder.compare_on_distribution("PSI", 0.2)
    assert techniques(builder) == [{"psi": {"threshold": 0.2}}]
    builder.compare_on_distribution("PSI", 0.2, feature_name="temp")
    assert techniques(builder) == [{"psi": {"threshold": 0.2}}]


def test_different_ones_get_names_of_their_own(store: Store) -> None:
    builder = (
        started(store)
        .with_techniques("psi")
        .compare_on_distribution("PSI", 0.5, feature_name="temp")
        .compare_on("mean", 1.0, feature_name=["temp", "seats"])
        .compare_on("mean", 0.2, feature_name="score", strict=True, specific_value=0.5)
        .compare_on("completeness", 0.01)
    )
    assert techniques(builder) == [
        "psi",
        {"psi": {"as": "psi_2", "threshold": 0.5, "features": ["temp"]}},
        {
            "statistic_change": {
                "as": "mean_change",
                "statistic": "mean",
                "threshold": 1.0,
                "features": ["temp", "seats"],
            }
        },
        {
            "statistic_change": {"as": "mean_change_2", "statistic": "mean", "threshold": 0.2}
            | {"strict": True, "specific_value": 0.5, "features": ["score"]}
        },
        {"statistic_change": {"as": "completeness_change", "statistic": "completeness", "threshold": 0.01}},
    ]


def test_all_that_is_wrong_is_told_when_it_is_saved(store: Store, tmp_path: Path) -> None:
    builder = store.create_model_monitor("flights").with_detection_window("5 minutes", slide="1m")
    builder.compare_on("mean", threshold=-1)
    with pytest.raises(ConfigError) as caught:
        builder.save()
    for missing in ("model", "log", "baseline", "window.size", "threshold must be at least 0, got -1"):
        assert missing in str(caught.value)
    assert not (tmp_path / "monitoring").exists()


def test_a_baseline_that_was_built_is_kept_with_the_monitor(store: Store, train: Path) -> None:
    baseline = hopsmon.build_baseline(pq.read_table(train), ModelRef("flight_delay"), predictions=["score"])
    monitor = started(store).with_reference_baseline(baseline).save()
    assert monitor.config.baseline.saved == baseline.id
    assert [entry.current for entry in monitor.baselines()] == [True]
    assert monitor_plan(monitor.config).baseline == baseline
    file = started(store).with_reference_baseline(baseline).with_reference_baseline("b.json").save()
    assert file.config.baseline.saved is None


def test_a_training_dataset_needs_a_feature_view(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"say feature_view=…, or create the monitor for a deployment=…"):
        started(store).with_reference_training_dataset(1)


def test_a_builder_says_what_it_knows(store: Store) -> None:
    assert repr(started(store)) == "MonitorBuilder('flights': model, log, baseline; save() makes it)"


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A project with a deployment."""
    folder = tmp_path_factory.mktemp("hopsworks")
    with HopsworksServer(folder, kafka="broker:9092", version=client_version()) as server:
        server.seed.model("iris", 2)
        server.seed.deployment("irisdep", "iris", 2)
        yield server.login()


def test_in_a_project_a_deployment_says_log_model_and_reference(project: Any) -> None:
    monitor = (
        hopsmon.connect(project)
        .create_model_monitor("iris_drift", deployment="irisdep")
        .with_reference_training_dataset(training_dataset_version=1)
        .with_detection_window(window_length="5m", slide="1m", watermark="2m")
        .compare_on_distribution(metric="PSI", threshold=0.2)
        .compare_on(metric="mean", threshold=0.3, relative=True, feature_name="sepal_length")
        .save()
    )
    plain = MonitorConfig.from_yaml(
        """
        name: iris_drift
        model: {name: iris, version: 2}
        log: {deployment: {name: irisdep}}
        baseline: {deployment: {name: irisdep, training_dataset_version: 1}}
        window: {size: 5m, slide: 1m, lateness: 2m}
        techniques:
        - psi: {threshold: 0.2}
        - statistic_change: {as: mean_change, statistic: mean, threshold: 0.3, relative: true, features: [sepal_length]}
        store: {hopsworks: {}}
        """
    )
    assert monitor.config == plain
    assert hopsmon.connect("hopsworks:demo").monitor("iris_drift").config == plain


@pytest.mark.parametrize(
    ("ask", "section"),
    [
        (
            lambda made: made.with_reference_training_dataset(3, feature_view="irises", version=2, split="train"),
            {
                "training_dataset": {
                    "feature_view": "irises",
                    "version": 2,
                    "training_dataset_version": 3,
                    "split": "train",
                }
            },
        ),
        (
            lambda made: made.with_reference_feature_group("irises", 2, read="data"),
            {"feature_group": {"name": "irises", "version": 2, "read": "data"}},
        ),
        (lambda made: made, {"deployment": {"name": "irisdep"}}),
    ],
)
def test_references_of_a_project(project: Any, ask: ASKED, section: dict[str, Any]) -> None:
    builder = ask(hopsmon.connect(project).create_model_monitor("iris_drift", deployment="irisdep"))
    expected = {"name": "m", "model": {"name": "iris"}, "log": {"files": {"path": "e"}}, "baseline": section}
    assert builder.config().baseline == MonitorConfig.from_mapping(expected).baseline


def test_an_unknown_deployment_is_said(project: Any) -> None:
    with pytest.raises(ConfigError, match=r"no deployment 'irisdeb'.*Did you mean 'irisdep'"):
        hopsmon.connect(project).create_model_monitor("iris_drift", deployment="irisdeb").save()
