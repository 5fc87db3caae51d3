"""The v2 (Open Inference) protocol's inputs and outputs: one tensor [n, k], or one tensor a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads.decoded import Matrix, Named, RawColumn, Rows
from hopsmon.core.payloads.layout import Block, positional
from hopsmon.core.payloads.opened import Ledger, UnreadableError
from hopsmon.core.payloads.tensors import DATATYPES, Tensor, as_datatype, read_tensors, shape_of

PARTS: Final = itemgetter("name", "datatype", "shape", "data")
MOST_VALUES: Final = int(np.iinfo(np.int64).max)  # a shape may ask for any number; numpy counts only up to this one


def read(rows: IntArray, values: list[Any], tails: Mapping[int, bytes], ledger: Ledger) -> list[Block]:
    """`values[i]`: the list of tensors of the message in row `rows[i]`; tails: binary data by row."""
    block = None if tails else read_uniform(rows, values)
    return [block] if block else _read_by_layout(rows, values, tails, ledger)


class _Stack:
    """The same tensor of many messages, one after the other."""

    def __init__(self, name: str, counts: IntArray, width: int, values: list[Any]) -> None:
        self.name = name
        self.counts = counts
        self.width = width
        self.values = values

    def positional(self) -> Matrix | Rows:
        return positional(self.values, self.width, set(map(type, self.values)))

    def columns(self) -> dict[str, RawColumn]:
        """A tensor of several columns gives `name[0]`, `name[1]` and so on."""
        rows = self.positional()
        names = [self.name] if self.width == 1 else [f"{self.name}[{j}]" for j in range(self.width)]
        if isinstance(rows, Matrix):
            return {name: rows.values[:, j] for j, name in enumerate(names)}
        return {name: rows.values[j :: self.width] for j, name in enumerate(names)}


def _block(rows: IntArray, stacks: Sequence[_Stack]) -> Block:
    """One tensor is positional: its columns have no names of their own."""
    if len(stacks) == 1:
        return Block(rows, stacks[0].counts, stacks[0].positional())
    columns = dict(chain.from_iterable(stack.columns().items() for stack in stacks))
    return Block(rows, stacks[0].counts, Named(columns, ordered=True))


def read_uniform(rows: IntArray, messages: list[Any]) -> Block | None:
    """The common case, without a Python step a message: the same tensors in all messages, as JSON."""
    if set(map(type, messages)) != {list} or len(set(map(len, messages))) != 1:
        return None
    size = len(messages[0])
    tensors = list(chain.from_iterable(messages))
    try:
        parts = list(chain.from_iterable(map(PARTS, tensors)))  # in one pass: the objects lie far apart in memory
        step = 4 * size
        stacks = [stack for j in range(0, step, 4) if (stack := _stack(*(parts[j + i :: step] for i in range(4))))]
    except (KeyError, TypeError):  # a tensor lacks a key, or is no object: let the careful reader say which
        return None
    if not size or len({stack.name for stack in stacks}) < size:
        return None
    return _block(rows, stacks) if all(np.array_equal(stack.counts, stacks[0].counts) for stack in stacks) else None


def _stack(names: Sequence[Any], datatypes: Sequence[Any], shapes: Sequence[Any], data: Sequence[Any]) -> _Stack | None:
    name, datatype, known = set(names), set(datatypes), set(map(tuple, shapes))
    if len(name) != 1 or len(datatype) != 1 or not datatype <= DATATYPES or set(map(type, name)) != {str}:
        return None
    if set(map(type, chain.from_iterable(shapes))) != {int}:  # True and 1.0 would pass for 1
        return None
    sizes = {size or (0, 0) for size in map(shape_of, known)}
    widths = {width for _, width in sizes}
    if len(widths) != 1 or 0 in widths or max(sizes)[0] * max(widths) > MOST_VALUES:
        return None
    width = widths.pop()
    counts = np.fromiter(map(itemgetter(0), shapes), np.int64, len(shapes))
    values = _flat(data, counts, width)
    return None if values is None else _Stack(name.pop(), counts, width, as_datatype(values, datatype.pop()))


def _flat(data: Sequence[Any], counts: IntArray, width: int) -> list[Any] | None:
    """All values, if every message's data is flat, or nested in rows, as its shape says."""
    if set(map(type, data)) != {list}:
        return None
    lengths = np.fromiter(map(len, data), np.int64, len(data))
    values = list(chain.from_iterable(data))
    types = set(map(type, values))
    if list not in types:
        return values if np.array_equal(lengths, counts * width) else None
    if types != {list} or set(map(len, values)) != {width} or not np.array_equal(lengths, counts):
        return None
    values = list(chain.from_iterable(values))
    return None if list in set(map(type, values)) else values


def _read_by_layout(rows: IntArray, messages: list[Any], tails: Mapping[int, bytes], ledger: Ledger) -> list[Block]:
    """Messages of different layouts: sort them by layout, then read each heap at once."""
    heaps: dict[tuple[tuple[str, int], ...], tuple[list[int], list[list[Tensor]]]] = {}
    for row, entries in zip(rows.tolist(), messages, strict=True):
        try:
            tensors = read_tensors(entries, tails.get(row, b""))
        except UnreadableError as error:
            ledger.reject(row, error.reason, str(error))
            continue
        heap = heaps.setdefault(tuple((tensor.name, tensor.width) for tensor in tensors), ([], []))
        heap[0].append(row)
        heap[1].append(tensors)
    return [_block(np.array(heap[0], dtype=np.int64), _stacks(heap[1])) for heap in heaps.values()]


def _stacks(messages: list[list[Tensor]]) -> list[_Stack]:
    return [
        _Stack(
            column[0].name,
            np.array([tensor.instances for tensor in column], dtype=np.int64),
            column[0].width,
            list(chain.from_iterable(tensor.values for tensor in column)),
        )
        for column in zip(*messages, strict=True)
    ]
