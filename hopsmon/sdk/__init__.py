"""What notebooks call: `hopsmon.connect(…)`, monitors, and their results as data frames."""

from hopsmon.sdk.builder import MonitorBuilder
from hopsmon.sdk.monitor import Monitor
from hopsmon.sdk.store import Store, connect

__all__ = ["Monitor", "MonitorBuilder", "Store", "connect"]
