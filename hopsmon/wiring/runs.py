"""Runs: a Spark session for some plans, and all of them at once in it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeAlias

from hopsmon.streaming.plan import QueryPlan
from hopsmon.streaming.session import local_session, session_of_job, submitted, tell_if_cold
from hopsmon.streaming.spark_lines import check_line
from hopsmon.wiring.adapters import require

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from hopsmon.streaming.progress import Progress, RunReport

    OnProgress: TypeAlias = Callable[[str, Progress], None]


def check_spark_of_job() -> None:
    """Look whether hopsmon runs on the Spark that has started this process, if one has.

    Raises:
        ConfigError: it is too old.
    """
    if submitted():
        check_line()


def session_for(plans: Sequence[QueryPlan]) -> SparkSession:
    """A Spark session that can read the plans' logs: a submitted job's, the running one, or a new local one.

    Raises:
        ConfigError: the running session lacks jars, or Spark is not installed or too old.
        OutsideError: a log cannot be read, or Java or jars cannot be had.
    """
    require("pyspark", "pandas")
    check_line()
    for plan in plans:
        plan.source.check()  # before Spark, whose start takes many seconds
    packages = sorted({package for plan in plans for package in plan.source.packages})
    name = f"hopsmon {', '.join(plan.name for plan in plans)}"
    spark = session_of_job(packages) if submitted() else local_session(name, packages)
    tell_if_cold(spark)
    return spark


@contextlib.contextmanager
def own_session() -> Iterator[None]:
    """Close at the end the Spark session that was started inside; one that was there before stays.

    For programs that end with it. Java goes too: what it holds on to of ours would else be told as leaked at the exit.
    """
    before = _running()
    try:
        yield
    finally:
        started = _running()
        if started is not None and before is None:
            _close(started)


def _running() -> SparkSession | None:
    if "pyspark" not in sys.modules:  # its import takes half a second
        return None
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()


def _close(spark: SparkSession) -> None:
    from pyspark import SparkContext

    spark.stop()
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = None


def reset_checkpoints(spark: SparkSession, plans: Sequence[QueryPlan]) -> None:
    """Forget how far the plans' queries have read; results stay."""
    from hopsmon.streaming import checkpoint

    for plan in plans:
        checkpoint.reset(spark, plan)


def run_plans(
    spark: SparkSession,
    plans: Sequence[QueryPlan],
    *,
    once: bool,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
) -> dict[str, RunReport]:
    """Run queries side by side, each with its own checkpoint; a report by query name.

    When one fails the others stop between two micro-batches, and its error is raised.
    """
    from hopsmon.streaming.run import run_query

    stopping = stop or threading.Event()

    def run(plan: QueryPlan) -> RunReport:
        watch = (lambda progress: on_progress(plan.name, progress)) if on_progress else None
        return run_query(spark, plan, once=once, on_progress=watch, stop=stopping)

    if len(plans) == 1:
        return {plans[0].name: run(plans[0])}
    with ThreadPoolExecutor(len(plans), "hopsmon-query") as pool:
        runs = {plan.name: pool.submit(run, plan) for plan in plans}
        try:
            _, unfinished = wait(runs.values(), return_when=FIRST_EXCEPTION)
        except BaseException:
            stopping.set()
            raise
        if unfinished:
            stopping.set()
    return {name: done.result() for name, done in runs.items()}
