"""Slices: segments of the traffic by the label of a categorical feature, each with windows of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hopsmon.core.batch import NULL_CODE, Batch, CategoryColumn, Side
from hopsmon.core.statistics.categories import Categories, label_key
from hopsmon.streaming.plan import MonitorPlan

OTHER, NULL, INVALID = "(other)", "(null)", "(invalid)"

Rows = npt.NDArray[np.intp]


class Slicer:
    """Cuts a batch by each sliced feature.

    The values that get a slice are the most frequent ones of the baseline (at most `max_slices`); all others share
    "feature=(other)". So the slices are the same on every executor, and nobody's ids blow up the state.
    """

    def __init__(self, plan: MonitorPlan) -> None:
        self._known = {name: known_values(plan, name) for name in plan.slices}

    def slices(self, batch: Batch) -> Iterator[tuple[str, Rows | None]]:
        """Name and row numbers of every slice present; first "" with None: all rows."""
        yield "", None
        if batch.side is not Side.REQUEST:
            return  # responses do not carry the features
        for feature, known in self._known.items():
            column = batch.columns.get(feature)
            if isinstance(column, CategoryColumn):
                yield from self._cut(feature, column, known)

    def _cut(self, feature: str, column: CategoryColumn, known: frozenset[str]) -> Iterator[tuple[str, Rows]]:
        rows_of: dict[str, list[Rows]] = {}
        for code in np.unique(column.codes).tolist():
            label = NULL if code == NULL_CODE else INVALID if code < 0 else column.labels[code]
            name = label if code < 0 or label_key(label) in known else OTHER
            rows_of.setdefault(name, []).append(np.flatnonzero(column.codes == code))
        for name, parts in sorted(rows_of.items()):
            yield f"{feature}={name}", np.sort(np.concatenate(parts))


def known_values(plan: MonitorPlan, feature: str) -> frozenset[str]:
    """The values of a feature that get a slice each."""
    summary = plan.baseline.features.get(feature)
    categories = summary.get(Categories) if summary else None
    if categories is None:
        return frozenset()
    ranked = sorted(categories.counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return frozenset(label for label, _ in ranked[: plan.max_slices])
