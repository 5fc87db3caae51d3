"""Expectation suites of feature groups: read for monitors, and attached to hopsmon's own result tables."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.quiet import prints_on_stderr
from hopsmon.adapters.hopsworks.views import feature_group
from hopsmon.core.expectations.suite import Suite, suite_of
from hopsmon.errors import ConfigError, HopsmonError
from hopsmon.streaming.table_suites import suites_for_tables

_LOG = logging.getLogger("hopsmon.hopsworks")


def suite_of_feature_group(connection: Connection, name: str, version: int) -> Suite:
    """The suite that is attached to a feature group, whichever Great Expectations wrote it.

    Raises:
        ConfigError: there is no such feature group, it has no suite, or the suite cannot be read.
    """
    title = f"feature group '{name}' version {version}"
    group = feature_group(connection, name, version)
    suite = attached(group)
    if suite is None:
        raise ConfigError(
            f"{title.capitalize()} has no expectation suite. Attach one: feature_group.save_expectation_suite(suite); "
            "`hopsmon expectations propose` writes one. Or name a file: expectations: {file: suite.json}."
        )
    return suite_of(suite, f"the suite of {title}")


def attached(group: Any) -> Mapping[str, Any] | None:
    """A feature group's suite as plain values; None where it has none. Works with no Great Expectations installed."""
    with asking(f"The expectation suite of feature group '{group.name}'"):
        found = group.get_expectation_suite(ge_type=False)
    return None if found is None else dict(found.to_json_dict())


def attach(group: Any, suite: Suite) -> bool:
    """Attach a suite to a feature group, so that its page shows what is expected of it; whether anything changed.

    The client does not run it when rows are inserted: for a stream that would be a scan of each micro-batch. One of
    another name is somebody's own, and stays.
    """
    before = attached(group)
    if before is not None and (before["expectationSuiteName"] != suite.name or _is_same(before, suite)):
        _LOG.info("feature group '%s' keeps its suite '%s'", group.name, before["expectationSuiteName"])
        return False
    from hsfs.expectation_suite import ExpectationSuite

    made = ExpectationSuite(
        expectation_suite_name=suite.name,
        expectations=[one.as_ge() for one in suite.expectations],
        meta=dict(suite.meta),
        run_validation=False,
        feature_store_id=group.feature_store_id,
        feature_group_id=group.id,
    )
    # The client tells on stdout where the suite can be seen.
    with asking(f"Attaching a suite to feature group '{group.name}'"), prints_on_stderr():
        if before is not None:
            group.delete_expectation_suite()
        private.save_expectation_suite(group, made)
    return True


def attach_result_suite(group: Any, table: str) -> None:
    """Attach to a result table what always holds of its rows, where it has no suite.

    It may have lost it, or its maker may have been killed before. Without it the table is as good: failures are told.
    """
    suite = suites_for_tables().get(table)
    if suite is None:
        return
    try:
        if attached(group) is None:
            attach(group, suite)
    except HopsmonError as error:
        _LOG.warning("feature group '%s' goes without an expectation suite: %s", group.name, error)


def _is_same(before: Mapping[str, Any], suite: Suite) -> bool:
    """Whether what is attached expects the same."""
    try:
        theirs = suite_of(before)
    except ConfigError:  # without an expectation, or one that cannot be read: no suite of ours is
        return False
    return {one.key for one in theirs.expectations} == {one.key for one in suite.expectations}
