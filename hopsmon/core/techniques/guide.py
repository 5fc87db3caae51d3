"""Guide: techniques as people look for them: by family, with what each parameter means. For command line and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hopsmon.core.techniques import registry
from hopsmon.core.techniques.drift import DRIFT
from hopsmon.core.techniques.multivariate import MULTIVARIATE
from hopsmon.core.techniques.outliers import OUTLIERS
from hopsmon.core.techniques.registry import Description
from hopsmon.core.techniques.sequence import SEQUENCE


@dataclass(frozen=True, slots=True)
class Family:
    """Techniques that answer the same question.

    Attributes:
        title: the question's subject.
        looks_at: what one verdict is about.
        names: the built-in ones.
    """

    title: str
    looks_at: str
    names: tuple[str, ...]


FAMILIES: Mapping[str, Family] = {
    "drift": Family("Drift of one feature", "each feature in a closed window", tuple(DRIFT)),
    "sequence": Family("Drift over time", "the series of windows, one after another", tuple(SEQUENCE)),
    "multivariate": Family("Drift of all features together", "all features in a closed window", tuple(MULTIVARIATE)),
    "outliers": Family("Outliers", "each instance", tuple(OUTLIERS)),
}
_OTHERS = {"instance": "outliers", "window": "drift", "sequence": "sequence"}  # where other packages' belong

# What a parameter means: "technique.parameter" in one technique, else wherever it has this name.
_SHARED: Mapping[str, str] = {
    "threshold": "the score from which on it matters",
    "critical": "the score from which on severity is critical",
    "alpha": "the chance without drift that a verdict may have",
    "min_rows": "least values on both sides; below, the finding is `insufficient`",
    "convention": "hopsmon, or the library whose numbers it gives (in hopsmon.compare)",
    "unit": "sd: in standard deviations of the reference; raw: in the feature's own",
    "run_length": "windows without drift until the model's first false alarm, on average at least",
    "size": "a change that matters; smaller ones are no drift",
    "least": "the smallest change of a share that matters, however rare the label",
    "tolerance": "how far outside of the range still passes, in widths of the range",
    "times": "how many times rarer than chance a pair must be",
    "trees": "how many random trees are grown",
    "neighbours": "how many of the nearest reference rows count",
    "series": "the number of each window that is followed",
    "features": "look at these features only; empty: at all that it can",
    "statistic": "which number of a feature is compared",
    "relative": "compare the change with the reference's value",
    "strict": "only above the threshold, not at it",
    "specific_value": "compare with this number; none: with the baseline's",
    "statistic_change.threshold": "the change that counts",
    "adwin.delta": "the chance of a false alarm at each look",
    "page_hinkley.delta": "a change that does not matter, in standard deviations",
    "slack": "a change that does not matter, in standard deviations",
    "history": "how many windows are remembered",
    "min_windows": "least windows before an alarm",
    "two_sided": "also look for falls, not only for rises",
    "window_size": "windows that are remembered",
    "stat_size": "how many of the last windows are compared with the older ones",
    "variance": "share of the reference's variance that the components keep",
    "kernel": "how the likeness of two rows falls with their distance",
    "rows": "most rows of each side that are looked at",
    "permutations": "random splits that the p-value rests on",
    "model": "which classifier: boosted trees find more, a linear one is faster",
    "seed": "of what is random; the same seed gives the same result",
}


def family_of(described: Description) -> str:
    """The family's name, as in `FAMILIES`."""
    known = next((name for name, family in FAMILIES.items() if described.name in family.names), None)
    return known or _OTHERS[described.kind]


def by_default(name: str) -> bool:
    """Whether it runs where nobody chooses."""
    return name in registry.DEFAULT_TECHNIQUES


def meaning(described: Description, parameter: str) -> str:
    """What a parameter means: the same wherever it has the same name, else the docstring's sentence on `parameter`.

    >>> meaning(registry.describe("psi"), "critical")
    'the score from which on severity is critical'
    """
    known = _SHARED.get(f"{described.name}.{parameter}") or _SHARED.get(parameter)
    if known is not None:
        return known
    text = " ".join(described.doc.split())
    sentences = re.split(r"(?<=[.;:]) ", text)
    return next((sentence.rstrip(".;:") for sentence in sentences if f"`{parameter}`" in sentence), "")


@dataclass(frozen=True, slots=True)
class Sections:
    """A technique's docstring in parts.

    Attributes:
        paragraphs: meaning and formula, when it misleads, defaults and reference; without line breaks.
        example: lines with >>> and what they print.
    """

    paragraphs: tuple[str, ...]
    example: str


def sections(described: Description) -> Sections:
    """The docstring after its title, taken apart."""
    _, _, rest = described.doc.partition("\n")
    text, found, example = rest.partition(">>>")
    paragraphs = tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    return Sections(paragraphs, f"{found}{example}".rstrip())
