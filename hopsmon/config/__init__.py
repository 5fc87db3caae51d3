"""One configuration: `MonitorConfig` is the YAML file, the SDK's keyword arguments and the JSON Schema.

Says what a monitor shall be; makes no object and opens no connection (that is `hopsmon.wiring`). Secrets stand here
only as references (`env:NAME`, `file:/path`).
"""

from hopsmon.config.log import FilesConfig, KafkaConfig, LogConfig, MatchConfig
from hopsmon.config.monitor import BaselineConfig, DataConfig, LimitsConfig, MonitorConfig, StoreConfig, WindowConfig
from hopsmon.config.problems import ConfigProblems, Problem
from hopsmon.config.values import ModelConfig, TechniqueSpec, format_duration, parse_duration

__all__ = [
    "BaselineConfig",
    "ConfigProblems",
    "DataConfig",
    "FilesConfig",
    "KafkaConfig",
    "LimitsConfig",
    "LogConfig",
    "MatchConfig",
    "ModelConfig",
    "MonitorConfig",
    "Problem",
    "StoreConfig",
    "TechniqueSpec",
    "WindowConfig",
    "format_duration",
    "parse_duration",
]
