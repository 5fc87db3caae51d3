"""Multivariate drift: all features of a closed window together. The table below names the techniques."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.protocols import WindowTechnique

MULTIVARIATE: Mapping[str, type[WindowTechnique]] = {}
