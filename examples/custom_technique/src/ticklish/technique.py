"""round_share: whether more (or fewer) values are round than in the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from scipy.stats import fisher_exact

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.pairs import NUMBERS, Limits, Pair, enough, judge_each
from hopsmon.core.techniques.parameters import check_limits
from ticklish.statistic import RoundValues


@dataclass(frozen=True, slots=True)
class RoundShare:
    """How much the share of round numbers has changed.

    Score = |p - q|, p and q: share of whole multiples of ten among the values of window and reference. From 0 to 1, no
    unit. The p-value is Fisher's exact one. A sensor that somebody reads and types in gives many round numbers; when it
    is connected, they go.

    Misleads for features that are small whole numbers: 0 and 10 are round, 1 to 9 are not.

    Default thresholds: 0.1 is a warning, 0.3 critical; a rule of thumb. At least 30 values.
    Reference: Preece, Distributions of final digits in data, The Statistician 30(1), 1981.

    >>> from ticklish.statistic import RoundValues
    >>> RoundValues(10, 4) + RoundValues(30, 1)
    RoundValues(values=40, round=5)
    """

    name: ClassVar[str] = "round_share"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({RoundValues})

    threshold: float = 0.1
    critical: float = 0.3
    alpha: float = 0.0001
    min_rows: int = 30

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding a numeric feature."""
        return judge_each(self.name, NUMBERS, window, baseline, self._compare)

    def _compare(self, pair: Pair) -> Finding:
        now, before = pair.both(RoundValues)
        enough(now.values, before.values, self.min_rows)
        p, q = now.round / now.values, before.round / before.values
        table = [[now.round, now.values - now.round], [before.round, before.values - before.round]]
        details = {"share": p, "reference_share": q}
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, pair.name, abs(p - q), float(fisher_exact(table)[1]), now.values, details)
