"""The small values of a configuration: durations, names, places, and the base class of every section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
)

from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.schema import FeatureType
from hopsmon.core.season import Season
from hopsmon.core.techniques import registry
from hopsmon.errors import ConfigError

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PART = re.compile(r"(\d+)(ms|s|m|h|d)")
_DURATION = rf"^({_PART.pattern})+$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_MAX_DURATION = timedelta(days=3660)


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change, errors never show the input."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Written without the optional parts that are not used; a null that differs from the default stays."""
        fields = type(self).model_fields
        written: dict[str, Any] = inner(self)
        return {key: value for key, value in written.items() if value is not None or fields[key].default is not None}


def check_one_of(section: Section, *names: str) -> None:
    """Exactly one of a section's alternatives must be there."""
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        seen = f"; got {', '.join(given)}" if given else ""
        raise ConfigError(f"Give exactly one of: {', '.join(names)}{seen}.")


def parse_duration(value: object) -> timedelta:
    """A duration from text such as "15m"; a timedelta passes as it is.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value):
        raise ConfigError(f"Not a duration: {value!r}. Allowed: numbers with a unit (ms, s, m, h, d): 15m, 1h30m.")
    try:
        total = sum((int(number) * _UNITS[unit] for number, unit in _PART.findall(value)), timedelta(0))
    except OverflowError:
        total = timedelta.max
    if total > _MAX_DURATION:
        raise ConfigError(f"Too long: {value!r}. Allowed: up to {_MAX_DURATION.days}d.")
    return total


def parse_moment(value: object) -> datetime:
    """A point in time with zone, from ISO 8601 text, epoch milliseconds, a date or a datetime.

    >>> parse_moment("2013-07-04").isoformat()
    '2013-07-04T00:00:00+00:00'

    Raises:
        ConfigError: text that is no ISO 8601 time, a datetime without time zone, or none of these.
    """
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise ConfigError(
                f"Not a time: {value!r}. Allowed: ISO 8601, e.g. 2013-07-04 or 2013-07-04T12:00:00Z."
            ) from None
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConfigError(f"{value!r} has no time zone; write datetime(…, tzinfo=timezone.utc).")
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), timezone.utc)
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, timezone.utc)
    raise ConfigError(f"Not a time: {value!r}. Allowed: ISO 8601 text, epoch milliseconds, a date or a datetime.")


def format_duration(value: timedelta) -> str:
    """The text `parse_duration` reads, in the largest units that fit.

    >>> format_duration(timedelta(minutes=90))
    '1h30m'
    """
    text = ""
    for unit, length in _UNITS.items():
        count, value = divmod(value, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def check_name(value: str) -> str:
    """A name that can be a folder, a table key and a Kubernetes label."""
    if not re.fullmatch(_NAME, value):
        raise ConfigError(
            f"Not a name: {value!r}. Allowed: letters, digits, '.', '_', '-', the first a letter or digit, at most 100."
        )
    return value


def anchor(value: str, info: ValidationInfo) -> str:
    """A relative path made absolute against the configuration file's folder, where there is one; URIs stay."""
    if not value:
        raise ConfigError("Empty path.")
    folder = (info.context or {}).get("folder")
    if folder is None or "://" in value:
        return value
    return str((Path(folder) / Path(value).expanduser()).resolve())


def check_technique(value: object) -> str | dict[str, dict[str, Any]]:
    """A technique by name, or one name with its parameters; the registry knows both."""
    if isinstance(value, str):
        registry.build(value)
        return value
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ConfigError(
            f"Expected a name, or a name with its parameters: {{psi: {{threshold: 0.2}}}}; got {value!r}."
        )
    ((name, parameters),) = value.items()
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, Mapping):
        raise ConfigError(f"Parameters of '{name}' must be a mapping, e.g. {{threshold: 0.2}}; got {parameters!r}.")
    registry.build({str(name): dict(parameters)})
    return {str(name): dict(parameters)}


def check_feature(value: object) -> dict[str, FeatureType | None]:
    """A feature by name (its type is the baseline's), or one name with its type."""
    if isinstance(value, str):
        return {value: None}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ConfigError(f"Expected a name or one name with its type, e.g. {{delayed: boolean}}; got {value!r}.")
    ((name, kind),) = value.items()
    return {str(name): None if kind is None else FeatureType.named(kind)}


_TECHNIQUE_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        },
    ],
    "examples": ["psi", {"psi": {"threshold": 0.2}}],
}
_FEATURE_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"enum": [kind.value for kind in FeatureType]},
        },
    ],
    "examples": ["distance", {"delayed": "boolean"}],
}


def _plain_feature(value: dict[str, FeatureType | None]) -> str | dict[str, str]:
    ((name, kind),) = value.items()
    return name if kind is None else {name: kind.value}


Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|s|m|h|d))+$", "examples": ["15m", "6s", "500ms", "1h30m"]}),
]
Moment: TypeAlias = Annotated[
    datetime, BeforeValidator(parse_moment), WithJsonSchema({"type": ["string", "integer"], "examples": ["2026-11-01"]})
]
Name: TypeAlias = Annotated[str, AfterValidator(check_name), WithJsonSchema({"type": "string", "pattern": _NAME})]
Place: TypeAlias = Annotated[str, AfterValidator(anchor), WithJsonSchema({"type": "string", "minLength": 1})]
Kind: TypeAlias = Annotated[
    FeatureType, BeforeValidator(FeatureType.named), WithJsonSchema({"enum": [kind.value for kind in FeatureType]})
]
CorrectionName: TypeAlias = Annotated[
    Correction,
    BeforeValidator(Correction.named),
    WithJsonSchema({"enum": [kind.value for kind in Correction]}),
]
ThresholdRuleName: TypeAlias = Annotated[
    ThresholdRule,
    BeforeValidator(ThresholdRule.named),
    WithJsonSchema({"enum": [kind.value for kind in ThresholdRule]}),
]
SeasonName: TypeAlias = Annotated[
    Season, BeforeValidator(Season.named), WithJsonSchema({"enum": [kind.value for kind in Season]})
]
Weight: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TechniqueSpec: TypeAlias = Annotated[
    str | dict[str, dict[str, Any]], BeforeValidator(check_technique), WithJsonSchema(_TECHNIQUE_SCHEMA)
]
FeatureSpec: TypeAlias = Annotated[
    dict[str, FeatureType | None],
    BeforeValidator(check_feature),
    PlainSerializer(_plain_feature),
    WithJsonSchema(_FEATURE_SCHEMA),
]


class ModelConfig(Section):
    """Which model is watched, in the words of its registry."""

    name: Name
    """Name of the model. Required: every result row carries it."""

    version: int | None = None
    """Version of the model. Default: none, for models that are not versioned; result rows then carry ""."""
