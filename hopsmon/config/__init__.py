"""One configuration: `MonitorConfig` is the YAML file, the SDK's keyword arguments and the JSON Schema.

Says what a monitor shall be; makes no object and opens no connection (that is `hopsmon.wiring`). Secrets stand here
only as references (`env:NAME`, `file:/path`).
"""

from hopsmon.config.alerts import AlertsConfig, ChannelConfig, HopsworksChannelConfig
from hopsmon.config.baseline import BaselineConfig, DataConfig
from hopsmon.config.expectations import ExpectationsConfig, SuiteOfFeatureGroupConfig
from hopsmon.config.hopsworks import (
    DeploymentBaselineConfig,
    DeploymentLogConfig,
    FeatureGroupConfig,
    FeatureLogConfig,
    HopsworksConfig,
    HopsworksStoreConfig,
    TrainingDatasetConfig,
)
from hopsmon.config.kafka import HopsConfig, KafkaConfig, KafkaReading
from hopsmon.config.log import FilesConfig, LogConfig, MatchConfig
from hopsmon.config.monitor import MonitorConfig, WindowConfig
from hopsmon.config.problems import ConfigProblems, Problem
from hopsmon.config.store import LimitsConfig, StoreConfig
from hopsmon.config.values import ModelConfig, TechniqueSpec, format_duration, parse_duration, parse_moment

__all__ = [
    "AlertsConfig",
    "BaselineConfig",
    "ChannelConfig",
    "ConfigProblems",
    "DataConfig",
    "DeploymentBaselineConfig",
    "DeploymentLogConfig",
    "ExpectationsConfig",
    "FeatureGroupConfig",
    "FeatureLogConfig",
    "FilesConfig",
    "HopsConfig",
    "HopsworksChannelConfig",
    "HopsworksConfig",
    "HopsworksStoreConfig",
    "KafkaConfig",
    "KafkaReading",
    "LimitsConfig",
    "LogConfig",
    "MatchConfig",
    "ModelConfig",
    "MonitorConfig",
    "Problem",
    "StoreConfig",
    "SuiteOfFeatureGroupConfig",
    "TechniqueSpec",
    "TrainingDatasetConfig",
    "WindowConfig",
    "format_duration",
    "parse_duration",
    "parse_moment",
]
