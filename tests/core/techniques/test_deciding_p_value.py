"""Corrections for many features see the p-value that a verdict rests on, whatever the technique."""

from __future__ import annotations

import numpy as np
import pytest

from hopsmon.core.finding import Finding
from hopsmon.core.multiplicity import Correction
from hopsmon.core.techniques.registry import build
from hopsmon.core.techniques.significance import two_proportions_p
from hopsmon.core.verdicts import Judge
from tests.core.techniques.cases import baseline_of, judge, window_of
from tests.core.techniques.drift_cases import CATEGORICAL, NUMERIC, pair_of, verdicts


def test_corrections_see_the_p_value_that_decides() -> None:
    rng = np.random.default_rng(7)
    findings: list[Finding] = []
    for number in range(40):
        window = rng.lognormal(0.4, 1.0 + number / 40, 60).round(2)
        pair = pair_of(rng.lognormal(0, 1, 400).round(1), window, "numeric", raw=number % 2 == 0)
        findings += verdicts(pair, *NUMERIC, threshold=1e-9, critical=9.0, alpha=0.05).values()
    for _ in range(20):
        pair = pair_of(rng.choice(list("abcde"), 400), rng.choice(list("abcdxy"), 60), "categorical")
        findings += verdicts(pair, *CATEGORICAL, threshold=1e-9, critical=9.0, alpha=0.05).values()
    assert {finding.is_drift for finding in findings} == {True, False}
    assert [f for f in findings if f.is_drift is not (f.p_value is not None and f.p_value < 0.05)] == []


@pytest.mark.parametrize("correction", [Correction.BENJAMINI_HOCHBERG, Correction.LORD])
def test_skewed_features_do_not_fool_the_corrections_of_mean_shift(correction: Correction) -> None:
    rng = np.random.default_rng(1)
    draws = {f"f{number}": (rng.lognormal(0, 1.5, 2_000), rng.lognormal(0, 1.5, 60)) for number in range(300)}
    baseline = baseline_of({name: reference for name, (reference, _) in draws.items()})
    window = window_of({name: values for name, (_, values) in draws.items()}, baseline)
    (findings, _) = Judge([build("mean_shift")], baseline, correction).judge(window, None, {})
    assert [finding.feature for finding in findings if (finding.p_adjusted or 0) < 0.05] == []
    assert min(finding.details["welch_p"] for finding in findings) < 1e-4  # alone, it would be


def test_vanished_labels_have_the_p_value_of_the_label_that_makes_them_matter() -> None:
    # 1 % gone is not enough, so what decides is the rarer label, which is less certain
    reference = ["common"] * 98_500 + ["sure"] * 1_000 + ["perhaps"] * 500
    finding = judge("vanished_categories", reference, ["common"] * 5_000, "categorical", threshold=0.012)
    assert finding.is_drift
    assert finding.p_value == pytest.approx(3 * two_proportions_p(0, 5_000, 500, 100_000))
