"""vanished_categories: labels of the baseline that no longer occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.finding import Finding, Reason
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.techniques.pairs import LABELS, NotComputableError, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import two_proportions_p
from hopsmon.core.techniques.univariate import Univariate

_NAMED = 5  # labels in `details`


@dataclass(frozen=True, slots=True)
class VanishedCategories(Univariate):
    """How much of the reference has a label that the window lacks, chance aside.

    Score = Σ qᵢ over the labels i that the window does not hold at all and whose absence chance does not explain, qᵢ:
    share of label i in the reference. In share of values, 0 to 1. Nulls do not count; only labels that the baseline
    tracks (1,000) are looked for.

    Each absent label has the p-value of 0 in n values against its count in the reference (Fisher's exact test where few
    are expected), times the number of labels looked for (Bonferroni); it explains itself by chance where that is not
    below alpha. The finding's p-value is that of the label with which the threshold is reached, the smallest p-values
    first (where it is not, the smallest). Small windows lack many a rare label: `details["absent_share"]` has the share
    of all absent labels, `expected_without_drift` what it averages. Misleads where labels follow the calendar: Sunday's
    are gone on Monday.

    Default thresholds: 0.01 is a warning, 0.1 critical. No published source: the same as for unseen_categories, often
    the other half of one story, a label that was renamed. At least 30 rows. Reference: Agresti,
    Categorical Data Analysis, 2002, chapter 3.

    >>> from hopsmon.core.techniques.significance import two_proportions_p
    >>> two_proportions_p(0, 50, 200, 10_000) > 0.1, two_proportions_p(0, 500, 500, 10_000) < 1e-4
    (True, True)
    """

    name: ClassVar[str] = "vanished_categories"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Categories})
    feature_types: ClassVar[frozenset[FeatureType]] = LABELS | {FeatureType.STRING}

    threshold: float = 0.01
    critical: float = Default(0.1)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the labels that the window lacks."""
        window, reference = pair.both(Categories)
        if not reference.total:
            raise NotComputableError(Reason.EMPTY_REFERENCE, window.total)
        n, m = pair.usable(self.min_rows)
        absent = {label: count for label, count in reference.counts.items() if not window.counts.get(label)}
        p_of_count = {
            count: min(1.0, len(reference.counts) * two_proportions_p(0, n, count, m)) for count in set(absent.values())
        }
        gone = {label: count for label, count in absent.items() if p_of_count[count] < self.alpha}
        q = np.array(list(reference.counts.values()), np.float64) / m
        details = {
            "vanished": len(gone),
            "absent": len(absent),
            "absent_share": sum(absent.values()) / m,
            "expected_without_drift": float((q * (1 - np.minimum(q, 1.0)) ** n).sum()),
            "labels": dict(sorted(gone.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]),
            "reference_n": m,
        }
        p_value = self._decisive_p([(p_of_count[count], count) for count in absent.values()], m)
        return self.verdict(pair, sum(gone.values()) / m, p_value, n, details)

    def _decisive_p(self, absent: Sequence[tuple[float, int]], m: int) -> float:
        """The smallest level at which the labels that chance does not explain make up the threshold.

        So a correction for many features cannot keep, for the sake of one rare label, a verdict that rests on others.
        """
        total = 0
        ordered = sorted(absent)
        for p_value, count in ordered:
            total += count
            if total / m >= self.threshold:
                return p_value
        return ordered[0][0] if ordered else 1.0
