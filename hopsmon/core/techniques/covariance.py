"""Covariance: the Ledoit–Wolf covariance of encoded rows, and distances by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.reference_rows import need_scikit_learn


@dataclass(frozen=True, eq=False)
class Covariance:
    """A covariance matrix that can be inverted, shrunk towards a multiple of the identity, and its inverse.

    Reference: Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance matrices, Journal of
    Multivariate Analysis 88(2), 2004.
    """

    matrix: FloatArray
    precision: FloatArray

    @classmethod
    def of(cls, rows: FloatArray, technique: str) -> Covariance:
        """Of at least two rows; `technique`: who asks."""
        need_scikit_learn(technique)
        from sklearn.covariance import ledoit_wolf

        matrix, _ = ledoit_wolf(rows)
        # Without sampling noise (columns that copy each other) nothing is shrunk; a little keeps it invertible.
        matrix = np.asarray(matrix) + (1e-9 * np.trace(matrix) / len(matrix) or 1.0) * np.eye(len(matrix))
        precision: FloatArray = np.linalg.inv(matrix)
        return cls(matrix, (precision + precision.T) / 2)

    def distances(self, deviations: FloatArray) -> FloatArray:
        """√(v' Σ⁻¹ v) for each row v."""
        squares = ((deviations @ self.precision) * deviations).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(squares, 0.0)))

    def losses(self, deviations: FloatArray, blocks: Sequence[slice]) -> FloatArray:
        """[rows, blocks]: what v' Σ⁻¹ v would lose if a block of columns had its best value given the others."""
        pulled = deviations @ self.precision
        columns = []
        for block in blocks:
            inner = np.linalg.inv(self.precision[block, block])
            columns.append(((pulled[:, block] @ inner) * pulled[:, block]).sum(axis=1))
        return np.asarray(np.maximum(np.column_stack(columns), 0.0))
