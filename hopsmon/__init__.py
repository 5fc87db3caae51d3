"""hopsmon: streaming model monitoring for Hopsworks and KServe.

The public names, nothing else. They load on first use: importing hopsmon loads no SDK and no Spark.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from hopsmon.comparison import Comparison, compare
    from hopsmon.config import MonitorConfig
    from hopsmon.core.baseline import Baseline
    from hopsmon.core.baseline_builder import build_baseline
    from hopsmon.errors import ConfigError, HopsmonError, OutsideError
    from hopsmon.sdk import Monitor, Store, connect
    from hopsmon.streaming.baseline import baseline_of_frame

__version__ = "0.1.0.dev0"
__all__ = [
    "Baseline",
    "Comparison",
    "ConfigError",
    "HopsmonError",
    "Monitor",
    "MonitorConfig",
    "OutsideError",
    "Store",
    "baseline_of_frame",
    "build_baseline",
    "compare",
    "connect",
]

_HOMES = {
    "Baseline": "hopsmon.core.baseline",
    "Comparison": "hopsmon.comparison",
    "ConfigError": "hopsmon.errors",
    "HopsmonError": "hopsmon.errors",
    "Monitor": "hopsmon.sdk",
    "MonitorConfig": "hopsmon.config",
    "OutsideError": "hopsmon.errors",
    "Store": "hopsmon.sdk",
    "baseline_of_frame": "hopsmon.streaming.baseline",
    "build_baseline": "hopsmon.core.baseline_builder",
    "compare": "hopsmon.comparison",
    "connect": "hopsmon.sdk",
}


def __getattr__(name: str) -> object:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'hopsmon' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
