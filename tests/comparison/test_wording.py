"""What a finding's details mean in words; details of techniques that nobody knows never get in the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.comparison.wording import why
from hopsmon.core.finding import Reason

ROW = {"technique": "psi", "score": 0.5, "n": 200, "reason": Reason.DRIFT}
CELL = {"cell": "JFK", "share": 0.41, "reference_share": 0.05}
ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["moved", "labels", "ranking", "kind", "flagged", "mean", "reference_mean", "sd", "reference_sd", "series", "lower"]
)


@pytest.mark.parametrize(
    ("technique", "details", "said"),
    [
        ("psi", {"moved": [CELL, CELL, CELL]}, "JFK 5% → 41%; JFK 5% → 41%"),
        ("e_detector", {"moved": "=JFK", "share": 0.41, "reference_share": 0.05}, "JFK 5% → 41%"),
        ("null_share", {"kind": "null", "null_share": 0.1, "reference_null_share": 0.0}, "nulls 0% → 10%"),
        ("null_share", {"kind": "invalid", "invalid_share": 0.1}, "unusable values 0% → 10%"),
        ("ks", {"lower": 0.2, "upper": 0.3}, "largest gap between the distributions 20%"),
        ("wasserstein", {"lower": 0.2, "upper": 0.3, "raw": 12.5, "reference_sd": 3.0}, "values moved by 12.5"),
        ("energy", {"lower": 0.2, "upper": 0.3, "raw": 12.5, "reference_sd": 3.0}, ""),
        ("mean_shift", {"mean": 22.5, "reference_mean": 20.0, "reference_sd": 5.0}, "mean 20 → 22.5"),
        ("variance_shift", {"sd": 5.5, "reference_sd": 5.0}, "standard deviation 5 → 5.5"),
        ("unseen_categories", {"labels": {"a": 4, "b": 3, "c": 2, "d": 1}}, "a, b, c and 1 more"),
        ("max_change", {"statistic": "std_dev", "value": 5.5, "reference_value": 5.0}, "std dev 5 → 5.5"),
        ("cusum", {"series": "mean", "value": 22.5, "usual": 20.0}, "mean 22.5, usually 20"),
        ("mmd", {"ranking": [{"feature": "a"}, {"feature": "b"}]}, "from a, b"),
        ("range", {"kind": "flagged", "flagged": 3}, "3 of 200 rows flagged"),
        ("schema", {"problem": "no such column"}, "no such column"),
        ("theirs", {"moved": 7, "labels": 3, "kind": "odd"}, ""),
    ],
)
def test_details_in_words(technique: str, details: dict[str, Any], said: str) -> None:
    assert why({**ROW, "technique": technique}, details) == said


@given(st.dictionaries(KEYS, ANYTHING))
def test_any_details_give_a_text(details: dict[str, Any]) -> None:
    assert isinstance(why(ROW, details), str)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in (Reason.OK, Reason.DRIFT)])
def test_every_reason_has_words(reason: Reason) -> None:
    assert why({**ROW, "score": None, "reason": reason}, {}) not in ("", str(reason))
