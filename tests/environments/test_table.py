"""The table of environments is complete, and names what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hopsmon.wiring import adapters
from tests.environments.table import ENVIRONMENTS, OPTIONAL, Environment
from tools.extras import chosen, constraints_of, folder_of

ROOT = Path(__file__).parents[2]
OF_OTHERS = {"all"}  # is made of other extras


def extras() -> dict[str, str]:
    """The extras of pyproject.toml, by name, as they are written there."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    return dict(re.findall(r"^(\w+) = \[(.*?)\]", section, re.MULTILINE | re.DOTALL))


def test_each_extra_has_an_environment_with_nothing_else() -> None:
    alone = {environment.extras for environment in ENVIRONMENTS}
    assert alone >= {(), *((name,) for name in extras().keys() - OF_OTHERS)}
    assert all(set(environment.extras) <= extras().keys() for environment in ENVIRONMENTS)


def test_names_are_there_once() -> None:
    names = [environment.name for environment in ENVIRONMENTS]
    assert len(set(names)) == len(names)
    assert [environment.name for environment in chosen([])] == names


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)
def test_its_tests_and_modules_are_there(environment: Environment) -> None:
    assert environment.tests
    for place in (*environment.tests, *environment.without):
        file, _, function = place.partition("::")
        assert (ROOT / "tests" / file).exists()
        assert f"def {function.partition('[')[0]}" in (ROOT / "tests" / file).read_text("utf-8") if function else True
    assert set(environment.modules) <= OPTIONAL
    assert {pin.partition("==")[0] for pin in environment.pins} >= set(environment.packages)


def test_what_hopsmon_says_to_install_is_an_extra() -> None:
    assert set(adapters.EXTRAS.values()) <= extras().keys()
    assert set(adapters.EXTRAS) <= OPTIONAL


def test_own_pins_replace_those_of_the_same_packages() -> None:
    environment = next(one for one in ENVIRONMENTS if one.pins)
    usual, own = (constraints_of(one).splitlines() for one in (Environment("usual"), environment))
    assert set(own) - set(usual) == set(environment.pins)
    replaced = {line.partition("==")[0] for line in set(usual) - set(own)}
    assert replaced == {pin.partition("==")[0] for pin in environment.pins}


def test_other_versions_live_in_other_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOPSMON_CACHE", str(tmp_path))
    usual = folder_of(Environment("kafka"))
    pinned = folder_of(Environment("kafka", pins=("kafka-python==2.2.0",)))
    with_more = folder_of(Environment("kafka", packages=("pyspark",)))
    assert len({usual, pinned, with_more}) == 3
    assert usual.parent == pinned.parent == with_more.parent == tmp_path / "extras"


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"No such environment: sparc\. There are: none, spark, kafka"):
        chosen(["sparc"])
