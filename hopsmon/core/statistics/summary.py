"""Summary: everything known about one window of one monitor (and slice), mergeable."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.binary import check_version
from hopsmon.core.statistics.table import statistics_table

_HEAD = struct.Struct("<BI")
_COUNTERS = ("requests", "responses", "instances", "predictions", "rejected", "late")


@dataclass(frozen=True, slots=True)
class Summary:
    """The statistics of one window. `Summary()` is empty; `a + b` describes both parts.

    Attributes:
        requests: request messages.
        responses: response messages.
        instances: instances in requests.
        predictions: instances in responses.
        rejected: messages that could not be read.
        late: instances that came after their window had closed.
        first_event: earliest event time, microseconds since the epoch, UTC.
        last_event: latest event time, likewise.
        features: the statistics of each feature and each prediction, by its name.
        model: statistics of several features together, by the statistic's name.
    """

    requests: int = 0
    responses: int = 0
    instances: int = 0
    predictions: int = 0
    rejected: int = 0
    late: int = 0
    first_event: int | None = None
    last_event: int | None = None
    features: Mapping[str, FeatureSummary] = field(default_factory=dict)
    model: Mapping[str, Statistic] = field(default_factory=dict)

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            requests=self.requests + other.requests,
            responses=self.responses + other.responses,
            instances=self.instances + other.instances,
            predictions=self.predictions + other.predictions,
            rejected=self.rejected + other.rejected,
            late=self.late + other.late,
            first_event=_pick(min, self.first_event, other.first_event),
            last_event=_pick(max, self.last_event, other.last_event),
            features=_merged(self.features, other.features),
            model=(FeatureSummary(self.model) + FeatureSummary(other.model)).statistics,
        )

    def to_bytes(self) -> bytes:
        """Version, length of the directory, the directory as JSON, then the statistics' own forms one after another.

        The directory holds the counters, the statistics' names, and the sizes of each feature's forms in the order of
        these names (null: the feature lacks it).
        """
        forms = {name: _forms(summary.statistics) for name, summary in self.features.items()}
        model = _forms(self.model)
        names = sorted({name for of in (*forms.values(), model) for name in of})
        directory = orjson.dumps(
            {
                **{name: getattr(self, name) for name in _COUNTERS},
                "events": [self.first_event, self.last_event],
                "statistics": names,
                "features": {feature: _sizes(of, names) for feature, of in forms.items()},
                "model": _sizes(model, names),
            }
        )
        blobs = [of[name] for of in (*forms.values(), model) for name in names if name in of]
        return b"".join((_HEAD.pack(1, len(directory)), directory, *blobs))

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary:
        """Inverse of `to_bytes`, for every version ever written.

        A statistic that is no longer known (its package is gone) is left out: nobody is left to read it.
        """
        check_version(data, "summary")
        start = _HEAD.size + _HEAD.unpack_from(data)[1]
        directory = orjson.loads(data[_HEAD.size : start])
        names, cut = directory["statistics"], _cutter(data, start)
        features = {
            feature: FeatureSummary(_statistics(zip(names, sizes, strict=True), cut))
            for feature, sizes in directory["features"].items()
        }
        first, last = directory["events"]
        return cls(
            **{name: directory[name] for name in _COUNTERS},
            first_event=first,
            last_event=last,
            features=features,
            model=_statistics(zip(names, directory["model"], strict=True), cut),
        )


EMPTY = Summary()


def _pick(choose: Callable[[int, int], int], a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)


def _merged(a: Mapping[str, FeatureSummary], b: Mapping[str, FeatureSummary]) -> dict[str, FeatureSummary]:
    merged = dict(a)
    for name, summary in b.items():
        merged[name] = merged[name] + summary if name in merged else summary
    return merged


def _forms(statistics: Mapping[str, Statistic]) -> dict[str, bytes]:
    return {name: statistic.to_bytes() for name, statistic in statistics.items()}


def _sizes(forms: Mapping[str, bytes], names: Iterable[str]) -> list[int | None]:
    return [len(forms[name]) if name in forms else None for name in names]


def _cutter(data: bytes, start: int) -> Callable[[int], bytes]:
    """Cuts the next so many bytes off."""
    at = start

    def cut(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    return cut


def _statistics(sizes: Iterable[tuple[str, int | None]], cut: Callable[[int], bytes]) -> dict[str, Statistic]:
    known = statistics_table()
    blobs = {name: cut(size) for name, size in sizes if size is not None}
    return {name: known[name].from_bytes(blob) for name, blob in blobs.items() if name in known}
