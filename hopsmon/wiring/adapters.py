"""Optional packages, and secrets: looked for and read here, and nowhere kept."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from hopsmon.config.secrets import is_reference
from hopsmon.errors import ConfigError

# Which extra brings which module; the message of a missing one is the command that mends it.
EXTRAS = {
    "pyspark": "spark",
    "pandas": "spark",
    "kafka": "kafka",
    "deltalake": "local",
    "hopsworks": "hopsworks",
    "great_expectations": "expectations",
    "hops": "hops",
}


def require(*modules: str) -> None:
    """Look whether optional packages are installed, without loading them.

    Raises:
        ConfigError: one is not; the message has the command that installs it.
    """
    missing = sorted({EXTRAS[module] for module in modules if importlib.util.find_spec(module) is None})
    if missing:
        raise ConfigError(f"This needs an extra that is not installed: pip install 'hopsmon[{','.join(missing)}]'")


def resolve_secret(value: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret a reference stands for; any other value unchanged.

    Raises:
        ConfigError: the variable is not set or the file cannot be read.
    """
    if not is_reference(value):
        return value
    kind, _, place = value.partition(":")
    if kind == "env":
        if place not in environment:
            raise ConfigError(f"The configuration refers to {value}, but the environment variable {place} is not set.")
        return environment[place]
    try:
        return Path(place).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"The configuration refers to {value}, which cannot be read: {reason}.") from None
