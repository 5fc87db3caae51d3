"""A window technique may make a statistic of its own on the executors; one that raises there stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, Side
from hopsmon.core.expectations.technique import techniques_of
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.expectation_counts import CheckCounts, ExpectationCounts
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import measures_of, run_window_technique
from hopsmon.core.techniques.protocols import Measuring
from tests.core.expectations.cases import BASELINE, SCHEMA, batch, compiled, expectation


@dataclass(frozen=True)
class Rows:
    """Counts instances under a key of its own, and says how many it found."""

    name: ClassVar[str] = "rows"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset()

    key: str = "rows"
    breaks: bool = False

    def measure(self, batch: Batch) -> ExpectationCounts | None:
        if self.breaks:
            raise SystemExit("no more")
        return ExpectationCounts({self.key: CheckCounts(len(batch))}) if batch.side is Side.REQUEST else None

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        measured = window.model.get(ExpectationCounts.name)
        if not isinstance(measured, ExpectationCounts):
            return [Finding.not_computable(self.name, None, Reason.NO_STATISTIC)]
        return [Finding(self.name, None, float(measured.by_key[self.key].elements), None, 0, Reason.OK)]


def model_of(*techniques: Any, rows: Batch) -> Any:
    recipe = Recipe(SCHEMA, statistics=frozenset({Reservoir}), measures=measures_of(techniques))
    return recipe.summarise_model(rows)


def test_what_techniques_measure_stands_in_the_summary_beside_what_they_need() -> None:
    rows = batch(x=[1.0, 2.0, 3.0])
    model = model_of(Rows(), rows=rows)
    assert model.keys() == {"reservoir", "expectations"}
    (found,) = run_window_technique(Rows(), Summary(model=model), BASELINE)
    assert found.score == 3
    assert model_of(Rows(), rows=batch(Side.RESPONSE, score=[1.0])) == {}
    assert not isinstance(object(), Measuring)


def test_measures_of_one_statistic_are_added_up() -> None:
    ours = techniques_of(compiled(expectation("values_to_not_be_null", column="x")))
    model = model_of(Rows(), Rows("again"), *ours, rows=batch(x=[1.0, None]))
    by_key = model["expectations"].by_key
    assert [by_key[key].elements for key in ("rows", "again")] == [2, 2]
    (expected,) = by_key.keys() - {"rows", "again"}
    assert by_key[expected].unexpected == 1


def test_one_that_raises_has_measured_nothing_and_the_others_have() -> None:
    model = model_of(Rows(breaks=True), Rows("other"), rows=batch(x=[1.0]))
    assert model["expectations"].by_key.keys() == {"other"}
    alone = model_of(Rows(breaks=True), rows=batch(x=[1.0]))
    (found,) = run_window_technique(Rows(), Summary(model=alone), BASELINE)
    assert found.reason is Reason.NO_STATISTIC
