"""The command line without Spark: what it prints, what it ends with, and that no error is a traceback."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import hopsmon
from hopsmon.cli.main import app
from hopsmon.core.baseline import Baseline
from hopsmon.errors import OutsideError, TransientError
from tests.apps.conftest import Run
from tests.goldens import GOLDEN, assert_golden

COMMANDS = (
    "demo",
    "validate",
    "baseline",
    "run",
    "show",
    "deploy",
    "status",
    "undeploy",
    "rebaseline",
    "baselines",
    "techniques",
    "expectations",
    "doctor",
    "optimize",
    "vacuum",
    "deploy-maintenance",
)


def test_version(run: Run) -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"hopsmon {hopsmon.__version__}\n")


def test_without_words_it_helps(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    assert all(command in result.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    text = result.stdout.partition("Options")[0]
    assert f"hopsmon {command}" in text.partition("\n\n")[2] or text.count(f"hopsmon {command}") >= 1
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


@pytest.mark.parametrize(
    "words",
    [
        ["baselin"],
        ["--nonsense"],
        ["show"],
        ["show", "drif"],
        ["run"],
        ["validate"],
        ["baseline", "x.csv"],
        ["show", "drift", "--limit", "-1"],
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_1_and_one_message(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_configurations_are_all_told(run: Run) -> None:
    folder = GOLDEN / "config-errors"
    result = run("validate", folder / "typos.yaml", folder / "two-of-one.yaml")
    assert result.exit_code == 1
    expected = [(folder / f"{name}.txt").read_text("utf-8").partition("\n")[2] for name in ("typos", "two-of-one")]
    assert all(text.strip() in result.stderr for text in expected)


def test_no_secret_is_printed(run: Run) -> None:
    for words in (["validate"], ["run"], ["doctor"], ["--debug", "doctor"]):
        result = run(*words, GOLDEN / "config-errors" / "secrets.yaml")
        assert result.exit_code == 1
        assert "kafka.sasl.password" in result.output
        assert "hunter2" not in result.output


def test_validate_a_good_configuration(run: Run, monitor_file: Path) -> None:
    result = run("validate", monitor_file)
    assert result.exit_code == 0
    assert "fine. Monitor flights: 3 features, 1 predictions, 9 techniques, baseline" in result.stdout


def test_validate_sees_what_does_not_fit_the_baseline(run: Run, monitor_file: Path) -> None:
    monitor_file.write_text(monitor_file.read_text().replace("[origin]", "[orgin]"))
    result = run("validate", monitor_file)
    assert result.exit_code == 1
    assert "Did you mean 'origin'?" in result.stderr


def test_validate_prints_the_schema(run: Run) -> None:
    result = run("validate", "--schema")
    assert json.loads(result.stdout) == json.loads((GOLDEN / "config-schema.json").read_text("utf-8"))


def test_baseline_of_a_file(run: Run, train: Path, tmp_path: Path) -> None:
    words = ("--prediction", "score", "--exclude", "label", "--type", "seats=categorical", "--model", "flight_delay:1")
    result = run("baseline", train, "-o", tmp_path / "new" / "baseline.json", *words)
    assert result.exit_code == 0, result.stderr
    made = Baseline.from_json((tmp_path / "new" / "baseline.json").read_text("utf-8"))
    assert (made.model.name, made.model.version, made.rows) == ("flight_delay", 1, 100)
    table, _, last = result.stdout.rstrip("\n").rpartition("\n")
    assert last == f"{tmp_path / 'new' / 'baseline.json'}: baseline {made.id} of 100 rows."
    assert_golden("cli/baseline.txt", table + "\n")


def test_baseline_with_an_event_time(run: Run, train: Path) -> None:
    at = pa.array([datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=50 * row) for row in range(100)])
    pq.write_table(pq.read_table(train).append_column("at", at), train)
    words = ("--event-time", "at", "--window", "1h", "--season", "hour_of_day")
    result = run("baseline", train, "-o", "b.json", *words)
    assert result.exit_code == 0, result.stderr
    made = Baseline.from_json(Path("b.json").read_text("utf-8"))
    assert made.season == "hour_of_day"
    said = f"baseline {made.id} of 100 rows, 83 windows of 1h from 2026-01-01 00:00 to 2026-01-04 10:00, compared by"
    assert said in result.stdout
    assert "at " not in result.stdout.partition("baseline ")[0]
    few = run("baseline", train, "-o", "b.json", "--event-time", "at", "--window", "1d")
    assert "1 incomplete window at the ends of the data left out" in few.stdout
    assert "is used from 24 on" in few.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--event-time", "temp:s"], "needs window"),
        (["--window", "1h"], "needs event_time"),
        (["--event-time", "temp:s", "--window", "an hour"], "--window: Not a duration: 'an hour'"),
        (["--event-time", "seats", "--window", "1h"], "seats:ms"),
        (["--event-time", "seats:s", "--window", "1s", "--season", "daily"], "Unknown season 'daily'"),
        (["--type", "seats=integr"], "Did you mean 'integer'?"),
        (["--type", "seats"], "expected NAME=TYPE"),
        (["--model", "m:one"], "must be a whole number"),
        (["--prediction", "scor"], "Did you mean 'score'?"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_baseline_with_wrong_words(run: Run, train: Path, words: list[str], said: str) -> None:
    result = run("baseline", train, "-o", "b.json", *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not Path("b.json").exists()


def test_baseline_that_cannot_be_written(run: Run, train: Path) -> None:
    result = run("baseline", train, "-o", train / "b.json")  # a file is no folder
    assert result.exit_code == 2
    assert "Cannot write" in result.stderr


def test_techniques(run: Run) -> None:
    listed = run("techniques")
    assert listed.exit_code == 0
    assert all(
        name in listed.stdout for name in ("psi", "ks", "chi2", "null_share", "range", "z_score", "unseen_category")
    )
    assert max(len(line) for line in listed.stdout.splitlines()) <= 80
    one = run("techniques", "psi")
    assert "threshold: float = 0.1" in one.stdout
    unknown = run("techniques", "pis")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "Did you mean 'psi'?" in unknown.stderr


def test_doctor_without_a_file(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.stdout
    assert "Java" in result.stdout


def test_doctor_says_what_is_missing(run: Run, monitor_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hopsmon.cli import doctor

    monkeypatch.setattr(doctor, "_PACKAGES", (("no-such-package", (1,), (2,), "kafka"), ("numpy", (99,), (100,), None)))
    result = run("doctor", monitor_file)
    assert result.exit_code == 1
    assert "pip install 'hopsmon[kafka]'" in result.stdout
    assert "99 or newer, below 100" in " ".join(result.stdout.split())


def test_doctor_of_a_monitor(run: Run, monitor_file: Path) -> None:
    result = run("doctor", monitor_file)
    assert result.exit_code == 0, result.stdout
    assert "and will be made" in " ".join(result.stdout.split())
    assert not (monitor_file.parent / "monitoring").exists()  # looking changes nothing
    (monitor_file.parent / "events" / "one.jsonl").unlink()
    empty = run("doctor", monitor_file)
    assert empty.exit_code == 2
    assert "holds no file to read" in " ".join(empty.stdout.split())


@pytest.mark.parametrize(
    ("error", "code"),
    [(OutsideError("no broker"), 2), (TransientError("no broker"), 2), (PermissionError(13, "denied", "/x"), 2)],
)
def test_what_fails_outside_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("hopsmon.cli.upkeep.connect", fail)
    result = run("optimize")
    assert result.exit_code == code
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_a_defect_of_ours_says_so_and_debug_shows_where(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("hopsmon.cli.upkeep.connect", fail)
    result = run("optimize")
    assert result.exit_code == 70
    assert "a defect of hopsmon: ZeroDivisionError: oops" in result.stderr
    for words in (["--debug", "optimize"], ["optimize", "--debug"]):
        result = run(*words)
        assert result.exit_code == 70
        assert 'raise ZeroDivisionError("oops")' in result.stderr


def test_debug_changes_no_exit_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OutsideError("the broker is away")

    monkeypatch.setattr("hopsmon.cli.upkeep.connect", fail)
    result = run("optimize", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("Error: the broker is away\n")


@pytest.mark.parametrize("words", [["show", "drift"], ["optimize"], ["vacuum"], ["baselines", "flights"]])
def test_a_store_that_is_not_there_is_not_taken_for_an_empty_one(run: Run, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text("x")
    for name, why in (("monitorin", "is not there"), ("file", "is no folder")):
        result = run(*words, "--store", str(tmp_path / name))
        assert result.exit_code == 1
        assert f"There is no store at {tmp_path / name}: " in result.stderr.replace("\n", " ")
        assert why in result.stderr
    assert not (tmp_path / "monitorin").exists()


def test_markup_in_messages_is_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OutsideError("[red]plain[/red]")

    monkeypatch.setattr("hopsmon.cli.upkeep.connect", fail)
    assert "[red]plain[/red]" in run("optimize").stderr


def test_demo_is_called(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("hopsmon.demo.run_demo", lambda *words: seen.extend(words), raising=False)
    assert run("demo", "--kafka", "--folder", "here").exit_code == 0
    folder, kafka, console = seen
    assert (folder, kafka) == (Path("here"), True)
    assert isinstance(console, Console)


def test_the_entry_point_is_the_app() -> None:
    from typer.main import get_command

    assert sorted(get_command(app).commands) == sorted(COMMANDS)  # type: ignore[attr-defined]
