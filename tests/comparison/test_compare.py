"""hopsmon.compare: any frame, the stream's own verdicts, and clear words about what does not fit."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

import hopsmon
from hopsmon.comparison.result import COLUMNS
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.finding import Reason
from hopsmon.core.multiplicity import Correction, adjusted
from hopsmon.core.schema import ModelRef
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.protocols import InstanceTechnique
from hopsmon.core.verdicts import Judge
from hopsmon.errors import ConfigError, UnknownNameError
from tests.core.techniques.cases import window_of

WINDOWED = ["psi", "ks", "chi2", "null_share"]


def table(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "temp": rng.normal(20 + shift, 5, rows),
            "seats": rng.integers(0, 9, rows),
            "origin": rng.choice(["JFK", "LGA", "EWR"], rows),
            "member": rng.random(rows) < 0.3,
            "late": rng.random(rows),
        }
    )


REFERENCE = table(2_000, 1)
SAME = table(1_000, 2)
MOVED = table(1_000, 3, shift=5.0)


def plain(result: hopsmon.Comparison) -> list[tuple[Any, ...]]:
    return [(f.feature, f.technique, f.score, f.p_value, f.is_drift, f.reason) for f in result.findings]


def test_equal_data_passes_and_moved_data_does_not() -> None:
    assert hopsmon.compare(REFERENCE, SAME).passed
    assert hopsmon.compare(REFERENCE, REFERENCE).passed
    moved = hopsmon.compare(REFERENCE, MOVED)
    assert not moved.passed
    assert {f.feature for f in moved.findings if f.is_drift and f.feature} == {"temp"}


def test_by_default_the_default_techniques_on_windows_run() -> None:
    run = {f.technique for f in hopsmon.compare(REFERENCE, SAME).findings}
    default = [registry.build(name) for name in registry.DEFAULT_TECHNIQUES]
    assert run == {technique.name for technique in default if not isinstance(technique, InstanceTechnique)}


@pytest.mark.parametrize(
    "convert",
    [pl.from_pandas, pa.Table.from_pandas, lambda frame: pl.from_pandas(frame).lazy(), lambda f: f.convert_dtypes()],
    ids=["polars", "pyarrow", "polars lazy", "pandas nullable"],
)
def test_any_data_frame_library_gives_the_same(convert: Any) -> None:
    expected = hopsmon.compare(REFERENCE, MOVED, techniques=WINDOWED)
    assert plain(hopsmon.compare(convert(REFERENCE), convert(MOVED), techniques=WINDOWED)) == plain(expected)
    assert plain(hopsmon.compare(REFERENCE, convert(MOVED), techniques=WINDOWED)) == plain(expected)


def test_findings_are_those_of_the_judge_on_the_same_window() -> None:
    columns = {name: pa.array(MOVED[name]) for name in ("temp", "seats", "origin", "member")}
    names = ["null_share", "psi"]
    baseline = build_baseline(REFERENCE[list(columns)], ModelRef("m"))
    summary = window_of(columns, baseline)
    expected, _ = Judge([registry.build(name) for name in names], baseline).judge(summary, None, {})
    found = hopsmon.compare(baseline, MOVED[list(columns)], techniques=names).findings
    assert [(f.feature, f.technique, f.score, f.p_adjusted, f.is_drift) for f in found] == [
        (f.feature, f.technique, f.score, f.p_adjusted, f.is_drift) for f in expected
    ]


def test_raw_samples_are_exact_and_a_ready_baseline_gives_bounds() -> None:
    (exact,) = hopsmon.compare(REFERENCE[["temp"]], MOVED[["temp"]], techniques=["ks"]).findings
    oracle = stats.ks_2samp(REFERENCE["temp"], MOVED["temp"])
    assert exact.score == pytest.approx(oracle.statistic, abs=1e-12)
    baseline = build_baseline(REFERENCE[["temp"]], ModelRef("m"))
    (binned,) = hopsmon.compare(baseline, MOVED[["temp"]], techniques=["ks"]).findings
    assert binned.details["lower"] - 1e-12 <= oracle.statistic <= binned.details["upper"] + 1e-12


def test_the_frame_has_exactly_the_promised_columns() -> None:
    frame = hopsmon.compare(REFERENCE, MOVED, techniques=WINDOWED).to_pandas()
    assert tuple(frame.columns) == COLUMNS
    promised = "feature technique score threshold p_value p_adjusted is_drift severity n reason details"
    assert " ".join(COLUMNS) == promised
    assert frame["is_drift"].dtype == bool
    assert frame["score"].dtype == float
    assert set(frame["severity"]) <= {"none", "warning", "critical"}
    drifted = frame[frame["is_drift"]]
    assert set(drifted["feature"]) == {"temp"}
    assert all(isinstance(details, dict) for details in frame["details"])


def test_windows_are_judged_in_order_and_findings_carry_their_start() -> None:
    current = pd.concat([SAME, MOVED], ignore_index=True)
    current["when"] = pd.date_range("2024-03-01", periods=len(current), freq="3min", tz="Europe/Vienna")
    shuffled = current.sample(frac=1.0, random_state=5)
    result = hopsmon.compare(REFERENCE, shuffled, techniques=WINDOWED, event_time="when", window="25h")
    starts = [judged.start or 0 for judged in result.windows]
    assert starts == sorted(starts)
    assert sum(judged.rows for judged in result.windows) == 2_000
    frame = result.to_pandas()
    assert tuple(frame.columns) == ("window_start", *COLUMNS)
    assert str(frame["window_start"].dtype).startswith("datetime64[")
    assert frame["window_start"].dt.tz is not None
    first = frame.loc[frame["is_drift"], "window_start"].min()
    change = current["when"][1_000]
    assert change - timedelta(hours=25) < first <= change
    assert "when" not in set(frame["feature"])
    assert result.findings[0].window_start == datetime.fromtimestamp(starts[0] / 1e6, timezone.utc)


def test_sequence_techniques_go_on_from_window_to_window() -> None:
    small = pd.concat([SAME, table(4_000, 9, shift=2.0)], ignore_index=True)
    small["when"] = pd.date_range("2024-03-01", periods=len(small), freq="1min")
    result = hopsmon.compare(REFERENCE, small, techniques=["e_detector"], event_time="when", window=timedelta(hours=4))
    model = [finding for finding in result.findings if finding.feature is None]
    assert len(model) == len(result.windows)
    drifted = [finding.is_drift for finding in model]
    assert not drifted[0]
    assert drifted[-1]
    assert {f.feature for f in result.findings if f.is_drift and f.feature} == {"temp"}


def test_the_reference_with_event_time_brings_its_natural_variation_and_season() -> None:
    hours = pd.date_range("2024-03-01", periods=24 * 28 * 60, freq="1min")
    rng = np.random.default_rng(8)
    cycle = 5 * np.sin(2 * np.pi * (hours.hour + hours.minute / 60) / 24)
    traffic = pd.DataFrame({"when": hours, "load": 10 + cycle + rng.normal(size=len(hours))})
    reference, current = traffic[: 24 * 21 * 60], traffic[24 * 21 * 60 :]
    settings: dict[str, Any] = {"event_time": "when", "window": "1h", "techniques": ["psi"]}
    blind = hopsmon.compare(reference.drop(columns="when"), current, **settings)
    assert sum(f.is_drift for f in blind.findings) > 20
    seeing = hopsmon.compare(reference, current, **settings)
    assert sum(f.is_drift for f in seeing.findings) == 0
    assert any(f.details.get("band") == "natural_variation" for f in seeing.findings)
    assert {f.details.get("band_rule") for f in seeing.findings} == {"room"}
    eager = hopsmon.compare(reference, current, threshold_rule="quantile", **settings)
    assert {f.details.get("band_rule") for f in eager.findings} == {"quantile"}
    assert max(f.threshold or 0 for f in eager.findings) < min(f.threshold or 0 for f in seeing.findings)
    seasonal = hopsmon.compare(reference, current, season="hour_of_day", **settings)
    assert sum(f.is_drift for f in seasonal.findings) == 0
    assert max(f.score or 0 for f in seasonal.findings) < max(f.score or 0 for f in seeing.findings)


def test_instance_techniques_give_outliers_and_their_share() -> None:
    current = SAME.copy()
    current.loc[[7, 500], "temp"] = [900.0, -900.0]
    result = hopsmon.compare(REFERENCE, current, techniques=["range", "null_share"], predictions=["late"])
    flagged = result.outliers
    assert set(flagged[flagged["score"] > 1]["row"]) == {7, 500}
    assert flagged["technique"].unique().tolist() == ["range"]
    assert next(iter(flagged.set_index("row").loc[7, "top_features"])) == "temp"
    share = next(f for f in result.findings if f.technique == "range" and f.details["side"] == "request")
    assert share.score == pytest.approx(share.details["flagged"] / 1_000)
    assert result.passed
    assert hopsmon.compare(REFERENCE, SAME, techniques=["psi"]).outliers.empty


def test_rows_of_outliers_are_those_of_the_frame_whatever_the_windows() -> None:
    current = SAME.copy()
    current["when"] = pd.date_range("2024-03-01", periods=len(current), freq="1min")[::-1]
    current.loc[3, "when"] = pd.NaT
    current.loc[900, "temp"] = 900.0
    result = hopsmon.compare(REFERENCE, current, techniques=["z_score"], event_time="when", window="1h")
    worst = result.outliers.sort_values("score").iloc[-1]
    assert worst["row"] == 900
    assert worst["window_start"] == pd.Timestamp("2024-03-01 01:00", tz="UTC")
    (untimed,) = [f for f in result.findings if f.technique == "schema"]
    assert "1 rows have no event time" in untimed.details["problem"]


def test_a_column_that_is_missing_is_drift_and_an_unknown_one_is_told() -> None:
    current = SAME.rename(columns={"temp": "temperature"})
    result = hopsmon.compare(REFERENCE, current, techniques=["ks"])
    schema = {f.feature: f for f in result.findings if f.technique == "schema"}
    assert schema["temp"].is_drift
    assert "no such column" in schema["temp"].details["problem"]
    assert (schema["temperature"].reason, schema["temperature"].is_drift) == (Reason.NO_BASELINE, False)
    assert not result.passed
    assert result.root_cause()[0]["feature"] == "temp"


def test_text_where_numbers_were_is_drift_that_names_both_types() -> None:
    current = SAME.assign(temp=SAME["temp"].astype(str), late=None)
    result = hopsmon.compare(REFERENCE, current, techniques=["null_share", "ks"])
    (misfit,) = [f for f in result.findings if f.technique == "schema"]
    assert misfit.feature == "temp"
    assert "string where the reference has numeric" in misfit.details["problem"]
    invalid = next(f for f in result.findings if f.technique == "null_share" and f.feature == "temp")
    assert invalid.is_drift
    nulls = next(f for f in result.findings if f.technique == "null_share" and f.feature == "late")
    assert nulls.score == 1.0


def test_predictions_and_types_are_as_told() -> None:
    result = hopsmon.compare(
        REFERENCE, MOVED, predictions=["late"], types={"seats": "categorical"}, techniques=["chi2"]
    )
    assert [feature.name for feature in result.baseline.schema.predictions] == ["late"]
    assert str(result.baseline.type_of("seats")) == "categorical"
    assert {f.feature for f in result.findings} >= {"seats", "origin", "member"}


def test_the_correction_shows_in_p_adjusted() -> None:
    none = hopsmon.compare(REFERENCE, MOVED, techniques=["null_share"], correction="none").findings
    bonferroni = hopsmon.compare(REFERENCE, MOVED, techniques=["null_share"], correction="bonferroni").findings
    assert [f.p_adjusted for f in none] == [f.p_value for f in none]
    assert [f.p_adjusted for f in bonferroni] == [min((f.p_value or 0) * 5, 1.0) for f in bonferroni]
    e_bh = hopsmon.compare(REFERENCE, MOVED, techniques=["null_share"], correction="e_bh").findings
    assert [f.p_adjusted for f in e_bh] == adjusted(np.array([f.p_value for f in none]), Correction.E_BH).tolist()
    assert hopsmon.compare(REFERENCE, SAME).correction is Correction.BENJAMINI_HOCHBERG


def test_a_convention_runs_what_that_library_runs() -> None:
    result = hopsmon.compare(REFERENCE, MOVED, convention="evidently")
    run = {f.feature: f.technique for f in result.findings}
    assert run["temp"] == "wasserstein"  # more than 1,000 rows
    assert run["origin"] == "js"
    assert result.correction is Correction.NONE
    few = hopsmon.compare(REFERENCE[:1_000], MOVED, convention="evidently")
    assert {f.feature: f.technique for f in few.findings}["temp"] == "ks"
    assert all(f.details["convention"] == "evidently" for f in result.findings)


def test_a_convention_with_techniques_goes_to_those_that_know_it() -> None:
    both = hopsmon.compare(REFERENCE, MOVED, techniques=["psi", "null_share"], convention="evidently")
    psi = next(f for f in both.findings if f.technique == "psi")
    assert psi.details["convention"] == "evidently"
    spec = {"psi": {"convention": "evidently"}}
    alone = hopsmon.compare(REFERENCE, MOVED, techniques=[spec], correction="none")
    assert [f.score for f in alone.findings] == [f.score for f in both.findings if f.technique == "psi"]
    mixed = hopsmon.compare(REFERENCE, MOVED, techniques=["psi", spec])
    ours = [f.score for f in hopsmon.compare(REFERENCE, MOVED, techniques=["psi"]).findings]
    assert [f.score for f in mixed.findings] == [*ours, *(f.score for f in alone.findings)]


def test_importances_order_the_root_cause() -> None:
    both = MOVED.assign(late=MOVED["late"] ** 2)
    plainly = hopsmon.compare(REFERENCE, both, techniques=["psi"]).root_cause()
    assert [entry["feature"] for entry in plainly] == ["temp", "late"]
    assert sum(entry["contribution"] for entry in plainly) == pytest.approx(1)
    weighed = hopsmon.compare(REFERENCE, both, techniques=["psi"], importances={"late": 50, "temp": 1}).root_cause()
    assert [entry["feature"] for entry in weighed] == ["late", "temp"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": REFERENCE[:0]}, "The reference data has no rows"),
        ({"current": SAME[:0]}, "The current data has no rows"),
        ({"current": pd.DataFrame(index=[1, 2])}, "The current data has no columns"),
        ({"current": "nothing"}, "The current data: The frame cannot be read as Arrow: .*str"),
        ({"reference": pd.concat([REFERENCE, REFERENCE[["temp"]]], axis=1)}, "same name: temp|Duplicate column"),
        ({"current": pd.concat([SAME, SAME[["temp"]]], axis=1)}, "same name: temp|Duplicate column"),
        ({"techniques": ["pis"]}, "Unknown technique 'pis'.*Did you mean 'psi'"),
        ({"techniques": "psi"}, r"techniques must be a list, got 'psi'. Write techniques=\['psi'\]"),
        ({"techniques": []}, "techniques is empty"),
        ({"convention": "evidentli"}, "Did you mean 'evidently'"),
        ({"correction": "bonferoni"}, "Did you mean 'bonferroni'"),
        ({"threshold_rule": "mean"}, "Unknown threshold rule 'mean'.*Did you mean 'mean_3sd'"),
        ({"season": "hourly"}, "Unknown season 'hourly'"),
        ({"season": "hour_of_day"}, "needs event_time and window"),
        ({"window": "1h"}, "window needs event_time"),
        ({"event_time": "when", "window": "1h"}, "No such column for the event time: when"),
        ({"event_time": "seats", "window": "1h"}, "do not say their unit. Name it: seats:s"),
        ({"importances": {"tmp": 1.0}}, "Unknown feature in importances 'tmp'.*Did you mean 'temp'"),
        ({"importances": {"temp": -1.0}}, "must be a number from 0 up, got -1.0"),
        ({"types": {"temp": "number"}}, "Unknown type 'number' for column 'temp'"),
        ({"predictions": ["lat"]}, "No such column: lat"),
        ({"reference": build_baseline(REFERENCE, ModelRef("m")), "predictions": ["late"]}, "baseline's own"),
    ],
)
def test_wrong_use_is_told_in_one_message(arguments: dict[str, Any], message: str) -> None:
    given = {"reference": REFERENCE, "current": SAME, **arguments}
    with pytest.raises(ConfigError, match=message):
        hopsmon.compare(given.pop("reference"), given.pop("current"), **given)


def test_a_technique_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("theirs")

    monkeypatch.setattr(registry.technique_class("psi"), "judge", fail)
    result = hopsmon.compare(REFERENCE, SAME, techniques=["psi", "ks"])
    (failed,) = [f for f in result.findings if f.technique == "psi"]
    assert failed.reason is Reason.FAILED
    assert failed.details["error"] == "ZeroDivisionError: theirs"
    assert "1 failed" in repr(result)


def test_json_holds_all_of_it() -> None:
    result = hopsmon.compare(REFERENCE, MOVED, techniques=WINDOWED, importances={"temp": 1.0})
    content = json.loads(result.to_json())
    assert content["passed"] is False
    assert (content["reference_rows"], content["current_rows"]) == (2_000, 1_000)
    assert len(content["findings"]) == len(result.findings)
    assert set(content["findings"][0]) == set(COLUMNS)
    assert content["root_cause"][0]["feature"] == "temp"


def test_an_unknown_feature_cannot_be_drawn() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'temp'"):
        hopsmon.compare(REFERENCE, SAME, techniques=["psi"]).plot("tmp")
