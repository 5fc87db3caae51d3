"""Quartz: the cron expressions of Hopsworks' scheduler: seven fields, UTC, seconds first."""

from __future__ import annotations

import re

from hopsmon.errors import ConfigError

EXAMPLE = "0 */15 * ? * * *"
_FIELDS = ("seconds", "minutes", "hours", "day of month", "month", "day of week", "year")
_NUMBERS = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "day of month": (1, 31),
    "month": (1, 12),
    "day of week": (1, 7),
    "year": (1970, 2099),
}
_WORDS = {
    "month": ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    "day of week": ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
}
_ENDINGS = {"day of month": r"LW?|L-\d+|\d+W", "day of week": r"(\w+)L|\w+#[1-5]|L"}
_UNIX_FIELDS = 5


def check_cron(expression: str) -> str:
    """The expression, if Hopsworks' scheduler takes it; it looks at its clock once a minute.

    >>> check_cron("0 */5 * ? * * *")
    '0 */5 * ? * * *'

    Raises:
        ConfigError: it is none; with an example, or with what a Unix cron expression would be here.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise _wrong(expression, f"it has {len(fields)} fields, not {len(_FIELDS)}", _from_unix(fields))
    if fields[0] != "0":
        raise _wrong(expression, f"seconds must be 0, as the scheduler looks once a minute; got '{fields[0]}'")
    days = (fields[3], fields[5])
    if days.count("?") != 1:
        raise _wrong(expression, f"exactly one of day of month and day of week must be '?'; got '{' and '.join(days)}'")
    for name, field in zip(_FIELDS[1:], fields[1:], strict=True):
        if not all(_is_part(name, part) for part in field.split(",")):
            raise _wrong(expression, f"the {name} '{field}' are not understood")
    return " ".join(fields)


def to_unix(expression: str) -> str:
    """The same as a line of crontab begins with. Quartz counts weekdays from Sunday as 1, crontab as 0.

    >>> to_unix("0 */5 * ? * MON *"), to_unix("0 30 6 ? * 2-6 *")
    ('*/5 * * * MON', '30 6 * * MON,TUE,WED,THU,FRI')

    Raises:
        ConfigError: it is none that Hopsworks' scheduler takes, or says what a crontab cannot: a year, or days such as
            the last of a month.
    """
    *fields, year = check_cron(expression).split()[1:]
    if year != "*":
        raise ConfigError(
            f"'{expression}' cannot be a line of crontab, which has no years: put * in place of '{year}'."
        )
    return " ".join(_in_unix(name, field) for name, field in zip(_FIELDS[1:-1], fields, strict=True))


def _in_unix(name: str, field: str) -> str:
    return ",".join(_part_in_unix(name, part) for part in field.split(","))


def _part_in_unix(name: str, part: str) -> str:
    """One of a field's alternatives; a list of values where crontab does not know the form."""
    span, stepped, step = part.partition("/")
    if span in ("*", "?", ""):
        return f"*/{step}" if stepped else "*"
    if name in _ENDINGS and re.fullmatch(_ENDINGS[name], span):
        raise ConfigError(f"The {name} '{part}' cannot be said in crontab, whose days are numbers, names and ranges.")
    low, high = _NUMBERS[name]
    first, *rest = (_number(name, end) for end in span.split("-", 1))
    last = rest[0] if rest else (high if stepped else first)
    if last < first:  # round the end: 22-2 are the hours 22, 23, 0, 1 and 2
        last += high - low + 1
    values = [low + (value - low) % (high - low + 1) for value in range(first, last + 1, int(step or 1))]
    words = _WORDS.get(name)
    return ",".join(str(value) if words is None else words[value - 1] for value in values)


def _number(name: str, text: str) -> int:
    return int(text) if text.isdigit() else _WORDS[name].index(text.upper()) + 1


def _is_part(name: str, part: str) -> bool:
    """Whether one of a field's alternatives is a value, a range, everything, or steps through these (`/5` as `*/5`)."""
    span, stepped, step = part.partition("/")
    if stepped and not (step.isdigit() and int(step) > 0):
        return False
    if span == "" and stepped:
        return True
    if span in ("*", "?") and (span == "*" or "day" in name):
        return not (span == "?" and stepped)
    if name in _ENDINGS and re.fullmatch(_ENDINGS[name], span):
        return not stepped
    return all(_is_value(name, end) for end in span.split("-", 1))


def _is_value(name: str, text: str) -> bool:
    low, high = _NUMBERS[name]
    return text.upper() in _WORDS.get(name, ()) or (text.isdigit() and low <= int(text) <= high)


def _from_unix(fields: list[str]) -> str | None:
    """A Unix cron expression in Quartz' form, where it can be said."""
    if len(fields) != _UNIX_FIELDS or "*" not in (fields[2], fields[4]):
        return None
    minutes, hours, day, month, weekday = fields
    if weekday == "*":
        return f"0 {minutes} {hours} {'?' if day == '*' else day} {month} {'*' if day == '*' else '?'} *"
    return f"0 {minutes} {hours} ? {month} {weekday} *" if weekday.isalpha() else None


def _wrong(expression: str, why: str, instead: str | None = None) -> ConfigError:
    hint = f" A Unix cron expression has five; here it is '{instead}'." if instead else ""
    return ConfigError(
        f"'{expression}' is no schedule for Hopsworks: {why}.{hint} Expected a Quartz expression, UTC, of seven fields "
        f"({', '.join(_FIELDS)}): '{EXAMPLE}' is every 15 minutes, '0 30 6 ? * MON-FRI *' half past six on weekdays."
    )
