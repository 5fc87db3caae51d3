"""Reference data in a Delta table, as an Arrow dataset."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds

from hopsmon.errors import ConfigError


def is_delta(path: Path) -> bool:
    """Whether a folder is a Delta table."""
    return (path / "_delta_log").is_dir()


def open_delta(path: Path) -> ds.Dataset:
    """The newest version of a Delta table.

    Raises:
        ConfigError: it cannot be read, e.g. because it uses a feature delta-rs does not know.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(str(path)).to_pyarrow_dataset()
    except DeltaError as error:
        raise ConfigError(f"Cannot read the Delta table '{path}': {error}") from error
