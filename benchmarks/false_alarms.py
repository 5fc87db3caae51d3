"""False alarms and detection delay: hopsmon's default set against other libraries' rules, on the same windows.

    python -m benchmarks.false_alarms [--quick]

Thirty features, hourly windows. An alert is an hour with at least one drift finding, whatever the hour before said.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.drift_rules import Hour, Rule, ours, peers
from benchmarks.harness import CONSOLE, Options, Result, at_least, at_most, parse_options, publish
from benchmarks.run_length import share_of_early_alarms
from benchmarks.traffic import (
    NO_CHANGE,
    NUMBERS,
    REFERENCE_HOURS,
    Change,
    Rows,
    Traffic,
    baseline_of,
    names,
    summary_of,
)
from hopsmon.core.baseline import Baseline

DAYS = 30
SIZES = (50, 200, 500, 2_000, 5_000)
SIZE = 500  # rows a window, where delays are measured
SEEDS = 10
SETTLED = 12  # hours before the change
PATIENCE = 72  # hours after it
CHANGES: Mapping[str, Change] = {
    "shift_0.1": Change(shift=0.1),
    "shift_0.2": Change(shift=0.2),
    "shift_0.5": Change(shift=0.5),
    "spread_1.5": Change(scale=1.5),
    "nulls_0.05": Change(nulls=0.05),
    "new_label_0.05": Change(new_label=0.05),
}
FALSE_ALERTS = at_most(0.1)
DELAYS = {"shift_0.2": at_most(8), "shift_0.5": at_most(2)}


PEERS_LOOK_EVERY = 5  # hours, where alerts are counted: they have no memory, so a sample of the hours does


@dataclass(frozen=True)
class Scene:
    """One kind of traffic, its baseline and the rules made for it."""

    name: str
    calendar: bool
    baseline: Baseline
    reference: Rows
    ours: Mapping[str, Callable[[], Rule]]

    @classmethod
    def of(cls, name: str, calendar: bool) -> Scene:
        baseline, reference = baseline_of(Traffic(1, calendar), REFERENCE_HOURS, SIZE)
        return cls(name, calendar, baseline, reference, ours(baseline))

    def hours(self, seed: int, rows: int, first: int = 0) -> Callable[[Change], Hour]:
        """Gives hour after hour of a stream that goes on (`first` hours) after the reference's end."""
        traffic = Traffic(1_000 + seed, self.calendar, REFERENCE_HOURS + first)

        def next_hour(change: Change = NO_CHANGE) -> Hour:
            number, seen = traffic.hour, traffic.next_rows(rows, change)
            return Hour(number, seen, summary_of(seen, self.baseline))

        return next_hour


def false_alerts(scene: Scene, rows: int, hours: int) -> dict[str, float]:
    """Alerts a day by rule, without any change."""
    running = {name: make() for name, make in scene.ours.items()}
    others = peers(scene.baseline, scene.reference, rows)
    alerts = dict.fromkeys([*running, *others], 0.0)
    next_hour = scene.hours(rows, rows)
    for number in range(hours):
        hour = next_hour(NO_CHANGE)
        for name, rule in running.items():
            alerts[name] += 24 / hours * bool(rule.drifting(hour))
        if number % PEERS_LOOK_EVERY == 0:
            for name, rule in others.items():
                alerts[name] += 24 / len(range(0, hours, PEERS_LOOK_EVERY)) * bool(rule.drifting(hour))
    return alerts


def delays(scene: Scene, change: Change, seeds: int) -> dict[str, list[float]]:
    """Hours until each rule names a changed feature, by rule and seed; infinite where it did not within 72."""
    changed = {*names()[: change.features], *names()[NUMBERS : NUMBERS + change.features]}
    others = peers(scene.baseline, scene.reference, SIZE)
    taken: dict[str, list[float]] = {name: [] for name in [*scene.ours, *others]}
    for seed in range(seeds):
        next_hour = scene.hours(seed, SIZE, 5 * seed)  # the change comes at another hour of the day each time
        waiting = {name: make() for name, make in scene.ours.items()}
        for _ in range(SETTLED):
            hour = next_hour(NO_CHANGE)
            for rule in waiting.values():
                rule.drifting(hour)
        waiting |= others
        for number in range(1, PATIENCE + 1):
            hour = next_hour(change)
            for name in [name for name, rule in waiting.items() if rule.drifting(hour) & changed]:
                taken[name].append(float(number))
                del waiting[name]
            if not waiting:
                break
        for name in waiting:
            taken[name].append(np.inf)
    return taken


def main(arguments: Sequence[str]) -> None:
    given = [part for argument in arguments for part in (("--scale", "0.1") if argument == "--quick" else (argument,))]
    options = parse_options("false_alarms", given)
    results: list[Result] = []
    details: dict[str, Any] = {"alerts_a_day": {}, "delays": {}}
    for name, calendar in (("steady", False), ("calendar", True)):
        scene = Scene.of(name, calendar)
        results += _false_alerts(scene, options, details) + _delays(scene, options, details)
    results += _run_lengths(options)
    publish(options, results, details)


def _false_alerts(scene: Scene, options: Options, details: dict[str, Any]) -> list[Result]:
    results = []
    for rows in SIZES:
        alerts = false_alerts(scene, rows, options.size(DAYS * 24))
        details["alerts_a_day"][f"{scene.name}.{rows}"] = alerts
        CONSOLE.print(f"{scene.name}, {rows} rows: alerts a day {rounded(alerts)}")
        results.append(Result(f"false_alerts_a_day.{scene.name}.{rows}", alerts["hopsmon"], "alerts", FALSE_ALERTS))
    return results


def _delays(scene: Scene, options: Options, details: dict[str, Any]) -> list[Result]:
    results = []
    for kind, change in CHANGES.items():
        taken = delays(scene, change, max(3, options.size(SEEDS)))
        medians = {rule: float(np.median(hours)) for rule, hours in taken.items()}
        details["delays"][f"{scene.name}.{kind}"] = {
            rule: [None if np.isinf(hours) else hours for hours in all_hours] for rule, all_hours in taken.items()
        }
        CONSOLE.print(f"{scene.name}, {kind}: median hours {rounded(medians)}")
        value = None if np.isinf(medians["hopsmon"]) else medians["hopsmon"]
        results.append(Result(f"delay.{scene.name}.{kind}", value, "windows", DELAYS.get(kind)))
    return results


def _run_lengths(options: Options) -> list[Result]:
    """The e-detector's guarantee, on the edge of its null hypothesis."""
    results = []
    c, runs = 100, max(100, options.size(2_000))
    early, mean_at_least = share_of_early_alarms(runs, c)
    for windows, share in early.items():
        bound = windows / c
        noise = 3 * (bound * (1 - bound) / runs) ** 0.5
        results.append(Result(f"early_alarms.before_{windows}_of_{c}", share, "share of runs", at_most(bound + noise)))
    results.append(Result(f"run_length.c_{c}", mean_at_least, "windows or more", at_least(c)))
    return results


def rounded(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {figure:.3g}" for name, figure in figures.items())


if __name__ == "__main__":
    main(sys.argv[1:])
