"""run: the only side effects of the engine: names, checkpoints, triggers, start, stop, waiting out of outages."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from hopsmon.core.window import Window, to_micros
from hopsmon.errors import HopsmonError, OutsideError, TransientError
from hopsmon.streaming import checkpoint
from hopsmon.streaming.batch_writer import BatchWriter
from hopsmon.streaming.flow import monitor
from hopsmon.streaming.fold_state import Mode
from hopsmon.streaming.plan import QueryPlan
from hopsmon.streaming.progress import Progress, RunReport

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery
    from pyspark.sql.streaming.readwriter import DataStreamWriter

log = logging.getLogger("hopsmon.run")

RECORDS_PER_ARROW_BATCH = 20_000  # measured: decoding is fastest from some thousands on; bounds a worker's memory
ONCE_TRIES = 3  # a bounded run gives up after so many failures in a row; a continuous one never does
LONGEST_PAUSE = 60.0  # seconds between two tries
IDLE_PAUSE = 1.0  # seconds; the longest that the first message after a pause waits
POLL = 1  # seconds between two looks at the stop event
PATIENCE = 10.0  # seconds; with the usual trigger a micro-batch starts every second, unless the log does not answer


class StopRequested(Exception):
    """Raised at the start of a micro-batch once a stop was asked for: nothing of it was done yet."""


def run_query(
    spark: SparkSession,
    plan: QueryPlan,
    *,
    once: bool,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> RunReport:
    """Run a query: to the end of what is in the log now (`once`), or until `stop` is set.

    `once` closes every window that is complete by event time, and at the log's end also those that are by the wall
    clock; `RunReport.open_windows` says which stay open. Restarts go on where the last run committed: every message
    counts once.

    Raises:
        ConfigError: the checkpoint belongs to other windows or another log.
        OutsideError: the log or the store cannot be reached (a continuous run that was once up tries for ever).
    """
    plan.source.check()
    run = _Run(spark.newSession(), plan, on_progress or _nothing, stop or threading.Event())
    began = time.monotonic()
    if once:
        run.to_the_end()
    else:
        run.until_stopped()
    run.close()
    run.report.seconds = time.monotonic() - began
    return run.report


class _Run:
    """One run of one query."""

    def __init__(
        self, spark: SparkSession, plan: QueryPlan, on_progress: Callable[[Progress], None], stop: threading.Event
    ) -> None:
        self.report = RunReport()
        self._spark = spark
        checkpoint_id, epochs = checkpoint.claim(spark, plan)
        monitors = tuple(replace(monitor, epoch=epochs.get(monitor.name, 0)) for monitor in plan.monitors)
        self._plan = plan = replace(plan, monitors=monitors)
        self._on_progress = on_progress
        self._stop = stop
        self._failure: BaseException | None = None
        self._quiet: Callable[[bool], None] = _nothing
        self._replayed: int | None = None  # the micro-batch a crash may have left half done
        self._writing = False
        keys = sum(monitor_plan.shards for monitor_plan in plan.monitors)
        # One task a key is enough: state is small, and every partition costs a commit a micro-batch.
        spark.conf.set("spark.sql.shuffle.partitions", str(min(keys, spark.sparkContext.defaultParallelism * 4)))
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(RECORDS_PER_ARROW_BATCH))
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        self._writer = BatchWriter(plan, f"{plan.name}:{checkpoint_id}")

    def to_the_end(self) -> None:
        """Read what is there, then close what was complete by the wall clock before the reading began.

        Not what is complete after it: what arrived meanwhile may take several micro-batches to read.
        """
        as_of_ms = int(time.time() * 1000)
        self._attempt(Mode.ONCE)
        complete = any(self._complete(name, window, as_of_ms) for name, _, window in self.report.open_windows)
        if complete and not self._stop.is_set():
            self._attempt(Mode.AT_END, as_of_ms)

    def until_stopped(self) -> None:
        """Keep going; what may pass by itself, such as a broker that is away, is waited out."""
        while not self._stop.is_set():
            self._attempt(Mode.CONTINUOUS)

    def close(self) -> None:
        """Let those who are told of results have the last ones."""
        self._writer.close()

    def _complete(self, name: str, window: Window, as_of_ms: int) -> bool:
        spec = next(monitor_plan.window for monitor_plan in self._plan.monitors if monitor_plan.name == name)
        return window.end + spec.lateness_micros + to_micros(spec.close_idle_after) <= as_of_ms * 1000

    def _attempt(self, mode: Mode, as_of_ms: int | None = None) -> None:
        """Run the query in one mode; try again, ever more slowly, while the outside world may recover."""
        failures = 0
        while not self._stop.is_set():
            batches = self.report.batches
            try:
                self._stream(mode, as_of_ms)
            except TransientError as error:
                failures = 1 if self.report.batches > batches else failures + 1
                if mode is not Mode.CONTINUOUS and failures >= ONCE_TRIES:
                    raise
                pause = min(LONGEST_PAUSE, error.retry_after * 2 ** min(failures - 1, 10))
                if pause:
                    log.warning("%s Trying again in %.0f s; nothing is lost.", error, pause)
                self._stop.wait(pause)
            else:
                return

    def _stream(self, mode: Mode, as_of_ms: int | None) -> None:
        """Start the query and wait for its end."""
        self._failure = None
        frame = monitor(self._spark, self._plan.source, self._plan.monitors, mode, as_of_ms)
        writer = frame.writeStream.queryName(self._plan.name).outputMode("append")
        writer = writer.option("checkpointLocation", f"{self._plan.checkpoint}/spark")
        writer = writer.foreachBatch(lambda batch, number: self._batch(batch, number, mode))
        self._replayed = checkpoint.last_planned(self._spark, self._plan)
        with _failures_told_once(self._spark) as quiet:
            self._quiet = quiet
            query = _triggered(writer, mode, self._plan.trigger).start()
            try:
                self._wait_for(query)
            except Exception as error:
                if not isinstance(self._failure, StopRequested):
                    raise self._explained(error) from error
            finally:
                if query.isActive:
                    query.stop()

    def _wait_for(self, query: StreamingQuery) -> None:
        """Until the query ends. A stop asked for while the log does not answer does not wait for the log."""
        asked = None
        while not query.awaitTermination(POLL):
            if self._stop.is_set():
                asked = asked or time.monotonic()
                if not self._writing and time.monotonic() - asked > PATIENCE:
                    return

    def _batch(self, frame: DataFrame, batch_id: int, mode: Mode) -> None:
        """What Spark calls for each micro-batch."""
        self._quiet(False)
        if self._stop.is_set():
            self._quiet(True)
            self._failure = StopRequested("stopped between two micro-batches")
            raise self._failure
        self._writing = True
        try:
            progress = self._writer.write(frame, batch_id)
        except Exception as error:
            self._quiet(True)
            self._failure = error
            raise
        finally:
            self._writing = False
        self.report.add(progress)
        log.info("%s", progress.line())
        self._on_progress(progress)
        if batch_id == self._replayed:
            # Spark 4.1's Kafka source fails to report on a batch that was planned before a restart, once the batch is
            # done: nothing to frighten anybody with. The query starts again at once (see the source's `explain`).
            self._quiet(True)
        if mode is Mode.CONTINUOUS and progress.rows_in == 0:
            self._stop.wait(IDLE_PAUSE)  # ticks keep micro-batches coming; without traffic one a second is plenty

    def _explained(self, error: Exception) -> HopsmonError | Exception:
        """The failure in our words, where we know it."""
        if isinstance(self._failure, HopsmonError):
            return self._failure
        return self._plan.source.explain(str(error)) or OutsideError(
            f"The streaming query '{self._plan.name}' failed: {(str(error).strip() or repr(error)).splitlines()[0]}"
        )


def _nothing(_: object) -> None:
    """Nobody wants to know."""


def _triggered(writer: DataStreamWriter, mode: Mode, interval: timedelta) -> DataStreamWriter:
    if mode is Mode.CONTINUOUS:
        return writer.trigger(processingTime=f"{interval // timedelta(milliseconds=1)} milliseconds")
    return writer.trigger(availableNow=True)


@contextlib.contextmanager
def _failures_told_once(spark: SparkSession) -> Iterator[Callable[[bool], None]]:
    """Our own failures end the query by an exception, which Spark and py4j would each log with a page of stack trace.

    Gives a function that silences both, or lets them speak again; what failed is raised by us, in one line.
    """
    hush = _Hush(spark)
    try:
        yield hush
    finally:
        hush(False)


class _Hush:
    """Spark's and py4j's logging, off while any query of the process asks for it: the levels are the process's."""

    _lock = threading.Lock()
    _asking: ClassVar[set[_Hush]] = set()
    _levels: ClassVar[tuple[str, int]] = ("WARN", logging.NOTSET)

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def __call__(self, on: bool) -> None:
        with _Hush._lock:
            before = bool(_Hush._asking)
            (_Hush._asking.add if on else _Hush._asking.discard)(self)
            if bool(_Hush._asking) is not before:
                self._switch(off=not before)

    def _switch(self, *, off: bool) -> None:
        bridge = logging.getLogger("py4j")
        if off:
            jvm: Any = self._spark.sparkContext._jvm
            root = jvm.org.apache.logging.log4j.LogManager.getRootLogger()
            _Hush._levels = (root.getLevel().toString(), bridge.level)
        theirs, ours = _Hush._levels
        self._spark.sparkContext.setLogLevel("OFF" if off else theirs)
        bridge.setLevel(logging.CRITICAL if off else ours)
