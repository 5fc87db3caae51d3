"""Checks of instance techniques: batches of single instances."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray, IntArray
from hopsmon.core.techniques.guard import FAILURES
from hopsmon.core.techniques.protocols import InstanceScores, InstanceTechnique
from hopsmon.testing.cases import PARTS, ROWS, Cases, broken, columns, constant, nulls
from hopsmon.testing.problems import Problem, frozen

_MOST_FLAGGED = 0.05  # of rows that are like the reference's


def _unsound(scores: object, rows: int, where: str) -> Iterator[Problem]:
    if not isinstance(scores, InstanceScores):
        yield f"{where}: it returned {type(scores).__name__}", "return InstanceScores"
    elif len(scores.score) != rows or len(scores.flagged) != rows:
        yield f"{where}: {len(scores.score)} scores for {rows} instances", "one score and one verdict an instance"
    else:
        yield from _wrong_values(scores, rows, where)


def _wrong_values(scores: InstanceScores, rows: int, where: str) -> Iterator[Problem]:
    if np.isinf(scores.score).any():
        yield f"{where}: an infinite score", "the largest float stands for infinity, NaN for no score"
    if (scores.flagged & np.isnan(scores.score)).any():
        yield f"{where}: an instance without a score is flagged", "flag only where the score is a number"
    if np.isnan(scores.threshold) or (scores.flagged.any() and not np.isfinite(scores.threshold)):
        yield f"{where}: the threshold is {scores.threshold}", "a number; inf only where nothing can be flagged"
    if scores.p_value is not None and not _probabilities(scores.p_value, rows):
        yield f"{where}: p-values that are no probabilities", "one in [0, 1] an instance; NaN where there is no score"
    for name, part in scores.contributions.items():
        if len(part) != rows:
            yield f"{where}: {len(part)} contributions of {name} for {rows} instances", "one an instance"


def _probabilities(values: FloatArray, rows: int) -> bool:
    known = values[~np.isnan(values)]
    return len(values) == rows and bool(((known >= 0) & (known <= 1)).all())


def _sound(technique: InstanceTechnique, cases: Cases) -> Iterator[Problem]:
    scores = technique.check(cases.batch(columns(ROWS, 1)), cases.baseline)
    yield from _unsound(scores, ROWS, "a usual batch")
    if np.isnan(scores.score).all():
        yield "no instance of a usual batch has a score", "score numbers or labels"


def _repeatable(technique: InstanceTechnique, cases: Cases) -> Iterator[Problem]:
    batch = cases.batch(columns(ROWS, 1))
    first = technique.check(batch, cases.baseline).score.copy()
    mend = "seed what is random by a parameter, and keep nothing between calls that a new process would not have"
    if not np.allclose(first, technique.check(batch, cases.baseline).score, equal_nan=True):
        yield "twice the same batch: other scores", mend
    shipped, again, baseline = pickle.loads(pickle.dumps((technique, batch, cases.baseline)))  # noqa: S301
    if not np.allclose(first, shipped.check(again, baseline).score, equal_nan=True):
        yield "the same batch in another process: other scores", mend


def _few_flagged(technique: InstanceTechnique, cases: Cases) -> Iterator[Problem]:
    for where, seed in (("the reference's own rows", 0), ("other rows of the same distribution", 1)):
        share = technique.check(cases.batch(columns(ROWS, seed)), cases.baseline).flagged.mean()
        if share > _MOST_FLAGGED:
            yield f"{where}: {share:.1%} flagged", f"choose defaults that flag at most {_MOST_FLAGGED:.0%}"


def _row_by_row(technique: InstanceTechnique, cases: Cases) -> Iterator[Problem]:
    batch = cases.batch(columns(ROWS, 1))
    whole = technique.check(batch, cases.baseline).score
    cuts = np.array_split(np.arange(ROWS), PARTS)
    parts = [technique.check(batch.take(rows), cases.baseline).score for rows in cuts]
    if not np.allclose(whole, np.concatenate(parts), equal_nan=True):
        yield "an instance's score depends on the others of its batch", "batches are cut anyhow: score row by row"
    backwards = technique.check(batch.take(np.arange(ROWS)[::-1]), cases.baseline).score
    if not np.allclose(whole, backwards[::-1], equal_nan=True):
        yield "scores depend on the order of instances", "score row by row"


def _odd(technique: InstanceTechnique, cases: Cases) -> Iterator[Problem]:
    batches = {"no rows": columns(0), "one row": columns(1, 1), "a constant batch": constant(50)}
    batches |= {"a batch of nulls": nulls(50), "infinities, huge numbers and odd labels": broken(60)}
    for where, of in batches.items():
        yield from _survives(technique, where, cases.batch(of), cases.baseline)
    usual = cases.batch(columns(50, 1))
    yield from _survives(technique, "a batch without columns", Batch(usual.side, *_places(usual)), cases.baseline)
    for where, reference in cases.odd_references.items():
        yield from _survives(technique, where, usual, reference())


def _places(batch: Batch) -> tuple[IntArray, IntArray, IntArray]:
    return batch.event_time, batch.message, batch.instance


def _survives(technique: InstanceTechnique, where: str, batch: Batch, baseline: Baseline) -> Iterator[Problem]:
    try:
        scores = technique.check(batch, baseline)
    except FAILURES as error:  # somebody's technique may raise anything
        yield f"{where}: {type(error).__name__}: {error}", "give NaN where there is nothing to score"
        return
    yield from _unsound(scores, len(batch), where)


def _untouched(technique: InstanceTechnique, cases: Cases) -> Iterator[Problem]:
    batch = cases.batch(columns(ROWS, 1))
    before = frozen(batch, cases.baseline.to_json())
    technique.check(batch, cases.baseline)
    if frozen(batch, cases.baseline.to_json()) != before:
        yield "it changed the batch or the baseline", "copy arrays before changing them"


INSTANCE_CHECKS: Mapping[str, Callable[[Any, Cases], Iterator[Problem]]] = {
    "sound scores": _sound,
    "repeatable": _repeatable,
    "few flagged where nothing is wrong": _few_flagged,
    "row by row": _row_by_row,
    "odd batches and references": _odd,
    "inputs untouched": _untouched,
}
