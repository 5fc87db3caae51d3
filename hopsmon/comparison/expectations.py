"""Expectations in a comparison: a suite of Great Expectations held against the current data, by the stream's checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hopsmon.comparison.panels import Assignment
from hopsmon.core.expectations.suite import Suite, suite_of
from hopsmon.core.schema import ModelSchema
from hopsmon.errors import ConfigError


def expected(given: Any, schema: ModelSchema) -> list[Assignment]:
    """The techniques that hold data to a suite; none without one.

    Raises:
        ConfigError: not a suite, or one with unknown expectations or arguments that make no sense.
    """
    if given is None:
        return []
    from hopsmon.adapters.great_expectations.sampled import suite_techniques

    _, techniques = suite_techniques(_suite(given), schema)
    return [(technique, None) for technique in techniques]


def _suite(given: Any) -> Suite:
    if isinstance(given, Suite):
        return given
    plain = given.to_json_dict() if hasattr(given, "to_json_dict") else given
    if not isinstance(plain, Mapping):
        raise ConfigError(
            f"expectations must be a suite of Great Expectations or Hopsworks, or its JSON as a dict; got {given!r:.80}"
        )
    return suite_of(plain, "expectations")
