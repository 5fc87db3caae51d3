"""Sequence techniques: a monitor's windows one after another. The table below names them."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.protocols import SequenceTechnique
from hopsmon.core.techniques.sequence.e_detector import EDetector

SEQUENCE: Mapping[str, type[SequenceTechnique]] = {
    "e_detector": EDetector,
}
