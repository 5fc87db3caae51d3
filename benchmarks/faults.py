"""Faults in real data: scikit-learn's bundled sets with injected faults; which technique finds each, and how soon.

    python -m benchmarks.faults

Rows are drawn with replacement from a real set: 5,000 for the reference, then windows of 100 rows an hour. From the
eleventh window on one fault is in. It counts as found when a finding of drift names its feature; drift found before it
is in is a false alarm. The default techniques of hopsmon.compare. Writes benchmarks/results/faults.json.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from rich.table import Table
from sklearn import datasets

import hopsmon
from benchmarks.harness import CONSOLE, Options, Result, at_least, at_most, parse_options, publish
from hopsmon.core.finding import Finding
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES

ROWS = 100  # of each window
CALM, FAULTY = 10, 10  # windows before and after the fault
REFERENCE_ROWS = 5_000
START = pd.Timestamp("2024-01-01", tz="UTC")

Frame: TypeAlias = Any  # a pandas DataFrame; pandas has no types
Inject: TypeAlias = Callable[[Frame], Frame]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: in which set, what it is, which features it touches and what it does to them.

    Attributes:
        also: techniques beside the default ones, for what no technique on single features can see.
    """

    data: str
    fault: str
    features: tuple[str, ...]
    inject: Inject
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Set and fault."""
        return f"{self.data}.{self.fault}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        first_by: the techniques that named one of the features in the first window that did.
        named: the features that were named.
        other_features: features that were named and are not touched.
        rows: rows of faulty data until the first finding that names one; None: never.
        false_alarms: findings of drift before the fault was in.
    """

    name: str
    first_by: tuple[str, ...]
    named: tuple[str, ...]
    other_features: tuple[str, ...]
    rows: int | None
    false_alarms: int


def breast_cancer() -> Frame:
    """569 tumours, 30 numbers each."""
    return datasets.load_breast_cancer(as_frame=True).frame


