"""False alarms and detection delay: hopsmon's default set against other libraries' rules, on the same windows.

    python -m benchmarks.false_alarms [--quick]

Thirty features, hourly windows. An alert is an hour with at least one drift finding, whatever the hour before said.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.drift_rules import Hour, Rule, ours, peers
from benchmarks.harness import CONSOLE, Options, Result, Target, at_least, at_most, parse_options, publish
from benchmarks.run_length import share_of_early_alarms
from benchmarks.traffic import (
    NO_CHANGE,
    NUMBERS,
    REFERENCE_HOURS,
    Change,
    Traffic,
    baseline_of,
    names,
    summary_of,
)
from hopsmon.core.baseline import Baseline

DAYS = 20  # of each reference
# Seeds; none of them was used to choose thresholds and bands. The further ones are calendar traffic too, without peers.
REFERENCES = {"steady": (31,), "calendar": (31, 32, 33), "further": (21, 22, 23, 24)}
OURS = {"hopsmon": "", "hopsmon_hour_of_day": ".hour_of_day"}  # rules that are held to targets; how results say it
SIZES = (50, 200, 500, 2_000, 5_000)
SIZE = 500  # rows a window, where delays are measured
CHANGES_SEEN = 6  # of each kind, with each reference
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
    """One kind of traffic, a baseline of it and the rules made for that.

    Attributes:
        seed: of the reference; the traffic after it has others.
        peers: by rows a window; the other libraries' rules are measured with the first reference only.
    """

    seed: int
    calendar: bool
    baseline: Baseline
    ours: Mapping[str, Callable[[], Rule]]
    peers: Callable[[int], Mapping[str, Rule]]

    @classmethod
    def all_of(cls, name: str) -> list[Scene]:
        """A scene for each reference."""
        rivals = REFERENCES[name][:1] if name != "further" else ()
        return [cls._of(seed, name != "steady", seed in rivals) for seed in REFERENCES[name]]

    @classmethod
    def _of(cls, seed: int, calendar: bool, rivals: bool) -> Scene:
        baseline, reference = baseline_of(Traffic(seed, calendar), REFERENCE_HOURS, SIZE)
        others = partial(peers, baseline, reference) if rivals else _nobody
        return cls(seed, calendar, baseline, ours(baseline), others)

    def hours(self, seed: int, rows: int, first: int = 0) -> Callable[[Change], Hour]:
        """Gives hour after hour of a stream that goes on (`first` hours) after the reference's end."""
        traffic = Traffic(1_000 * self.seed + seed, self.calendar, REFERENCE_HOURS + first)

        def next_hour(change: Change = NO_CHANGE) -> Hour:
            number, seen = traffic.hour, traffic.next_rows(rows, change)
            return Hour(number, seen, summary_of(seen, self.baseline))

        return next_hour


def _nobody(_: int) -> Mapping[str, Rule]:
    return {}


def false_alerts(scene: Scene, rows: int, hours: int) -> dict[str, float]:
    """Alerts a day by rule, without any change."""
    running = {name: make() for name, make in scene.ours.items()}
    others = scene.peers(rows)
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
    others = scene.peers(SIZE)
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
    for name in REFERENCES:
        scenes = Scene.all_of(name)
        results += _false_alerts(name, scenes, options, details) + _delays(name, scenes, options, details)
    results += _run_lengths(options)
    publish(options, results, details)


def _false_alerts(name: str, scenes: list[Scene], options: Options, details: dict[str, Any]) -> list[Result]:
    results = []
    for rows in SIZES:
        by_scene = [false_alerts(scene, rows, options.size(DAYS * 24)) for scene in scenes]
        means = {rule: float(np.mean([of[rule] for of in by_scene if rule in of])) for rule in by_scene[0]}
        details["alerts_a_day"][f"{name}.{rows}"] = by_scene
        CONSOLE.print(f"{name}, {rows} rows: alerts a day {rounded(means)}")
        by_rule = {rule: [of[rule] for of in by_scene] for rule in OURS if rule in by_scene[0]}
        results += rated(f"false_alerts_a_day.{name}", str(rows), means, by_rule, "alerts", FALSE_ALERTS)
    return results


def _delays(name: str, scenes: list[Scene], options: Options, details: dict[str, Any]) -> list[Result]:
    results = []
    for kind, change in CHANGES.items():
        by_scene = [delays(scene, change, max(2, options.size(CHANGES_SEEN))) for scene in scenes]
        taken = {rule: [hours for of in by_scene for hours in of.get(rule, [])] for rule in by_scene[0]}
        medians = {rule: float(np.median(hours)) for rule, hours in taken.items()}
        details["delays"][f"{name}.{kind}"] = {
            rule: [None if np.isinf(hours) else hours for hours in all_hours] for rule, all_hours in taken.items()
        }
        CONSOLE.print(f"{name}, {kind}: median hours {rounded(medians)}")
        by_rule = {rule: [float(np.median(of[rule])) for of in by_scene] for rule in OURS if rule in taken}
        results += rated(f"delay.{name}", kind, medians, by_rule, "windows", DELAYS.get(kind))
    return results


def rated(
    what: str,
    at: str,
    overall: Mapping[str, float],
    by_reference: Mapping[str, Sequence[float]],
    unit: str,
    target: Target | None,
) -> list[Result]:
    """Our figures over all references, and where there are several, of the worst: a user has one, not their mean."""
    results = []
    for rule, figures in by_reference.items():
        name = f"{what}{OURS[rule]}.{at}"
        results.append(Result(name, _known(overall[rule]), unit, target))
        if len(figures) > 1:
            results.append(Result(f"{name}.worst_reference", _known(max(figures)), unit, target))
    return results


def _known(value: float) -> float | None:
    return None if np.isinf(value) else value


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
