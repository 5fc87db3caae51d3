"""Baseline: what a model's data looked like when all was well; windows are compared with it. A value, no I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson

from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import statistic as statistic_named
from hopsmon.errors import ConfigError

FORMAT = "hopsmon.baseline"
VERSION = 1
_ID_LENGTH = 16  # hex digits: 64 bits, enough to tell the baselines of an organisation apart
_ID_DIGITS = 9  # moments come out the same to rounding only; the tests hold them to 1e-9
_PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_MOST_LABELS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a baseline came from.

    Attributes:
        source: what was read, in the words of whoever read it, e.g. "train.parquet".
        created_at: when it was built, with time zone; the caller passes it in, the core has no clock.
        hopsmon_version: version of the package that built it.

    Raises:
        ConfigError: `created_at` has no time zone.
    """

    source: str = ""
    created_at: datetime | None = None
    hopsmon_version: str = ""

    def __post_init__(self) -> None:
        if self.created_at is not None and self.created_at.tzinfo is None:
            raise ConfigError(f"provenance.created_at needs a time zone, got {self.created_at.isoformat()}.")


@dataclass(frozen=True, slots=True)
class ReferenceWindow:
    """One window of the reference data: how the whole looks in pieces of a monitor's window size.

    Attributes:
        start: when it starts, µs since the epoch, UTC.
        summary: counts, bins, labels and moments of its rows; on the bins and labels of the whole.
    """

    start: int
    summary: Summary


@dataclass(frozen=True, eq=False)
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

    def at(self, start: int | None) -> Baseline:
        """What a window that starts at this time (µs) is compared with.

        The baseline itself without a season (or without a time); else the baseline of the same phase: the sum of the
        reference windows of that hour or weekday. A phase without any window gets the whole.
        """
        if self.season is Season.NONE or start is None:
            return self
        return self._phases.get(self.season.phase(start), self)

    @cached_property
    def _phases(self) -> Mapping[int, Baseline]:
        """The baseline of each phase that the reference data has."""
        by_phase: dict[int, list[ReferenceWindow]] = {}
        for window in self.windows:
            by_phase.setdefault(self.season.phase(window.start), []).append(window)
        return {phase: self._of_windows(windows) for phase, windows in by_phase.items()}

    def _of_windows(self, windows: list[ReferenceWindow]) -> Baseline:
        """The same baseline, made of some of its windows only."""
        total = sum((window.summary for window in windows), Summary())
        rows = max(total.instances, total.predictions)
        return replace(self, features=total.features, rows=rows, windows=tuple(windows), season=Season.NONE)

    @cached_property
    def id(self) -> str:
        """Hash of all that verdicts rest on: types, statistics and rows.

        The same for any order of columns and any cutting of the data into chunks. The model, the provenance,
        the order of the features and the joint statistics (which follow from the same data) are not in it.
        """
        return self._digest({name: _forms(summary.statistics) for name, summary in self.features.items()})

    def _digest(self, forms: Mapping[str, Mapping[str, bytes]]) -> str:
        """The id, from the binary forms of the statistics by feature and name."""
        content = hashlib.sha256(f"{FORMAT}/{VERSION}\n{self.rows}\n".encode())
        for name in sorted(self._types.keys() | self.features.keys()):
            content.update(orjson.dumps([name, self._types.get(name)]))
            for part, form in _stable(self.features.get(name, FeatureSummary()), forms.get(name, {})):
                content.update(orjson.dumps([part, len(form)]) + form)
        return content.hexdigest()[:_ID_LENGTH]

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

    def to_json(self) -> str:
        """All of it as JSON: statistics in their binary form (base64), and beside each feature numbers to read."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "id": self.id,
            "model": {"name": self.model.name, "version": self.model.version},
            "provenance": _provenance_out(self.provenance),
            "rows": self.rows,
            "schema": {
                "features": [{"name": f.name, "type": f.type} for f in self.schema.features],
                "predictions": [{"name": f.name, "type": f.type} for f in self.schema.predictions],
            },
            "features": {name: _feature_out(summary) for name, summary in self.features.items()},
            "joint": _statistics_out(self.joint),
        }
        return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Baseline:
        """Inverse of `to_json`, for every version ever written.

        Raises:
            ConfigError: not a baseline, written by a newer hopsmon, or changed since it was written.
        """
        content = _content(text)
        try:
            baseline = _baseline_in(content)
        except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"The baseline is damaged ({error!r}). Build it again.") from error
        found = baseline._digest({name: _blobs(of["statistics"]) for name, of in content["features"].items()})
        if found != content.get("id"):
            raise ConfigError(
                f"The baseline's content has id {found}, but the file says {content.get('id')!r}: it was"
                " changed after it was written. Build it again."
            )
        # The id stays what it was when a later version of a statistic writes other bytes.
        vars(baseline)["id"] = found
        return baseline


def _forms(statistics: Mapping[str, Statistic]) -> dict[str, bytes]:
    return {name: statistics[name].to_bytes() for name in sorted(statistics)}


def _stable(summary: FeatureSummary, forms: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """The forms, without what depends on the order in which the data came, or on chance."""
    stable = dict(forms)
    if Histogram.name in stable:  # exact; a quantile sketch draws random numbers, so its bytes differ between runs
        stable.pop(Quantiles.name, None)
    if (moments := summary.get(Moments)) is not None:
        numbers = f"{moments.count} {moments.mean:.{_ID_DIGITS}g} {moments.m2:.{_ID_DIGITS}g}"
        stable[Moments.name] = numbers.encode()
    return sorted(stable.items())


def _provenance_out(provenance: Provenance) -> dict[str, Any]:
    created = provenance.created_at
    return {
        "source": provenance.source,
        "created_at": None if created is None else created.isoformat(),
        "hopsmon_version": provenance.hopsmon_version,
    }


def _feature_out(summary: FeatureSummary) -> dict[str, Any]:
    return {"numbers": readable(summary), "statistics": _statistics_out(summary.statistics)}


def readable(summary: FeatureSummary) -> dict[str, Any]:
    """A summary's figures for people; the binary form is what counts."""
    numbers: dict[str, Any] = {}
    if (counts := summary.get(Counts)) is not None:
        numbers |= {"rows": counts.rows, "nulls": counts.nulls}
        numbers |= {"nonfinite": counts.nonfinite, "invalid": counts.invalid}
    if (moments := summary.get(Moments)) is not None and moments.count:
        numbers |= {"mean": moments.mean, "stddev": moments.std_dev}
    if (extremes := summary.get(Extremes)) is not None:
        numbers |= {"min": extremes.min, "max": extremes.max}
    if (percentiles := _percentiles(summary)) is not None:
        numbers["percentiles"] = percentiles
    if (categories := summary.get(Categories)) is not None:
        frequent = sorted(categories.counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_LABELS_SHOWN]
        numbers |= {"labels": dict(frequent), "labels_known": len(categories.counts)}
    return numbers


