"""Sampled: expectations that the library itself holds against the sample of a window's instances, as a technique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, cast

from hopsmon.adapters.great_expectations.frames import frame_of
from hopsmon.adapters.great_expectations.library import Told, check_all, registered, validate
from hopsmon.core.baseline import Baseline
from hopsmon.core.expectations.checks import Sampled, found, told_of
from hopsmon.core.expectations.compiling import KNOWN, CompiledSuite, compile_suite
from hopsmon.core.expectations.outcome import SAMPLE, Outcome, yes_or_no
from hopsmon.core.expectations.suite import Suite
from hopsmon.core.expectations.technique import about, by_name, techniques_of
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.schema import Feature, ModelSchema
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import FAILURES, text_of
from hopsmon.core.techniques.protocols import WindowTechnique


@dataclass(frozen=True, eq=False)
class SampledExpectations:
    """The expectations of one type that the library looks at, one a feature: a finding for each.

    The verdict is on at most 2,000 random instances of the window, and `details` says so. What is rare in the window
    may be missing in the sample; a duplicate found in it is one, that none was found says little.

    Attributes:
        features: of the model; they say how the sample's columns are read.
        modules: whose expectations the library must know.
    """

    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    name: str
    checks: tuple[Sampled, ...]
    features: tuple[Feature, ...]
    modules: tuple[str, ...] = ()

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for every feature that the window is about."""
        checks = about(self.checks, window, baseline)
        sample = window.model.get(Reservoir.name)
        if not isinstance(sample, Reservoir):
            return [self._cannot(check, Reason.NO_STATISTIC, statistic=Reservoir.name) for check in checks]
        if not sample.rows.num_rows:
            return [self._cannot(check, Reason.INSUFFICIENT, instances=sample.count) for check in checks]
        registered(self.modules)
        frame = frame_of(sample, self.features)
        return [self._judged(check, sample, frame) for check in checks]

    def _judged(self, check: Sampled, sample: Reservoir, frame: Any) -> Finding:
        lacking = [feature.name for feature in check.features if feature.name not in frame.columns]
        if lacking:  # the feature that makes a slice
            return self._cannot(check, Reason.NO_STATISTIC, statistic=Reservoir.name, missing=lacking)
        try:
            told = validate(check, frame)
        except FAILURES as error:  # it may be anybody's expectation; the error is the result
            return self._cannot(check, Reason.FAILED, error=text_of(error))
        rows = {"on": SAMPLE, "rows": sample.rows.num_rows, "rows_seen": sample.count}
        mostly = float(check.kwargs.get("mostly", 1.0))
        outcome = outcome_of(told, mostly, sample.rows.num_rows, rows)
        return found(self.name, check.expectation, check.feature, outcome)

    def _cannot(self, check: Sampled, reason: Reason, **details: Any) -> Finding:
        told = {**told_of(check.expectation), **details}
        return Finding.not_computable(self.name, check.feature, reason, **told)


def outcome_of(told: Told, mostly: float, rows: int, also: Mapping[str, Any]) -> Outcome:
    """The library's verdict: counts of unexpected values where it gives them, else the value that it observed."""
    if told.elements is None:
        details = {**also, "observed_value": told.observed}
        if isinstance(told.observed, int | float) and not isinstance(told.observed, bool):
            return Outcome(told.success, float(told.observed), None, rows, details)
        return yes_or_no(told.success, rows, **details)
    n = told.elements - told.missing
    share = told.unexpected / n if n else 0.0
    details = {
        **also,
        "element_count": told.elements,
        "missing_count": told.missing,
        "unexpected_count": told.unexpected,
        "unexpected_share": share,
        "unexpected_values": list(told.values),
    }
    return Outcome(told.success, share, round(1 - mostly, 12), n, details)


def suite_techniques(
    suite: Suite, schema: ModelSchema, modules: tuple[str, ...] = (), columns: Mapping[str, str] | None = None
) -> tuple[CompiledSuite, tuple[WindowTechnique, ...]]:
    """A suite for a model, and the techniques that hold windows to it. The library is loaded where the suite needs it.

    Args:
        modules: that define expectations of their own; they must be importable where the monitor runs.
        columns: the feature's name by the column's, where the feature group calls it otherwise.

    Raises:
        ConfigError: unknown expectations, arguments that make no sense, or the library or a module is missing.
    """
    compiled = compile_suite(suite, schema, columns, types_known_to(suite, modules))
    if compiled.sampled:
        registered(modules)
        check_all(compiled.sampled, suite.name)
    sampled = (
        # A protocol's ClassVar; here each object has a name of its own, as the suite has it.
        cast("WindowTechnique", SampledExpectations(name, checks, schema.features, modules))
        for name, checks in by_name(compiled.sampled, compiled).items()
    )
    return compiled, (*techniques_of(compiled), *sampled)


def types_known_to(suite: Suite, modules: tuple[str, ...] = ()) -> frozenset[str]:
    """What the library registers beyond the types that are known anyway; it is loaded only where that may matter.

    Raises:
        ConfigError: the library is missing while modules are named, or a module cannot be imported.
    """
    others = {expectation.type for expectation in suite.expectations} - KNOWN
    if modules or (others and find_spec("great_expectations") is not None):
        return registered(modules)
    return frozenset()
