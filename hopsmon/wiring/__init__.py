"""Configuration to objects: the only package that knows every adapter, and loads each only where it is used."""

from hopsmon.wiring.adapters import require, resolve_secret
from hopsmon.wiring.expectations import overview_of
from hopsmon.wiring.homes import LocalHome, home_at, home_of, store_section, version_of
from hopsmon.wiring.keeping import kept_at_home
from hopsmon.wiring.logs import log_of
from hopsmon.wiring.maintenance import deploy_maintenance
from hopsmon.wiring.plans import monitor_plan, query_plans, schema_of
from hopsmon.wiring.reference import baseline_in, baseline_of, baseline_of_data, read_baseline_of
from hopsmon.wiring.runs import check_spark_of_job, own_session, reset_checkpoints, run_plans, session_for
from hopsmon.wiring.stopping import stopping_on_signals

__all__ = [
    "LocalHome",
    "baseline_in",
    "baseline_of",
    "baseline_of_data",
    "check_spark_of_job",
    "deploy_maintenance",
    "home_at",
    "home_of",
    "kept_at_home",
    "log_of",
    "monitor_plan",
    "overview_of",
    "own_session",
    "query_plans",
    "read_baseline_of",
    "require",
    "reset_checkpoints",
    "resolve_secret",
    "run_plans",
    "schema_of",
    "session_for",
    "stopping_on_signals",
    "store_section",
    "version_of",
]
