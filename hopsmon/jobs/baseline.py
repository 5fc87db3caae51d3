"""The job that builds a monitor's baseline anew, and lets the monitor compare with it from its next start on."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from typing import Any

import yaml

from hopsmon.errors import ConfigError
from hopsmon.jobs.entry import log, of_a_monitor, parser_of, run
from hopsmon.sdk import connect


def main(arguments: Sequence[str]) -> int:
    """Build a saved monitor's baseline; gives the exit code."""
    parser = of_a_monitor(parser_of(__doc__))
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what to build it from, as in the configuration's `baseline`: training_dataset.feature_view=flights; "
        "repeat it for more (default: what the monitor's configuration says)",
    )
    return run(parser, arguments, _work)


def _work(known: argparse.Namespace, stop: threading.Event) -> None:  # noqa: ARG001 - every job's work is given it
    monitor = connect(known.store).monitor(known.monitor)
    made = monitor.build_baseline(source_of(known.source) or None)
    log.info("done: %r; monitor %s compares with it from its next start on", made, known.monitor)


def source_of(pairs: Sequence[str]) -> dict[str, Any]:
    """A `baseline` section from KEY=VALUE pairs; keys have dots, values are YAML.

    >>> source_of(["feature_group.name=flights", "feature_group.version=2"])
    {'feature_group': {'name': 'flights', 'version': 2}}
    """
    section: dict[str, Any] = {}
    for pair in pairs:
        key, found, text = pair.partition("=")
        *path, last = key.split(".")
        if not found or not all((*path, last)):
            raise ConfigError(f"--source {pair}: expected KEY=VALUE, e.g. feature_group.name=flights.")
        inner = section
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = yaml.safe_load(text)
    return section
