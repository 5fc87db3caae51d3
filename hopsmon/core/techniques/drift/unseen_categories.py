"""unseen_categories: values whose label the baseline has never seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.finding import Finding, Reason
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.techniques.cells import category_cells
from hopsmon.core.techniques.pairs import LABELS, NotComputableError, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import two_proportions_p
from hopsmon.core.techniques.univariate import Univariate

_NAMED = 5  # labels in `details`


@dataclass(frozen=True, slots=True)
class UnseenCategories(Univariate):
    """How many more values than expected have a label that the reference lacks.

    Score = max(0, k/n - u): k of the window's n values have a label that the reference does not hold, u is the share
    that is expected of new data without drift, f₁/m: the share of the reference's own values whose label occurs once
    (Good and Turing's estimate). In share of values, 0 to 1. So an id, new in every row, is no drift, and a new country
    is. Nulls do not count.

    The p-value is that of the two-proportion test of k of n against f₁ of m (m cut to what Good's estimate is worth),
    Fisher's exact one where few are expected.
    Of free text and ids, where the reference holds more labels than are tracked (1,000), those too rare to be told from
    untracked ones count as unseen on both sides; categories are not judged against a reference that does not know all
    of its labels. Misleads where the reference is a short stretch of traffic: weekly labels are unseen until
    the first weekend.

    Default thresholds: 0.01 is a warning, 0.1 critical. No published source: one row in a hundred is what the model
    answers blindly; one unseen value in 1,000 rows is no drift. At least 30 rows.
    Reference: Good, Biometrika 40, 1953.

    >>> from hopsmon.core.techniques.significance import two_proportions_p
    >>> two_proportions_p(1, 1_000, 0, 10_000) > 0.01, two_proportions_p(20, 1_000, 0, 10_000) < 1e-4
    (True, True)
    """

    name: ClassVar[str] = "unseen_categories"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Categories})
    feature_types: ClassVar[frozenset[FeatureType]] = LABELS | {FeatureType.STRING}

    threshold: float = 0.01
    critical: float = Default(0.1)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the share of unseen labels."""
        window, reference = pair.both(Categories)
        if not reference.total:
            raise NotComputableError(Reason.EMPTY_REFERENCE, window.total)
        if reference.untracked and pair.kind is not FeatureType.STRING:
            missing = {"statistic": "all labels", "missing_in": ["baseline"], "labels_known": len(reference.counts)}
            raise NotComputableError(Reason.NO_STATISTIC, window.total, **missing)
        n, m = pair.usable(self.min_rows)
        unseen, once, certainty = _unseen(pair)
        share, expected = unseen / n, once / m
        known = (round(once * certainty), round(m * certainty))
        p_value = two_proportions_p(unseen, n, *known) if share > expected else 1.0
        strange = {label: count for label, count in window.counts.items() if label not in reference.counts}
        details = {
            "unseen": unseen,
            "share": share,
            "expected_without_drift": expected,
            "labels": dict(sorted(strange.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]),
            "reference_n": m,
        }
        return self.verdict(pair, max(0.0, share - expected), p_value, n, details)


def _unseen(pair: Pair) -> tuple[int, int, float]:
    """The window's unseen values, the reference's that would be if they came again, and a row of the latter's worth.

    f₁/m has the variance (f₁ + 2·f₂)/m², f₂ being the number of labels seen twice: more than a share of m rows has.
    """
    window, reference = pair.both(Categories)
    if reference.untracked:
        other = category_cells(pair)
        return int(other.window[-1]), int(other.reference[-1]), 1.0
    how_many = Counter(reference.counts.values())
    return window.unseen, how_many[1], how_many[1] / (how_many[1] + 2 * how_many[2]) if how_many[1] else 1.0
