"""Batch: typed columns of the instances decoded from one record batch of the log, one side of the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hopsmon.core.schema import Word

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]


class Side(Word):
    """Requests carry features, responses carry predictions; neither waits for the other."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """Numbers of one feature. `values` is NaN wherever there is no number.

    A NaN (or infinity) in `values` that neither mask explains came as such from the sender: it counts as non-finite.
    """

    values: FloatArray
    null: BoolArray | None = None  # None: no value is null
    invalid: BoolArray | None = None  # values of a wrong type (a string where a number belongs); None: none

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[np.intp]) -> NumericColumn:
        """The same column at the given row numbers."""
        return NumericColumn(
            self.values[rows],
            None if self.null is None else self.null[rows],
            None if self.invalid is None else self.invalid[rows],
        )


NULL_CODE = -1
INVALID_CODE = -2


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """Labels of one feature: `labels[codes[i]]`; code -1 is null, -2 a value of a wrong type."""

    codes: npt.NDArray[np.int32]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.intp]) -> CategoryColumn:
        """The same column at the given row numbers; the labels stay."""
        return CategoryColumn(self.codes[rows], self.labels)


Column: TypeAlias = NumericColumn | CategoryColumn


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances of one side: typed columns by feature name, and where each instance came from.

    All arrays have one entry an instance. `message` is the row of the record batch it was decoded from, `instance`
    its number in that message (from 0), `event_time` microseconds since the epoch, UTC.
    """

    side: Side
    event_time: IntArray
    message: IntArray
    instance: IntArray
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event_time)

    def take(self, rows: npt.NDArray[np.intp]) -> Batch:
        """The batch at the given row numbers."""
        return replace(
            self,
            event_time=self.event_time[rows],
            message=self.message[rows],
            instance=self.instance[rows],
            columns={name: column.take(rows) for name, column in self.columns.items()},
        )
