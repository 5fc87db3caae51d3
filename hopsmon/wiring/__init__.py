"""Configuration to objects: the only package that knows every adapter, and loads each only where it is used."""

from hopsmon.wiring.adapters import require, resolve_secret, source_of, store_at
from hopsmon.wiring.plans import monitor_plan, query_plans, schema_of
from hopsmon.wiring.reference import baseline_of, baseline_of_data
from hopsmon.wiring.runs import own_session, reset_checkpoints, run_plans, session_for

__all__ = [
    "baseline_of",
    "baseline_of_data",
    "monitor_plan",
    "own_session",
    "query_plans",
    "require",
    "reset_checkpoints",
    "resolve_secret",
    "run_plans",
    "schema_of",
    "session_for",
    "source_of",
    "store_at",
]
