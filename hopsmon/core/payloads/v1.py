"""The v1 protocol's instances and predictions: rows, scalars, dicts of scalars, dicts of columns."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads.decoded import Named, RejectReason
from hopsmon.core.payloads.layout import Block, column, is_base64, json_type, positional
from hopsmon.core.payloads.opened import Ledger, UnreadableError

SCALARS: Final = {float, int, str, bool, type(None)}
ReadHeap: TypeAlias = "Callable[[IntArray, list[list[Any]]], Block]"

SPARSE: Final = 16  # a message whose instances fill less than 1/16 of its columns is no table; bounds the memory, too


def read(rows: IntArray, values: list[Any], ledger: Ledger) -> list[Block]:
    """`values[i]`: what stood under `instances`, `inputs`, `predictions` or `outputs` in the message in `rows[i]`."""
    block = _read_uniform(rows, values)
    return [block] if block else _read_by_layout(rows, values, ledger)


def _read_uniform(rows: IntArray, values: list[Any]) -> Block | None:
    """The common cases, without a Python step a message: all messages hold rows of one width, or dicts of one form."""
    if not values or set(map(type, values)) != {list}:
        return None
    counts = _lengths(values)
    instances = list(chain.from_iterable(values))
    kinds = set(map(type, instances))
    if not counts.all():
        return None
    if kinds == {list}:
        return _read_uniform_rows(rows, counts, instances)
    return _read_uniform_dicts(rows, counts, instances) if kinds == {dict} else None


def _read_uniform_rows(rows: IntArray, counts: IntArray, instances: list[list[Any]]) -> Block | None:
    widths = set(map(len, instances))
    flat = list(chain.from_iterable(instances))
    types = set(map(type, flat))
    if len(widths) > 1 or 0 in widths or not types <= SCALARS:
        return None
    return Block(rows, counts, positional(flat, widths.pop(), types))


def _read_uniform_dicts(rows: IntArray, counts: IntArray, instances: list[dict[str, Any]]) -> Block | None:
    """Dicts of the same names in the same order, all of scalars or all of columns."""
    forms = set(map(tuple, instances))
    names = forms.pop()
    if forms or names in ((), ("b64",)):
        return None
    columns = {name: list(map(itemgetter(name), instances)) for name in names}
    types = [set(map(type, values)) for values in columns.values()]
    if all(kinds <= SCALARS for kinds in types):
        return Block(rows, counts, Named({name: column(values) for name, values in columns.items()}))
    if any(kinds != {list} for kinds in types) or len(instances) > len(rows):
        return None
    return _read_uniform_columns(rows, columns)


def _read_uniform_columns(rows: IntArray, columns: dict[str, list[list[Any]]]) -> Block | None:
    lengths = [_lengths(values) for values in columns.values()]
    if not lengths[0].all() or any(not np.array_equal(lengths[0], others) for others in lengths[1:]):
        return None
    flat = {name: list(chain.from_iterable(values)) for name, values in columns.items()}
    if not all(set(map(type, values)) <= SCALARS for values in flat.values()):
        return None
    return Block(rows, lengths[0], Named({name: column(values) for name, values in flat.items()}))


def _read_by_layout(rows: IntArray, values: list[Any], ledger: Ledger) -> list[Block]:
    """Messages of different layouts: sort them by layout, then read each heap at once."""
    heaps: dict[tuple[ReadHeap, Hashable], tuple[list[int], list[list[Any]]]] = {}
    for row, value in zip(rows.tolist(), values, strict=True):
        try:
            instances = _instances(value)
            heap = heaps.setdefault(_layout(instances), ([], []))
        except UnreadableError as error:
            ledger.reject(row, error.reason, str(error))
            continue
        heap[0].append(row)
        heap[1].append(instances)
    return [read_heap(np.array(heap[0], dtype=np.int64), heap[1]) for (read_heap, _), heap in heaps.items()]


def _instances(value: Any) -> list[Any]:
    """The list of instances; one dict of columns may stand for a list of one."""
    instances = [value] if type(value) is dict else value
    if type(instances) is not list:
        raise UnreadableError(RejectReason.BAD_SHAPE, f"Instances must be a list, not {json_type(value)}.")
    if not instances:
        raise UnreadableError(RejectReason.EMPTY, "The message holds no instance.")
    return instances


def _layout(instances: list[Any]) -> tuple[ReadHeap, Hashable]:
    """How to read the instances of one message, and what messages must share with it to be read together."""
    types = set(map(type, instances))
    if types == {list}:
        return _read_rows, _width(instances)
    if types <= SCALARS or all(is_base64(one) for one in instances if type(one) not in SCALARS):
        return _read_scalars, None
    if types == {dict}:
        return _dict_layout(instances)
    seen = ", ".join(sorted(set(map(json_type, instances))))
    raise UnreadableError(RejectReason.RAGGED, f"The instances mix {seen}.")


def _width(instances: list[list[Any]]) -> int:
    widths = set(map(len, instances))
    if len(widths) > 1:
        raise UnreadableError(
            RejectReason.RAGGED, f"The instances differ in width: {min(widths)} to {max(widths)} values."
        )
    _check_scalars(list(chain.from_iterable(instances)))
    if 0 in widths:
        raise UnreadableError(RejectReason.EMPTY, "The instances hold no value.")
    return widths.pop()


def _check_scalars(values: list[Any]) -> None:
    if not set(map(type, values)) <= SCALARS:
        odd = next((value for value in values if type(value) not in SCALARS and not is_base64(value)), None)
        if odd is not None:
            raise UnreadableError(RejectReason.BAD_SHAPE, f"A value of an instance is {json_type(odd)}.")


def _dict_layout(instances: list[dict[str, Any]]) -> tuple[ReadHeap, Hashable]:
    """Dicts of columns (every value is a list) hold several instances each, dicts of scalars one."""
    names = dict.fromkeys(chain.from_iterable(instances))
    entries = sum(map(len, instances))
    if not entries:
        raise UnreadableError(RejectReason.EMPTY, "The instances hold no value.")
    if len(names) * len(instances) > SPARSE * entries:
        raise UnreadableError(
            RejectReason.RAGGED, f"{len(instances)} instances share hardly any of their {len(names)} columns."
        )
    if not all(type(value) is list for one in instances for value in one.values()):
        return _read_records, frozenset(names)
    if len(names) * len(instances) != entries:
        raise UnreadableError(RejectReason.RAGGED, "The instances are dicts of columns and differ in their columns.")
    for one in instances:
        _check_columns(one)
    return _read_columns, frozenset(names)


def _check_columns(columns: dict[str, list[Any]]) -> None:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        short, long = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        seen = f"'{short[:80]}' has {lengths[short]} values, '{long[:80]}' has {lengths[long]}"
        raise UnreadableError(RejectReason.RAGGED, f"The columns differ in length: {seen}.")
    for values in columns.values():
        _check_scalars(values)
    if 0 in lengths.values():
        raise UnreadableError(RejectReason.EMPTY, "The columns hold no value.")


def _read_rows(rows: IntArray, messages: list[list[Any]]) -> Block:
    instances = list(chain.from_iterable(messages))
    flat = list(chain.from_iterable(instances))
    return Block(rows, _lengths(messages), positional(flat, len(instances[0]), set(map(type, flat))))


def _read_scalars(rows: IntArray, messages: list[list[Any]]) -> Block:
    flat = list(chain.from_iterable(messages))
    return Block(rows, _lengths(messages), positional(flat, 1, set(map(type, flat))))


def _read_records(rows: IntArray, messages: list[list[Any]]) -> Block:
    records = list(chain.from_iterable(messages))
    names = dict.fromkeys(chain.from_iterable(messages[0]))
    return Block(rows, _lengths(messages), Named({name: column([one.get(name) for one in records]) for name in names}))


def _read_columns(rows: IntArray, messages: list[list[Any]]) -> Block:
    tables = list(chain.from_iterable(messages))
    names = list(tables[0])
    counts = [sum(len(table[names[0]]) for table in message) for message in messages]
    columns = {name: column(list(chain.from_iterable(table[name] for table in tables))) for name in names}
    return Block(rows, np.array(counts, dtype=np.int64), Named(columns))


def _lengths(messages: list[list[Any]]) -> IntArray:
    return np.fromiter(map(len, messages), np.int64, len(messages))
