"""Evidence: Shiryaev-Roberts e-processes on counts, in the log domain; features × questions × (above, below)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hopsmon.core.batch import BoolArray, FloatArray

# Alternatives that are bet on, as the distance in log-odds from the edge of the band; the bet λ is then about as large.
# 0.1 is what the smallest sizes that matter come to in large windows, 3.2 a share that goes from 1 % to 20 %.
STEPS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Bets:
    """What each count earns: a hit adds `win`, a miss `lose` (logarithms), one number for each alternative.

    With the null hypothesis's largest share u and the bet λ = (q - u) / (u (1 - u)), the betting factor
    (1 + λ (1 - u))^k (1 - λ u)^(n - k) is the likelihood ratio (q / u)^k ((1 - q) / (1 - u))^(n - k). Its expectation
    is at most 1 as long as the share is at most u, whatever n is. For "below", hits and misses change places.

    Attributes:
        live: where there is something to bet on: the edge of the band lies within (0, 1).
    """

    win: FloatArray
    lose: FloatArray
    live: BoolArray

    @classmethod
    def on(cls, share: FloatArray, band: FloatArray, allowed: BoolArray) -> Bets:
        """Bets that a share lies above share + band[..., 0], and that it lies below share - band[..., 1].

        `allowed`: which of them make sense; same shape as `band`.
        """
        edge = np.stack([share, 1 - share], axis=-1) + band  # the largest share of hits under the null hypothesis
        live = allowed & (edge > _TINY) & (edge < 1 - _TINY)
        edge = np.where(live, edge, 0.5)[..., None]
        odds = edge / (1 - edge) * np.exp(STEPS)
        bet = odds / (1 + odds)
        return cls(np.log(bet / edge), np.log((1 - bet) / (1 - edge)), live)

    def log_factors(self, hits: FloatArray, rows: FloatArray, worth: FloatArray) -> FloatArray:
        """Logarithm of each e-value of a window: the factors averaged over the alternatives. 0 without rows.

        Where there are more rows than `worth`, e is raised to the power worth / rows: that keeps its expectation at
        most 1 (Jensen), and the window counts as that many rows.
        """
        both = np.stack([hits, rows - hits], axis=-1)
        gain = both[..., None] * self.win + (rows[..., None] - both)[..., None] * self.lose
        most = gain.max(axis=-1)
        log_factor = most + np.log(np.exp(gain - most[..., None]).mean(axis=-1))
        return np.asarray(log_factor * np.minimum(worth / np.maximum(rows, 1), 1.0)[..., None])


def advanced(log_evidence: FloatArray, log_factor: FloatArray, most: FloatArray) -> FloatArray:
    """M after one more window, M = (M before + 1) · e, at most `most`; from log(M before + 1) and log e."""
    return np.asarray(np.exp(np.minimum(log_evidence + log_factor, np.log(most))))


def levelled(values: FloatArray, weights: FloatArray, most: FloatArray) -> FloatArray:
    """Values with the largest of each row cut to one level so that the weighted sum of the row is at most `most`.

    Small values stay as they are. Weights of a row add to at most 1, so no value is cut below `most`.

    >>> levelled(np.array([[1.0, 50.0, 99.0, 50.0]]), np.full((1, 4), 0.25), np.array([4.0])).tolist()
    [[1.0, 5.0, 5.0, 5.0]]
    """
    over = np.flatnonzero((values * weights).sum(axis=-1) > most)
    result: FloatArray = values.copy()
    if len(over):
        result[over] = np.minimum(values[over], _level(values[over], weights[over], most[over])[:, None])
    return result


def _level(values: FloatArray, weights: FloatArray, most: FloatArray) -> FloatArray:
    order = np.argsort(values, axis=-1)
    value, weight = np.take_along_axis(values, order, -1), np.take_along_axis(weights, order, -1)
    parts = weight * value
    below = np.cumsum(np.insert(parts[:, :-1], 0, 0.0, axis=-1), axis=-1)  # of the values before
    rest = weight[:, ::-1].cumsum(axis=-1)[:, ::-1]  # weight of this value and those after it
    first = np.argmax(below + rest * value > most[:, None], axis=-1)
    rows = np.arange(len(values))
    return np.asarray((most - below[rows, first]) / rest[rows, first])