def wine() -> Frame:
    """178 wines, 13 numbers; the cultivar as text."""
    frame = datasets.load_wine(as_frame=True).frame
    return frame.assign(target=frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"}))


def diabetes() -> Frame:
    """442 patients in the units they were measured in; sex as a code."""
    return datasets.load_diabetes(as_frame=True, scaled=False).frame.assign(sex=lambda frame: frame["sex"].astype(int))


def iris() -> Frame:
    """150 flowers; the species as text."""
    frame = datasets.load_iris(as_frame=True).frame
    return frame.assign(target=frame["target"].map({0: "setosa", 1: "versicolor", 2: "virginica"}))


def digits() -> Frame:
    """1,797 images of 64 pixels, of which the middle ones vary."""
    frame = datasets.load_digits(as_frame=True).frame
    return frame[[f"pixel_{row}_{column}" for row in (2, 3, 4, 5) for column in (2, 3, 4, 5)] + ["target"]]


SETS: dict[str, Callable[[], Frame]] = {
    "breast_cancer": breast_cancer,
    "wine": wine,
    "diabetes": diabetes,
    "iris": iris,
    "digits": digits,
}
# Features that are numbers by type and labels by meaning.
TYPES = {
    "breast_cancer": {"target": "categorical"},
    "diabetes": {"sex": "categorical"},
    "digits": {"target": "categorical"},
}


def times_ten(feature: str) -> Inject:
    """Another unit, millimetres for centimetres."""
    return lambda frame: frame.assign(**{feature: frame[feature] * 10})


def swapped(one: str, other: str) -> Inject:
    """Two columns in each other's place."""
    return lambda frame: frame.assign(**{one: frame[other].to_numpy(), other: frame[one].to_numpy()})


def recoded(feature: str, codes: dict[Any, Any]) -> Inject:
    """Labels counted from another start, or written in another way."""
    return lambda frame: frame.assign(**{feature: frame[feature].map(codes)})


def missing(feature: str, share: float) -> Inject:
    """A share of the values gone."""

    def inject(frame: Frame) -> Frame:
        gone = np.random.default_rng(7).random(len(frame)) < share
        return frame.assign(**{feature: frame[feature].where(~gone)})

    return inject


def frozen(feature: str) -> Inject:
    """A sensor that repeats its last value."""
    return lambda frame: frame.assign(**{feature: frame[feature].iloc[0]})


def faults() -> list[Fault]:
    """All of them."""
    renamed = {"barolo": "Barolo", "grignolino": "grignolino", "barbera": "barbera"}
    alike = ("pixel_2_2", "pixel_4_5")
    texture, lengths = ("mean texture", "mean perimeter"), ("sepal length (cm)", "petal length (cm)")
    return [
        Fault("breast_cancer", "unit_x10", ("mean radius",), times_ten("mean radius")),
        Fault("breast_cancer", "swapped", texture, swapped(*texture)),
        Fault("breast_cancer", "nulls_10%", ("worst area",), missing("worst area", 0.1)),
        Fault("breast_cancer", "frozen", ("mean smoothness",), frozen("mean smoothness")),
        Fault("breast_cancer", "codes_shifted", ("target",), recoded("target", {0: 1, 1: 2})),
        Fault("wine", "unit_x10", ("alcohol",), times_ten("alcohol")),
        Fault("wine", "swapped", ("ash", "flavanoids"), swapped("ash", "flavanoids")),
        Fault("wine", "label_renamed", ("target",), recoded("target", renamed)),
        Fault("wine", "nulls_10%", ("proline",), missing("proline", 0.1)),
        Fault("diabetes", "unit_x10", ("bmi",), times_ten("bmi")),
        Fault("diabetes", "swapped", ("s1", "s2"), swapped("s1", "s2")),
        Fault("diabetes", "codes_shifted", ("sex",), recoded("sex", {1: 0, 2: 1})),
        Fault("diabetes", "frozen", ("bp",), frozen("bp")),
        Fault("iris", "swapped", lengths, swapped(*lengths)),
        Fault("iris", "unit_x10", ("petal width (cm)",), times_ten("petal width (cm)")),
        Fault("iris", "nulls_5%", ("sepal width (cm)",), missing("sepal width (cm)", 0.05)),
        Fault("digits", "codes_shifted", ("target",), recoded("target", {code: code + 1 for code in range(10)})),
        Fault("digits", "frozen", ("pixel_3_3",), frozen("pixel_3_3")),
        Fault("digits", "swapped", ("pixel_2_2", "pixel_5_2"), swapped("pixel_2_2", "pixel_5_2")),
        # These two are distributed alike (Kolmogorov-Smirnov distance 0.10), so only their company tells.
        Fault("digits", "swapped_alike", alike, swapped(*alike), ("pca_reconstruction",)),
    ]


def drawn(frame: Frame, rows: int, seed: int) -> Frame:
    """So many rows of a set, with replacement: more traffic of the same kind."""
    picked = np.random.default_rng(seed).integers(0, len(frame), rows)
    return frame.iloc[picked].reset_index(drop=True)


def traffic(fault: Fault, seed: int) -> tuple[Frame, Frame]:
    """Reference and current rows; the fault is in the second half of the current ones."""
    real = SETS[fault.data]()
    good = drawn(real, ROWS * CALM, seed + 1)
    bad = fault.inject(drawn(real, ROWS * FAULTY, seed + 2))
    current = pd.concat([good, bad], ignore_index=True)
    current["time"] = START + pd.to_timedelta(np.arange(len(current)) * 36, unit="s")  # 100 an hour
    return drawn(real, REFERENCE_ROWS, seed), current


def outcome_of(fault: Fault, seed: int = 1) -> Outcome:
    """What the default techniques make of a fault."""
    reference, current = traffic(fault, seed)
    result = hopsmon.compare(
        reference,
        current,
        techniques=[*DEFAULT_TECHNIQUES, *fault.also],
        types=TYPES.get(fault.data),
        event_time="time",
        window="1h",
    )
    calm = [f for judged in result.windows[:CALM] for f in judged.findings if f.is_drift]
    named: list[str] = []
    others: set[str] = set()
    first_by: tuple[str, ...] = ()
    rows = None
    for number, judged in enumerate(result.windows[CALM:], 1):
        for finding in judged.findings:
            mine = [name for name in names_in(finding, fault) if name in fault.features]
            others |= {*names_in(finding, fault)} - {*mine}
            named += mine
            if mine and rows in (None, number * ROWS):
                rows, first_by = number * ROWS, (*first_by, finding.technique)
    return Outcome(
        fault.name, tuple(dict.fromkeys(first_by)), tuple(dict.fromkeys(named)), tuple(sorted(others)), rows, len(calm)
    )


def names_in(finding: Finding, fault: Fault) -> list[str]:
    """The features that a finding of drift names; of one on the whole model as many as the fault touches."""
    if not finding.is_drift:
        return []
    if finding.feature is not None:
        return [finding.feature]
    ranking = finding.details.get("ranking", ()) if finding.technique in fault.also else ()
    return [entry["feature"] for entry in ranking[: len(fault.features)]]


def outcomes(chosen: Sequence[Fault] | None = None) -> Iterator[Outcome]:
    """Every fault's outcome."""
    for fault in faults() if chosen is None else chosen:
        yield outcome_of(fault)


def table_of(found: Sequence[Outcome]) -> Table:
    """The outcomes for a person."""
    table = Table("fault", "features named", "first by", "after rows", "false alarms before", "others named")
    for one in found:
        rows = "not found" if one.rows is None else f"{one.rows:,}"
        table.add_row(
            one.name,
            ", ".join(one.named),
            ", ".join(one.first_by),
            rows,
            str(one.false_alarms),
            ", ".join(one.other_features),
        )
    return table


def results_of(found: Sequence[Outcome]) -> list[Result]:
    """The figures that have a target."""
    latest = None if any(one.rows is None for one in found) else float(max(one.rows or 0 for one in found))
    complete = sum(set(one.named) == set(fault.features) for one, fault in zip(found, faults(), strict=True))
    return [
        Result("faults_found", sum(one.rows is not None for one in found) / len(found), "share", at_least(1.0)),
        Result("faults_with_every_feature_named", complete / len(found), "share", at_least(1.0)),
        Result("rows_until_found_most", latest, "rows", at_most(3 * ROWS)),
        Result("false_alarms_before", sum(one.false_alarms for one in found), "findings", at_most(0)),
    ]


def main(options: Options) -> None:
    """Run all, print the table and write the file."""
    found = list(outcomes())
    CONSOLE.print(table_of(found))
    publish(options, results_of(found), {"outcomes": [asdict(one) for one in found]})


if __name__ == "__main__":
    main(parse_options("faults", sys.argv[1:]))
