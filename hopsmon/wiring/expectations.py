"""Expectations: from the suite that a configuration names to techniques; the library is loaded where it must be."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from hopsmon.config import MonitorConfig
from hopsmon.config.expectations import ExpectationsConfig
from hopsmon.core.expectations.overview import Line, by_type, for_model
from hopsmon.core.expectations.suite import Suite, read_suite
from hopsmon.core.schema import ModelSchema
from hopsmon.core.techniques.protocols import Technique
from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.wiring.homes import home_of
from hopsmon.wiring.hopsworks import connection_of
from hopsmon.wiring.reference import baseline_in

_LOG = logging.getLogger("hopsmon.wiring")
_COLUMNS_SHOWN = 10


def expectation_techniques(config: MonitorConfig, schema: ModelSchema) -> tuple[Technique, ...]:
    """The techniques that hold windows to the configured suite; none without one.

    Raises:
        ConfigError: the suite cannot be read, or has expectations that are unknown or make no sense.
        OutsideError: Hopsworks cannot be reached.
    """
    from hopsmon.adapters.great_expectations.sampled import suite_techniques

    if config.expectations is None:
        return ()
    suite = suite_of(config.expectations, config)
    section, names = config.expectations, [feature.name for feature in schema.all]
    for column, name in section.columns.items():
        if name not in names:
            raise UnknownNameError(f"feature for expectations.columns.{column}", name, names)
    compiled, techniques = suite_techniques(suite, schema, section.modules, section.columns)
    if not compiled.checks and not compiled.sampled:
        raise ConfigError(
            f"monitor {config.name}: no expectation of suite '{suite.name}' is on a feature of the model: "
            f"{_shown(feature.name for feature in schema.all)}."
        )
    if compiled.left_out:
        _LOG.warning(
            "monitor %s: %d of %d expectations of suite '%s' are on columns that the model does not have, and are left "
            "out: %s",
            config.name,
            len(compiled.left_out),
            len(suite.expectations),
            suite.name,
            _shown(dict.fromkeys(column for _, column in compiled.left_out)),
        )
    return techniques


def suite_of(section: ExpectationsConfig, config: MonitorConfig) -> Suite:
    """The suite that a section names.

    Raises:
        ConfigError: there is none, or it cannot be read.
        OutsideError: Hopsworks cannot be reached.
    """
    if section.file is not None:
        return suite_in(Path(section.file))
    if section.saved is not None:
        return _kept(config)
    from hopsmon.adapters.hopsworks.expectations import suite_of_feature_group

    if section.feature_group is None:  # the configuration has exactly one of the two; this tells the type checker
        raise ConfigError("expectations: give exactly one of: file, feature_group, saved.")
    group = section.feature_group
    return suite_of_feature_group(connection_of(config.hopsworks), group.name, group.version)


def suite_document(monitor: str) -> str:
    """Where a store keeps a monitor's suite."""
    return f"_expectations/{monitor}.json"


def _kept(config: MonitorConfig) -> Suite:
    home = home_of(config)
    name = suite_document(config.name)
    text = home.documents.read(name)
    if text is None:
        raise ConfigError(
            f"monitor {config.name}: its store, {home.place}, keeps no expectation suite of it. Save the monitor again "
            "with expectations: {file: suite.json}."
        )
    return read_suite(text.decode("utf-8"), f"{home.place}/{name}")


def suite_in(path: Path) -> Suite:
    """The suite in a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"Cannot read the expectation suite '{path}': {reason}.") from error
    return read_suite(text, str(path))


def overview_of(path: Path, baseline: Path | None, modules: Sequence[str] = ()) -> tuple[Suite, list[Line]]:
    """How the expectations of a suite in a file are checked; with a baseline, for its model.

    Raises:
        ConfigError: suite or baseline cannot be read, or expectations are unknown or make no sense.
    """
    from hopsmon.adapters.great_expectations.sampled import suite_techniques, types_known_to

    suite = suite_in(path)
    if baseline is None:
        return suite, by_type(suite, types_known_to(suite, tuple(modules)))
    compiled, _ = suite_techniques(suite, baseline_in(baseline).schema, tuple(modules))
    return suite, for_model(suite, compiled)


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    more = f", … ({len(listed)} in all)" if len(listed) > _COLUMNS_SHOWN else ""
    return ", ".join(listed[:_COLUMNS_SHOWN]) + more
