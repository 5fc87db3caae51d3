"""Plans: what the engine runs, from configurations; everything that does not fit together is refused here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hopsmon.config import ConfigProblems, MonitorConfig, Problem, TechniqueSpec
from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Side
from hopsmon.core.payloads import OpenMessages
from hopsmon.core.reference_slices import UNSLICEABLE
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.techniques import registry
from hopsmon.errors import ConfigError, did_you_mean
from hopsmon.streaming.plan import MonitorPlan, QueryPlan
from hopsmon.wiring.alerts import audience_of
from hopsmon.wiring.expectations import expectation_techniques
from hopsmon.wiring.homes import home_of
from hopsmon.wiring.logs import Log, log_of
from hopsmon.wiring.reference import baseline_of

_LOG = logging.getLogger("hopsmon.wiring")


def monitor_plan(config: MonitorConfig, log: Log | None = None) -> MonitorPlan:
    """All the engine needs to know about one monitor.

    Args:
        config: the monitor.
        log: what is known of its log; without, nothing but what the configuration says.

    Raises:
        ConfigError: the baseline cannot be had, or features, slices, expectations and baseline do not fit together.
    """
    techniques = tuple(registry.build(spec) for spec in config.techniques)
    baseline = baseline_of(config)
    if baseline.model.name and baseline.model.name != config.model.name:
        _LOG.warning("monitor %s: its baseline was built for model '%s'", config.name, baseline.model.name)
    schema = schema_of(config, baseline)
    wire_format: str | OpenMessages = config.log.format
    match = config.log.match.model_dump(exclude_none=True)
    if log is not None:
        schema = _on_sides(config, schema, log.sides)
        wire_format = log.opener if log.opener is not None and wire_format == "auto" else wire_format
        match = {**log.match, **match}
    return MonitorPlan(
        name=config.name,
        model=ModelRef(config.model.name, config.model.version),
        schema=schema,
        window=config.window.spec(),
        baseline=baseline,
        techniques=(*techniques, *expectation_techniques(config, schema)),
        slices=config.slices,
        max_slices=config.limits.max_slices,
        match=match,
        format=wire_format,
        min_instances=config.limits.min_instances,
        max_clock_ahead=config.limits.max_clock_ahead,
        shards=config.limits.shards,
        correction=config.correction,
        importances=config.importances,
        threshold_rule=config.threshold_rule,
        max_outliers=config.limits.max_outliers,
        technique_seconds=config.limits.technique_seconds,
        alerts=config.alerts.rules(),
    )


def _on_sides(config: MonitorConfig, schema: ModelSchema, sides: Sequence[Side]) -> ModelSchema:
    """What a log that has requests or responses alone can tell of; nothing is said of the other side, window by window.

    Raises:
        ConfigError: slices, which need requests, of a log that has none.
    """
    if Side.REQUEST not in sides and config.slices:
        raise ConfigError(
            f"monitor {config.name}: slices are made by features, and its log has responses alone. Leave slices out, "
            "or have the deployment log requests as well (inference logger, mode ALL)."
        )
    for side, absent in ((Side.REQUEST, schema.features), (Side.RESPONSE, schema.predictions)):
        if side not in sides and absent:
            _LOG.info(
                "monitor %s: its log has no %ss; %d features of theirs are left out", config.name, side, len(absent)
            )
    features = schema.features if Side.REQUEST in sides else ()
    return ModelSchema(features, schema.predictions if Side.RESPONSE in sides else ())


def schema_of(config: MonitorConfig, baseline: Baseline) -> ModelSchema:
    """What the messages carry: as configured, else as the baseline says.

    Raises:
        ConfigProblems: a feature the baseline does not know and that has no type here, one of another type, a slice
            that cannot be one, or a feature that importances or techniques name and there is not.
    """
    known = baseline.schema
    problems: list[Problem] = []
    features = _features(config.features, "features", known.features, known.predictions, problems)
    predictions = _features(config.predictions, "predictions", known.predictions, known.features, problems)
    problems += _slice_problems(config.slices, features, predictions)
    problems += _importance_problems(config.importances, features)
    problems += technique_problems(config.techniques, (*features, *predictions))
    if problems:
        raise ConfigProblems(f"monitor {config.name}", problems)
    return ModelSchema(features, predictions)


def _features(
    specs: Sequence[Mapping[str, FeatureType | None]] | None,
    where: str,
    known: Sequence[Feature],
    others: Sequence[Feature],
    problems: list[Problem],
) -> tuple[Feature, ...]:
    if specs is None:
        return tuple(known)
    types = {feature.name: feature.type for feature in known}
    found = []
    for index, spec in enumerate(specs):
        ((name, kind),) = spec.items()
        problem = _feature_problem(name, kind, types, where, [feature.name for feature in others])
        if problem:
            problems.append(Problem((where, index), problem))
        found.append(Feature(name, kind or types.get(name) or FeatureType.NUMERIC))
    return tuple(found)


def _feature_problem(
    name: str, kind: FeatureType | None, types: Mapping[str, FeatureType], where: str, others: Sequence[str]
) -> str | None:
    if name in others:
        return f"The baseline has '{name}' as one of the other side: build it with --prediction for each prediction."
    if kind is None and name not in types:
        return (
            f"The baseline has no '{name}' among its {where}. Known: {', '.join(types) or 'none'}."
            f"{did_you_mean(name, types)} If the baseline shall not know it, give its type: {{{name}: numeric}}."
        )
    if kind is not None and types.get(name, kind) is not kind:
        return f"'{name}' is {types[name]} in the baseline, {kind} here. Build the baseline with --type {name}={kind}."
    return None


def _slice_problems(
    slices: Sequence[str], features: Sequence[Feature], predictions: Sequence[Feature]
) -> Iterator[Problem]:
    types = {feature.name: feature.type for feature in features}
    allowed = [name for name, kind in types.items() if kind not in UNSLICEABLE]
    for index, name in enumerate(slices):
        if name in allowed:
            continue
        if name in types:
            why = (
                f"'{name}' is {types[name]}, and slices need labels: --type {name}=categorical where it has few values."
            )
        elif name in [feature.name for feature in predictions]:
            why = f"'{name}' is a prediction; requests, which features come with, do not carry it."
        else:
            why = f"The model has no feature '{name}'."
        yield Problem(("slices", index), f"{why} Allowed: {', '.join(allowed) or 'none'}.{did_you_mean(name, allowed)}")


def _importance_problems(importances: Iterable[str], features: Sequence[Feature]) -> Iterator[Problem]:
    names = [feature.name for feature in features]
    for name in importances:
        if name not in names:
            why = f"The model has no feature '{name}'. Known: {', '.join(names) or 'none'}.{did_you_mean(name, names)}"
            yield Problem(("importances", name), why)


def technique_problems(specs: Sequence[TechniqueSpec], features: Sequence[Feature]) -> Iterator[Problem]:
    """Features that a technique shall look at, and that are not there or not of its kind."""
    types = {feature.name: feature.type for feature in features}
    for index, spec in enumerate(specs):
        technique = registry.build(spec)
        judged: frozenset[FeatureType] = getattr(technique, "feature_types", frozenset(FeatureType))
        allowed = [name for name, kind in types.items() if kind in judged]
        for name in getattr(technique, "features", ()):
            if name in allowed:
                continue
            why = f"'{name}' is {types[name]}." if name in types else f"The model has no feature '{name}'."
            text = f"{why} {technique.name} can look at: {', '.join(allowed) or 'none'}.{did_you_mean(name, allowed)}"
            yield Problem(("techniques", index, "features"), text)


def query_plans(configs: Sequence[MonitorConfig]) -> list[QueryPlan]:
    """One plan a query; monitors with the same `query` share it.

    Raises:
        ConfigError: monitors of one name, or monitors of one query that do not read the same log.
    """
    names = [config.name for config in configs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"Monitors need different names; these stand twice: {', '.join(twice)}.")
    queries: dict[tuple[str, str], list[MonitorConfig]] = {}
    for config in configs:
        queries.setdefault((home_of(config).place, config.query_name), []).append(config)
    shared = [name for name in {name for _, name in queries} if sum(name == other for _, other in queries) > 1]
    if shared:
        raise ConfigError(
            f"The query '{sorted(shared)[0]}' would write to two stores: give its monitors one store, or two queries."
        )
    return [_query_plan(name, members) for (_, name), members in queries.items()]


def _query_plan(name: str, members: Sequence[MonitorConfig]) -> QueryPlan:
    first = members[0]
    for other in members[1:]:
        _check_same_log(name, first, other)
    home = home_of(first)
    log = log_of(first)
    monitors = tuple(monitor_plan(config, log) for config in members)
    audiences = {plan.name: audience_of(config, plan) for config, plan in zip(members, monitors, strict=True)}
    return QueryPlan(name, monitors, log.source, home.tables, home.checkpoint(name), first.trigger, audiences)


def _check_same_log(query: str, one: MonitorConfig, other: MonitorConfig) -> None:
    differing = [
        part
        for part, mine, theirs in (
            ("log.kafka", one.log.kafka, other.log.kafka),
            ("log.deployment", one.log.deployment, other.log.deployment),
            ("log.feature_log", one.log.feature_log, other.log.feature_log),
            ("log.hops", one.log.hops, other.log.hops),
            ("log.files", one.log.files, other.log.files),
            ("store", one.store, other.store),
            ("trigger", one.trigger, other.trigger),
        )
        if mine != theirs
    ]
    if differing:
        raise ConfigError(
            f"Monitors '{one.name}' and '{other.name}' share the query '{query}' but differ in {', '.join(differing)}."
            " One query reads one log: make them equal, or give each its own `query`."
        )
