"""What decoding gives back: instances as they came, rejects, skips, and each message's time, id and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import BoolArray, FloatArray, IntArray, Side
from hopsmon.core.schema import Word


class RejectReason(Word):
    """Why a message could not be read."""

    UNKNOWN_FORMAT = "unknown_format"  # neither CloudEvents headers, nor JSON, nor a known Avro record
    BAD_ENVELOPE = "bad_envelope"  # the envelope's format is known, but a needed part is missing or odd
    BAD_AVRO = "bad_avro"  # the topic's format is Avro, and no version of the schema fits
    BAD_JSON = "bad_json"  # the body is not JSON
    BAD_GZIP = "bad_gzip"  # the body starts like gzip and cannot be unpacked
    BAD_SHAPE = "bad_shape"  # JSON, but not shaped like a v1 or v2 request or response
    BAD_DATATYPE = "bad_datatype"  # a v2 tensor of a datatype the protocol does not have
    RAGGED = "ragged"  # the instances of one message differ in width
    EMPTY = "empty"  # no instance in the message
    TOO_DEEP = "too_deep"  # nested deeper than any instance can be
    TOO_LARGE = "too_large"  # above the limit, packed or unpacked
    UNSUPPORTED_CONTENT = "unsupported_content"  # gRPC, multipart, CloudEvents batches …
    WRONG_WIDTH = "wrong_width"  # another number of values than the model's schema has
    IMPLAUSIBLE_TIME = "implausible_time"  # an event time that no working clock can have given
    LOST_OFFSETS = "lost_offsets"  # messages the log lost before they were read
    UNKNOWN_COLUMNS = "unknown_columns"  # named columns, none of which the model's schema knows
    DEFECT = "hopsmon_defect"  # hopsmon itself, or a log format of another package, failed on the message: report it


class SkipReason(Word):
    """Why a message that can be read carries nothing to monitor."""

    NOT_AN_INFERENCE = "not_an_inference"  # readiness, metadata, a tombstone: an HTTP call that predicted nothing
    ERROR_RESPONSE = "error_response"  # the model server answered with an error


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one message. `max_bytes` holds for the message as logged, and again for what gzip unpacks to."""

    max_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reject:
    """One message (or one half of an exchange) that could not be read; `row` is its row in the record batch."""

    row: int
    reason: RejectReason
    message: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Positional numbers, one row an instance: nothing but floats and integers was sent."""

    values: FloatArray  # [n, k]


@dataclass(frozen=True, slots=True)
class Rows:
    """Positional values of any JSON type, flat and row by row: `values[i * width + j]`."""

    values: list[Any]
    width: int


RawColumn: TypeAlias = "FloatArray | list[Any]"


@dataclass(frozen=True, slots=True)
class Named:
    """Values by name, one entry an instance: numbers only, or objects of any JSON type.

    `ordered`: the sender's order carries meaning too (v2 tensors), so columns may be bound by position.
    """

    columns: Mapping[str, RawColumn]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class RawInstances:
    """Instances of one side and one layout, not yet bound to a model's schema. Arrays: one entry an instance.

    `message` is the row of the record batch, `instance` the number within that message, `event_time` microseconds.
    """

    side: Side
    message: IntArray
    instance: IntArray
    event_time: IntArray
    columns: Matrix | Rows | Named

    def take(self, rows: IntArray) -> RawInstances:
        """The instances at the given row numbers."""
        return replace(
            self,
            message=self.message[rows],
            instance=self.instance[rows],
            event_time=self.event_time[rows],
            columns=_taken(self.columns, rows),
        )


def _taken(columns: Matrix | Rows | Named, rows: IntArray) -> Matrix | Rows | Named:
    if isinstance(columns, Matrix):
        return Matrix(columns.values[rows])
    if isinstance(columns, Rows):
        width = columns.width
        return Rows([columns.values[i * width + j] for i in rows.tolist() for j in range(width)], width)
    taken = {
        name: values[rows] if isinstance(values, np.ndarray) else [values[i] for i in rows.tolist()]
        for name, values in columns.columns.items()
    }
    return replace(columns, columns=taken)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A text that each message may carry: `values[codes[row]]`, -1 where it carries none; codes None: all the same.

    >>> Attribute(None, ("iris",)).at(7)
    'iris'
    """

    codes: IntArray | None
    values: tuple[str, ...]

    def at(self, row: int) -> str | None:
        """The text of one message."""
        code = 0 if self.codes is None else int(self.codes[row])
        return self.values[code] if code >= 0 else None

    def equals(self, value: str, rows: int) -> BoolArray:
        """Which of the batch's messages carry exactly this text."""
        code = self.values.index(value) if value in self.values else None
        if code is None or self.codes is None:
            return np.full(rows, code is not None)
        return np.asarray(self.codes == code)


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that one record batch held. Every message counts exactly once: rows = decoded + skipped + rejected.

    A message with two halves (Hopsworks v1–v3) of which one can be read is decoded; its other half stands in
    `rejects` all the same, so `rejected` counts messages and may be below `len(rejects)`.

    Attributes:
        rows: messages in the batch.
        decoded: messages that gave instances.
        rejected: messages of which nothing could be read.
        skipped: messages that carry nothing to monitor, by reason.
        groups: the instances, one entry a side and layout.
        rejects: what could not be read, by row.
        event_time: microseconds for each message; the arrival time where the message has none.
        own_time: which messages carry a time of their own.
        attributes: service, namespace, component, source, model_version, serving (Hopsworks' number of a deployment),
            feature_group (of a feature log); a key is missing if no message has it. Read from the messages when asked
            for.
    """

    rows: int
    decoded: int
    rejected: int
    skipped: Mapping[SkipReason, int]
    groups: tuple[RawInstances, ...]
    rejects: tuple[Reject, ...]
    event_time: IntArray
    own_time: BoolArray
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    read_ids: Callable[[], pa.StringArray | None] = field(default=lambda: None, repr=False)

    @property
    def event_id(self) -> pa.StringArray | None:
        """The id that pairs request and response, null where there is none; None: no message has one."""
        return self.read_ids()

    def id_of(self, row: int) -> str | None:
        """The event id of one message."""
        ids = self.event_id
        return None if ids is None else ids[row].as_py()
