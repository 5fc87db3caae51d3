"""Rebaseline: a new baseline made of a monitor's own closed windows, once a change is accepted as the new normal.

Rows are gone by then; what is left of each window are mergeable statistics. So counts, means, extremes and labels are
exact, and bins are counted from the windows' quantile sketches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from hopsmon.core.baseline import Baseline, Provenance, ReferenceWindow
from hopsmon.core.batch import FloatArray
from hopsmon.core.first_pass import MOST_CATEGORIES, Numbers
from hopsmon.core.reference_windows import MOST_CELLS, MOST_WINDOWS
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.season import Season, spread
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS, STATISTICS
from hopsmon.errors import ConfigError

LEAST_WINDOWS = 2
LEAST_ROWS = 500  # 25 for each of 20 bins; a smaller reference makes every test blind
# Raw values, models, counts of a suite; what other packages register is kept.
_NOT_KEPT = STATISTICS.keys() - {kind.name for kind in DEFAULT_STATISTICS}
_SHAPED = (Histogram.name, Categories.name)  # they take bins and labels from the baseline they were made with


def kept_form(feature: str, summary: FeatureSummary) -> bytes:
    """What is stored of one feature in one window so that a baseline can be made of it: the mergeable statistics."""
    kept = {name: value for name, value in summary.statistics.items() if name not in _NOT_KEPT}
    return Summary(features={feature: FeatureSummary(kept)}).to_bytes()


def window_of(start: int, instances: int, predictions: int, forms: Iterable[bytes]) -> ReferenceWindow:
    """A closed window from what `kept_form` stored of its features."""
    features = {name: one for form in forms for name, one in Summary.from_bytes(form).features.items()}
    return ReferenceWindow(start, Summary(instances=instances, predictions=predictions, features=features))


@dataclass(frozen=True)
class Accepted:
    """The windows that a baseline is made of.

    Attributes:
        windows: as `window_of` gives them, of all traffic, none overlapping another.
        micros: their length.
        season: which of them are alike.
    """

    windows: Sequence[ReferenceWindow]
    micros: int
    season: Season = Season.NONE

    def baseline(self, old: Baseline, schema: ModelSchema, provenance: Provenance) -> Baseline:
        """The new normal, for the features of this schema.

        Bins are cut anew, at the quantiles of all windows together; their counts are estimated from the windows'
        sketches, so each bin's edge is off by at most the sketch's rank error (1.33 % of a window's rows, with 99 %
        probability), which partly cancels over windows. Labels are exact up to the 1,000 beside the known ones that a
        window tracks. There is no sample of rows, and no slice: techniques that need them say so.

        Raises:
            ConfigError: too few windows or rows.
        """
        whole = [window for window in self.windows if not _is_mixed(window, schema)]
        self._check(whole)
        total = {feature.name: _total(feature, whole) for feature in schema.all}
        recut = [ReferenceWindow(window.start, _recut(window.summary, total)) for window in whole]
        features = {name: _with_bins(summary, recut, name) for name, summary in total.items()}
        rows = sum(max(window.summary.instances, window.summary.predictions) for window in whole)
        most = max(LEAST_WINDOWS, min(MOST_WINDOWS, MOST_CELLS // max(len(schema.all), 1)))
        windows = tuple(recut[number] for number in spread(len(recut), most))
        without = ["no slices, as windows keep their statistics for all traffic only"] if old.slices else []
        notes = (*provenance.notes, *self._notes(whole, total, features), *without)
        return Baseline(
            schema,
            features,
            old.model,
            replace(provenance, notes=notes),
            rows,
            windows=windows,
            window_micros=self.micros,
            season=self.season,
        )

    def _check(self, whole: Sequence[ReferenceWindow]) -> None:
        rows = sum(max(window.summary.instances, window.summary.predictions) for window in whole)
        if len(whole) < LEAST_WINDOWS or rows < LEAST_ROWS:
            raise ConfigError(
                f"{len(whole):,} windows with {rows:,} rows are too few for a baseline: at least {LEAST_WINDOWS} "
                f"windows and {LEAST_ROWS} rows. Take in more windows."
            )

    def _notes(
        self,
        whole: Sequence[ReferenceWindow],
        total: Mapping[str, FeatureSummary],
        features: Mapping[str, FeatureSummary],
    ) -> list[str]:
        notes = ["no sample of rows"]
        errors = [one.rank_error for window in whole for one in _quantiles(window)]
        if (error := max(errors, default=0.0)) > 0:
            notes.append(f"bins are counted from sketches (rank error {error:.2%} of a window's rows)")
        if mixed := len(self.windows) - len(whole):
            notes.append(f"{mixed} windows left out, as the baseline changed while they were open")
        for name in total:
            labels = features[name].get(Categories)
            if labels is not None and labels.untracked:
                notes.append(f"{name}: {labels.untracked:,} of {labels.total:,} values have labels nobody tracked")
        return notes


def _is_mixed(window: ReferenceWindow, schema: ModelSchema) -> bool:
    """Whether the baseline changed while the window was open: then its labels were not counted."""
    labelled = [feature.name for feature in schema.all if not feature.type.is_numeric]
    found = [window.summary.features[name] for name in labelled if name in window.summary.features]
    return any(one.get(Categories) is None for one in found)


def _quantiles(window: ReferenceWindow) -> Iterable[Quantiles]:
    found = (one.get(Quantiles) for one in window.summary.features.values())
    return (one for one in found if one is not None)


def _total(feature: Feature, windows: Sequence[ReferenceWindow]) -> FeatureSummary:
    """All windows together, with empty bins, and labels without regard to what was known before."""
    parts = [window.summary.features.get(feature.name, FeatureSummary()) for window in windows]
    merged = reduce(lambda a, b: a + b, map(_unshaped, parts), FeatureSummary())
    if feature.type.is_numeric:
        edges = _edges(merged.get(Quantiles) or Quantiles())
        empty = Histogram(edges, np.zeros(max(len(edges) - 1, 0), np.int64))
        return FeatureSummary({**merged.statistics, Histogram.name: empty})
    labels = reduce(lambda a, b: a + b, (part.get(Categories) or Categories() for part in parts), Categories())
    frequent = sorted(labels.counts.items(), key=lambda pair: (-pair[1], pair[0]))
    counts = dict(sorted(frequent[:MOST_CATEGORIES] if feature.type is FeatureType.STRING else frequent))
    known = Categories(counts, labels.total - sum(counts.values()))
    return FeatureSummary({**merged.statistics, Categories.name: known})


def _unshaped(summary: FeatureSummary) -> FeatureSummary:
    return FeatureSummary({name: value for name, value in summary.statistics.items() if name not in _SHAPED})


def _edges(quantiles: Quantiles) -> FloatArray:
    return np.empty(0) if not quantiles.count else Numbers(None, None, quantiles).edges()


def _recut(window: Summary, total: Mapping[str, FeatureSummary]) -> Summary:
    """The window's light statistics on the new bins and labels."""
    features = {name: _recut_feature(one, total[name]) for name, one in window.features.items() if name in total}
    return replace(window, features=features)


