"""The judging of replies as a scikit-learn classifier, for those who have pipelines and cross-validation of their own.

Beside the walk, over `training`. Fitted on a library's labels together with the shipped corpus, as `retraining` does it, without the registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from replycheck.checker import Checker
from replycheck.codebook import Label
from replycheck.corpus import Example, read_messages, read_split
from replycheck.reply import Reply
from replycheck.retraining import WEIGHT
from replycheck.settings import shipped
from replycheck.training import train


class ReplyClassifier(ClassifierMixin, BaseEstimator):
    """Listening or service-pushing, from replies or from (reply, patron_message) rows.

    `weight` is how often a reply given to `fit` counts beside one of the corpus in the folder `data`, the shipped one unless given. `predict` uses the threshold that training chose, not 0.5.
    """

    def __init__(self, weight: float = WEIGHT, seed: int = 0, jobs: int = 1, data: Path | None = None) -> None:
        self.weight = weight
        self.seed = seed
        self.jobs = jobs
        self.data = data

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any, groups: Any = None) -> ReplyClassifier:
        """Replies, their labels (as the codebook has them), and the conversation or person of each: none is split over folds.

        ValueError if the lengths differ, a cell is no text, or a label is not of the codebook.
        """
        replies = _replies(X)
        labels = [Label(str(label)) for label in np.asarray(y, dtype=object).ravel()]
        names = [f"reply {i}" for i in range(len(replies))] if groups is None else [str(g) for g in np.asarray(groups)]
        if not len(replies) == len(labels) == len(names):
            raise ValueError(f"{len(replies)} replies, {len(labels)} labels, {len(names)} groups")
        own = [
            Example(f"reply {i}", f"own {g}", r.text, label, r.patron_message or "", weight=self.weight)
            for i, (r, label, g) in enumerate(zip(replies, labels, names, strict=True))
        ]
        data = self.data or shipped("data")
        trained = train([*own, *read_split(data, "train")], read_messages(data), seed=self.seed, jobs=self.jobs)
        self.engine_ = trained.engine
        self.classes_ = np.array([str(x) for x in Label], dtype=object)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(replies, 2) calibrated probabilities, in the order of `classes_`."""
        p = np.array([v.probability for v in self._verdicts(X)], dtype=np.float64)
        return np.column_stack([1 - p, p])

    def predict(self, X: Any) -> NDArray[np.object_]:
        """(replies,) labels."""
        return np.array([str(v.label) for v in self._verdicts(X)], dtype=object)

    def _verdicts(self, X: Any) -> list[Any]:
        check_is_fitted(self)
        return Checker(self.engine_, "fitted").check_many(_replies(X), reasons=False)


def _replies(X: Any) -> list[Reply]:
    """Replies of a sequence of texts, or of rows of a reply and the message it answers."""
    rows = np.asarray(X, dtype=object)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] not in (1, 2):
        raise ValueError(f"expected texts, or rows of a reply and its message; found shape {np.shape(X)}")
    for row in rows:
        if not isinstance(row[0], str):
            raise ValueError(f"a reply must be text, found {type(row[0]).__name__}")
    return [Reply(row[0], row[1] if len(row) > 1 and isinstance(row[1], str) else None) for row in rows]
