"""What Spark forks its Python workers from, with everything imported once; set as `spark.python.daemon.module`.

Without it each Python task of a micro-batch spends 0.3 to 0.6 s anew: in imports, and in
`importlib.invalidate_caches()`, where CPython's `zipimporter` reads every archive on the path again (`pyspark.zip`,
py4j's). Those do not change while a session lives.
"""

from __future__ import annotations

import contextlib
import importlib
import zipimport

# In the order they are needed. One that is missing is left out: its absence must show where it is used, not kill
# every Python task of the session.
WARM = (
    "numpy",
    "pyarrow",
    "pandas",
    "orjson",
    "pyspark.sql.functions",
    "pyspark.sql.types",
    "pyspark.sql.pandas.serializers",
    "pyspark.sql.streaming.state",
    "hopsmon.core.batch",
    "hopsmon.core.baseline",
    "hopsmon.core.payloads",
    "hopsmon.core.statistics.summary",
    "hopsmon.core.techniques.registry",
    "hopsmon.streaming.observe",
    "hopsmon.streaming.fold",
)


def keep_archives() -> None:
    """Make archives on the path stay read, in this process and those forked from it."""
    if hasattr(zipimport.zipimporter, "invalidate_caches"):
        zipimport.zipimporter.invalidate_caches = _nothing_to_do  # type: ignore[assignment, method-assign]


def archives_are_kept() -> bool:
    """Whether this process was forked from the warm daemon."""
    kept = getattr(zipimport.zipimporter, "invalidate_caches", None)
    # The daemon runs as __main__, so its function is not the object this module's import holds.
    return getattr(kept, "__name__", "") == _nothing_to_do.__name__


def _nothing_to_do(_: zipimport.zipimporter) -> None:
    return None


def warm_up() -> None:
    """Import what the tasks will need."""
    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


if __name__ == "__main__":
    from pyspark.daemon import manager

    keep_archives()
    warm_up()
    manager()  # type: ignore[no-untyped-call]
