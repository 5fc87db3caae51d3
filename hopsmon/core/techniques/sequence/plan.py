"""Plan: all that the e-detector works out once for a baseline: questions, bands, bets, weights."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.finding import Reason
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.sequence.bands import Bands
from hopsmon.core.techniques.sequence.evidence import Bets
from hopsmon.core.techniques.sequence.questions import UNSEEN, Questions
from hopsmon.core.techniques.sequence.remembered import Remembered

_HEAD = struct.Struct("<BI")
_VERSION = 1
_SIDES = 2  # above, below


@dataclass(frozen=True, slots=True)
class Plan:
    """Arrays are features × questions (padded with NaN) × sides.

    Attributes:
        share: the reference's shares.
        weight: of each question and side within its feature; they add to 1, or to 0 where nothing can be asked.
    """

    questions: tuple[Questions, ...]
    share: FloatArray
    bands: Bands
    bets: Bets
    weight: FloatArray

    @property
    def asked(self) -> BoolArray:
        """Features of which anything can be asked."""
        return np.asarray(self.bets.live.any(axis=(1, 2)))

    def counted(self, window: Summary) -> tuple[FloatArray, FloatArray, list[dict[str, Any] | None]]:
        """Hits and rows of each question in a window (0 without), and what is missing, by feature."""
        hits, rows = np.zeros((2, *self.share.shape))
        missing: list[dict[str, Any] | None] = []
        for at, asked in enumerate(self.questions):
            summary = window.features.get(asked.name)
            found = None if summary is None else asked.counted(summary)
            missing.append({"missing_in": ["window"]} if found is None else None)
            if found is not None:
                hits[at, : len(asked.keys)], rows[at, : len(asked.keys)] = found
        return hits, rows, missing

    def to_bytes(self, log_evidence: FloatArray) -> bytes:
        """Version, length of the directory, directory (features and their questions), numbers as 4-byte floats."""
        directory = orjson.dumps([[asked.name, len(asked.keys), asked.signature] for asked in self.questions])
        known = ~np.isnan(self.share)
        return _HEAD.pack(_VERSION, len(directory)) + directory + log_evidence[known].astype("<f4").tobytes()

    def from_bytes(self, state: bytes | None) -> FloatArray:
        """Inverse of `to_bytes`; a question that the state does not know starts afresh, at 0.

        A state of a version that this code does not know starts everything afresh.
        """
        log_evidence = np.zeros((*self.share.shape, _SIDES))
        if state is None or len(state) < _HEAD.size or state[0] != _VERSION:
            return log_evidence
        start = _HEAD.size + _HEAD.unpack_from(state)[1]
        numbers = np.frombuffer(state, "<f4", offset=start).astype(np.float64).reshape(-1, _SIDES)
        places = {asked.name: at for at, asked in enumerate(self.questions)}
        first = 0
        for name, size, signature in orjson.loads(state[_HEAD.size : start]):
            if name in places:
                at, stored = places[name], numbers[first : first + size]
                _restore(self.questions[at], signature, stored, log_evidence[at])
            first += size
        return log_evidence


def _restore(asked: Questions, signature: int | list[str], stored: FloatArray, into: FloatArray) -> None:
    if signature == asked.signature:
        into[: len(asked.keys)] = stored
    elif isinstance(signature, list):
        for at, key in enumerate(asked.keys):
            if key in signature:
                into[at] = stored[signature.index(key)]


def plan_of(baseline: Baseline, size: float, least: float) -> Plan:
    """The plan for a baseline, remembered; `size` and `least` as in `Bands.of`."""
    return _PLANS.get(baseline, (size, least), lambda: _planned(baseline, size, least))


_PLANS: Remembered[Plan] = Remembered()


def _planned(baseline: Baseline, size: float, least: float) -> Plan:
    found = (
        Questions.of(feature.name, feature.type, baseline.feature(feature.name) or FeatureSummary())
        for feature in baseline.schema.all
    )
    questions = tuple(asked for asked in found if asked is not None)
    width = max((len(asked.keys) for asked in questions), default=0)
    share, rows = np.full((2, len(questions), width), np.nan)
    allowed = np.ones((len(questions), width, _SIDES), np.bool_)
    for at, asked in enumerate(questions):
        share[at, : len(asked.keys)], rows[at, : len(asked.keys)] = asked.hits / asked.rows, asked.rows
        if UNSEEN in asked.keys:
            allowed[at, asked.keys.index(UNSEEN), 1] = False  # fewer new labels are no drift
    bands = Bands.of(questions, share, rows, baseline, (size, least))
    bets = Bets.on(share, bands.width, allowed)
    return Plan(questions, share, bands, bets, _weights(questions, bets.live))


def _weights(questions: tuple[Questions, ...], live: BoolArray) -> FloatArray:
    """Half for values, half for nulls and unusable ones, evenly within each; all for one where the other is dead."""
    about_values = np.zeros(live.shape[:2], np.bool_)
    for at, asked in enumerate(questions):
        about_values[at, : asked.values] = True
    parts = [live & group[..., None] for group in (about_values, ~about_values)]
    weight = sum((part / np.maximum(part.sum(axis=(1, 2), keepdims=True), 1) for part in parts), np.zeros(live.shape))
    return np.asarray(weight / np.maximum(weight.sum(axis=(1, 2), keepdims=True), 1))


def missing_reason(summary: FeatureSummary | None) -> Reason:
    """Why nothing can be asked of a feature."""
    if summary is None:
        return Reason.NO_BASELINE
    return Reason.NO_STATISTIC if summary.get(Counts) is None else Reason.EMPTY_REFERENCE
