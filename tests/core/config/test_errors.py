"""A wrong file gives all its errors at once; each golden file has the input beside what is said about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hopsmon.config import ConfigProblems, MonitorConfig
from hopsmon.errors import ConfigError
from tests.goldens import GOLDEN, assert_golden

CASES = sorted(file.stem for file in (GOLDEN / "config-errors").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_about_a_wrong_file(case: str) -> None:
    text = (GOLDEN / "config-errors" / f"{case}.yaml").read_text("utf-8")
    with pytest.raises(ConfigProblems) as caught:
        MonitorConfig.from_yaml(text, "monitor.yaml")
    assert_golden(f"config-errors/{case}.txt", f"{caught.value}\n")


def test_every_problem_has_the_place_of_its_key() -> None:
    text = "name: x\nmodel: {name: m}\nlog: {files: {path: e}}\nbaseline: {file: b}\ntechniques:\n- psi\n- pis\n"
    with pytest.raises(ConfigProblems) as caught:
        MonitorConfig.from_yaml(text)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column) == (("techniques", 1), 7, 3)
    assert str(problem).startswith("line 7, column 3: techniques[1]: Unknown technique 'pis'.")
    assert "Did you mean 'psi'?" in str(problem)


def test_problems_of_plain_values_have_paths_and_no_lines() -> None:
    with pytest.raises(ConfigProblems) as caught:
        MonitorConfig.from_mapping({"name": "x", "window": {"size": "1y"}})
    assert {problem.path for problem in caught.value.problems} == {
        ("model",),
        ("log",),
        ("baseline",),
        ("window", "size"),
    }
    assert all(problem.line is None for problem in caught.value.problems)


KAFKA = {"bootstrap_servers": "b:9092", "topic": "t"}


def with_start(start: Any) -> Mapping[str, Any]:
    kafka = {**KAFKA, "starting_offsets": start}
    return {"name": "x", "model": {"name": "m"}, "log": {"kafka": kafka}, "baseline": {"file": "b"}}


@pytest.mark.parametrize("start", ["latest", {0: 1500, 1: -2}, {"0": 1500, "1": -2}])
def test_where_a_topic_is_read_from(start: Any) -> None:
    kafka = MonitorConfig.from_yaml(MonitorConfig.from_mapping(with_start(start)).to_yaml()).log.kafka
    assert kafka is not None
    assert kafka.starting_offsets == ("latest" if start == "latest" else {0: 1500, 1: -2})


@pytest.mark.parametrize("start", [{}, {0: -3}, {-1: 5}, {0: "x"}, {0: 1.5}, {0: True}, {"a": 1}, 5, ["earliest"]])
def test_where_it_is_not(start: Any) -> None:
    with pytest.raises(ConfigProblems, match=r"starting_offsets: Not allowed: .*Allowed: earliest, latest; or each pa"):
        MonitorConfig.from_mapping(with_start(start))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("15", "Not a duration"),
        ("15 m", "Not a duration"),
        ("-1s", "Not a duration"),
        ("1.5h", "Not a duration"),
        ("99999999999999999d", "Too long"),
        ("0s", "above 0"),
    ],
)
def test_window_sizes_that_are_none(text: str, said: str) -> None:
    base = {"name": "x", "model": {"name": "m"}, "log": {"files": {"path": "e"}}, "baseline": {"file": "b"}}
    with pytest.raises(ConfigProblems, match=said):
        MonitorConfig.from_mapping({**base, "window": {"size": text}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"correction": "bonferoni"}, "correction: Unknown correction 'bonferoni'.*Did you mean 'bonferroni'"),
        ({"threshold_rule": "mean3sd"}, "threshold_rule: Unknown threshold rule 'mean3sd'.*Did you mean 'mean_3sd'"),
        ({"importances": {"temp": -1}}, "importances.temp: Should be greater than or equal to 0"),
        ({"importances": {"temp": float("nan")}}, "importances.temp: Should be a finite number"),
        ({"limits": {"max_outliers": -1}}, "limits.max_outliers: Should be greater than or equal to 0"),
        ({"limits": {"technique_seconds": 0}}, "limits.technique_seconds: Should be greater than 0"),
    ],
)
def test_settings_of_judging_that_are_none(changes: dict[str, object], said: str) -> None:
    base = {"name": "x", "model": {"name": "m"}, "log": {"files": {"path": "e"}}, "baseline": {"file": "b"}}
    with pytest.raises(ConfigProblems, match=said):
        MonitorConfig.from_mapping({**base, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": [{}]}, "channels.0..*Give exactly one of: hopsworks"),
        ({"channels": [{"hopsworks": {"receiver": "a"}}] * 2}, "channels: Each receiver at most once.*twice: a"),
        ({"channels": [{"slack": {"url": "https://s"}}]}, "Not built yet.*set up a receiver"),
        ({"min_severity": "none"}, "min_severity: Not allowed: 'none'. Allowed: warning, critical"),
        ({"resolve_after": 0}, "resolve_after: Should be greater than or equal to 1; got 0"),
        ({"receiver": "slack"}, "Unknown key 'receiver'. Known: channels, max_age, min_severity"),
    ],
)
def test_alerts_that_are_none(changes: dict[str, object], said: str) -> None:
    base = {"name": "x", "model": {"name": "m"}, "log": {"files": {"path": "e"}}, "baseline": {"file": "b"}}
    with pytest.raises(ConfigProblems, match=said):
        MonitorConfig.from_mapping({**base, "alerts": changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"season": "hour_of_day"}, "season: hour_of_day needs event_time"),
        (
            {"event_time": "at", "season": "hourofday"},
            "baseline.data.season: Unknown season 'hourofday'.*Did you mean 'hour_of_day'",
        ),
    ],
)
def test_seasons_that_are_none(changes: dict[str, object], said: str) -> None:
    base = {"name": "x", "model": {"name": "m"}, "log": {"files": {"path": "e"}}}
    with pytest.raises(ConfigProblems, match=said):
        MonitorConfig.from_mapping({**base, "baseline": {"data": {"path": "d", **changes}}})


@pytest.mark.parametrize("name", ["", "../x", "_monitors", "a/b", "a b", "x" * 101, ".hidden", "a\n"])
def test_names_that_could_not_be_a_folder(name: str) -> None:
    base = {"model": {"name": "m"}, "log": {"files": {"path": "e"}}, "baseline": {"file": "b"}}
    with pytest.raises(ConfigProblems, match="Not a name"):
        MonitorConfig.from_mapping({**base, "name": name})


def test_aliases_that_multiply_are_refused_quickly() -> None:
    levels = ["a: &a [x, x]"] + [
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
    ]
    with pytest.raises(ConfigProblems, match="more than 100,000 values, counting each use of an alias"):
        MonitorConfig.from_yaml("\n".join(levels))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigProblems, match="Nested too deeply"):
        MonitorConfig.from_yaml("name: " + "[" * 2000 + "]" * 2000)


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(ConfigProblems, match="at most 1000000"):
        MonitorConfig.from_yaml("#" * 1_000_001)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the configuration '.*none\.yaml': No such file"):
        MonitorConfig.from_file(tmp_path / "none.yaml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        MonitorConfig.from_file(tmp_path / "binary.yaml")
