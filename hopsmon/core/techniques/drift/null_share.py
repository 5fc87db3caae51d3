"""null_share: whether more or fewer values are missing or unusable than in the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.techniques.pairs import ALL_TYPES, Pair, enough
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import two_proportions_p
from hopsmon.core.techniques.univariate import Univariate

_QUESTIONS = 2  # nulls and invalid values are tested apart; the p-value pays for both (Bonferroni)


@dataclass(frozen=True, slots=True)
class NullShare(Univariate):
    """How much the share of missing values has changed, and apart from it the share of unusable ones.

    Score = |k/n - K/m|: k nulls of n rows in the window, K of m in the reference; a feature missing from a message
    counts as null. The same is computed for invalid values (of a wrong type, NaN, infinite) and the finding has the
    worse of the two; `details["kind"]` says which, and has both. In share of rows, 0 to 1; the sign is in
    `details["change"]`.

    The p-value is that of the two-proportion test, Fisher's exact one where few are expected, times two for the two
    questions. Misleads where a whole source of rows is missing: then the share of nulls may even fall.

    Default thresholds: a change of 0.02 is a warning, of 0.1 critical. No published source: one row in fifty is what an
    imputed column costs a model little; feeds fail altogether rather than by less. At least 30 rows.
    Reference: Agresti, Categorical Data Analysis, 2002, chapter 3.

    >>> from hopsmon.core.techniques.significance import two_proportions_p
    >>> two_proportions_p(10, 200, 0, 10_000) < 0.0001
    True
    """

    name: ClassVar[str] = "null_share"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts})
    feature_types: ClassVar[frozenset[FeatureType]] = ALL_TYPES

    threshold: float = 0.02
    critical: float = Default(0.1)

    def compare(self, pair: Pair) -> Finding:
        """The worse of nulls and of invalid values."""
        window, reference = pair.counts()
        enough(window.rows, reference.rows, self.min_rows)
        nulls = self._finding(pair, "null", window.nulls, reference.nulls)
        broken = (side.invalid + side.nonfinite for side in (window, reference))
        invalid = self._finding(pair, "invalid", *broken)
        return max(nulls, invalid, key=lambda finding: (finding.is_drift, finding.score))

    def _finding(self, pair: Pair, kind: str, hits: int, reference_hits: int) -> Finding:
        window, reference = pair.counts()
        n, m = window.rows, reference.rows
        change = hits / n - reference_hits / m
        p_value = min(1.0, _QUESTIONS * two_proportions_p(hits, n, reference_hits, m))
        details: dict[str, Any] = {"kind": kind, "change": change, "reference_n": m, **_shares(pair)}
        return self.verdict(pair, abs(change), p_value, n, details)


def _shares(pair: Pair) -> dict[str, float]:
    window, reference = pair.counts()
    return {
        "null_share": window.nulls / window.rows,
        "reference_null_share": reference.nulls / reference.rows,
        "invalid_share": (window.invalid + window.nonfinite) / window.rows,
        "reference_invalid_share": (reference.invalid + reference.nonfinite) / reference.rows,
    }
