"""A record batch that was decoded in pieces, put together again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from hopsmon.core.payloads.attributes import attribute_of
from hopsmon.core.payloads.decoded import Attribute, Decoded, RawInstances, Reject, SkipReason
from hopsmon.core.payloads.defects import Piece, read_apart
from hopsmon.core.payloads.records import arrival_times


def decode_apart(records: pa.RecordBatch, read: Callable[[pa.RecordBatch], Decoded]) -> Decoded:
    """What can be decoded of a record batch on which `read` raises, with a reject for each message it raises on."""

    def read_rows(start: int, stop: int) -> Decoded:
        decoded = read(records.slice(start, stop - start))
        ids = decoded.event_id  # read here and now: what is read later is not guarded
        return replace(decoded, attributes=dict(decoded.attributes), read_ids=lambda: ids)

    pieces, defects = read_apart(read_rows, 0, records.num_rows)
    event_time = arrival_times(records).copy()
    own_time = np.zeros(records.num_rows, dtype=bool)
    skipped: Counter[SkipReason] = Counter()
    for start, stop, part in pieces:
        event_time[start:stop], own_time[start:stop] = part.event_time, part.own_time
        skipped.update(part.skipped)
    ids = _ids(records.num_rows, pieces)
    return Decoded(
        rows=records.num_rows,
        decoded=sum(part.decoded for _, _, part in pieces),
        rejected=sum(part.rejected for _, _, part in pieces) + len(defects),
        skipped=dict(skipped),
        groups=tuple(_groups(pieces)),
        rejects=(*_rejects(pieces), *defects),
        event_time=event_time,
        own_time=own_time,
        attributes=_attributes(records.num_rows, pieces),
        read_ids=lambda: ids,
    )


def _groups(pieces: Sequence[Piece[Decoded]]) -> Iterator[RawInstances]:
    for start, _, part in pieces:
        yield from (replace(group, message=group.message + start) for group in part.groups)


def _rejects(pieces: Sequence[Piece[Decoded]]) -> Iterator[Reject]:
    for start, _, part in pieces:
        yield from (replace(reject, row=reject.row + start) for reject in part.rejects)


def _ids(rows: int, pieces: Sequence[Piece[Decoded]]) -> pa.StringArray:
    ids: list[str | None] = [None] * rows
    for start, stop, part in pieces:
        if part.event_id is not None:
            ids[start:stop] = part.event_id.to_pylist()
    return pa.array(ids, pa.string())


def _attributes(rows: int, pieces: Sequence[Piece[Decoded]]) -> Mapping[str, Attribute]:
    texts: dict[str, list[str | None]] = {}
    for start, stop, part in pieces:
        for name, attribute in part.attributes.items():
            texts.setdefault(name, [None] * rows)[start:stop] = map(attribute.at, range(stop - start))
    return {name: attribute_of(pa.array(found, pa.string())) for name, found in texts.items()}
