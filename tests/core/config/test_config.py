"""Defaults, round trips, relative paths, JSON Schema."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hopsmon.config import (
    AlertsConfig,
    BaselineConfig,
    ChannelConfig,
    DataConfig,
    DeploymentBaselineConfig,
    DeploymentLogConfig,
    ExpectationsConfig,
    FeatureGroupConfig,
    FeatureLogConfig,
    FilesConfig,
    HopsConfig,
    HopsworksChannelConfig,
    HopsworksConfig,
    HopsworksStoreConfig,
    KafkaConfig,
    LimitsConfig,
    LogConfig,
    MatchConfig,
    ModelConfig,
    MonitorConfig,
    StoreConfig,
    SuiteOfFeatureGroupConfig,
    TrainingDatasetConfig,
    WindowConfig,
    format_duration,
    parse_duration,
)
from hopsmon.core.alerting import AlertRules
from hopsmon.core.finding import Severity
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.season import Season
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.plan import Audience
from tests.core.config.examples import FULL, LEAST
from tests.goldens import assert_golden

REQUIRED = object()
READING = {
    "starting_offsets": "earliest",
    "max_offsets_per_trigger": 500_000,
    "min_partitions": None,
    "on_data_loss": "report",
    "options": {},
}
REFERENCE = {"read": "statistics", "predictions": (), "exclude": (), "event_time": None, "season": Season.NONE}
DEFAULTS: dict[type[BaseModel], dict[str, Any]] = {
    ModelConfig: {"name": REQUIRED, "version": None},
    KafkaConfig: {**READING, "bootstrap_servers": REQUIRED, "topic": REQUIRED},
    HopsConfig: {**READING, "topic": REQUIRED},
    FilesConfig: {"path": REQUIRED, "max_files_per_trigger": None},
    MatchConfig: {"service": None, "namespace": None, "component": None, "source": None, "model_version": None},
    LogConfig: {
        "kafka": None,
        "deployment": None,
        "feature_log": None,
        "hops": None,
        "files": None,
        "format": "auto",
        "match": MatchConfig(),
    },
    DeploymentLogConfig: {**READING, "name": REQUIRED},
    FeatureLogConfig: {**READING, "feature_view": REQUIRED, "version": 1, "read_from": "topic"},
    HopsworksConfig: {
        "host": None,
        "port": 443,
        "project": None,
        "api_key": None,
        "hostname_verification": False,
        "trust_store": None,
    },
    FeatureGroupConfig: {**REFERENCE, "name": REQUIRED, "version": 1, "from_commit": None, "to_commit": None},
    TrainingDatasetConfig: {
        **REFERENCE,
        "feature_view": REQUIRED,
        "version": 1,
        "training_dataset_version": 1,
        "split": None,
        "before_transformation": False,
    },
    DeploymentBaselineConfig: {
        **REFERENCE,
        "name": REQUIRED,
        "training_dataset_version": None,
        "split": None,
        "before_transformation": False,
    },
    HopsworksStoreConfig: {"online": False, "version": 1, "folder": None, "tags": {}, "native_results": False},
    DataConfig: {
        "path": REQUIRED,
        "predictions": (),
        "types": {},
        "exclude": (),
        "event_time": None,
        "season": Season.NONE,
    },
    BaselineConfig: {
        "file": None,
        "data": None,
        "saved": None,
        "feature_group": None,
        "training_dataset": None,
        "deployment": None,
    },
    WindowConfig: {
        "size": timedelta(minutes=15),
        "slide": None,
        "lateness": timedelta(minutes=1),
        "close_idle_after": timedelta(seconds=30),
    },
    StoreConfig: {"path": None, "hopsworks": None},
    LimitsConfig: {
        "min_instances": 30,
        "max_slices": 100,
        "max_clock_ahead": timedelta(minutes=5),
        "shards": 1,
        "max_outliers": 1_000,
        "technique_seconds": 30.0,
    },
    AlertsConfig: {
        "channels": (),
        "min_severity": "warning",
        "resolve_after": 3,
        "widen_after": 3,
        "max_age": timedelta(days=2),
    },
    ChannelConfig: {"hopsworks": None},
    HopsworksChannelConfig: {"receiver": REQUIRED},
    ExpectationsConfig: {"file": None, "feature_group": None, "saved": None, "columns": {}, "modules": ()},
    SuiteOfFeatureGroupConfig: {"name": REQUIRED, "version": 1},
    MonitorConfig: {
        "name": REQUIRED,
        "model": REQUIRED,
        "log": REQUIRED,
        "baseline": REQUIRED,
        "features": None,
        "predictions": None,
        "window": WindowConfig(),
        "slices": (),
        "techniques": (
            "e_detector",
            "psi",
            "ks",
            "chi2",
            "null_share",
            "unseen_categories",
            "range",
            "z_score",
            "unseen_category",
        ),
        "expectations": None,
        "correction": Correction.BENJAMINI_HOCHBERG,
        "threshold_rule": ThresholdRule.ROOM,
        "importances": {},
        "alerts": AlertsConfig(),
        "store": StoreConfig(),
        "hopsworks": HopsworksConfig(),
        "query": None,
        "trigger": timedelta(0),
        "limits": LimitsConfig(),
    },
}
FIELDS = [(section, name, field) for section in DEFAULTS for name, field in section.model_fields.items()]


@pytest.mark.parametrize("section", DEFAULTS, ids=lambda section: section.__name__)
def test_the_declared_defaults(section: type[BaseModel]) -> None:
    found = {
        name: REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in section.model_fields.items()
    }
    assert found == DEFAULTS[section]


@pytest.mark.parametrize(
    ("section", "name", "field"),
    FIELDS,
    ids=lambda part: getattr(part, "__name__", part if isinstance(part, str) else ""),
)
def test_every_field_is_documented_with_its_default(section: type[BaseModel], name: str, field: FieldInfo) -> None:
    text = field.description or ""
    default = field.get_default(call_default_factory=True)
    assert ("Required" if field.is_required() else "Default:") in text, f"{section.__name__}.{name}"
    if isinstance(default, timedelta):
        assert f"Default: {format_duration(default)}" in text
    elif isinstance(default, bool):
        assert f"Default: {str(default).lower()}" in text
    elif isinstance(default, (int, str)):
        assert f"Default: {default:,}" in text if isinstance(default, int) else f"Default: {default}" in text


@pytest.mark.parametrize("text", [FULL, LEAST], ids=["full", "least"])
def test_yaml_round_trip(text: str) -> None:
    config = MonitorConfig.from_yaml(text)
    assert MonitorConfig.from_yaml(config.to_yaml()) == config
    assert MonitorConfig.from_mapping(config.to_mapping()) == config
    json.dumps(config.to_mapping())


def test_a_null_that_is_not_the_default_survives() -> None:
    kafka = MonitorConfig.from_yaml(MonitorConfig.from_yaml(FULL).to_yaml()).log.kafka
    assert kafka is not None
    assert kafka.max_offsets_per_trigger is None


def test_what_is_read() -> None:
    config = MonitorConfig.from_yaml(FULL)
    kafka = config.log.kafka
    assert kafka is not None
    assert kafka.bootstrap_servers == "a:9092,b:9092"
    assert kafka.options["kafka.request.timeout.ms"] == "30000"
    assert config.window.spec() == WindowSpec(*(timedelta(seconds=s) for s in (900, 300, 6, 0.5)))
    assert config.limits.max_clock_ahead == timedelta(hours=1.5)
    assert config.query_name == "shared"
    assert MonitorConfig.from_yaml(LEAST).query_name == "least"


def test_alerts_are_rules_of_the_engine() -> None:
    assert MonitorConfig.from_yaml(FULL).alerts.rules() == AlertRules(Severity.CRITICAL, 2, 0)
    assert AlertsConfig().rules() == AlertRules()
    assert AlertsConfig().max_age == Audience().max_age


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "monitor.yaml"
    file.write_text(LEAST.replace("events", "../events"))
    config = MonitorConfig.from_file(file)
    assert config.log.files is not None
    assert config.log.files.path == str(tmp_path / "events")
    assert config.baseline.file == str(tmp_path / "conf" / "baseline.json")
    assert config.store.path == str(tmp_path / "conf" / "monitoring")  # the default is relative to the file as well


def test_addresses_of_other_file_systems_stay(tmp_path: Path) -> None:
    text = LEAST.replace("path: events", "path: 'hdfs://name/events'")
    files = MonitorConfig.from_yaml(text, folder=tmp_path).log.files
    assert files is not None
    assert files.path == "hdfs://name/events"


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        MonitorConfig.from_yaml(LEAST).name = "other"


def test_the_json_schema_is_the_published_one() -> None:
    assert_golden("config-schema.json", json.dumps(MonitorConfig.json_schema(), indent=2, ensure_ascii=False) + "\n")


@given(st.timedeltas(timedelta(0), timedelta(days=3650)).map(lambda span: span - span % timedelta(milliseconds=1)))
def test_durations_round_trip(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span
