"""The registry: specs from configuration, techniques of other packages, and clear words about what is wrong."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from hopsmon.core.finding import Severity
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.drift.psi import PopulationStabilityIndex
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.registry import GROUP, build, describe, names
from hopsmon.errors import ConfigError, UnknownNameError
from tests.core.techniques.cases import judge


class Mine:
    """Always calm."""

    name = "mine"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset()

    def judge(self, window: object, baseline: object) -> list[object]:
        return []


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    """Pretends that packages with these entry points are installed."""
    module = ModuleType("their_package")
    module.Mine, module.NotOne = Mine, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_package", module)

    def pretend(**entries: str) -> None:
        found = EntryPoints(EntryPoint(name, value, GROUP) for name, value in entries.items())
        monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))

    return pretend


def test_a_name_builds_the_defaults() -> None:
    assert build("psi") == PopulationStabilityIndex()
    assert build({"psi": None}) == PopulationStabilityIndex()


def test_parameters_are_passed_on() -> None:
    assert build({"psi": {"threshold": 0.2, "min_rows": 100}}) == PopulationStabilityIndex(0.2, min_rows=100)
    assert build({"psi": {"threshold": 0, "critical": 1} | {"threshold": 1}}) == PopulationStabilityIndex(1, 1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("pis", r"Unknown technique 'pis'\. Known: .*Did you mean 'psi'"),
        ({"psi": {"treshold": 1}}, r"psi has no parameter 'treshold'\. It has: threshold \(float, default 0\.1\)"),
        ({"psi": {"threshold": "high"}}, r"psi\.threshold must be of type float, got 'high'"),
        ({"psi": {"threshold": True}}, r"psi\.threshold must be of type float, got True"),
        ({"psi": {"min_rows": 3.5}}, r"psi\.min_rows must be of type int, got 3\.5"),
        ({"psi": {"alpha": 1.0}}, r"psi\.alpha must be above 0 and below 1"),
        ({"psi": {"threshold": 0.5, "critical": 0.25}}, r"psi\.critical must be at least 0\.5, got 0\.25"),
        ({"psi": {"threshold": -1.0}}, r"psi\.threshold must be above 0"),
        ({"unseen_category": {"x": 1}}, "unseen_category has no parameter 'x'. It has: none"),
        ({"psi": 0.1}, "The parameters of psi must be"),
        ({"psi": {}, "ks": {}}, "A technique is a name or"),
        (3, "A technique is a name or"),
    ],
)
def test_wrong_specs_are_configuration_errors(spec: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(spec)  # type: ignore[arg-type]


def test_a_description_names_parameters_kind_and_statistics() -> None:
    found = describe("ks")
    assert (found.kind, found.needs) == ("window", ("counts", "histogram"))
    assert found.title == "The largest gap between the cumulative distributions of window and reference."
    assert (found.parameters[0].name, found.parameters[0].default) == ("threshold", 0.1)
    assert describe("range").kind == "instance"


def test_techniques_of_other_packages_are_found(install) -> None:
    install(mine="their_package:Mine")
    assert isinstance(build("mine"), Mine)
    assert names()[-1] == "mine"
    assert describe("mine").title == "Always calm."
    with pytest.raises(UnknownNameError, match="Did you mean 'mine'"):
        build("mime")


def test_a_clash_with_a_built_in_name_raises(install) -> None:
    install(psi="their_package:Mine")
    with pytest.raises(
        ConfigError, match="Two techniques are named 'psi': one in hopsmon itself, one in their_package:Mine"
    ):
        build("ks")


def test_two_packages_with_one_name_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    found = EntryPoints([EntryPoint("mine", "a:A", GROUP), EntryPoint("mine", "b:B", GROUP)])
    monkeypatch.setattr(registry, "entry_points", lambda group: found)
    with pytest.raises(ConfigError, match=r"one in a:A .*, one in b:B"):
        names()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_package:Mine", "cannot be loaded from no_such_package:Mine .*ModuleNotFoundError"),
        ("their_package:Other", "cannot be loaded .*AttributeError"),
        ("their_package:NotOne", "is not a technique"),
        ("their_package:Mine", "is not a technique: it must be a class with name = 'broken'"),
    ],
)
def test_a_broken_package_is_named_and_harms_no_other_technique(install, value: str, message: str) -> None:
    install(broken=value)
    assert build("psi") == PopulationStabilityIndex()
    with pytest.raises(ConfigError, match=message):
        build("broken")


def test_a_raised_threshold_raises_what_is_critical_with_it() -> None:
    reference = np.random.default_rng(3).normal(size=5_000)
    found = judge("psi", reference, reference + 0.65, threshold=0.3)
    assert found.is_drift
    assert type(found.threshold) is float
    assert found.score is not None
    assert 0.3 < found.score < 0.6
    assert (found.threshold, found.severity) == (0.3, Severity.WARNING)
    assert judge("psi", reference, reference + 0.65).severity is Severity.CRITICAL
    with pytest.raises(ConfigError, match=r"critical must be at least 0\.3, got 0\.25"):
        build({"psi": {"threshold": 0.3, "critical": 0.25}})


def test_a_threshold_that_equals_the_default_is_a_choice_all_the_same() -> None:
    chosen = build({"psi": {"convention": "hopsworks", "threshold": 0.1}})
    left = build({"psi": {"convention": "hopsworks"}})
    assert isinstance(chosen, PopulationStabilityIndex)
    assert isinstance(left, PopulationStabilityIndex)
    assert not isinstance(chosen.threshold, Default)
    assert isinstance(left.threshold, Default)
