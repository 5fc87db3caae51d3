"""Threads: linear algebra and scikit-learn's loops on one thread, as they run beside Spark's own workers.

Threads that outnumber the free cores wait for each other in busy loops: a fit that takes 0.1 s then takes 20 s.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """While it is open, BLAS and OpenMP use one thread; nothing changes where threadpoolctl is not installed."""
    controller = _controller()
    return nullcontext() if controller is None else controller.limit(limits=1)


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Knows the libraries loaded so far; finding them takes milliseconds, so it is kept. Comes with scikit-learn."""
    try:
        import sklearn.ensemble  # noqa: F401 - loads the libraries to be found
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
    except ImportError:
        return None
    return ThreadpoolController()
