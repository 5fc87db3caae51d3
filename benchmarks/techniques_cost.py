"""What techniques cost: the job with the default set against the job with none, and from 10 to 1,000 features."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial

from benchmarks import engine
from benchmarks.harness import CONSOLE, Options, Result, Rounds, at_most, parse_options, publish
from benchmarks.producer import Traffic, fill
from benchmarks.throughput import MESSAGES, Arena, arena, backlog, run_engine

FORMAT = "json_v1"
VALUES = 10_000_000  # in each topic, however wide its messages are
WIDTHS = (10, 100, 1_000)
# Every window of the growth's topics holds so many instances: judging a window costs the same per feature then.
IN_A_WINDOW = 2_000
GROWTH_RATE = IN_A_WINDOW / engine.WINDOW.total_seconds()
COST = at_most(1.25)
GROWTH = at_most(1.5)


def main(arguments: list[str]) -> None:
    """Measure and publish."""
    options = parse_options("techniques_cost", arguments)
    with arena(options) as place:
        cost = cost_of_default(place, options)
        growth = growth_with_features(place, options)
    values = options.size(VALUES)
    details = {"seconds": cost.seconds, "seconds_by_features": growth.seconds, "values": values}
    publish(options, [*compare(cost), *compare_widths(growth, values)], details)


def cost_of_default(place: Arena, options: Options) -> Rounds:
    """The default set and none over throughput's topic of ten features, in turn."""
    traffic = filled(backlog(place.bootstrap, FORMAT, options.size(MESSAGES)))
    rounds = Rounds()
    contenders = {
        name: (lambda name=name: run_engine(place, traffic, engine.Setting(name))) for name in engine.TECHNIQUES
    }
    rounds.run(contenders, options.rounds)
    return rounds


def growth_with_features(place: Arena, options: Options) -> Rounds:
    """The default set over topics of as many values, the wider the fewer messages; in turn."""
    topics = {width: filled(wide(place.bootstrap, width, options)) for width in WIDTHS}
    rounds = Rounds()
    rounds.run(
        {str(width): partial(run_engine, place, topics[width], engine.Setting(features=width)) for width in WIDTHS},
        options.rounds,
    )
    return rounds


def wide(bootstrap: str, features: int, options: Options) -> Traffic:
    """A backlog of wide messages; at least three windows of them, whatever the scale."""
    messages = max(options.size(VALUES) // features, 3 * IN_A_WINDOW)
    return backlog(bootstrap, FORMAT, messages, rate=GROWTH_RATE, features=features)


def filled(traffic: Traffic) -> Traffic:
    """The same traffic, now in its topic."""
    CONSOLE.print(f"filling a topic with {traffic.messages:,} messages of {traffic.features:,} features …")
    fill(traffic)
    return traffic


def compare(rounds: Rounds) -> list[Result]:
    """The ratio, and the seconds behind it."""
    seconds = [Result(f"seconds.{name}", rounds.best(name), "s") for name in rounds.seconds]
    return [Result("default_over_none", rounds.best("default") / rounds.best("none"), "x", COST), *seconds]


def compare_widths(rounds: Rounds, values: int) -> list[Result]:
    """Seconds a million values at each width, and how they grow; 1 is linear."""
    each: Mapping[int, float] = {width: rounds.best(str(width)) * 1e6 / values_at(width, values) for width in WIDTHS}
    return [
        Result("per_value.1000_over_10", each[1_000] / each[10], "x", GROWTH),
        Result("per_value.100_over_10", each[100] / each[10], "x"),
        *(Result(f"seconds_per_million_values.{width}", seconds, "s") for width, seconds in each.items()),
    ]


def values_at(features: int, values: int) -> int:
    """The values that a topic of such messages really holds."""
    return max(values // features, 3 * IN_A_WINDOW) * features


if __name__ == "__main__":
    main(sys.argv[1:])
