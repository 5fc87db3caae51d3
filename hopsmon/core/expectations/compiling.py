"""Compiling: a suite against a model's schema, to checks of every instance, of statistics, and of a sample."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hopsmon.core.batch import Side
from hopsmon.core.expectations.aggregate_compilers import AGGREGATES
from hopsmon.core.expectations.checks import Check, NotChecked, RowCheck, Sampled, StatisticCheck
from hopsmon.core.expectations.reading import (
    Columns,
    LeftToLibraryError,
    NotCheckableError,
    NotOfModelError,
    Reading,
    in_terms_of,
)
from hopsmon.core.expectations.row_compilers import ROWS
from hopsmon.core.expectations.suite import Expectation, Suite, parameters_of
from hopsmon.core.expectations.vocabulary import NEVER, SAMPLED
from hopsmon.core.schema import FeatureType, ModelSchema
from hopsmon.errors import ConfigError, UnknownNameError

KNOWN = frozenset({*ROWS, *AGGREGATES, *SAMPLED, *NEVER})
_OF_OURS: Mapping[str, Callable[[Reading], RowCheck | StatisticCheck]] = {**ROWS, **AGGREGATES}


@dataclass(frozen=True)
class CompiledSuite:
    """A suite, ready for a model.

    Attributes:
        checks: ours, and those that cannot be checked, in the suite's order.
        sampled: those that Great Expectations itself looks at.
        left_out: those on columns that the model does not have, with the column.
    """

    name: str
    checks: tuple[Check, ...] = ()
    sampled: tuple[Sampled, ...] = ()
    left_out: tuple[tuple[Expectation, str], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)  # the technique's name by the expectation's key

    def technique_of(self, expectation: Expectation) -> str:
        """The name that its findings carry: its type; and where several of one type are on one feature, its key."""
        return self.names[expectation.key]


def compile_suite(
    suite: Suite, schema: ModelSchema, columns: Mapping[str, str] | None = None, also_known: Collection[str] = ()
) -> CompiledSuite:
    """A suite for a model.

    Args:
        columns: the feature's name by the column's, where the feature group calls it otherwise.
        also_known: types of expectations that other packages have registered with Great Expectations.

    Raises:
        ConfigError: unknown types, and arguments that make no sense; all at once.
    """
    known = Columns(schema, columns or {})
    compiled: list[Check | Sampled] = []
    left_out: list[tuple[Expectation, str]] = []
    problems: list[str] = []
    for number, expectation in enumerate(suite.expectations, 1):
        try:
            compiled.append(compile_one(expectation, known, also_known))
        except NotOfModelError as other:
            left_out.append((expectation, other.column))
        except ConfigError as error:
            problems.append(f"expectation {number}, {expectation.type}: {error}")
    if problems:
        raise _problems(suite, problems)
    ours = tuple(check for check in compiled if not isinstance(check, Sampled))
    sampled = tuple(check for check in compiled if isinstance(check, Sampled))
    return CompiledSuite(suite.name, ours, sampled, tuple(left_out), _names(compiled))


def compile_one(expectation: Expectation, columns: Columns, also_known: Collection[str] = ()) -> Check | Sampled:
    """One expectation.

    Raises:
        ConfigError: an unknown type, or arguments that make no sense.
        NotOfModelError: it is on a column that the model does not have.
    """
    kind, reading = expectation.type, Reading(expectation, columns)
    if kind not in KNOWN and kind not in also_known:
        raise _unknown(kind, also_known)
    if kind in NEVER:
        features = (reading.feature,) if "column" in expectation.kwargs else ()
        return NotChecked(expectation, features, NEVER[kind])
    unset = sorted(set(parameters_of(expectation)))
    if unset:
        why = f"nobody gave its parameter {', '.join(unset)} a value: write the value into the suite"
        return NotChecked(expectation, reading.features, why)
    try:
        return _checked(reading)
    except NotCheckableError as cause:
        return NotChecked(expectation, reading.features, str(cause))


def _checked(reading: Reading) -> RowCheck | StatisticCheck | Sampled:
    """By us, else by the library. Which rows a condition picks is the library's business."""
    kwargs, compiler = reading.expectation.kwargs, _OF_OURS.get(reading.expectation.type)
    if compiler is None or "row_condition" in kwargs:
        return _sampled(reading)
    try:
        return compiler(reading)
    except LeftToLibraryError:
        return _sampled(reading)


def check_known(suite: Suite, also_known: Collection[str] = ()) -> None:
    """Look whether all types are known.

    Raises:
        ConfigError: some are not; all at once.
    """
    problems = [
        f"expectation {number}, {expectation.type}: {_unknown(expectation.type, also_known)}"
        for number, expectation in enumerate(suite.expectations, 1)
        if expectation.type not in KNOWN and expectation.type not in also_known
    ]
    if problems:
        raise _problems(suite, problems)


def _problems(suite: Suite, problems: Sequence[str]) -> ConfigError:
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return ConfigError("\n  ".join([f"Suite '{suite.name}': {count}", *problems]))


def _unknown(kind: str, also_known: Iterable[str]) -> ConfigError:
    """An unknown type; not all known ones, which are too many to read."""
    near = UnknownNameError("expectation", kind, {*KNOWN, *also_known}).nearest
    hint = f" Did you mean '{near}'?" if near else ""
    return ConfigError(
        f"Unknown expectation.{hint} `hopsmon expectations types` lists the known ones; one of your own must be"
        " importable: name its module under expectations.modules."
    )


def _sampled(reading: Reading) -> Sampled:
    """For the library, where the sample holds what it looks at."""
    expectation, features = reading.expectation, reading.features
    if expectation.type.startswith("expect_table_"):
        raise NotCheckableError("a sample of the instances says nothing about how many there are")
    if features and reading.side(features) is Side.RESPONSE:
        raise NotCheckableError("it takes a sample of the instances, and predictions are not in it")
    private = ", ".join(feature.name for feature in features if feature.type is FeatureType.STRING)
    if private:
        raise NotCheckableError(f"it takes a sample of the instances, and ids and free text are not in it: {private}")
    return Sampled(expectation, features, in_terms_of(reading.columns, expectation.kwargs))


def _names(compiled: Iterable[Check | Sampled]) -> dict[str, str]:
    """A technique has one finding a feature: expectations of one type on one feature are told apart by their keys."""
    beside: dict[tuple[str, str | None], list[Expectation]] = {}
    for check in compiled:
        beside.setdefault((check.expectation.type, check.feature), []).append(check.expectation)
    return {
        one.key: one.type if len(alike) == 1 else f"{one.type}#{one.key[:6]}"
        for alike in beside.values()
        for one in alike
    }
