"""Baseline, its JSON form: how its parts are written, read and hashed. Values in, values out; no I/O."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from hopsmon.core.reference_parts import Provenance, ReferenceSlice, ReferenceWindow
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
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
ID_LENGTH = 16  # hex digits: 64 bits, enough to tell the baselines of an organisation apart
_ID_DIGITS = 9  # moments come out the same to rounding only; the tests hold them to 1e-9
_PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_MOST_LABELS_SHOWN = 20
_WHOLE = -1  # in place of a window's start
_WINDOW = struct.Struct("<qI")  # start, length of the summary
Forms = Mapping[str, bytes]  # binary forms by the statistics' names
Windows = Sequence[tuple[int, Summary]]  # start (µs) and summary, in order of time


def content_of(text: str | bytes) -> dict[str, Any]:
    """The JSON of a baseline.

    Raises:
        ConfigError: not JSON, not a baseline, or written by a newer hopsmon.
    """
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


def schema_out(schema: ModelSchema) -> dict[str, Any]:
    """A schema as plain values."""
    sides = {"features": schema.features, "predictions": schema.predictions}
    return {side: [{"name": f.name, "type": f.type} for f in features] for side, features in sides.items()}


def schema_in(stored: Mapping[str, Any]) -> ModelSchema:
    """Inverse of `schema_out`."""
    sides = (stored["features"], stored["predictions"])
    return ModelSchema(*(tuple(Feature(f["name"], FeatureType(f["type"])) for f in side) for side in sides))


def provenance_out(provenance: Provenance) -> dict[str, Any]:
    """A provenance as plain values."""
    created = provenance.created_at
    notes = {"notes": provenance.notes} if provenance.notes else {}
    return {
        "source": provenance.source,
        "created_at": None if created is None else created.isoformat(),
        "hopsmon_version": provenance.hopsmon_version,
        **notes,
    }


def provenance_in(stored: Mapping[str, Any]) -> Provenance:
    """Inverse of `provenance_out`."""
    created = stored["created_at"]
    return Provenance(
        stored["source"],
        None if created is None else datetime.fromisoformat(created),
        stored["hopsmon_version"],
        tuple(stored.get("notes", ())),
    )


def feature_out(summary: FeatureSummary) -> dict[str, Any]:
    """A feature's statistics in their binary form (base64), and beside them numbers to read."""
    return {"numbers": readable(summary), "statistics": statistics_out(summary.statistics)}


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


def forms_of(statistics: Mapping[str, Statistic]) -> dict[str, bytes]:
    """The binary form of each statistic."""
    return {name: statistics[name].to_bytes() for name in sorted(statistics)}


def statistics_out(statistics: Mapping[str, Statistic]) -> dict[str, str]:
    """Statistics as text."""
    return {name: base64.b64encode(form).decode() for name, form in forms_of(statistics).items()}


def blobs_of(stored: Mapping[str, str]) -> dict[str, bytes]:
    """The binary forms that `statistics_out` wrote."""
    return {name: base64.b64decode(data, validate=True) for name, data in stored.items()}


def statistics_in(stored: Mapping[str, str]) -> dict[str, Statistic]:
    """Inverse of `statistics_out`."""
    return {name: statistic_named(name).from_bytes(blob) for name, blob in blobs_of(stored).items()}


def windows_out(windows: Windows) -> dict[str, Any]:
    """The reference's own windows: one compressed text, and hashes of what it says and of how it is written.

    The first hash (`digest_of_windows`) goes into the baseline's id and stays when a later version of a statistic
    writes other bytes; the second tells whether the text was changed.
    """
    data = zlib.compress(pack_windows(windows))
    return {
        "count": len(windows),
        "digest": digest_of_windows(windows),
        "check": _checked(data),
        "data": base64.b64encode(data).decode(),
    }


def windows_in(stored: Mapping[str, Any], whole: Mapping[str, FeatureSummary]) -> list[tuple[int, Summary]]:
    """Inverse of `windows_out`; the bins' edges are shared with the whole's.

    Raises:
        ConfigError: the text was changed since it was written.
    """
    data = base64.b64decode(stored["data"], validate=True)
    if _checked(data) != stored["check"]:
        raise ConfigError("The baseline's windows or slices were changed after they were written. Build it again.")
    edges = {name: found.edges for name, one in whole.items() if (found := one.get(Histogram)) is not None}
    return [(start, _with_shared_edges(one, edges)) for start, one in unpack_windows(zlib.decompress(data))]


def slices_out(slices: Mapping[str, ReferenceSlice]) -> dict[str, Any]:
    """Slices: of each one compressed text, its rows to read, and hashes as `windows_out` has them."""
    of = {}
    for name, one in slices.items():
        data = zlib.compress(pack_windows([(_WHOLE, one.whole), *_pairs(one)]))
        text = base64.b64encode(data).decode()
        of[name] = {"rows": one.rows, "windows": len(one.windows), "check": _checked(data), "data": text}
    return {"digest": digest_of_slices(slices), "of": of}


