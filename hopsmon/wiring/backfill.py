"""Backfill: a configuration and a span of time, as a run that writes the span's windows again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hopsmon.config import MonitorConfig, parse_moment
from hopsmon.errors import ConfigError
from hopsmon.streaming.backfill import Backfilled, Span, run_backfill
from hopsmon.wiring.filters import Moment
from hopsmon.wiring.homes import home_of
from hopsmon.wiring.plans import query_plans
from hopsmon.wiring.runs import session_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from hopsmon.streaming.progress import Progress


def backfill(
    config: MonitorConfig,
    span: Span,
    *,
    spark: SparkSession | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Backfilled:
    """Judge the windows of a past span again, by the configuration as it is now; see `Monitor.backfill`.

    Raises:
        ConfigError: something does not fit together.
        OutsideError: log or store cannot be reached.
    """
    home = home_of(config)
    (plan,) = query_plans([config])
    # No monitor has such a name, so nothing else has this checkpoint.
    plan = replace(plan, name=f"{config.name} backfill", checkpoint=home.checkpoint(f"_backfill-{config.name}"))
    return run_backfill(spark or session_for([plan]), plan, home.tables, span, on_progress, stop)


def span_between(since: Moment, until: Moment | None) -> Span:
    """The span that somebody names; without an end until now.

    Raises:
        ConfigError: no times, or the end is not after the start.
    """
    first = parse_moment(since)
    last = datetime.now(timezone.utc) if until is None else parse_moment(until)
    if last <= first:
        raise ConfigError(f"A span needs an end after its start; got {first.isoformat()} to {last.isoformat()}.")
    return Span(first, last)
