"""Spark sessions: one of our own for local runs, with what the engine needs; checks for sessions of others."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hopsmon.errors import ConfigError, OutsideError
from hopsmon.streaming import warm_daemon
from hopsmon.streaming.jvm import artifact_of, jars_for, spark_home, use_java

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_LOG = logging.getLogger(__name__)
_PACKAGE_PARENT = Path(__file__).parents[2]
_LOG4J = Path(__file__).with_name("log4j2.json")
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",  # what crosses the shuffle is a few summaries, whatever the traffic
    "spark.databricks.delta.snapshotPartitions": "2",  # nor has the log of a result table much to say: Delta takes 50
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    # Stateful operators switch it off by themselves, and say so in each micro-batch.
    "spark.sql.adaptive.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def local_session(app_name: str, packages: Sequence[str] = (), master: str = "local[*]", **conf: str) -> SparkSession:
    """The running session if there is one and it has the packages' jars; else a new local one.

    Args:
        app_name: name of a new session.
        packages: Maven coordinates of what the sources need.
        master: Spark master of a new session.
        conf: further Spark settings of a new session; they win over ours.

    Raises:
        ConfigError: the running session lacks jars.
        OutsideError: no fitting Java, jars that cannot be had, or Spark does not start.
    """
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        check_jars(running, packages)
        return running
    use_java()
    _use_this_python()
    settings = {**_SETTINGS, **_jars(packages), **_worker_settings(), **conf}
    _LOG.info("starting Spark (%s) …", master)
    builder = SparkSession.builder.appName(app_name).master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    return _start(builder)


def submitted() -> bool:
    """Whether spark-submit, and so a cluster, started this process: its session is not ours to make."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def session_of_job(packages: Sequence[str] = ()) -> SparkSession:
    """The session of a submitted job, with the cluster's settings.

    What it seems to lack is said and stops nothing: an image may have its jars where nobody can list them.

    Raises:
        OutsideError: Spark does not start.
    """
    from pyspark.sql import SparkSession

    spark = SparkSession.getActiveSession() or _start(SparkSession.builder)
    _LOG.info("Spark %s (%s), with the cluster's settings", spark.version, spark.sparkContext.master)
    try:
        check_jars(spark, packages)
    except ConfigError as error:
        _LOG.warning("%s If the cluster's image has them elsewhere, all is well.", error)
    return spark


def _start(builder: SparkSession.Builder) -> SparkSession:
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        spark = builder.getOrCreate()
    except (PySparkException, Py4JError, OSError) as error:
        raise OutsideError(f"Spark did not start: {error}. `hopsmon doctor` looks at Java and jars.") from error
    return spark


def _jars(packages: Sequence[str]) -> dict[str, str]:
    jars = jars_for(packages)
    return {"spark.jars": ",".join(jar.as_uri() for jar in jars)} if jars else {}


def _use_this_python() -> None:
    """Workers run the driver's Python: another one on the path may lack pyarrow, or be another version."""
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable


def _worker_settings() -> dict[str, str]:
    settings = {"spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}"}
    if not Path(warm_daemon.__file__).is_file():
        _LOG.warning("hopsmon runs from an archive: Python workers start cold, a micro-batch takes a second more")
        return settings
    python_path = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
    return {
        **settings,
        "spark.python.daemon.module": warm_daemon.__name__,
        "spark.executorEnv.PYTHONPATH": python_path,
    }


def check_jars(spark: SparkSession, packages: Sequence[str]) -> None:
    """Look whether a session has the jars of these packages.

    Raises:
        ConfigError: it lacks some; the message says how to start one that has them.
    """
    present = set(_artifacts(spark))
    missing = [package for package in packages if package.split(":")[1] not in present]
    if missing:
        raise ConfigError(
            f"The running Spark session lacks {', '.join(missing)}. Stop it (spark.stop()) and let hopsmon start "
            f"one, or start it with spark.jars.packages={','.join(missing)}."
        )


def _artifacts(spark: SparkSession) -> Iterator[str]:
    listed = spark.sparkContext._jsc.sc().listJars()  # pyspark has no public way to it
    yield from (artifact_of(listed.apply(i)) for i in range(listed.size()))
    yield from (artifact_of(jar) for jar in (spark_home() / "jars").glob("*.jar"))
    settings = spark.sparkContext.getConf()
    for name in ("spark.driver.extraClassPath", "spark.jars"):
        for entry in (settings.get(name) or "").replace(",", os.pathsep).split(os.pathsep):
            yield artifact_of(entry)


def tell_if_cold(spark: SparkSession) -> None:
    """Say so in the log if workers are not forked from the warm daemon: all works, each micro-batch takes longer."""
    if not warm_daemon_in_effect(spark):
        _LOG.warning(
            "Python workers start cold: a micro-batch takes a second more. On a cluster, install hopsmon for the "
            "executors' Python and set spark.python.daemon.module=%s",
            warm_daemon.__name__,
        )


def warm_daemon_in_effect(spark: SparkSession) -> bool:
    """Whether Python tasks of this session are forked from the warm daemon; one small Spark job."""
    from pyspark.errors import PySparkException

    try:
        rows = spark.range(0, 1, 1, 1).mapInArrow(_is_warm, "warm boolean").collect()
    except PySparkException as error:
        _LOG.warning("Python workers cannot import hopsmon: %s", str(error).splitlines()[-1])
        return False
    return all(row.warm for row in rows)


def _is_warm(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    import pyarrow as pa

    for batch in batches:
        yield pa.record_batch({"warm": [warm_daemon.archives_are_kept()] * batch.num_rows})
