"""Sequence techniques: a monitor's windows one after another. The table below names them."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.protocols import SequenceTechnique
from hopsmon.core.techniques.sequence.adwin import Adwin
from hopsmon.core.techniques.sequence.cusum import Cusum
from hopsmon.core.techniques.sequence.ddm import Ddm
from hopsmon.core.techniques.sequence.e_detector import EDetector
from hopsmon.core.techniques.sequence.hddm import Hddm
from hopsmon.core.techniques.sequence.kswin import Kswin
from hopsmon.core.techniques.sequence.page_hinkley import PageHinkley

SEQUENCE: Mapping[str, type[SequenceTechnique]] = {
    "e_detector": EDetector,
    "adwin": Adwin,
    "page_hinkley": PageHinkley,
    "cusum": Cusum,
    "ddm": Ddm,
    "hddm": Hddm,
    "kswin": Kswin,
}
