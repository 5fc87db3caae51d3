"""Named: a window technique under a name of its own, so that a monitor may use one technique more than once.

Rows of results, states and corrections go by a technique's name: two of one name would overwrite each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.protocols import WindowTechnique


@dataclass(frozen=True)
class Named:
    """The technique, its findings under another name; all else is the technique's own."""

    technique: WindowTechnique
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "__module__", type(self.technique).__module__)  # whose it is, for the guard

    @property
    def needs(self) -> frozenset[type[Statistic]]:
        """The technique's own."""
        return self.technique.needs

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """The technique's findings, under this name."""
        return [replace(finding, technique=self.name) for finding in self.technique.judge(window, baseline)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "technique":  # while it is being unpickled there is no technique yet
            raise AttributeError(name)
        return getattr(self.technique, name)