def slices_in(stored: Mapping[str, Any], whole: Mapping[str, FeatureSummary]) -> dict[str, ReferenceSlice]:
    """Inverse of `slices_out`; the bins' edges are shared with the whole's.

    Raises:
        ConfigError: a text was changed since it was written.
    """
    slices = {}
    for name, of in stored["of"].items():
        (_, summary), *windows = windows_in(of, whole)
        slices[name] = ReferenceSlice(summary, tuple(ReferenceWindow(*window) for window in windows))
    return slices


def _pairs(one: ReferenceSlice) -> list[tuple[int, Summary]]:
    return [(window.start, window.summary) for window in one.windows]


def pack_windows(windows: Windows) -> bytes:
    """Summaries with their windows' starts, one after another."""
    forms = ((start, one.to_bytes()) for start, one in windows)
    return b"".join(_WINDOW.pack(start, len(form)) + form for start, form in forms)


def unpack_windows(packed: bytes) -> Iterator[tuple[int, Summary]]:
    """Inverse of `pack_windows`."""
    at = 0
    while at < len(packed):
        start, length = _WINDOW.unpack_from(packed, at)
        at += _WINDOW.size + length
        yield start, Summary.from_bytes(packed[at - length : at])


def _with_shared_edges(summary: Summary, edges: Mapping[str, np.ndarray[Any, Any]]) -> Summary:
    """One array of edges a feature, not one a feature and window: they take as much room as the counts."""
    features = dict(summary.features)
    for name, feature in summary.features.items():
        found = feature.get(Histogram)
        if found is not None and name in edges and np.array_equal(found.edges, edges[name]):
            shared = replace(found, edges=edges[name])
            features[name] = FeatureSummary({**feature.statistics, Histogram.name: shared})
    return replace(summary, features=features)


def _checked(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:ID_LENGTH]


def digest_of_windows(windows: Windows) -> str:
    """Hash of what reference windows count; the same for any order of features and any cutting of the data.

    Counts only: of so many windows' moments, some would round to another last digit when the data is cut differently.
    """
    content = hashlib.sha256()
    for start, summary in windows:
        content.update(orjson.dumps([start, summary.instances, summary.predictions]))
        for name in sorted(summary.features):
            statistics = summary.features[name].statistics
            counted = {key: value for key, value in statistics.items() if key != Moments.name}
            _feed(content, [name], FeatureSummary(counted), forms_of(counted))
    return content.hexdigest()


def digest_of_slices(slices: Mapping[str, ReferenceSlice]) -> str:
    """Hash of what slices hold; the same for any order of slices and features and any cutting of the data."""
    content = hashlib.sha256()
    for name in sorted(slices):
        one = slices[name]
        content.update(orjson.dumps([name, one.rows, digest_of_windows(_pairs(one))]))
        for feature in sorted(one.whole.features):
            summary = one.whole.features[feature]
            _feed(content, [feature], summary, forms_of(summary.statistics))
    return content.hexdigest()


def digest(
    rows: int,
    types: Mapping[str, FeatureType],
    features: Mapping[str, FeatureSummary],
    forms: Mapping[str, Forms],
    more: Iterable[str | bytes],
) -> str:
    """A baseline's id, from the binary forms of the statistics by feature; `more`: what else it stands for, if any."""
    content = hashlib.sha256(f"{FORMAT}/{VERSION}\n{rows}\n".encode())
    for name in sorted(types.keys() | features.keys()):
        _feed(content, [name, types.get(name)], features.get(name, FeatureSummary()), forms.get(name, {}))
    for part in more:
        form = part if isinstance(part, bytes) else part.encode()
        content.update(orjson.dumps(["more", len(form)]) + form)
    return content.hexdigest()[:ID_LENGTH]


def _feed(content: Any, head: list[str | None], summary: FeatureSummary, forms: Forms) -> None:
    content.update(orjson.dumps(head))
    for part, form in _stable(summary, forms):
        content.update(orjson.dumps([part, len(form)]) + form)


def _stable(summary: FeatureSummary, forms: Forms) -> list[tuple[str, bytes]]:
    """The forms, without what depends on the order in which the data came, or on chance."""
    stable = dict(forms)
    if Histogram.name in stable:  # exact; a quantile sketch draws random numbers, so its bytes differ between runs
        stable.pop(Quantiles.name, None)
    if (moments := summary.get(Moments)) is not None:
        numbers = f"{moments.count} {moments.mean:.{_ID_DIGITS}g} {moments.m2:.{_ID_DIGITS}g}"
        stable[Moments.name] = numbers.encode()
    return sorted(stable.items())
