"""Demo, its model: will a flight arrive more than 15 minutes late? Trained on January to March, scored on the rest.

Gradient-boosted trees over histograms: they take labels and missing values as they are, as the monitor does, and train
in seconds. Cancelled flights have no delay to learn from and are left out of the training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from hopsmon.demo.data import FEATURES

LAST_TRAINING_MONTH = 3
LABELS = ("carrier", "origin", "dest")
PREDICTIONS = ("p_late", "late_predicted")
FOLDS = 3
SEED = 2013


@dataclass(frozen=True)
class Quality:
    """How well the model tells late flights from others: area under the ROC curve (0.5: not at all, 1: perfectly)."""

    training: float  # January to March, each week predicted by a model that has not seen it
    after: dict[int, float]  # month -> April to December, flights that were not cancelled


@dataclass(frozen=True)
class Scored:
    """What the demo's replay and report need from the model.

    Attributes:
        training: features, departs and predictions of January to March: the baseline. Predictions are out of fold: a
            model is surer of flights it has learnt by heart, which would look like drift of the predictions later.
        replay: features, departs, month, late and predictions of April to December.
        late_share: part of the training's flights that were late.
        threshold: the probability from which a flight is called late; it calls as many late as were late in training.
        quality: what the model is worth.
    """

    training: pd.DataFrame
    replay: pd.DataFrame
    late_share: float
    threshold: float
    quality: Quality


def train_and_score(flights: pd.DataFrame) -> Scored:
    """Trains on the first quarter's flights that were not cancelled, and predicts all others at once."""
    known = flights["late"].notna() & (flights["month"] <= LAST_TRAINING_MONTH)
    training, replay = flights[known], flights[flights["month"] > LAST_TRAINING_MONTH]
    inputs = _inputs(training, labels_of=training)
    late = training["late"].astype(bool).to_numpy()
    with threadpool_limits(1):  # 2.7 s; scikit-learn's threads wait by spinning: 8 s where another process wants a core
        out_of_fold = _predict_out_of_fold(inputs, late, week=training["departs"].dt.dayofyear // 7)
        predicted = _probability(_fitted(inputs, late), _inputs(replay, labels_of=training))
    threshold = float(np.quantile(out_of_fold, 1 - late.mean()))
    quality = Quality(_auc(late, out_of_fold), _auc_by_month(replay, predicted))
    return Scored(
        _with_predictions(training[[*FEATURES, "departs"]], out_of_fold, threshold),
        _with_predictions(replay[[*FEATURES, "departs", "month", "late"]], predicted, threshold),
        float(late.mean()),
        threshold,
        quality,
    )


def _inputs(flights: pd.DataFrame, labels_of: pd.DataFrame) -> pd.DataFrame:
    """The features as scikit-learn wants them: labels the training has not seen become missing values."""
    inputs = flights[list(FEATURES)].copy()
    for name in LABELS:
        inputs[name] = pd.Categorical(inputs[name], categories=sorted(labels_of[name].unique()))
    for name in ("seats", "freezing"):
        inputs[name] = inputs[name].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    return inputs


def _fitted(inputs: pd.DataFrame, late: np.ndarray) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(
        categorical_features="from_dtype",
        max_iter=40,
        learning_rate=0.15,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        l2_regularization=1.0,
        random_state=SEED,
    )
    return model.fit(inputs, late)


def _probability(model: HistGradientBoostingClassifier, inputs: pd.DataFrame) -> np.ndarray:
    return cast("np.ndarray", model.predict_proba(inputs)[:, 1])


def _predict_out_of_fold(inputs: pd.DataFrame, late: np.ndarray, week: pd.Series) -> np.ndarray:
    """Whole weeks are held out: flights of one hour share their weather and their fate."""
    predicted = np.empty(len(late))
    for fit, hold in GroupKFold(FOLDS).split(inputs, late, groups=week):
        predicted[hold] = _probability(_fitted(inputs.iloc[fit], late[fit]), inputs.iloc[hold])
    return predicted


def _auc(late: np.ndarray, predicted: np.ndarray) -> float:
    return float(roc_auc_score(late, predicted))


def _auc_by_month(replay: pd.DataFrame, predicted: np.ndarray) -> dict[int, float]:
    flown = replay["late"].notna().to_numpy()
    months = replay["month"].to_numpy()
    late = replay["late"].fillna(False).astype(bool).to_numpy()
    rows = {int(month): flown & (months == month) for month in np.unique(months)}
    return {month: _auc(late[of], predicted[of]) for month, of in rows.items()}


def _with_predictions(flights: pd.DataFrame, predicted: np.ndarray, threshold: float) -> pd.DataFrame:
    probability, label = PREDICTIONS
    return flights.assign(**{probability: predicted, label: predicted >= threshold}).reset_index(drop=True)
