"""The engine as a scikit-learn classifier, and what the notebooks and the documentation call."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from replycheck.checker import Checker
from replycheck.errors import UsageError
from replycheck.estimator import ReplyClassifier

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)
"""scikit-learn's own checks that apply: all the others pass numbers where this takes texts."""


@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learns_checks_that_apply_pass(name: str) -> None:
    getattr(estimator_checks, name)("ReplyClassifier", ReplyClassifier())


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_check_estimator_itself_passes() -> None:
    results = estimator_checks.check_estimator(ReplyClassifier(), on_skip=None)
    assert {r["status"] for r in results} == {"passed"}


def test_it_fits_predicts_and_refuses(small_data: Path) -> None:
    table = pd.read_csv(ROOT / "data" / "examples" / "labels.csv")
    X, y = table[["reply", "patron_message"]], table["label"]
    model = ReplyClassifier(weight=1, data=small_data)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="37 replies, 36 labels"):
        model.fit(X, y[1:])
    with pytest.raises(ValueError, match="maybe"):
        model.fit(X, ["maybe"] * len(X))
    assert model.fit(X, y, groups=table["group"]) is model
    p, labels = model.predict_proba(X), model.predict(X)
    assert p.shape == (len(X), 2)
    assert np.allclose(p.sum(axis=1), 1)
    assert set(labels) == set(model.classes_) == set(y)
    assert model.score(X, y) > 0.7
    assert (model.predict(X.to_numpy()[::-1]) == labels[::-1]).all()
    assert model.predict(["We have a form for that."]).shape == (1,)
    assert not hasattr(clone(model), "engine_")
    with pytest.raises(ValueError, match="must be text"):
        model.predict([3.5])


def test_a_column_of_a_data_frame_is_checked(checker: Checker) -> None:
    frame = pd.DataFrame({"reply": ["Please fill in our survey.", "What happened?"]}, index=[7, 3])
    frame["pushing"] = [v.probability for v in checker.check_many(frame["reply"])]
    assert frame["pushing"][7] > frame["pushing"][3]
    with pytest.raises(UsageError, match="must be text, found float"):
        checker.check_many(pd.Series(["a", np.nan]))


def test_the_examples_of_the_guide_give_what_they_say() -> None:
    result = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False)
    assert result.failed == 0
    assert result.attempted >= 8
