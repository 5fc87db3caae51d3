"""Checkpoint identity: what a checkpoint belongs to, kept beside it, so that it is never used for something else."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from hopsmon.errors import ConfigError
from hopsmon.streaming.plan import QueryPlan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("hopsmon.run")

FILE = "hopsmon.json"


def claim(spark: SparkSession, plan: QueryPlan) -> tuple[str, Mapping[str, int]]:
    """The id of the plan's checkpoint, made on first use, and the monitors' epochs.

    The id keys the writes: a new checkpoint writes afresh. An epoch counts how often a monitor has come back to the
    query after a run without it.

    Thresholds, techniques and baselines may change under a checkpoint; windows, shards and the log may not.

    Raises:
        ConfigError: the checkpoint was made with other windows, other shards or another log.
    """
    wanted = description(plan)
    found = _read(spark, f"{plan.checkpoint}/{FILE}")
    if found is None:
        found = {"id": uuid.uuid4().hex, **wanted, "running": sorted(wanted["monitors"]), "epochs": {}}
        _write(spark, f"{plan.checkpoint}/{FILE}", found)
        return str(found["id"]), {}
    problems = list(differences(found, wanted))
    if problems:
        raise ConfigError(
            f"The checkpoint of query '{plan.name}' ({plan.checkpoint}) was made for something else:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\nOpen windows cannot be cut again. Either put the old value back, or start afresh with --reset: the "
            "log is then read from its configured start, and rows of windows that come again replace the old ones."
        )
    for name in sorted(wanted["monitors"].keys() - found["monitors"].keys()):
        log.warning(
            "monitor %s joins query %s where that stands in the log, whatever starting_offsets says; to read all of "
            "it, give the monitor a query of its own or run with --reset",
            name,
            plan.name,
        )
    now = {
        **found,
        "monitors": {**found["monitors"], **wanted["monitors"]},
        "running": sorted(wanted["monitors"]),
        "epochs": epochs_after(found, wanted["monitors"]),
    }
    if now != found:
        _write(spark, f"{plan.checkpoint}/{FILE}", now)
    return str(now["id"]), now["epochs"]


def epochs_after(found: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, int]:
    """The epochs of a run with these monitors: one more for each that is known, but was not in the run before."""
    epochs: dict[str, int] = dict(found.get("epochs", {}))
    before = found.get("running", found["monitors"])  # version 0.1 did not write down who was running
    for name in found["monitors"].keys() & set(wanted) - set(before):
        epochs[name] = epochs.get(name, 0) + 1
    return epochs


def description(plan: QueryPlan) -> dict[str, Any]:
    """What must stay as it is for a checkpoint to be of use."""
    return {
        "log": plan.source.identity,
        "monitors": {
            monitor.name: {
                "window.size": str(monitor.window.size),
                "window.slide": str(monitor.window.slide or monitor.window.size),
                "shards": monitor.shards,
            }
            for monitor in plan.monitors
        },
    }


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What changed, a line each."""
    problems = []
    if found["log"] != wanted["log"]:
        problems.append(f"log: then {found['log']}, now {wanted['log']}")
    for name, settings in wanted["monitors"].items():
        before = found["monitors"].get(name, settings)
        problems += [
            f"{name}: {key}: then {before[key]}, now {value}" for key, value in settings.items() if before[key] != value
        ]
    return problems


def reset(spark: SparkSession, plan: QueryPlan) -> None:
    """Forget the checkpoint; results stay."""
    path, system = _file_system(spark, plan.checkpoint)
    system.delete(path, True)


def last_planned(spark: SparkSession, plan: QueryPlan) -> int | None:
    """The newest micro-batch Spark has written down; after a crash it may have to be done again."""
    path, system = _file_system(spark, f"{plan.checkpoint}/spark/offsets")
    if not system.exists(path):
        return None
    names = [status.getPath().getName() for status in system.listStatus(path)]
    return max((int(name) for name in names if name.isdigit()), default=None)


def _file_system(spark: SparkSession, where: str) -> tuple[Any, Any]:
    """Hadoop's path and file system: a checkpoint may lie wherever Spark can write."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(where)
    return path, path.getFileSystem(spark._jsc.hadoopConfiguration())


def _read(spark: SparkSession, where: str) -> dict[str, Any] | None:
    path, system = _file_system(spark, where)
    if not system.exists(path):
        path, _ = _file_system(spark, where + ".new")  # a crash fell between deleting the old and renaming the new
        if not system.exists(path):
            return None
    stream = system.open(path)
    try:
        text: str = spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")  # type: ignore[union-attr]
    finally:
        stream.close()
    found: dict[str, Any] = orjson.loads(text)
    return found


def _write(spark: SparkSession, where: str, content: dict[str, Any]) -> None:
    """Write beside, then rename: a crash leaves the old file or the new one, and no other that anybody reads."""
    path, system = _file_system(spark, where)
    part, _ = _file_system(spark, where + ".part")
    beside, _ = _file_system(spark, where + ".new")
    stream = system.create(part, True)
    try:
        stream.write(bytearray(orjson.dumps(content)))
    finally:
        stream.close()
    if not system.exists(path) and system.exists(beside):
        system.rename(beside, path)  # the crash of before: it is the only one
    system.delete(beside, False)
    system.rename(part, beside)
    if system.exists(path):
        system.delete(path, False)
    system.rename(beside, path)
