"""The library: loaded where it is needed, with the modules that define expectations, and asked one at a time."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hopsmon.core.expectations.checks import Sampled
from hopsmon.core.techniques.guard import plain
from hopsmon.errors import ConfigError

OLDEST = (1, 19)
SUPPORTED = "great-expectations>=1.19,<=1.24.0"
_PARTIAL = {"result_format": "SUMMARY", "partial_unexpected_count": 20}


@lru_cache(maxsize=8)
def registered(modules: tuple[str, ...] = ()) -> frozenset[str]:
    """The expectations that the library knows, after importing modules that add theirs.

    Raises:
        ConfigError: the library is not installed or too old, or a module cannot be imported.
    """
    _load()
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # somebody else's module may raise anything
            raise ConfigError(
                f"expectations.modules: '{module}' cannot be imported ({type(error).__name__}: {error}). Name modules "
                "that define expectations, and install their package where the monitor runs."
            ) from error
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    return frozenset(list_registered_expectation_implementations())


def _load() -> None:
    """Import the library.

    Raises:
        ConfigError: it is not there, or too old.
    """
    try:
        import great_expectations
    except ImportError as error:
        raise ConfigError(
            "The suite has expectations that Great Expectations itself must check: pip install 'hopsmon[expectations]',"
            " or take them out of the suite; `hopsmon expectations show` says which they are."
        ) from error
    version = tuple(int(part) for part in great_expectations.__version__.split(".")[:2] if part.isdigit())
    if version < OLDEST:
        raise ConfigError(
            f"Great Expectations {great_expectations.__version__} is installed; hopsmon runs it from 1.19 on and reads "
            f"suites of older ones all the same: pip install '{SUPPORTED}'."
        )


def configured(check: Sampled) -> Any:
    """The library's own object for an expectation.

    Raises:
        ConfigError: the library does not accept it.
    """
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        with _deprecated_as_well():
            return ExpectationConfiguration(type=check.expectation.type, kwargs=dict(check.kwargs)).to_domain_obj()
    except Exception as error:  # pydantic's errors, and whatever an expectation of others raises
        raise ConfigError(f"{check.expectation.type}: {_plain_reason(error)}") from error


def check_all(checks: Iterable[Sampled], suite: str) -> None:
    """Look whether the library accepts these expectations.

    Raises:
        ConfigError: it does not; all at once.
    """
    problems = []
    for check in checks:
        try:
            configured(check)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        refused = "is refused" if len(problems) == 1 else "are refused"
        head = f"Suite '{suite}': {len(problems)} of its expectations {refused} by Great Expectations"
        raise ConfigError("\n  ".join([f"{head}:", *problems]))


def _plain_reason(error: Exception) -> str:
    """What the library says, each line once."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return f"{type(error).__name__}: {error}"
    told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors()]
    return "; ".join(dict.fromkeys(told))


class ExpectationError(Exception):
    """The library could not evaluate an expectation; the text is its own."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the library says, in plain values.

    Attributes:
        elements: rows it looked at; None where it does not count rows.
        missing: those without a value.
        unexpected: those that are not as expected.
        values: some of their values, the most frequent first.
        observed: what it observed instead, where it does not count.
    """

    success: bool
    elements: int | None = None
    missing: int = 0
    unexpected: int = 0
    values: Sequence[Any] = ()
    observed: Any = None


def validate(check: Sampled, frame: Any) -> Told:
    """What the library says of a data frame.

    Raises:
        ExpectationError: it could not evaluate the expectation.
    """
    batch = _batches().get_batch({"dataframe": frame})
    with _deprecated_as_well():
        found = batch.validate(configured(check), result_format=_PARTIAL)
    told = _exceptions(found.exception_info)
    if told:
        raise ExpectationError("; ".join(told))
    return _told(bool(found.success), found.result or {})


def _told(success: bool, result: Mapping[str, Any]) -> Told:
    elements, unexpected = result.get("element_count"), result.get("unexpected_count")
    if elements is None or unexpected is None:
        return Told(success, observed=plain({"value": result.get("observed_value")}).get("value"))
    values = plain({"values": _values(result)}).get("values", [])
    return Told(success, int(elements), int(result.get("missing_count") or 0), int(unexpected), values)


def _values(result: Mapping[str, Any]) -> Sequence[Any]:
    """The unexpected values and how often each was seen; where they cannot be counted, as they are listed."""
    counts = result.get("partial_unexpected_counts") or []
    if all(isinstance(one, Mapping) and "value" in one for one in counts):
        return sorted(counts, key=lambda one: -int(one["count"]))
    return list(result.get("partial_unexpected_list") or [])


@contextmanager
def _deprecated_as_well() -> Iterator[None]:
    """Suites of 0.18 have row conditions with a `condition_parser`, which 1.x takes and 2.0 will not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@lru_cache(maxsize=1)
def _batches() -> Any:
    """Where data frames are handed in: a context in memory, which keeps no files, shows no bars and tells nobody."""
    import great_expectations
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = great_expectations.get_context(mode="ephemeral", project_config=config)
    source = context.data_sources.add_or_update_pandas("hopsmon")
    return source.add_dataframe_asset("window").add_batch_definition_whole_dataframe("sample")


def _exceptions(info: object) -> Sequence[str]:
    """The messages of exceptions that the library caught: of one, or by the metric that raised."""
    entries = [info] if isinstance(info, Mapping) and "raised_exception" in info else []
    if isinstance(info, Mapping):
        entries += [entry for entry in info.values() if isinstance(entry, Mapping)]
    raised = [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]
    return list(dict.fromkeys(raised))
