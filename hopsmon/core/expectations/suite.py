"""Suite: an expectation suite as values, read from each of the JSON forms it is met in, and written in GE 1.x's.

GE 1.x has `name`, `type`; GE 0.18 `expectation_suite_name`, `expectation_type`; Hopsworks' REST API and client
`expectationSuiteName`, `expectationType`, with `kwargs` and `meta` as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from hopsmon.core.finding import Severity
from hopsmon.errors import ConfigError

_NAMES = ("name", "expectation_suite_name", "expectationSuiteName")
_TYPES = ("type", "expectation_type", "expectationType")
_PARAMETERS = ("suite_parameters", "evaluation_parameters")
_IDS = ("expectationId", "expectation_id")
# Arguments that say how GE ran it once, not what is expected.
_OF_THE_RUN = frozenset({"batch_id", "result_format", "catch_exceptions", "include_config", "auto", "profiler_config"})
# Hopsworks' client writes the names of arguments in lower case where a suite of its own type is saved.
_SPELLED = {"column_a": "column_A", "column_b": "column_B"}
_DIGEST = 8  # bytes


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of a column, of several, or of the table.

    Attributes:
        type: the name that Great Expectations knows it by, e.g. "expect_column_values_to_not_be_null".
        kwargs: its arguments.
        meta: notes, whatever they are.
        severity: of a failure. GE 1.x has critical, warning and info (here a warning too); where the suite does not say
            (GE 0.18; Hopsworks does not keep it), it is a warning.
        id: the number that Hopsworks gave it.
    """

    type: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = Severity.WARNING
    id: int | None = None

    @property
    def key(self) -> str:
        """A hash of what is expected: the same in every process, and whatever else stands beside it in the suite."""
        text = json.dumps([self.type, dict(self.kwargs)], sort_keys=True, default=str)
        return blake2b(text.encode(), digest_size=_DIGEST).hexdigest()

    def as_ge(self) -> dict[str, Any]:
        """As GE 1.x writes it."""
        return {
            "type": self.type,
            "kwargs": dict(self.kwargs),
            "meta": dict(self.meta),
            "severity": str(self.severity),
        }


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations with a name, each once."""

    name: str
    expectations: tuple[Expectation, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def as_ge(self) -> dict[str, Any]:
        """As GE 1.x writes it: `great_expectations.ExpectationSuite(**suite.as_ge())`."""
        expectations = [expectation.as_ge() for expectation in self.expectations]
        return {"name": self.name, "expectations": expectations, "meta": dict(self.meta)}

    def to_json(self) -> str:
        """JSON that GE 1.x, Hopsworks and `read_suite` read."""
        return json.dumps(self.as_ge(), indent=2, ensure_ascii=False) + "\n"


def read_suite(text: str, where: str = "suite") -> Suite:
    """A suite from JSON text, in any of its forms.

    Raises:
        ConfigError: no JSON, or no suite; all that is wrong at once.
    """
    try:
        return suite_of(json.loads(text), where)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: not JSON: {error}. Great Expectations and Hopsworks write suites.") from None


def suite_of(data: object, where: str = "suite") -> Suite:
    """A suite from plain values, in any of its forms.

    Raises:
        ConfigError: it is none; all that is wrong at once.
    """
    data = _only_item(data)
    if not isinstance(data, Mapping) or not isinstance(data.get("expectations"), Sequence):
        raise ConfigError(
            f"{where}: no expectation suite: it needs a name and a list of expectations,"
            ' {"name": …, "expectations": [{"type": …, "kwargs": {…}}]}.'
        )
    problems: list[str] = []
    parameters = _first(data, _PARAMETERS) or {}
    found = [
        expectation
        for number, given in enumerate(data["expectations"], 1)
        if (expectation := _expectation(given, number, parameters, problems)) is not None
    ]
    if problems:
        raise ConfigError("\n  ".join([f"{where}: {len(problems)} of its expectations cannot be read:", *problems]))
    if not found:
        raise ConfigError(f"{where}: the suite has no expectations. Add some, or leave it out.")
    each = tuple({expectation.key: expectation for expectation in found}.values())
    return Suite(str(_first(data, _NAMES) or "suite"), each, _mapping(data.get("meta")) or {})


def _only_item(data: object) -> object:
    """Hopsworks' collections hold one suite, as a feature group has one."""
    items = data.get("items") if isinstance(data, Mapping) else None
    return items[0] if isinstance(items, Sequence) and len(items) == 1 else data


def _expectation(given: object, number: int, parameters: Mapping[str, Any], problems: list[str]) -> Expectation | None:
    kind = _first(given, _TYPES) if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(kind, str):
        problems.append(f"{number}: expected {{'type': …, 'kwargs': {{…}}}}, got {given!r:.200}.")
        return None
    kwargs, meta = _mapping(given.get("kwargs")), _mapping(given.get("meta"))
    if kwargs is None:
        problems.append(f"{number}: {kind}: kwargs must be a mapping, got {given.get('kwargs')!r:.200}.")
        return None
    meta = meta or {}
    number_of = _first(meta, _IDS) or given.get("id")
    return Expectation(
        kind,
        {
            _SPELLED.get(str(name), str(name)): _value(value, parameters)
            for name, value in kwargs.items()
            if value is not None and name not in _OF_THE_RUN
        },
        meta,
        _severity(given.get("severity") or meta.get("severity")),
        number_of if isinstance(number_of, int) else None,
    )


def _value(value: object, parameters: Mapping[str, Any]) -> object:
    """A value; a suite's parameter as what the suite says it is."""
    name = value.get("$PARAMETER") if isinstance(value, Mapping) else None
    return parameters.get(name, value) if isinstance(name, str) else value


def parameters_of(expectation: Expectation) -> Iterator[str]:
    """The parameters that nobody gave a value."""
    for value in expectation.kwargs.values():
        if isinstance(value, Mapping) and isinstance(value.get("$PARAMETER"), str):
            yield value["$PARAMETER"]


def _severity(given: object) -> Severity:
    return Severity.CRITICAL if str(given).lower() == Severity.CRITICAL else Severity.WARNING


def _mapping(given: object) -> Mapping[str, Any] | None:
    """A mapping, or JSON text of one; nothing is an empty one."""
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError:
            return None
    return given if isinstance(given, Mapping) else None


def _first(data: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)
