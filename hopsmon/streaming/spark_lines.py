"""Lines of Spark, such as 3.5 and 4.1: which ones hopsmon runs on, and what the jars for the one in use are called."""

from __future__ import annotations

from hopsmon.errors import ConfigError

TRIED = ("3.5", "4.1")  # the clusters of Hopsworks 5.0 and 5.1 have 3.5, those of 5.2 have 4.1
_LEAST = (3, 5)
_FIRST_WITH_SCALA_213 = (4, 0)
_FIRST_WITH_ITS_OWN_DELTA = (4, 1)  # before, Delta's jars were of one line of Spark, and did not say which


def check_line() -> None:
    """Look whether hopsmon runs on the pyspark in use; a newer one than those tried gets its chance.

    Raises:
        ConfigError: it is too old.
    """
    version = _version()
    if _line(version) < _LEAST:
        raise ConfigError(
            f"hopsmon needs Spark {' or '.join(TRIED)}; this is {version}. Run it where there is a newer one: in a job "
            "of Hopsworks 5.1 or later, or in an environment of your own: pip install 'hopsmon[spark]'."
        )


def kafka_package() -> str:
    """Maven coordinate of Spark's Kafka source, in the version of the pyspark in use."""
    return f"org.apache.spark:spark-sql-kafka-0-10_{_scala()}:{_version()}"


def delta_package(version: str) -> str:
    """Maven coordinate of a version of Delta, in the build for the pyspark in use."""
    major, minor = _line(_version())
    own = f"_{major}.{minor}" if (major, minor) >= _FIRST_WITH_ITS_OWN_DELTA else ""
    return f"io.delta:delta-spark{own}_{_scala()}:{version}"


def _scala() -> str:
    return "2.13" if _line(_version()) >= _FIRST_WITH_SCALA_213 else "2.12"


def _line(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _version() -> str:
    import pyspark  # its import takes half a second

    return pyspark.__version__
