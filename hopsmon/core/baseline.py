"""Baseline: what a model's data looked like when all was well; windows are compared with it. A value, no I/O."""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any

import orjson

from hopsmon.core import baseline_json as form
from hopsmon.core.reference_parts import Provenance, ReferenceSlice, ReferenceWindow
from hopsmon.core.schema import FeatureType, ModelRef, ModelSchema
from hopsmon.core.season import Season, spread
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import label_key
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError

__all__ = ["Baseline", "Provenance", "ReferenceSlice", "ReferenceWindow"]

_LEAST_OF_A_PHASE = 2  # with one window a phase that window would be compared with itself


@dataclass(frozen=True, eq=False, repr=False)
class Baseline:
    """Reference summaries of one model version.

    Two baselines are equal when schema, model, provenance, rows and `id` are; so a baseline can key a cache.

    Attributes:
        schema: the features it was built from, in the order of positional instances.
        features: summary by feature name; a feature of the schema may be missing here (then techniques say so).
        rows: rows of the reference data.
        joint: statistics of several features together, by the statistic's name; empty unless asked for.
        windows: how the reference data's own windows look, in order of time; empty where the data has no event time.
        window_micros: their length; None without windows.
        season: which of these windows are alike; `at` then compares like with like.
        among: how many slices it is one of; the more there are, the more it takes to single one out. 1: all traffic.
        slices: how segments of the reference data look, by name, as "origin=JFK"; empty unless asked for.
    """

    schema: ModelSchema
    features: Mapping[str, FeatureSummary]
    model: ModelRef
    provenance: Provenance = field(default_factory=Provenance)
    rows: int = 0
    joint: Mapping[str, Statistic] = field(default_factory=dict)
    windows: tuple[ReferenceWindow, ...] = ()
    window_micros: int | None = None
    season: Season = Season.NONE
    slices: Mapping[str, ReferenceSlice] = field(default_factory=dict)
    among: int = 1

    def of_slice(self, name: str) -> Baseline | None:
        """What the windows of a slice ("origin=JFK") are compared with; None where the reference has no such slice.

        Counts, bins, labels and moments of that slice's rows alone, on the bins and labels of the whole, with its own
        windows; no predictions, as responses do not carry what makes the slice. Of the joint statistics there is the
        part of the sample that lies in the slice. "" is all traffic: the baseline itself.
        """
        if not name:
            return self
        feature, _, label = name.partition("=")
        found = self.slices.get(f"{feature}={label_key(label)}")
        if found is None:
            return None
        sample = self.joint.get(Reservoir.name)
        joint = {Reservoir.name: sample.of_label(feature, label, found.rows)} if isinstance(sample, Reservoir) else {}
        own = replace(self, features=found.whole.features, windows=found.windows, rows=found.rows, joint=joint)
        return replace(own, slices={}, among=len(self.slices))

    def at(self, start: int | None) -> Baseline:
        """What a window that starts at this time (µs) is compared with.

        The baseline itself without a season (or without a time); else the baseline of the same phase: the sum of the
        reference windows of that hour or weekday. A phase with fewer than two windows gets the whole.
        """
        if self.season is Season.NONE or start is None:
            return self
        return self._phases.get(self.season.phase(start), self)

    @cached_property
    def _phases(self) -> Mapping[int, Baseline]:
        """The baseline of each phase that the reference data has."""
        return {phase: self._of_windows(windows, _sum(windows)) for phase, windows in self._by_phase.items()}

    @cached_property
    def _by_phase(self) -> Mapping[int, list[ReferenceWindow]]:
        """The windows of each phase that has enough of them."""
        by_phase: dict[int, list[ReferenceWindow]] = {}
        for window in self.windows:
            by_phase.setdefault(self.season.phase(window.start), []).append(window)
        return {phase: windows for phase, windows in by_phase.items() if len(windows) >= _LEAST_OF_A_PHASE}

    def _of_windows(self, windows: Sequence[ReferenceWindow], total: Summary) -> Baseline:
        """The same baseline, made of some of its windows only; `total` is their sum."""
        rows = max(total.instances, total.predictions)
        return replace(self, features=total.features, rows=rows, windows=tuple(windows), season=Season.NONE, slices={})

    def own_windows(self, most: int) -> Iterator[tuple[ReferenceWindow, Baseline]]:
        """Reference windows, at most so many, each beside what it would be compared with had it come later.

        That is its phase's baseline without the window itself: of a phase with few windows each is a good part, and
        would look closer to it than a new window can. Without a season it is the whole.
        """
        picked = set(spread(len(self.windows), most))
        chosen = [window for number, window in enumerate(self.windows) if number in picked]
        if self.season is Season.NONE:
            yield from ((window, self) for window in chosen)
            return
        for window in chosen:
            yield window, self._without.get(window.start, self)

    @cached_property
    def _without(self) -> Mapping[int, Baseline]:
        """By start of each window, the baseline of its phase without it."""
        found: dict[int, Baseline] = {}
        for windows in self._by_phase.values():
            summaries = [window.summary for window in windows]
            before = list(accumulate(summaries, initial=Summary()))
            after = list(accumulate(reversed(summaries), initial=Summary()))[::-1]
            for number, window in enumerate(windows):
                others = (*windows[:number], *windows[number + 1 :])
                found[window.start] = self._of_windows(others, before[number] + after[number + 1])
        return found

    def without_windows(self) -> Baseline:
        """The same reference data, with nothing about how its windows vary; another id, as verdicts differ."""
        slices = {name: ReferenceSlice(one.whole) for name, one in self.slices.items()}
        return replace(self, windows=(), window_micros=None, season=Season.NONE, slices=slices)

    def for_workers(self) -> Baseline:
        """The baseline as tasks need it: the same id, but without windows and slices, which only verdicts rest on."""
        light = replace(self.without_windows(), slices={})
        vars(light)["id"] = self.id
        return light

    @cached_property
    def id(self) -> str:
        """Hash of all that verdicts rest on: types, statistics, rows, own windows, season and slices.

        The same for any order of columns and any cutting of the data into chunks. The model, the provenance and
        the order of the features are not in it; of the joint statistics only the reservoir, as the others follow
        from the same data.
        """
        forms = {name: form.forms_of(summary.statistics) for name, summary in self.features.items()}
        windows = form.digest_of_windows(_pairs(self.windows)) if self.windows else None
        return self._digest(forms, windows, form.digest_of_slices(self.slices) if self.slices else None)

    def _digest(self, forms: Mapping[str, form.Forms], windows: str | None, slices: str | None) -> str:
        """The id, from the binary forms of the statistics by feature and name, and hashes of windows and slices."""
        more: list[str | bytes] = [] if windows is None else [f"{self.window_micros} {self.season} {windows}"]
        reservoir = self.joint.get(Reservoir.name)
        if isinstance(reservoir, Reservoir):
            more.append(reservoir.priorities.tobytes())  # which rows were picked; whatever order their columns have
        if slices is not None:
            more.append(f"slices {slices}")
        return form.digest(self.rows, self._types, self.features, forms, more)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def _key(self) -> tuple[object, ...]:
        return self.id, self.rows, self.schema, self.model, self.provenance

    def feature(self, name: str) -> FeatureSummary | None:
        """The summary of a feature, or None where the baseline does not know it."""
        return self.features.get(name)

    def type_of(self, name: str) -> FeatureType | None:
        """The type of a feature or prediction, or None where the baseline does not know it."""
        return self._types.get(name)

    @cached_property
    def _types(self) -> Mapping[str, FeatureType]:
        return {feature.name: feature.type for feature in self.schema.all}

    def __repr__(self) -> str:
        size = timedelta(microseconds=self.window_micros or 0)
        season = "" if self.season is Season.NONE else f", {self.season}"
        windows = f", {len(self.windows):,} windows of {size}{season}" if self.windows else ""
        slices = f", {len(self.slices)} slices" if self.slices else ""
        about = f"{self.rows:,} rows, {len(self.schema.all)} features and predictions"
        return f"Baseline({self.id}, {about}{windows}{slices})"

    def __getstate__(self) -> dict[str, Any]:
        """What pickle takes: not what was worked out from the rest, which may be large."""
        kept = {one.name for one in fields(self)} | {"id"}
        return {name: value for name, value in vars(self).items() if name in kept}

    def to_json(self) -> str:
        """All of it as JSON: statistics in their binary form (base64), and beside each feature numbers to read."""
        content = {
            "format": form.FORMAT,
            "version": form.VERSION,
            "id": self.id,
            "model": {"name": self.model.name, "version": self.model.version},
            "provenance": form.provenance_out(self.provenance),
            "rows": self.rows,
            "schema": form.schema_out(self.schema),
            "features": {name: form.feature_out(summary) for name, summary in self.features.items()},
            "joint": form.statistics_out(self.joint),
        }
        if self.windows:
            cut = {"micros": self.window_micros, "season": self.season}
            content["windows"] = {**cut, **form.windows_out(_pairs(self.windows))}
        if self.slices:
            content["slices"] = form.slices_out(self.slices)
        return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Baseline:
        """Inverse of `to_json`, for every version ever written.

        Raises:
            ConfigError: not a baseline, written by a newer hopsmon, or changed since it was written.
        """
        content = form.content_of(text)
        try:
            baseline = _baseline_in(content)
            forms = {name: form.blobs_of(of["statistics"]) for name, of in content["features"].items()}
            windows, slices = (content[part]["digest"] if part in content else None for part in ("windows", "slices"))
        except (KeyError, TypeError, AttributeError, binascii.Error, zlib.error, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"The baseline is damaged ({error!r}). Build it again.") from error
        found = baseline._digest(forms, windows, slices)
        if found != content.get("id"):
            raise ConfigError(
                f"The baseline's content has id {found}, but the file says {content.get('id')!r}: it was"
                " changed after it was written. Build it again."
            )
        # The id stays what it was when a later version of a statistic writes other bytes.
        vars(baseline)["id"] = found
        return baseline


def _sum(windows: Sequence[ReferenceWindow]) -> Summary:
    return sum((window.summary for window in windows), Summary())


def _pairs(windows: Sequence[ReferenceWindow]) -> list[tuple[int, Summary]]:
    return [(window.start, window.summary) for window in windows]


def _baseline_in(content: Mapping[str, Any]) -> Baseline:
    features = {name: FeatureSummary(form.statistics_in(of["statistics"])) for name, of in content["features"].items()}
    stored = content.get("windows")
    windows = form.windows_in(stored, features) if stored else []
    return Baseline(
        form.schema_in(content["schema"]),
        features,
        ModelRef(content["model"]["name"], content["model"]["version"]),
        form.provenance_in(content["provenance"]),
        int(content["rows"]),
        form.statistics_in(content["joint"]),
        tuple(ReferenceWindow(start, summary) for start, summary in windows),
        int(stored["micros"]) if stored else None,
        Season(stored["season"]) if stored else Season.NONE,
        form.slices_in(content["slices"], features) if "slices" in content else {},
    )
