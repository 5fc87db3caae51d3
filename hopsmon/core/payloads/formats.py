"""Which reader reads which message: by a configured format, or (`auto`) by looking at each message."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np

from hopsmon.core.batch import BoolArray, IntArray
from hopsmon.core.payloads import cloudevents_binary, cloudevents_structured, hopsworks_avro, json_logger
from hopsmon.core.payloads.decoded import Limits, RejectReason, SkipReason
from hopsmon.core.payloads.json_text import GZIP_MAGIC, parse_bodies
from hopsmon.core.payloads.number_text import ENVELOPE_KEYS, read_numbers
from hopsmon.core.payloads.opened import Bodies, Ledger, Opened
from hopsmon.core.payloads.records import LogRecords
from hopsmon.errors import ConfigError, UnknownNameError

UNSUPPORTED: Final = ("application/grpc", "application/cloudevents-batch+json")
OPENING_BRACE: Final = ord("{")
WHITE_SPACE: Final = b" \t\r\n\xef\xbb\xbf"  # and UTF-8's byte order mark
PERHAPS_JSON: Final = np.frombuffer(WHITE_SPACE + GZIP_MAGIC[:1], dtype=np.uint8)
LEADING_SPACE: Final = 64  # bytes of white space before a JSON object that are tolerated

OpenMessages: TypeAlias = Callable[[LogRecords, IntArray, Limits, Ledger], tuple[Opened, ...]]
OpenDocuments: TypeAlias = Callable[[IntArray, list[Any], Ledger], Opened]


def open_auto(log: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """Look at each message: `ce_*` headers first, then the first byte."""
    events, others = _split_binary_events(log, rows, ledger)
    others = _without_unsupported(log, others, ledger)
    is_json = _looks_like_json(log.texts(others))
    opened = _open_events(log, events, ledger)
    if is_json.any():
        opened += open_json(log, others[is_json], limits, ledger)
    if not is_json.all():
        opened += hopsworks_avro.open_messages(log, others[~is_json], ledger, RejectReason.UNKNOWN_FORMAT)
    return opened


def open_kserve(log: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """CloudEvents in binary mode where there are `ce_*` headers, else JSON: structured mode or a bare body."""
    events, others = _split_binary_events(log, rows, ledger)
    opened = _open_events(log, events, ledger)
    return opened + open_json(log, others, limits, ledger) if len(others) else opened


def open_hopsworks(log: LogRecords, rows: IntArray, _limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """Hopsworks' Avro record."""
    return hopsworks_avro.open_messages(log, _without_empty(log, rows, ledger), ledger, RejectReason.BAD_AVRO)


def open_json(log: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """JSON values: structured CloudEvents, the 2020 logger's messages, or bodies without any envelope."""
    rows = _without_empty(log, rows, ledger)
    bodies = read_numbers(Bodies(None, rows, log.texts(rows)))
    if bodies.block:
        return (Opened(rows, (bodies,)),)
    parsed = parse_bodies(bodies, log, limits, ledger)
    openers = _openers(parsed.contents)
    distinct = set(openers)
    if distinct <= {None}:
        return (Opened(parsed.rows, (parsed,)),)
    opened = []
    for opener in distinct:
        mine = [i for i, other in enumerate(openers) if other is opener]
        docs, my_rows = [parsed.contents[i] for i in mine], parsed.rows[mine]
        bare = Bodies(None, my_rows, docs, parsed=True, tails=parsed.tails)
        opened.append(opener(my_rows, docs, ledger) if opener else Opened(my_rows, (bare,)))
    return tuple(opened)


def _openers(docs: list[Any]) -> list[OpenDocuments | None]:
    """Who takes each JSON value apart; none if no key of theirs stands in any of the values."""
    if set(map(type, docs)) <= {dict} and not ENVELOPE_KEYS & set().union(*docs):
        return [None]
    return [_opener(doc) for doc in docs]


def _opener(doc: Any) -> OpenDocuments | None:
    """Who takes a JSON value apart; None: it is a body by itself."""
    if type(doc) is not dict:
        return None
    if cloudevents_structured.is_ours(doc):
        return cloudevents_structured.open_documents
    return json_logger.open_documents if json_logger.is_ours(doc) else None


def _split_binary_events(log: LogRecords, rows: IntArray, ledger: Ledger) -> tuple[IntArray, IntArray]:
    """The rows with CloudEvents headers, and the rows without (less the empty ones)."""
    is_event = cloudevents_binary.is_ours(log)
    return rows[is_event[rows]], _without_empty(log, rows[~is_event[rows]], ledger)


def _open_events(log: LogRecords, rows: IntArray, ledger: Ledger) -> tuple[Opened, ...]:
    return (cloudevents_binary.open_messages(log, rows, ledger),) if len(rows) else ()


def _without_empty(log: LogRecords, rows: IntArray, ledger: Ledger) -> IntArray:
    """Skip tombstones and empty values."""
    is_empty = log.lengths[rows] == 0
    ledger.skip_all(rows[is_empty].tolist(), SkipReason.NOT_AN_INFERENCE)
    return np.asarray(rows[~is_empty])


def _without_unsupported(log: LogRecords, rows: IntArray, ledger: Ledger) -> IntArray:
    """Reject what its content type says we cannot read; only asked where no `ce_*` header stands above it."""
    if not log.has_content_types:
        return rows
    kept = []
    for row in rows.tolist():
        content_type = log.content_type(row)
        if content_type.startswith(UNSUPPORTED):
            ledger.reject(row, RejectReason.UNSUPPORTED_CONTENT, f"Content type '{content_type}' cannot be read.")
        else:
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def _looks_like_json(texts: list[Any]) -> BoolArray:
    """A first byte "{" after white space (an Avro record may start with bytes that mean white space), or gzip."""
    first = np.fromiter(map(itemgetter(0), texts), np.uint8, len(texts))
    is_json: BoolArray = np.equal(first, OPENING_BRACE)
    for i in np.flatnonzero(np.isin(first, PERHAPS_JSON)).tolist():
        head = texts[i][:LEADING_SPACE]
        is_json[i] = head.lstrip(WHITE_SPACE).startswith(b"{") or head.startswith(GZIP_MAGIC)
    return is_json


FORMATS: Final[dict[str, OpenMessages]] = {
    "auto": open_auto,
    "kserve": open_kserve,
    "hopsworks": open_hopsworks,
    "hopsmon": open_json,
}
ENTRY_POINTS: Final = "hopsmon.payloads"


def format_names() -> tuple[str, ...]:
    """All formats that can be asked for: the built-in ones and those other packages registered."""
    return (*FORMATS, *sorted(entry.name for entry in entry_points(group=ENTRY_POINTS)))


def format_named(name: str | OpenMessages) -> OpenMessages:
    """The reader of one format: by its name, or itself where it is a value that carries what its messages leave out.

    Raises:
        UnknownNameError: nobody registered it.
        ConfigError: two packages registered it.
    """
    if callable(name):
        return name
    if name in FORMATS:
        return FORMATS[name]
    found = entry_points(group=ENTRY_POINTS, name=name)
    if not found:
        raise UnknownNameError("log format", name, format_names())
    if len(found) > 1:
        raise ConfigError(f"Log format '{name}' is registered {len(found)} times; remove all but one package.")
    opener: OpenMessages = next(iter(found)).load()
    return opener
