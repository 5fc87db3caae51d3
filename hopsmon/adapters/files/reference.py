"""Reference data in parquet or CSV files, as an Arrow dataset."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from hopsmon.errors import ConfigError

_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}


def open_files(path: Path) -> ds.Dataset:
    """The dataset in a parquet or CSV file, or in a folder of such files.

    Raises:
        ConfigError: nothing there, or files of another kind.
    """
    if not path.exists():
        raise ConfigError(f"No reference data at '{path}'.")
    kind = _FORMATS.get(path.suffix.lower()) if path.is_file() else _kind_of_folder(path)
    if kind is None:
        raise ConfigError(
            f"'{path}' is no reference data. Allowed: .parquet, .csv, a folder of them, or a Delta table."
        )
    try:
        return ds.dataset(path, format=kind)
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"Cannot read '{path}' as {kind}: {error}") from error


def _kind_of_folder(path: Path) -> str | None:
    kinds = {
        _FORMATS.get(file.suffix.lower()) for file in path.rglob("*") if file.is_file() and file.name[0] not in "._"
    }
    return kinds.pop() if len(kinds) == 1 else None
