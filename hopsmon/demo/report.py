"""Demo, its report: the findings in words and tables for somebody who sees hopsmon for the first time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hopsmon.core.baseline import Baseline
from hopsmon.demo import findings
from hopsmon.demo.data import WEATHER
from hopsmon.demo.findings import ALL_TRAFFIC, DAYS_TO_CONFIRM, LASTING, Moved, NewLabel
from hopsmon.demo.model import LAST_TRAINING_MONTH, Scored
from hopsmon.demo.watch import BASELINE, CONFIG, EVENTS, STORE, TRAINING, Watched

MONTHS = {month: pd.Timestamp(2013, month, 1).strftime("%b") for month in range(LAST_TRAINING_MONTH + 1, 13)}
WIDE = 105  # columns that the table of all months takes
SHARES = ("p_late", "late_predicted", "freezing")  # means that are shares
SEASONAL = frozenset({*WEATHER, "freezing"})
MOST_DRIVERS = 3


@dataclass(frozen=True)
class Told:
    """What the report is made of."""

    folder: Path
    scored: Scored
    watched: Watched
    baseline: Baseline
    kafka: bool


def tell(told: Told, console: Console) -> None:
    """Read the results back from the store, as any user would, and print them."""
    monitor = told.watched.monitor
    statistics, drift, windows = monitor.statistics(), monitor.drift(), monitor.windows()
    moved = findings.moved_features(told.baseline, statistics, drift)
    drivers = findings.drivers(monitor.store.read("outliers", monitor.name))
    with _room_in(console):
        for part in (
            _title("In short"),
            _in_short(told.scored, moved, drivers, windows),
            _title("What the monitor found: means by month, against January to March"),
            _moved_table(moved, MONTHS if console.width >= WIDE else {month: MONTHS[month] for month in (4, 7, 10)}),
            _how_to_read(),
            _title("What became of the predictions"),
            _predictions_table(told.scored, moved),
            _title("Where: each airport against its own January to March, weather left out"),
            _slices_table(findings.drift_by_slice(drift), windows),
            _title("Single flights"),
            _flights(windows, drivers, findings.new_labels(told.baseline, statistics)),
            _title("Every message is accounted for"),
            _accounting(told, windows, monitor.rejects()),
            _title("What to try next"),
            _next_steps(told),
        ):
            console.print(part)


@contextlib.contextmanager
def _room_in(console: Console) -> Iterator[None]:
    """A file or pipe has no width of its own: give it room for the widest table."""
    width = console.width
    if not console.is_terminal:
        console.width = max(width, WIDE)
    try:
        yield
    finally:
        console.width = width


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _indented(lines: list[str]) -> Padding:
    return Padding(Group(*(Text(line) for line in lines)), (0, 0, 0, 2))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _moved_table(moved: list[Moved], months: Mapping[int, str]) -> Table:
    table = _table("feature", "Jan–Mar", *months.values(), "lasting", "single", "since")
    for feature in moved:
        changed = feature.since is not None
        show = _percent if feature.feature in SHARES else _number
        table.add_row(
            feature.feature,
            "" if feature.reference is None else show(feature.reference),
            *(show(feature.months[month]) if month in feature.months else "" for month in months),
            _percent(feature.lasting_share),
            _percent(feature.single_share),
            _day(feature.since) if feature.since is not None else "",
            style="" if changed else "dim",
        )
    return table


def _how_to_read() -> Padding:
    return _indented(
        [
            f"lasting: days on which the {LASTING} names the feature; it follows the days one after another.",
            "single: days that another technique finds odd by themselves, beyond any of the training's own days.",
            f"since: the first of {DAYS_TO_CONFIRM} such days in a row. Yes/no features show their share of yes.",
        ]
    )


def _in_short(
    scored: Scored, moved: list[Moved], drivers: Mapping[str, Counter[str]], windows: pd.DataFrame
) -> Padding:
    changed = [feature for feature in moved if feature.since is not None]
    seasonal = [_changed(feature) for feature in changed if feature.feature in SEASONAL]
    others = [_changed(feature) for feature in changed if feature.feature not in SEASONAL]
    called, really = _by_feature(moved)["late_predicted"].months, _really_late(scored)
    worst = max(called, key=lambda month: abs(called[month] - really[month]))
    lines = [
        f"Weather that changed for weeks on end: {'; '.join(seasonal) or 'none'}.",
        f"What else did: {'; '.join(others) or 'nothing'}.",
    ]
    if drivers:
        name, _ = sum(drivers.values(), Counter[str]()).most_common(1)[0]
        lines.append(f"Single flights were flagged {_flagged(windows):,} times, mostly for {name}.")
    lines.append(
        f"The predictions do not follow what happened: in {MONTHS[worst]} the model called {_percent(called[worst])} "
        f"of the flights late, and {_percent(really[worst])} were."
    )
    return _indented(lines)


def _changed(feature: Moved) -> str:
    since = "" if feature.since is None else f" since {_day(feature.since)}"
    return f"{feature.feature}{since} ({', '.join(feature.techniques)})"


def _flagged(windows: pd.DataFrame) -> int:
    """All flagged pairs of instance and technique; the outliers table may hold fewer rows."""
    return int(windows.loc[windows["slice"] == ALL_TRAFFIC, "outliers"].sum())


def _predictions_table(scored: Scored, moved: list[Moved]) -> Group:
    table = _table("", "called late", "really late*", "mean p_late", "AUC*")
    of_feature, really = _by_feature(moved), _really_late(scored)
    p_late, called = of_feature["p_late"], of_feature["late_predicted"]
    first = (_percent(called.reference or 0.0), _percent(scored.late_share), f"{p_late.reference or 0.0:.3f}")
    table.add_row("Jan–Mar", *first, f"{scored.quality.training:.3f}")
    for month, name in MONTHS.items():
        if month in p_late.months:
            row = (_percent(called.months[month]), _percent(really[month]), f"{p_late.months[month]:.3f}")
            table.add_row(name, *row, f"{scored.quality.after[month]:.3f}")
    return Group(table, Text("  * known only afterwards, without cancelled flights; the monitor does not see it"))


def _by_feature(moved: list[Moved]) -> dict[str, Moved]:
    return {feature.feature: feature for feature in moved}


def _really_late(scored: Scored) -> dict[int, float]:
    by_month = scored.replay.groupby("month")["late"].mean()
    return {int(month): float(share) for month, share in by_month.items()}


def _slices_table(found: Mapping[str, Mapping[str, tuple[float, pd.Timestamp]]], windows: pd.DataFrame) -> Table:
    table = _table("slice", "instances", "features that changed for weeks: share of days, and since when")
    table.columns[-1].justify = "left"
    table.columns[-1].no_wrap = False
    instances = windows.groupby("slice")["instances"].sum()
    for name, of_feature in found.items():
        shown = [
            f"{feature} {_percent(share)} ({_day(since)})"
            for feature, (share, since) in of_feature.items()
            if feature not in SEASONAL
        ]
        table.add_row(name, f"{instances[name]:,}", ", ".join(shown) or "none")
    return table


def _flights(windows: pd.DataFrame, drivers: Mapping[str, Counter[str]], new: list[NewLabel]) -> Padding:
    whole = windows[windows["slice"] == ALL_TRAFFIC]
    kept = sum(features.total() for features in drivers.values())
    lines = [
        f"{_flagged(windows):,} times a technique flagged one of {whole['instances'].sum():,} flights. The store keeps "
        f"{kept:,} of them, at most 1,000 a day (limits.max_outliers); {int(whole['outliers_left_out'].sum()):,} are "
        "counted only. Of those kept",
    ]
    for technique, features in sorted(drivers.items()):
        count = features.total()
        main = ", ".join(f"{name} {part / count:.0%}" for name, part in features.most_common(MOST_DRIVERS))
        lines.append(f"- {technique} flagged {count:,}; driven by {main}")
    for name in dict.fromkeys(label.feature for label in new):
        labels = [f"{label.label} {label.count} (from {_day(label.first)})" for label in new if label.feature == name]
        lines.append(f"{len(labels)} values of {name} that the training has not seen: {', '.join(labels)}")
    return _indented(lines)


def _accounting(told: Told, windows: pd.DataFrame, rejects: pd.DataFrame) -> Padding:
    run, sent, tally = told.watched.run, told.watched.sent, told.watched.run.tally
    whole = windows[windows["slice"] == ALL_TRAFFIC]
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejects["reason"].value_counts().items())
    lines = [
        f"{tally.messages:,} messages = {tally.decoded:,} decoded + {tally.skipped:,} not an inference + "
        f"{tally.rejected:,} rejected; {sent.messages:,} were sent.",
        f"Not an inference: {sent.probes} were sent, readiness probes and their answers. "
        f"Rejected: {reasons or 'none'}; {sent.cut_off} body was cut off on purpose.",
        f"{sent.repeated} messages repeat earlier ones on purpose, ids and all. Clients choose ids, so they count.",
        f"{len(whole):,} daily windows, {len(windows):,} with the airports' own, {len(run.open_windows)} still open: "
        f"{whole['instances'].sum():,} instances, {whole['predictions'].sum():,} predictions, "
        f"{windows['late'].sum():,} late.",
        f"Spark took {run.seconds:.0f} s for them, {tally.messages / run.seconds:,.0f} messages/s.",
    ]
    return _indented(lines)


def _next_steps(told: Told) -> Padding:
    folder = told.folder
    shows = [f"hopsmon show {table} --store {folder / STORE}" for table in ("drift", "statistics", "outliers")]
    made = [CONFIG, TRAINING, BASELINE, *([] if told.kafka else [f"{EVENTS}/"]), f"{STORE}/"]
    again = f"hopsmon run {folder / CONFIG} --once      (nothing new is left to read; --reset reads all again)"
    stopped = "The Kafka broker has been stopped and its data deleted; the results stay."
    return _indented([*shows, stopped if told.kafka else again, f"All is in {folder}: {', '.join(made)}"])


def _day(time: pd.Timestamp) -> str:
    return f"{time.day} {time:%b}"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _number(value: float) -> str:
    """A mean in at most five characters.

    >>> [_number(value) for value in (1016.4, 81.63, 9.123, 0.0036)]
    ['1016', '81.6', '9.1', '0.004']
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.3f}"
