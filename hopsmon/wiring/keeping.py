"""Keeping: what a configuration takes from local files becomes documents of its home, where other machines read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hopsmon.config import MonitorConfig
from hopsmon.streaming.ports import Home
from hopsmon.wiring.expectations import suite_document, suite_in
from hopsmon.wiring.history import BaselineHistory
from hopsmon.wiring.homes import LocalHome
from hopsmon.wiring.reference import read_baseline_of


def kept_at_home(config: MonitorConfig, home: Home) -> MonitorConfig:
    """The configuration as every machine of its home can use it; a folder's monitors go on reading their files.

    Raises:
        ConfigError: the baseline or the suite cannot be used.
        OutsideError: the store cannot be written.
    """
    if isinstance(home, LocalHome):
        return config
    kept: dict[str, Any] = {}
    if config.baseline.file is not None or config.baseline.data is not None:
        kept["baseline"] = {"saved": BaselineHistory(home.documents, config.name).save(read_baseline_of(config))}
    section = config.expectations
    if section is not None and section.file is not None:
        suite = suite_in(Path(section.file))
        home.documents.write(suite_document(config.name), suite.to_json().encode())
        kept["expectations"] = {"saved": True, "columns": dict(section.columns), "modules": list(section.modules)}
    return MonitorConfig.from_mapping({**config.to_mapping(), **kept}) if kept else config
