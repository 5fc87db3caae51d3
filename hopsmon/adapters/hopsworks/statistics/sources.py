"""Sources: where a numeric feature's bins come from. The best that can be used; of each other, why it was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hopsmon.adapters.hopsworks.statistics.bins import Known, constant
from hopsmon.adapters.hopsworks.statistics.descriptive import DescriptiveStatistics
from hopsmon.adapters.hopsworks.statistics.entry import Entry
from hopsmon.adapters.hopsworks.statistics.labels import of_ranges
from hopsmon.adapters.hopsworks.statistics.notices import Notice, UnusableError
from hopsmon.adapters.hopsworks.statistics.percentiles import of_percentiles
from hopsmon.adapters.hopsworks.statistics.sketches import native, of_buckets, of_deequ, of_native
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.quantiles import Quantiles

SKETCH = "KLL sketch"


@dataclass
class Distribution:
    """What is found out about a numeric feature's distribution. Not frozen: it keeps what it has worked out.

    Attributes:
        statistics: as Hopsworks has them.
        notices: what became of each source that was looked at.
        sketch: the native sketch, where there is one.
    """

    statistics: DescriptiveStatistics
    notices: list[Notice] = field(default_factory=list)
    sketch: Quantiles | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        kll = self.statistics.kll
        if kll is None or "bytes" not in kll.fields:
            return
        try:
            self.sketch = native(kll)
        except UnusableError as why:
            self._refused(SKETCH, why)

    @property
    def count(self) -> int | None:
        """Values that are numbers; None where some are not (the mean is missing) and no sketch counted the others."""
        statistics = self.statistics
        if statistics.mean is None and self.sketch is not None and not self._is_larger(self.sketch):
            return self.sketch.count
        return statistics.values if statistics.mean is not None or not statistics.values else None

    @property
    def quantiles(self) -> Quantiles | None:
        """The sketch, unless it was found to be of other values."""
        refused = any(notice.source == SKETCH and not notice.used for notice in self.notices)
        return None if refused or self.sketch is None or self.sketch.count != self.count else self.sketch

    def _is_larger(self, sketch: Quantiles) -> bool:
        return self.statistics.values is not None and sketch.count > self.statistics.values

    def bins(self) -> Histogram | None:
        """Bins and counts from the first source that can be used; None: from none."""
        known = self._known()
        if known is None:
            return None
        if known.low == known.high and known.count:
            self.notices.append(Notice(self.statistics.name, "min and max", True, "one value only"))
            return constant(known.low, known.count)
        for source, read in self._sources():
            try:
                found = read(known)
            except UnusableError as why:
                self._refused(source, why)
                continue
            self.notices.append(Notice(self.statistics.name, source, True, _told(found)))
            return found
        self.notices.append(Notice(self.statistics.name, "bins", False, "no source is left that could give them"))
        return None

    def _known(self) -> Known | None:
        """The range and the number of values, which every source is held against."""
        statistics = self.statistics
        low, high = statistics.min, statistics.max
        if self.sketch is not None and self.sketch.count and (low is None or high is None):
            low, high = self.sketch.sketch.get_min_value(), self.sketch.sketch.get_max_value()
        if low is None or high is None or low > high:
            why = f"min is {statistics.min} and max is {statistics.max}, so the range of the values is not known"
            self.notices.append(Notice(statistics.name, "bins", False, why))
            return None
        return Known(self.count, low + 0.0, high + 0.0, statistics.least_distinct)

    def _sources(self) -> Iterator[tuple[str, Callable[[Known], Histogram]]]:
        """In order of how well they know the distribution."""
        statistics, sketch, kll = self.statistics, self.sketch, self.statistics.kll
        if sketch is not None:
            yield SKETCH, lambda known: of_native(sketch, known)
        if kll is not None:
            yield from _of_kll(kll)
        if statistics.percentiles:
            yield "percentiles", lambda known: of_percentiles(statistics.percentiles, known)
        if statistics.bars is not None:
            yield "histogram", lambda known: of_ranges(statistics.bars, known)

    def _refused(self, source: str, why: UnusableError) -> None:
        self.notices.append(Notice(self.statistics.name, source, False, str(why)))


def _of_kll(kll: Entry) -> Iterator[tuple[str, Callable[[Known], Histogram]]]:
    if "sketch" in kll.fields:
        yield "Deequ's KLL sketch", lambda known: of_deequ(kll, known)
    if "buckets" in kll.fields:
        yield "KLL buckets", lambda known: of_buckets(kll, known)


def _told(found: Histogram) -> str:
    """How well a source knows the distribution."""
    if not found.doubt:
        return "bins and exact counts"
    return f"bins, and the number of values below each edge to ±{found.doubt / max(found.total, 1):.2%}"
