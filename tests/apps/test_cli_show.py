"""`hopsmon show` on a store with hand-written rows."""

import csv
import io
import json
from pathlib import Path

import pytest

from hopsmon.comparison.wording import why
from hopsmon.core.finding import Reason
from tests.apps.conftest import Run, drift_rows
from tests.goldens import assert_golden


@pytest.mark.parametrize("what", ["drift", "outliers", "statistics", "windows", "rejects", "alerts"])
def test_tables_for_people(run: Run, store_folder: Path, what: str) -> None:
    result = run("show", what)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout  # no colours where there is no terminal
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert_golden(f"cli/show-{what}.txt", "\n".join(line.rstrip() for line in result.stdout.splitlines()) + "\n")


def test_all_verdicts(run: Run, store_folder: Path) -> None:
    result = run("show", "drift", "--all")
    assert "the baseline does not know this" in " ".join(result.stdout.split())
    assert "2013-07-04T00:00Z to 2013-07-05T00:00Z" in result.stdout


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ([], 7),
        (["--drift-only"], 4),
        (["--feature", "temp"], 4),
        (["--technique", "ks"], 2),
        (["--slice", "origin=JFK"], 1),
        (["--slice", ""], 6),
        (["--since", "2013-07-05"], 5),
        (["--until", "2013-07-05T00:00:00Z"], 2),
        (["--since", "2013-07-05T02:00:00+02:00", "--until", "2013-07-06"], 4),
        (["--monitor", "flights"], 7),
        (["--limit", "2"], 2),
        (["--limit", "0"], 7),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_filters(run: Run, store_folder: Path, words: list[str], count: int) -> None:
    if "--monitor" in words:
        save_monitor(store_folder)
    result = run("show", "drift", "--json", *words)
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)) == count


def save_monitor(store: Path) -> None:
    import hopsmon

    settings = {"model": {"name": "m"}, "log": {"files": {"path": "events"}}, "baseline": {"file": "b.json"}}
    hopsmon.connect(store).create_monitor(name="flights", **settings)


def test_json_has_all_columns_iso_times_and_what_json_columns_hold(run: Run, store_folder: Path) -> None:
    rows = json.loads(run("show", "drift", "--json", "--feature", "seats").stdout)
    assert rows[0]["window_start"] == "2013-07-05T00:00:00Z"
    assert rows[0]["details"]["null_share"] == 0.14
    rejects = json.loads(run("show", "rejects", "--json").stdout)
    assert rejects[0]["payload"] == '{"instances": [[1,\\xff'


def test_json_of_alerts_has_findings_and_channels(run: Run, store_folder: Path) -> None:
    fired, over = json.loads(run("show", "alerts", "--json").stdout)
    assert fired["findings"][0]["feature"] == "temp"
    assert over["channels"]["hopsworks:slack"]["why"] == "no answer"
    (only,) = json.loads(run("show", "alerts", "--json", "--since", "2013-07-06").stdout)
    assert only["state"] == "resolved"


def test_json_is_oldest_first(run: Run, store_folder: Path) -> None:
    times = [row["window_start"] for row in json.loads(run("show", "drift", "--json").stdout)]
    assert times == sorted(times)


def test_csv_reads_back(run: Run, store_folder: Path) -> None:
    text = run("show", "drift", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(drift_rows())
    assert rows[0]["score"] == ""
    assert json.loads(rows[2]["details"]) is not None


def test_limit_tells_of_the_rest(run: Run, store_folder: Path) -> None:
    assert "… and 3 older verdicts of drift; --limit 0 shows all." in run("show", "drift", "--limit", "1").stdout


@pytest.mark.parametrize("what", ["drift", "outliers", "statistics", "windows", "rejects", "alerts"])
def test_an_empty_store_says_so(run: Run, what: str, tmp_path: Path) -> None:
    result = run("show", what, "--store", tmp_path)
    assert result.exit_code == 0
    assert "Nothing to show" in result.stdout
    assert list(tmp_path.iterdir()) == []
    assert run("show", what, "--store", tmp_path, "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["drift", "--since", "yesterday"], "Not a time: 'yesterday'"),
        (["drift", "--monitor", "none"], "Unknown monitor 'none'"),
        (["windows", "--feature", "temp"], "no column 'feature'"),
        (["drift", "--json", "--csv"], "exclude each other"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_wrong_filters(run: Run, store_folder: Path, words: list[str], said: str) -> None:
    result = run("show", *words)
    assert result.exit_code == 1
    assert said in result.stderr


def test_the_store_may_come_from_the_environment(run: Run, store_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOPSMON_STORE", str(store_folder))
    monkeypatch.chdir("/")
    assert len(json.loads(run("show", "drift", "--json").stdout)) == 7


def test_upkeep(run: Run, store_folder: Path) -> None:
    for words in (["optimize"], ["vacuum", "--dry-run"], ["vacuum"]):
        result = run(*words)
        assert result.exit_code == 0, result.output
        assert "hopsmon_drift" in result.stdout


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in (Reason.OK, Reason.DRIFT)])
def test_every_reason_has_words(reason: Reason) -> None:
    text = why({"score": None, "reason": reason.value, "n": 3}, {})
    assert text
    assert text != reason.value
