"""hopsmon.compare by other libraries' conventions: their numbers and verdicts come out at the front door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hopsmon
from hopsmon.core.techniques.conventions import CONVENTIONS, finding
from tests.support.peer_values import case, further_cases, names, pair_of


def frame(values: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"f": values})


@pytest.mark.parametrize("name", [*names(), *further_cases()])
def test_without_named_techniques_it_does_what_evidently_does_by_default(name: str) -> None:
    given = case(name).peers["evidently"]["default"]
    table = hopsmon.compare(frame(case(name).reference), frame(case(name).current), convention="evidently").to_pandas()
    (row,) = table.to_dict("records")
    assert row["score"] == pytest.approx(given["score"], rel=1e-4, abs=1e-12)
    assert (row["is_drift"], row["threshold"]) == (given["detected"], given["threshold"])


@pytest.mark.parametrize("name", CONVENTIONS)
def test_named_techniques_give_the_convention_s_score_and_verdict_whatever_the_correction(name: str) -> None:
    """With event times as well, where hopsmon's own verdicts would be judged by natural variation."""
    rng = np.random.default_rng(5)
    times = pd.date_range("2026-01-01", periods=2_000, freq="30min", tz="UTC")
    labels = rng.choice(["a", "b", "c"], 2_000)
    reference = pd.DataFrame({"f": rng.normal(0, 1, 2_000), "g": labels, "at": times})
    current = pd.DataFrame({"f": rng.normal(0.25, 1.1, 2_000), "g": rng.permutation(labels), "at": times})
    for technique in CONVENTIONS[name].rules:
        result = hopsmon.compare(
            reference, current, techniques=[{technique: {"convention": name}}], event_time="at", correction="bonferroni"
        )
        for row in result.to_pandas().to_dict("records"):
            pair = pair_of(reference[row["feature"]], current[row["feature"]])
            if row["score"] is None or np.isnan(row["score"]):
                assert row["reason"] == "failed"
                continue
            expected = finding(technique, name, pair)
            assert (row["score"], row["is_drift"]) == (pytest.approx(expected.score), expected.is_drift)