def _percentiles(summary: FeatureSummary) -> dict[str, float] | None:
    quantiles = summary.get(Quantiles)
    values = None if quantiles is None else quantiles.quantiles([percent / 100 for percent in _PERCENTS])
    if not values:
        return None
    return {f"p{percent:02}": value for percent, value in zip(_PERCENTS, values, strict=True)}


def _content(text: str | bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"The baseline is not JSON: {error}.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigError(f'This is no baseline: it does not say "format": "{FORMAT}".')
    if content.get("version") != VERSION:
        raise ConfigError(
            f"The baseline has version {content.get('version')!r}; this hopsmon reads {VERSION}. Update hopsmon."
        )
    return content


def _baseline_in(content: dict[str, Any]) -> Baseline:
    created = content["provenance"]["created_at"]
    schema = content["schema"]
    return Baseline(
        ModelSchema(_features_in(schema["features"]), _features_in(schema["predictions"])),
        {name: _summary_in(stored["statistics"]) for name, stored in content["features"].items()},
        ModelRef(content["model"]["name"], content["model"]["version"]),
        Provenance(
            content["provenance"]["source"],
            None if created is None else datetime.fromisoformat(created),
            content["provenance"]["hopsmon_version"],
        ),
        int(content["rows"]),
        _statistics_in(content["joint"]),
    )


def _features_in(stored: list[dict[str, str]]) -> tuple[Feature, ...]:
    return tuple(Feature(feature["name"], FeatureType(feature["type"])) for feature in stored)


def _summary_in(stored: dict[str, str]) -> FeatureSummary:
    return FeatureSummary(_statistics_in(stored))


def _statistics_in(stored: dict[str, str]) -> dict[str, Statistic]:
    return {name: statistic_named(name).from_bytes(blob) for name, blob in _blobs(stored).items()}


def _blobs(stored: dict[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(data, validate=True) for name, data in stored.items()}


def _statistics_out(statistics: Mapping[str, Statistic]) -> dict[str, str]:
    return {name: base64.b64encode(form).decode() for name, form in _forms(statistics).items()}
