"""Demo, its yardstick: the same verdicts on the days the model was trained on.

One day's weather is unlike a whole quarter's in any season. So a daily window against a quarter's baseline drifts on
nearly every day, for some features, without anything having changed. What has changed is what the training's own days
do not show, and that is what this module measures. Pure: frames in, frames out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.frames import batches_of, to_arrow
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.protocols import WindowTechnique

ALL_TRAFFIC = ""  # the slice that is no slice
USUAL = 0.95  # a score is unusual when it is above those of so many of the training's days


@dataclass(frozen=True)
class Yardstick:
    """What the training's own days look like to the monitor.

    Attributes:
        drift_share: by slice and feature, on how many of those days a technique says drift.
        usual: by slice, feature and technique, the score that USUAL of those days do not pass.
    """

    drift_share: Mapping[tuple[str, str], float]
    usual: Mapping[tuple[str, str, str], float]

    @classmethod
    def of(
        cls, training: pd.DataFrame, baseline: Baseline, techniques: Sequence[WindowTechnique], sliced: str
    ) -> Yardstick:
        """Judge each whole day (UTC) of the training frame, and each day of each slice; `departs` tells the day."""
        days = training["departs"].dt.floor("D")
        whole = (days < days.max()).to_numpy()  # the last one ends in the evening: New York's midnight is not UTC's
        days, table = days.to_numpy()[whole], to_arrow(training.drop(columns="departs")[whole])
        labels = training[sliced].to_numpy()[whole]
        rows_of = {
            ALL_TRAFFIC: np.full(len(labels), True),
            **{f"{sliced}={name}": labels == name for name in np.unique(labels)},
        }
        judge = _judge_of(baseline, techniques)
        judged = pd.DataFrame(
            [
                (name, day, finding.feature, finding.technique, finding.score, finding.is_drift)
                for name, rows in rows_of.items()
                for day, part in _by_day(table.filter(rows), days[rows])
                for finding in judge(part)
                if finding.score is not None
            ],
            columns=["slice", "day", "feature", "technique", "score", "is_drift"],
        )
        drifting = judged.groupby(["slice", "feature", "day"])["is_drift"].any()
        return cls(
            drifting.groupby(["slice", "feature"]).mean().to_dict(),
            judged.groupby(["slice", "feature", "technique"])["score"].quantile(USUAL).to_dict(),
        )

    def unusual(self, drift: pd.DataFrame) -> pd.Series:
        """For each row of a drift table: it says drift, and by a score that is unusual for a day of the training."""
        keys = zip(drift["slice"], drift["feature"], drift["technique"], strict=True)
        usual = pd.Series([self.usual.get(key, 0.0) for key in keys], drift.index, dtype="float64")
        return drift["is_drift"] & (drift["score"] > usual)


def _by_day(table: pa.Table, days: npt.NDArray[np.datetime64]) -> Iterator[tuple[np.datetime64, pa.Table]]:
    """The rows of each day; they are in order of time."""
    starts = np.flatnonzero(np.concatenate([[True], days[1:] != days[:-1]]))
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        yield days[start], table.slice(start, stop - start)


def _judge_of(baseline: Baseline, techniques: Sequence[WindowTechnique]) -> Callable[[pa.Table], Iterator[Finding]]:
    needed = frozenset(statistic for technique in techniques for statistic in technique.needs)
    recipe = Recipe(baseline.schema, baseline.features, needed)

    def judge(rows: pa.Table) -> Iterator[Finding]:
        features = {
            name: summary
            for batch in batches_of(rows, baseline.schema)
            for name, summary in recipe.summarise(batch).items()
        }
        window = Summary(instances=rows.num_rows, predictions=rows.num_rows, features=features)
        for technique in techniques:
            yield from run_window_technique(technique, window, baseline)

    return judge
