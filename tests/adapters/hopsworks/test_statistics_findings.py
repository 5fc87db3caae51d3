"""The demo's flights: baselines from statistics give the verdicts of a scan, but for those that the page lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import hopsmon
from hopsmon.comparison.result import Comparison
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.finding import Finding
from hopsmon.demo.data import FEATURES, load_flights
from hopsmon.demo.model import LAST_TRAINING_MONTH
from hopsmon.testing.hopsworks_profiles import Form
from tests.adapters.hopsworks.statistics_cases import MODEL, baseline_of

DOCS = Path(__file__).parents[3] / "docs" / "hopsworks.md"
ALPHA = 1e-4
Difference = tuple[str, str, str]  # technique, feature, verdict


@cache
def flights() -> pd.DataFrame:
    return load_flights()


def training() -> pd.DataFrame:
    """What the demo's model was trained on."""
    known = flights()["late"].notna() & (flights()["month"] <= LAST_TRAINING_MONTH)
    return flights()[known][[*FEATURES]]


@cache
def windows() -> Mapping[str, pd.DataFrame]:
    """Every other month after the training, and ten days."""
    after = flights()[flights()["month"] > LAST_TRAINING_MONTH]
    months = {f"month {month}": of[[*FEATURES]] for month, of in after.groupby("month") if month % 2 == 0}
    days = [*after.groupby(after["departs"].dt.dayofyear)]
    return {**months, **{f"day {day}": of[[*FEATURES]] for day, of in days[27::27]}}


def compared(baseline: Baseline) -> dict[str, Comparison]:
    return {name: hopsmon.compare(baseline, window) for name, window in windows().items()}


@cache
def scanned() -> dict[str, Comparison]:
    return compared(build_baseline(training(), MODEL))


def differences(found: Mapping[str, Comparison]) -> Iterator[Difference]:
    """Where verdicts are not those of a scan."""
    for name, scan in scanned().items():
        verdicts = [{(one.technique, one.feature): one for one in side.findings} for side in (scan, found[name])]
        assert verdicts[0].keys() == verdicts[1].keys()
        for key, expected in verdicts[0].items():
            given = verdicts[1][key]
            if expected.threshold is not None and given.score is None:
                yield key[0], key[1] or "", "not computable"
            elif expected.is_drift != given.is_drift and not near(expected):
                yield key[0], key[1] or "", "missed" if expected.is_drift else "more"
        flagged = {(one.technique, one.row) for one in found[name].flagged}
        expected_rows = {(one.technique, one.row) for one in scan.flagged}
        assert flagged <= expected_rows
        for one in scan.flagged:
            if (one.technique, one.row) not in flagged:
                yield from ((one.technique, feature, "missed") for feature in one.top_features)


def near(finding: Finding) -> bool:
    """Whether a verdict may fall on either side."""
    score, threshold = finding.score or 0.0, finding.threshold or 1.0
    if finding.technique == "e_detector":
        return abs(score - threshold) <= 1.3  # the logarithm of 20
    p_value = finding.p_adjusted if finding.p_adjusted is not None else 1.0
    return abs(score / threshold - 1) <= 0.03 or ALPHA / 30 <= p_value <= ALPHA * 30


def listed(form: Form) -> set[Difference]:
    """What the page says."""
    section = DOCS.read_text("utf-8").partition("## What each form of statistics can give")[2].partition("\n## ")[0]
    found = set()
    for row in re.findall(r"^\| (.+) \|$", section.partition("| verdict | why |")[2], re.MULTILINE):
        forms, techniques, features, verdict, _ = row.split(" | ")
        if f"`{form}`" in forms:
            found |= {
                (technique, feature, verdict)
                for technique in re.findall(r"`(\w+)`", techniques)
                for feature in (every(technique) if features == "all" else re.findall(r"`(\w+)`", features))
            }
    return found


def every(technique: str) -> set[str]:
    """The features that a technique looks at, and "" where it looks at the model as well."""
    first = next(iter(scanned().values()))
    return {one.feature or "" for one in first.findings if one.technique == technique}


@pytest.mark.parametrize("form", Form)
def test_verdicts_differ_where_the_page_says_and_nowhere_else(form: Form) -> None:
    assert set(differences(compared(baseline_of(training(), form)))) == listed(form)
