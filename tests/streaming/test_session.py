import importlib
import sys

import pytest

from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.errors import ConfigError
from hopsmon.streaming.session import check_jars, local_session, warm_daemon_in_effect
from hopsmon.streaming.warm_daemon import WARM


def test_workers_are_forked_from_the_warm_daemon(spark):
    assert warm_daemon_in_effect(spark)


@pytest.mark.parametrize("name", WARM)
def test_what_the_daemon_imports_exists(name):
    importlib.import_module(name)


def test_workers_run_the_drivers_python_in_utc(spark):
    import pyarrow as pa

    def look(batches):
        for _ in batches:
            yield pa.record_batch({"python": [sys.executable], "warm": ["hopsmon.core.batch" in sys.modules]})

    [row] = spark.range(0, 1, 1, 1).mapInArrow(look, "python string, warm boolean").collect()

    assert (row.python, row.warm) == (sys.executable, True)
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_a_running_session_is_used_again_if_it_has_the_jars(spark):
    assert local_session("other", KafkaSource("b:1", ("t",)).packages) is spark
    with pytest.raises(ConfigError, match=r"lacks org\.example:none:1.*spark\.jars\.packages=org\.example:none:1"):
        local_session("other", ["org.example:none:1.0"])


def test_jars_that_spark_brings_itself_count(spark):
    check_jars(spark, ["org.scala-lang:scala-library:2.13.17"])
