"""Registry: techniques by name, built from configuration. Families list the built-in ones, entry points the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import getdoc
from typing import Any, TypeAlias, cast

from hopsmon.core.techniques.drift import DRIFT
from hopsmon.core.techniques.multivariate import MULTIVARIATE
from hopsmon.core.techniques.named import Named
from hopsmon.core.techniques.outliers import OUTLIERS
from hopsmon.core.techniques.protocols import Technique, WindowTechnique
from hopsmon.core.techniques.sequence import SEQUENCE
from hopsmon.errors import ConfigError, UnknownNameError

GROUP = "hopsmon.techniques"  # entry points of this group name further techniques

# Code shipped with --py-files has no package metadata, so the built-in ones stand here.
BUILT_IN: Mapping[str, type[Technique]] = {**DRIFT, **MULTIVARIATE, **SEQUENCE, **OUTLIERS}
DEFAULT_TECHNIQUES = (
    "e_detector",
    "psi",
    "ks",
    "chi2",
    "null_share",
    "unseen_categories",
    "range",
    "z_score",
    "unseen_category",
)

Spec: TypeAlias = str | Mapping[str, Mapping[str, Any] | None]
NAME = "as"  # beside the parameters: the name that the findings of a window technique go by
_OWN_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a technique."""

    name: str
    type: str
    default: Any


@dataclass(frozen=True, slots=True)
class Description:
    """A technique for people.

    Attributes:
        kind: instance, window or sequence.
        title: first line of `doc`.
        doc: meaning, formula, range, default thresholds and sources.
        needs: names of the statistics it reads.
    """

    name: str
    kind: str
    title: str
    doc: str
    parameters: tuple[Parameter, ...]
    needs: tuple[str, ...]


def names() -> tuple[str, ...]:
    """All known techniques: the built-in ones, then other packages'.

    Raises:
        ConfigError: two techniques claim one name.
    """
    return (*BUILT_IN, *_plugins())


def technique_class(name: str) -> type[Technique]:
    """The technique of that name.

    Raises:
        UnknownNameError: there is none.
        ConfigError: it comes from another package and cannot be loaded, or is no technique; or a name clash.
    """
    plugins = _plugins()
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name not in plugins:
        raise UnknownNameError("technique", name, (*BUILT_IN, *plugins))
    return _load(plugins[name])


def build(spec: Spec) -> Technique:
    """A technique from its name, or from `{name: {parameter: value}}`; with `as`, under a name of its own.

    Raises:
        UnknownNameError: no such technique.
        ConfigError: an unknown parameter, or a value of a wrong type or out of range.

    >>> build({"psi": {"threshold": 0.2}}).threshold
    0.2
    >>> build({"psi": {"threshold": 0.5, "features": ["price"], "as": "psi_of_prices"}}).name
    'psi_of_prices'
    """
    name, given = _read(spec)
    technique = _made(name, {parameter: value for parameter, value in given.items() if parameter != NAME})
    return technique if given.get(NAME) is None else _named(technique, given[NAME])


def name_of(spec: Spec) -> str:
    """The name that the findings of a technique go by."""
    name, given = _read(spec)
    return str(given.get(NAME) or name)


def _named(technique: Technique, name: object) -> Technique:
    if not isinstance(technique, WindowTechnique):
        raise ConfigError(f"{technique.name}: only techniques that judge one window can have a name of their own.")
    if not isinstance(name, str) or not _OWN_NAME.fullmatch(name):
        raise ConfigError(f"{technique.name}.{NAME}: lower case letters, digits and _, a letter first; got {name!r}.")
    if name in names() and name != technique.name:
        raise ConfigError(f"{technique.name}.{NAME}: '{name}' is a technique itself. Choose another name.")
    return cast("Technique", Named(technique, name))  # its name is a field, where the protocol has a class variable


def _made(name: str, given: Mapping[str, Any]) -> Technique:
    kind = technique_class(name)
    allowed = {parameter.name: parameter for parameter in _parameters(kind)}
    for parameter, value in given.items():
        if parameter not in allowed:
            known = ", ".join(f"{p.name} ({p.type}, default {p.default})" for p in allowed.values()) or "none"
            raise ConfigError(f"{name} has no parameter '{parameter}'. It has: {known}.")
        _check_type(name, allowed[parameter], value)
    return kind(**given)


def describe(name: str) -> Description:
    """What a technique does, its parameters and its sources."""
    kind = technique_class(name)
    doc = getdoc(kind) or ""
    needs = tuple(sorted(statistic.name for statistic in kind.needs))
    return Description(name, _kind_of(kind), doc.partition("\n")[0], doc, _parameters(kind), needs)


def _read(spec: object) -> tuple[str, Mapping[str, Any]]:
    if isinstance(spec, str):
        return spec, {}
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise ConfigError(f"A technique is a name or {{name: {{parameter: value}}}}, got {spec!r}.")
    name, given = next(iter(spec.items()))
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"The parameters of {name} must be {{parameter: value}}, got {given!r}.")
    return name, given or {}


def _parameters(kind: Any) -> tuple[Parameter, ...]:
    """The fields of the technique's dataclass; a class of another kind has no parameters."""
    found = fields(kind) if is_dataclass(kind) else ()
    return tuple(Parameter(field.name, str(field.type), _default(field)) for field in found if field.init)


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None


_FITTING: Mapping[str, tuple[type, ...]] = {"float": (float, int), "int": (int,), "bool": (bool,), "str": (str,)}


def _check_type(technique: str, parameter: Parameter, value: object) -> None:
    """Checks plain types; a technique checks others, and ranges, when it is made."""
    fitting = _FITTING.get(parameter.type)
    wrong_bool = isinstance(value, bool) and parameter.type != "bool"
    if fitting is not None and (wrong_bool or not isinstance(value, fitting)):
        raise ConfigError(f"{technique}.{parameter.name} must be of type {parameter.type}, got {value!r}.")


def _plugins() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.get(entry.name)
        if entry.name in BUILT_IN or (other is not None and other.value != entry.value):
            first = "hopsmon itself" if entry.name in BUILT_IN else _origin(found[entry.name])
            raise ConfigError(
                f"Two techniques are named '{entry.name}': one in {first}, one in {_origin(entry)}."
                " Uninstall one, or have it renamed."
            )
        found[entry.name] = entry
    return found


def _origin(entry: EntryPoint) -> str:
    return f"{entry.value} ({entry.dist.name if entry.dist is not None else 'an unknown package'})"


def _load(entry: EntryPoint) -> type[Technique]:
    try:
        kind = entry.load()
    except Exception as error:  # a package of others may raise anything when imported
        raise ConfigError(
            f"Technique '{entry.name}' cannot be loaded from {_origin(entry)}: {type(error).__name__}: {error}."
            " Mend or uninstall that package."
        ) from error
    if not isinstance(kind, type) or _kind_of(kind) == "" or getattr(kind, "name", None) != entry.name:
        raise ConfigError(
            f"Technique '{entry.name}' from {_origin(entry)} is not a technique: it must be a class with"
            f" name = '{entry.name}', needs, and one of the methods check, judge, advance."
        )
    return kind


_METHODS = (("instance", "check"), ("window", "judge"), ("sequence", "advance"))


def _kind_of(kind: type) -> str:
    """instance, window or sequence, by the protocol's method; empty where it is none."""
    return next((word for word, method in _METHODS if hasattr(kind, method) and hasattr(kind, "needs")), "")
