"""Peers' values: the cases of tests/data/peer_values.json, their inputs rebuilt and checked, and pairs made of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn import datasets

from hopsmon.core.frames import batches_of, infer_schema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques.pairs import Pair

DATA = Path(__file__).parents[1] / "data"
RAW = frozenset({Counts, Values, Categories})


@dataclass(frozen=True)
class Case:
    """One comparison, and what others make of it.

    Attributes:
        numeric: numbers or labels.
        peers: by peer, its values.
        oracle: scipy's values.
    """

    name: str
    numeric: bool
    reference: pd.Series
    current: pd.Series
    peers: Mapping[str, Any]
    oracle: Mapping[str, Any]

    @property
    def pair(self) -> Pair:
        return pair_of(self.reference, self.current)


@cache
def document(file: str = "peer_values.json") -> dict[str, Any]:
    return json.loads((DATA / file).read_text(encoding="utf-8"))


def further_cases() -> dict[str, Any]:
    """Cases that the conventions were not written after; without Deequ's values and without scipy's."""
    return document("peer_values_more.json")["cases"]


def names(numeric: bool | None = None) -> list[str]:
    """The cases' names: all, or those of one kind."""
    cases = document()["cases"].items()
    return [name for name, case in cases if numeric is None or (case["kind"] == "num") is numeric]


@cache
def case(name: str) -> Case:
    """A case with its inputs, which are what the peers were given."""
    entry = document()["cases"].get(name) or further_cases()[name]
    reference, current = inputs(entry["construct"])
    assert (digest(reference), digest(current)) == (entry["digest_ref"], entry["digest_cur"]), name
    return Case(name, entry["kind"] == "num", reference, current, entry["peers"], entry.get("oracle_scipy", {}))


def inputs(construct: Mapping[str, Any]) -> tuple[pd.Series, pd.Series]:
    """Reference and current sample, from how the file says they are made."""
    if "sklearn" in construct:
        bundle = getattr(datasets, construct["sklearn"])(as_frame=True)
        column = bundle.target if construct["column"] == "target" else bundle.data[construct["column"]]
        sides = [_rows(column, construct[side]) for side in ("reference", "current")]
    elif "reference_counts" in construct:
        counts = [construct[f"{side}_counts"] for side in ("reference", "current")]
        sides = [pd.Series(np.repeat(list(of), list(of.values())), dtype=object) for of in counts]
    else:
        sides = [_made(construct[side]) for side in ("reference", "current")]
    return sides[0].reset_index(drop=True), sides[1].reset_index(drop=True)


def _rows(column: pd.Series, words: str) -> pd.Series:
    """The rows meant by "rows 0..299"."""
    first, last = (int(number) for number in words.removeprefix("rows ").split(".."))
    return column.iloc[first : last + 1]


def _made(code: str) -> pd.Series:
    """The values of "linspace(0,1,500)", or of x in "x=…; x[::10]=nan"."""
    known = {"numpy": np, "linspace": np.linspace, "nan": np.nan, "inf": np.inf}
    first, *more = code.split("; ")
    name, _, value = first.partition("=") if more else ("x", "", first)
    known[name] = eval(value, known)
    for statement in more:
        exec(statement, known)
    return pd.Series(known[name])


def digest(values: pd.Series) -> str:
    """The file's fingerprint of a sample."""
    words = [value if isinstance(value, str) else _word(value) for value in values.tolist()]
    return hashlib.sha256("|".join(words).encode()).hexdigest()[:16]


def _word(value: float | None) -> str:
    return "nan" if value is None or isnan(value) else repr(round(float(value), 9))


def pair_of(reference: Any, current: Any, name: str = "f") -> Pair:
    """A feature as `hopsmon.compare` sees it, with the raw values; pandas' NaN counts as null, as pandas has it."""
    reference, current = pd.Series(reference), pd.Series(current)
    table = _table(name, reference)
    schema = infer_schema(table.schema)
    (before,) = _summaries(Recipe(schema, {}, RAW), table)
    (after,) = _summaries(Recipe(schema, {name: before}, RAW), _table(name, current))
    return Pair(name, schema.features[0].type, after, before)


def _table(name: str, values: pd.Series) -> pa.Table:
    return pa.table({name: pa.Array.from_pandas(values)})


def _summaries(recipe: Recipe, table: pa.Table) -> Iterator[FeatureSummary]:
    for batch in batches_of(table, recipe.schema):
        yield from recipe.summarise(batch).values()
