"""From values of many messages to columns: shared by the v1 and v2 body readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.payloads.decoded import Matrix, Named, Rows

NUMBERS: Final = {float, int}
EXACT_INT: Final = 2**53  # below it every whole number is exact in float64


@dataclass(frozen=True, slots=True)
class Block:
    """Instances of some messages in one layout: `counts[i]` instances of the message in row `rows[i]`."""

    rows: IntArray
    counts: IntArray
    columns: Matrix | Rows | Named


def as_numbers(values: list[Any], types: set[type]) -> FloatArray | None:
    """The values as float64 if all are JSON numbers that float64 holds exactly; else None.

    `types` are the values' types: conversion alone would take True for 1.0, and the text "1" as well.
    """
    if not types <= NUMBERS:
        return None
    numbers = np.fromiter(values, np.float64, len(values))
    if int in types and len(numbers) and np.abs(numbers).max() >= EXACT_INT:
        return None
    return numbers


def positional(flat: list[Any], width: int, types: set[type]) -> Matrix | Rows:
    """Rows of `width` values from one flat list."""
    numbers = as_numbers(flat, types)
    return Rows(_unwrapped(flat, types), width) if numbers is None else Matrix(numbers.reshape(-1, width))


def column(values: list[Any]) -> FloatArray | list[Any]:
    """One named column."""
    types = set(map(type, values))
    numbers = as_numbers(values, types)
    return _unwrapped(values, types) if numbers is None else numbers


def _unwrapped(values: list[Any], types: set[type]) -> list[Any]:
    """`{"b64": text}` stands for the bytes the text encodes; monitored as that text."""
    return [value["b64"] if is_base64(value) else value for value in values] if dict in types else values


def is_base64(value: Any) -> bool:
    """Whether a JSON value is the v1 protocol's form of bytes."""
    return type(value) is dict and value.keys() == {"b64"}


def json_type(value: Any) -> str:
    """What a JSON value is called, for messages; never its content, which may be large or nested."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def numbered(counts: IntArray) -> IntArray:
    """0 … n-1 for each message, one after the other.

    >>> numbered(np.array([2, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    starts = np.cumsum(counts) - counts
    return np.asarray(np.arange(int(counts.sum())) - np.repeat(starts, counts))
