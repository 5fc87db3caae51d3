"""domain_classifier: how well a classifier tells the window's rows from the reference's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special, stats

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.multivariate.samples import DEFAULT_MIN_ROWS, Samples, judge_samples
from hopsmon.core.techniques.pairs import Limits
from hopsmon.core.techniques.parameters import check_limits
from hopsmon.core.techniques.reference_rows import need_scikit_learn
from hopsmon.core.techniques.significance import DEFAULT_ALPHA
from hopsmon.errors import ConfigError

_SEED = 20_260_101
_FOLDS = 5
_MODELS = ("boosted", "logistic")


@dataclass(frozen=True, slots=True)
class DomainClassifier:
    """How well a classifier, fitted on other rows, tells the window's rows from the reference's.

    Score = AUC, the probability that it finds a row of the window more like the window than a row of the reference: the
    mean over five parts of the rows, each judged by a model that was fitted on the other four. Rows are samples of at
    most 2,000 a side, encoded (numbers standardised, labels as 0/1 columns, missing values marked). 0.5: cannot tell (a
    little less is chance), 1: no overlap. A shift of one feature by d standard deviations gives at most Φ(d/√2): 0.56
    at 0.2, 0.64 at 0.5. `model`: `boosted` trees see any change, of correlation too; `logistic` shifts of means only,
    with fewer rows and faster.

    The p-value is Mann–Whitney's for each part, and their mean's variance is doubled: each part's labels also train the
    models that judge the others, which correlates their AUCs (to first order they share half their noise).
    `details.contributions`: each feature's share in what the AUC loses when its values are shuffled among the rows, for
    findings with p below 0.05. Misleads on features that follow time (counters, ids): they tell any two windows apart.

    Default thresholds: 0.55 is a warning, as in Evidently; 0.65 critical, as in NannyML, whose classifier is LightGBM
    (documentations, 2024). At least 100 rows. Reference: Lopez-Paz & Oquab, Revisiting Classifier Two-Sample Tests,
    ICLR 2017; Mann & Whitney, Annals of Mathematical Statistics 18(1), 1947.

    >>> import numpy as np
    >>> auc, variance = mann_whitney(np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, True, False, True]))
    >>> round(auc, 4), round(variance, 4)
    (0.6667, 0.1389)
    """

    name: ClassVar[str] = "domain_classifier"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    threshold: float = 0.55
    critical: float = 0.65
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS
    model: str = "boosted"

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)
        if self.model not in _MODELS:
            raise ConfigError(f"{self.name}.model must be one of {', '.join(_MODELS)}, got {self.model!r}.")

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for the model."""
        return judge_samples(self.name, window, baseline, self.min_rows, self._compare)

    def _compare(self, samples: Samples) -> Finding:
        need_scikit_learn(self.name)
        window, reference = samples.matrices()
        rows = np.vstack([window, reference])
        labels = np.arange(len(rows)) < len(window)
        # The rows of a sample stand in random order, so counting off gives random parts of both sides.
        parts = np.concatenate([np.arange(len(side)) % _FOLDS for side in (window, reference)])
        folds = [_Fold.of(rows, labels, parts == part, _new_model(self.model)) for part in range(_FOLDS)]
        auc = float(np.mean([fold.auc for fold in folds]))
        spread = float(np.sqrt(2 * sum(fold.variance for fold in folds))) / _FOLDS
        p_value = float(special.ndtr(-(auc - 0.5) / spread)) if spread else 1.0
        losses = _losses(folds, samples.encoder.blocks) if p_value < 0.05 else None
        details = samples.details(losses, model=self.model, standard_error=spread)
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, None, auc, p_value, samples.n, details)


@dataclass(frozen=True)
class _Fold:
    """One part of the rows, and how a model that has not seen it tells them apart."""

    rows: FloatArray
    labels: BoolArray
    score: Callable[[FloatArray], FloatArray]
    auc: float
    variance: float

    @classmethod
    def of(cls, rows: FloatArray, labels: BoolArray, held_out: BoolArray, model: Any) -> _Fold:
        model.fit(rows[~held_out], labels[~held_out])

        def score(some: FloatArray) -> FloatArray:
            return np.asarray(model.decision_function(some), np.float64)

        mine, own = rows[held_out], labels[held_out]
        return cls(mine, own, score, *mann_whitney(score(mine), own))


def _new_model(kind: str) -> Any:
    """The sides are not weighed: weights change the order of scores little, and make the trees ten times slower."""
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=1_000)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8, early_stopping=False, random_state=_SEED)


def mann_whitney(scores: FloatArray, labels: BoolArray) -> tuple[float, float]:
    """AUC of the scores for the labels, and its variance where they have nothing to do with each other (ties too)."""
    n, m = int(labels.sum()), int((~labels).sum())
    if not n or not m:
        return 0.5, 0.0
    ranks = stats.rankdata(scores)
    auc = float(ranks[labels].sum() - n * (n + 1) / 2) / (n * m)
    return auc, float(ranks.var(ddof=1)) / (n * m * (n + m))


def _losses(folds: Sequence[_Fold], blocks: Sequence[slice]) -> FloatArray:
    """What the mean AUC loses when a feature's values are shuffled among the rows."""
    generator = np.random.default_rng(_SEED)
    losses = np.zeros(len(blocks))
    for fold in folds:
        order = generator.permutation(len(fold.rows))
        for number, block in enumerate(blocks):
            shuffled = fold.rows.copy()
            shuffled[:, block] = fold.rows[order][:, block]
            losses[number] += fold.auc - mann_whitney(fold.score(shuffled), fold.labels)[0]
    return losses / len(folds)
