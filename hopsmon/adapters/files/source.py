"""A folder of JSON lines as inference log: one CloudEvent in structured mode a line, read as files arrive.

Files are read in the order of their modification times (of one time: by name), and one after the other: a file must not
change once it is in the folder, so write it elsewhere, or under a name with a leading dot, and move it in. Spark tells
which files are new; the workers read them line by line, so that no file need fit into memory.
"""

from __future__ import annotations

import datetime as dt
import gzip
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from hopsmon.errors import ConfigError, OutsideError
from hopsmon.streaming.ports import LOG_COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PATTERNS = ("*.jsonl", "*.json", "*.jsonl.gz", "*.json.gz")
_LINES_AT_ONCE = 10_000
_BYTES_AT_ONCE = 16 << 20
# An offset is the file's time in ms since _EPOCH, and below it the line's number. 41 bits of ms reach to 2069.
_LINE_BITS = 22
_EPOCH_MS = 946_684_800_000  # 2000-01-01
_FILES = "path string, modificationTime timestamp, length bigint, content binary"
_LINES = pa.schema(
    [
        ("value", pa.binary()),
        ("topic", pa.string()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class FilesSource:
    """The files of one folder that end in .jsonl or .json, or these and .gz; subfolders are not looked into.

    In the log's columns the topic is the folder and the only partition is 0. Offsets grow with the lines of a file
    and from file to file. They are the same whenever a file is read, unless one of the same millisecond came or went.

    Attributes:
        path: the folder; each Spark worker must see it at this path.
        max_files_per_trigger: at most so many new files a micro-batch; None: all there are.
        starting_at: leave out files that came into the folder before that time.
    """

    path: str | Path
    max_files_per_trigger: int | None = None
    starting_at: dt.datetime | None = None

    def __post_init__(self) -> None:
        if "://" in str(self.path):
            raise ConfigError(f"A files log must be a folder of the file system; got '{self.path}'. Mount it first.")
        if strange := sorted(set(str(self.folder)) & set("*?[]{}\\")):
            raise ConfigError(f"Spark takes {' '.join(strange)} in '{self.folder}' for patterns. Rename the folder.")

    @property
    def folder(self) -> Path:
        """The folder as absolute path."""
        return Path(self.path).expanduser().absolute()

    @property
    def packages(self) -> tuple[str, ...]:
        """None: Spark reads files by itself."""
        return ()

    @property
    def contiguous(self) -> bool:
        """Offsets leave gaps between files, and at blank lines."""
        return False

    @property
    def identity(self) -> str:
        """The folder."""
        return f"files: {self.folder}"

    def check(self) -> None:
        """Look whether the folder is there, can be read and holds a file to read."""
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            raise OutsideError(f"There is no folder {self.folder}. Create it, or mend log.files.path.") from None
        except OSError as error:
            raise OutsideError(f"Cannot read the folder {self.folder}: {error.strerror}.") from error
        if not any(_is_log(name) for name in names):
            raise OutsideError(
                f"The folder {self.folder} holds no file to read: none of its {len(names)} entries is one of "
                f"{', '.join(PATTERNS)}."
            )

    def explain(self, error: str) -> OutsideError | None:
        """What stopped Spark's reading, where a file is behind it."""
        for sign in (
            "FileNotFoundError",
            "FAILED_READ_FILE",
            "PermissionError",
            "BadGzipFile",
            "EOFError",
            "zlib.error",
        ):
            if sign in error:
                line = next(line for line in error.splitlines() if sign in line)
                return OutsideError(
                    f"A file in {self.folder} cannot be read: {line.strip()}. Files must be complete when they appear, "
                    "and stay until they were read. Mend or restore it, then run again."
                )
        return None

    def since(self, moment: dt.datetime) -> FilesSource:
        """The same folder, for a query that begins with the files that came at that time or later."""
        return replace(self, starting_at=moment)

    def load(self, spark: SparkSession) -> DataFrame:
        """The lines as a streaming frame with the log's columns."""
        from pyspark.sql import functions as F

        reader = spark.readStream.format("binaryFile").schema(_FILES).options(**self._spark_options())
        files = reader.load(str(self.folder)).select(F.col("path"), F.col("modificationTime"))
        if self.starting_at is not None:
            files = files.where(F.col("modificationTime") >= F.lit(self.starting_at))
        # Each task gets files that follow one another. There is little to shuffle: names and times.
        in_order = files.repartitionByRange(spark.sparkContext.defaultParallelism, "modificationTime", "path")
        lines = in_order.mapInArrow(_read, "value binary, topic string, offset bigint, timestamp timestamp")
        no_headers = F.lit(None).cast("array<struct<key:string,value:binary>>")
        return lines.select("*", no_headers.alias("headers"), F.lit(0).alias("partition")).select(*LOG_COLUMNS)

    def _spark_options(self) -> dict[str, str]:
        options = {
            "pathGlobFilter": "*.{jsonl,json,jsonl.gz,json.gz}",
            "maxFileAge": "36500d",  # by default a file a week older than the newest is passed over in silence
        }
        if self.max_files_per_trigger is not None:
            options["maxFilesPerTrigger"] = str(self.max_files_per_trigger)
        return options


def _read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Names and times of files in, their lines out, in order; runs in Spark's workers."""
    found = [file for batch in batches for file in batch.to_pylist()]
    files = sorted(found, key=lambda file: (file["modificationTime"], file["path"]))
    slots = _Slots()
    for file in files:
        path = Path(file["path"].removeprefix("file:"))
        first = _first_offset(path, file["modificationTime"], slots)
        yield from _batches_of(path, first, file["modificationTime"])


def _first_offset(path: Path, modified: dt.datetime, slots: _Slots) -> int:
    milliseconds = round(modified.timestamp() * 1000)
    return (slots.of(path, milliseconds) - _EPOCH_MS) << _LINE_BITS


class _Slots:
    """The millisecond that is a file's alone in its folder: its own, or the next one that is free.

    Times are often whole seconds (archives, some file systems), so that many files share one; these come in the order
    of their names. A file that comes or goes later with the time of others moves those after it.
    """

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, int]] = {}

    def of(self, path: Path, milliseconds: int) -> int:
        """Its own where the folder does not list it any more."""
        if path.parent not in self._folders:
            self._folders[path.parent] = _slots_in(path.parent)
        return self._folders[path.parent].get(path.name, milliseconds)


def _slots_in(folder: Path) -> dict[str, int]:
    with os.scandir(folder) as entries:
        files = sorted((entry.stat().st_mtime_ns // 1_000_000, entry.name) for entry in entries if _is_log(entry.name))
    slots: dict[str, int] = {}
    free = 0
    for milliseconds, name in files:
        slots[name] = max(milliseconds, free)
        free = slots[name] + 1
    return slots


def _batches_of(path: Path, first_offset: int, modified: dt.datetime) -> Iterator[pa.RecordBatch]:
    with _opened(path) as stream:
        lines: list[bytes] = []
        offsets: list[int] = []
        size = 0
        for number, line in enumerate(stream):
            if stripped := line.strip():
                lines.append(stripped)
                offsets.append(first_offset + number)
                size += len(stripped)
            if len(lines) >= _LINES_AT_ONCE or size >= _BYTES_AT_ONCE:
                yield _batch(path, lines, offsets, modified)
                lines, offsets, size = [], [], 0
        if lines:
            yield _batch(path, lines, offsets, modified)


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb", buffering=1 << 20)


def _batch(path: Path, lines: list[bytes], offsets: list[int], modified: dt.datetime) -> pa.RecordBatch:
    columns = [
        pa.array(lines, pa.binary()),
        pa.array([str(path.parent)] * len(lines), pa.string()),
        pa.array(offsets, pa.int64()),
        pa.array([modified] * len(lines), _LINES.field("timestamp").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_LINES)


def _is_log(name: str) -> bool:
    return not name.startswith((".", "_")) and any(fnmatch(name, pattern) for pattern in PATTERNS)
