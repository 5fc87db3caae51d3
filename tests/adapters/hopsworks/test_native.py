"""Findings as results of Hopsworks' own feature monitoring: one configuration, one result a window, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.native import METRICS, Measure, Monitored, NativeResults, config_name
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.techniques import registry
from hopsmon.core.window import Window
from hopsmon.errors import ConfigError, TransientError
from hopsmon.streaming.ports import JudgedWindow, ResultListener
from hopsmon.testing.hopsworks_server import HopsworksServer

MINUTE = 60_000_000
START = 1_767_225_600_000_000  # 2026-01-01
COLUMNS = {
    "flight": "bigint",
    "at": "timestamp",
    "temp": "double",
    "hour": "int",
    "origin": "string",
    "path": "array<string>",
}
WATCHED = ["temp", "hour", "ORIGIN", "path", "elsewhere"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        group = running.seed.feature_group("flights", COLUMNS, ["flight"], "at")
        running.seed.feature_view("flights_fv", group)
        running.seed.training_dataset("flights_fv")
        yield running


@pytest.fixture(scope="module")
def connection(server: HopsworksServer) -> Connection:
    return connect(server.login("python"))


@pytest.fixture
def group(connection: Connection) -> Monitored:
    return Monitored.feature_group(connection, "flights", 1)


def native(monitor: str, of: Monitored, *techniques: str) -> NativeResults:
    return NativeResults(
        monitor, of, WATCHED, [registry.build(name) for name in techniques or ("e_detector", "psi", "ks")]
    )


def window(minute: int, *findings: Finding, instances: int = 100) -> JudgedWindow:
    start = START + minute * MINUTE
    return JudgedWindow(Window(start, start + MINUTE), instances, findings)


def found(technique: str, feature: str | None, score: float | None, drift: bool = False) -> Finding:
    reason = Reason.DRIFT if drift else Reason.OK
    return Finding(technique, feature, score, 0.2, 100, reason, drift, Severity.WARNING if drift else Severity.NONE)


def posted(server: HopsworksServer, kind: str) -> list[Any]:
    return [one.body for one in server.requests if one.method == "POST" and one.path.endswith(f"monitoring/{kind}")]


def comparisons(server: HopsworksServer, config: Any) -> dict[tuple[str, str], int]:
    """The ids that the server gave, by feature and metric."""
    return {
        (of.feature_name, one.distribution_metric): one.id
        for of in config.feature_statistics_configs
        for one in of.statistics_comparison_configs
    }


def test_the_configuration_is_made_once_and_never_runs(server: HopsworksServer, group: Monitored) -> None:
    first: ResultListener = native("once", group)
    first.tell([window(0)])
    first.tell([window(1)])
    native("once", group).tell([window(2)])
    (config,) = [body for body in posted(server, "config") if body["name"] == "hopsmon_once"]
    assert config["jobSchedule"]["enabled"] is False
    assert config["featureMonitoringType"] == "DISTRIBUTION_COMPARISON"
    compared = {
        of["featureName"]: [one["distributionMetric"] for one in of["statisticsComparisonConfigs"]]
        for of in config["featureStatisticsConfigs"]
    }
    assert compared == {
        "temp": ["PSI", "KOLMOGOROV_SMIRNOV"],
        "hour": ["PSI", "KOLMOGOROV_SMIRNOV"],
        "origin": ["PSI"],
    }
    history = group.entity.get_feature_monitoring_history(config_name="hopsmon_once", with_statistics=False)
    assert len(history) == 3


def test_a_result_says_what_was_found_in_hopsworks_words(server: HopsworksServer, group: Monitored) -> None:
    findings = [
        found("psi", "temp", 0.4, drift=True),
        found("ks", "temp", 0.05),
        found("psi", "origin", None),
        found("e_detector", "ORIGIN", 5.0, drift=True),
        found("e_detector", None, 5.0, drift=True),
        found("psi", "elsewhere", 0.9, drift=True),
    ]
    native("words", group).tell([window(0, *findings)])
    config = group.entity.get_feature_monitoring_configs(name="hopsmon_words")
    ids = comparisons(server, config)
    result = posted(server, "result")[-1]
    assert result["featureMonitoringConfigId"] == config.id
    assert result["monitoringTime"] == (START + MINUTE) // 1000
    assert sorted(result["shiftedFeatureNames"]) == ["origin", "temp"]
    by_feature = {one["featureName"]: one for one in result["featureStatisticsResults"]}
    assert by_feature["temp"]["shiftedMetricNames"] == ["PSI"]
    assert [
        (one["statisticsComparisonConfigId"], one["shiftDetected"], one["difference"])
        for one in by_feature["temp"]["statisticsComparisonResults"]
    ] == [(ids["temp", "PSI"], True, 0.4), (ids["temp", "KOLMOGOROV_SMIRNOV"], False, 0.05)]
    assert "statisticsComparisonResults" not in by_feature["origin"]
    (read,) = config.get_history(with_statistics=False)
    assert read.shift_detected


def test_a_window_is_posted_once_however_often_it_is_told(server: HopsworksServer, group: Monitored) -> None:
    native("twice", group).tell([window(0), window(1)])
    before = len(posted(server, "result"))
    native("twice", group).tell([window(0), window(1), window(2)])
    assert len(posted(server, "result")) == before + 1


def test_a_feature_view_is_compared_with_its_training_dataset(server: HopsworksServer, connection: Connection) -> None:
    view = Monitored.feature_view(connection, "flights_fv", 1, 1)
    native("of-a-view", view).tell([window(0, instances=0)])
    config = posted(server, "config")[-1]
    assert (config["featureViewName"], config["featureViewVersion"]) == ("flights_fv", 1)
    assert config["referenceWindowConfig"]["trainingDatasetVersion"] == 1
    assert posted(server, "result")[-1]["emptyDetectionWindow"] is True


def test_the_jensen_shannon_distance_is_posted_as_the_divergence(server: HopsworksServer, group: Monitored) -> None:
    native("squared", group, "js").tell([window(0, found("js", "temp", 0.3, drift=True))])
    config = posted(server, "config")[-1]["featureStatisticsConfigs"][0]["statisticsComparisonConfigs"][0]
    assert config["threshold"] == pytest.approx(0.01)
    result = next(
        one for one in posted(server, "result")[-1]["featureStatisticsResults"] if one["featureName"] == "temp"
    )
    assert result["statisticsComparisonResults"][0]["difference"] == pytest.approx(0.09)


def test_a_configuration_that_lacks_something_is_told_and_used(
    group: Monitored, caplog: pytest.LogCaptureFixture
) -> None:
    native("older", group, "psi").tell([window(0)])
    native("older", group, "psi", "ks").tell([window(1, found("ks", "temp", 0.5, drift=True))])
    assert "lacks KOLMOGOROV_SMIRNOV of hour, KOLMOGOROV_SMIRNOV of temp" in caplog.text
    history = group.entity.get_feature_monitoring_history(config_name="hopsmon_older", with_statistics=False)
    assert sorted(result.shift_detected for result in history) == [False, True]


def test_without_a_metric_that_hopsworks_knows_there_is_nothing_to_post(group: Monitored) -> None:
    with pytest.raises(ConfigError, match="a technique that Hopsworks has a metric for: psi, kl, js, hellinger, ks"):
        native("none", group, "e_detector", "chi2")


def test_hopsworks_away_passes(server: HopsworksServer, group: Monitored) -> None:
    listener = native("away", group)
    server.go_away(refuse=False)
    try:
        with pytest.raises(TransientError, match="feature monitoring of feature group 'flights' version 1"):
            listener.tell([window(0)])
    finally:
        server.come_back()
    listener.tell([window(0)])


def test_every_metric_is_one_of_hopsworks_and_every_technique_has_a_threshold() -> None:
    from hsfs.core.statistics_comparison_config import VALID_DISTRIBUTION_METRICS

    assert set(METRICS.values()) <= VALID_DISTRIBUTION_METRICS
    for name in METRICS:
        technique = registry.build(name)
        assert isinstance(technique, Measure)
        assert technique.threshold > 0


@pytest.mark.parametrize("monitor", ["a-b", "a_b", "a.b", "x" * 100, "x" * 56, "x" * 57])
def test_names_are_allowed_and_differ(monitor: str) -> None:
    others = {"a-b", "a_b", "a.b", "x" * 100, "x" * 56, "x" * 57} - {monitor}
    name = config_name(monitor)
    assert name.replace("_", "").isalnum()
    assert len(name) <= 64
    assert name not in map(config_name, others)