def _recut_feature(summary: FeatureSummary, whole: FeatureSummary) -> FeatureSummary:
    kept = {kind.name: found for kind in (Counts, Moments) if (found := summary.get(kind)) is not None}
    pattern, quantiles = whole.get(Histogram), summary.get(Quantiles)
    if pattern is not None and quantiles is not None:
        return FeatureSummary({**kept, Histogram.name: _rebinned(summary.get(Histogram), quantiles, pattern.edges)})
    known, labels = whole.get(Categories), summary.get(Categories)
    if known is not None and labels is not None:
        counts = {label: labels.counts[label] for label in sorted(known.counts.keys() & labels.counts.keys())}
        rest = labels.total - sum(counts.values())
        return FeatureSummary({**kept, Categories.name: Categories(counts, rest, rest, frozenset(counts))})
    return FeatureSummary(kept)


def _rebinned(before: Histogram | None, quantiles: Quantiles, edges: FloatArray) -> Histogram:
    """Exact where the bins stay, as those of features with few distinct values do; else from the sketch."""
    if before is not None and np.array_equal(before.edges, edges):
        return Histogram(edges, before.counts, before.underflow, before.overflow)
    return binned(quantiles, edges)


def binned(quantiles: Quantiles, edges: FloatArray) -> Histogram:
    """Counts in these bins, as far as a sketch knows them: each value it kept stands for so many."""
    if not len(edges):
        return Histogram()
    values, weights = quantiles.retained()
    return Histogram.of_weighted(values, weights, edges)


def _with_bins(summary: FeatureSummary, windows: Sequence[ReferenceWindow], name: str) -> FeatureSummary:
    """The whole's bins hold what the windows' bins hold: the errors of many small sketches cancel."""
    empty = summary.get(Histogram)
    if empty is None:
        return summary
    found = (one.get(Histogram) for window in windows if (one := window.summary.features.get(name)) is not None)
    bins = reduce(lambda a, b: a + b, (one for one in found if one is not None), empty)
    return FeatureSummary({**summary.statistics, Histogram.name: bins})
