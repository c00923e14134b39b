"""What targets are and what outputs mean: the classifier's half and the regressor's half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from torch import nn

from ..nets import ActiveSetNet, ActiveSetNetClassifier
from ..steps import SquaredError
from ._rows import Rows


@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingClassifierMixin(ClassifierMixin):
    """Classes as targets; softmax outputs with cross-entropy or sigmoid ones with squared error."""

    loss: str = "cross_entropy"
    class_weight: Any = None

    _target_constraints: ClassVar[dict] = {
        "loss": [StrOptions({"cross_entropy", "squared_error"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _stratify: ClassVar[bool] = True
    _net_class: ClassVar[type[ActiveSetNet]] = ActiveSetNetClassifier

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Visit each of these rows once, at the learning rate `lr`; no row is dropped.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, in the shape that `fit` takes.
        y : array-like of shape (n_samples,)
            Classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever occur; needed at the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If the data are not valid, `early_stopping` is on, or `classes` is missing at the first
            call.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, in the shape that `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        best = self._outputs(X).argmax(1).numpy()
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, in the shape that `fit` takes.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``. Sigmoid outputs are divided by their sum.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, in the shape that `fit` takes.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            Logarithms of the probabilities, in the order of ``classes_``.
        """
        outputs = self._outputs(X)
        if isinstance(self.net_.criterion_, SquaredError):
            outputs = torch.log(outputs.clamp_min(torch.finfo(outputs.dtype).tiny))
        return torch.log_softmax(outputs, 1).numpy()

    def _output_activation(self) -> str:
        return "softmax" if self.loss == "cross_entropy" else "sigmoid"

    def _criterion(self) -> type[nn.Module]:
        return nn.CrossEntropyLoss if self.loss == "cross_entropy" else SquaredError

    def _learn_classes(self, classes: Any) -> None:
        _check_partial_fit_first_call(self, classes)

    def _class_weight(self, y: Any) -> np.ndarray | None:
        return None if self.class_weight is None else compute_sample_weight(self.class_weight, y)

    def _encode(self, y: Any, *, reset: bool) -> np.ndarray:
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        encoder = LabelEncoder()
        if reset:
            self.classes_ = _at_least_two(encoder.fit(y).classes_)
        encoder.classes_ = self.classes_
        return encoder.transform(y)

    def _targets(self, rows: Rows, *, reset: bool) -> np.ndarray:
        if self.loss == "cross_entropy":
            return rows.y
        return np.eye(len(self.classes_), dtype=rows.X.dtype)[rows.y]

    def _n_outputs(self, rows: Rows) -> int:
        return len(self.classes_)


def _at_least_two(classes: np.ndarray) -> np.ndarray:
    if len(classes) < 2:
        raise ValueError(
            "A classifier needs at least two classes in y. "
            f"Got one class only, {classes.tolist()[0]!r}, instead."
        )
    return classes


@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingRegressorMixin(RegressorMixin):
    """Numbers as targets, one or several a row, with squared error."""

    output_activation: str = "identity"

    _target_constraints: ClassVar[dict] = {
        "output_activation": [StrOptions({"identity", "sigmoid"})],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Visit each of these rows once, at the learning rate `lr`; no row is dropped.

        The first call decides how targets are scaled.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, in the shape that `fit` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If the data are not valid, or `early_stopping` is on.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return the targets of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, in the shape that `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Targets, in the shape that `fit` was given; in the type of `dtype` if it is one a
            row, else float64.
        """
        y = outputs = self._outputs(X).numpy()
        if self._target_scaler is not None:
            y = self._target_scaler.inverse_transform(y.astype(np.float64))
        # Several targets come as float64 because scikit-learn's contract for them says so; one
        # comes in the precision that it was computed in, whose digits alone do not depend on which
        # other rows are predicted with it.
        return y.ravel().astype(outputs.dtype) if self._one_target else y.astype(np.float64)

    def _output_activation(self) -> str:
        return self.output_activation

    def _criterion(self) -> type[nn.Module]:
        return SquaredError

    def _encode(self, y: Any, *, reset: bool) -> np.ndarray:
        y = np.asarray(y, dtype=np.float64)
        if self.output_activation == "sigmoid" and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                "output_activation='sigmoid' needs targets in [0, 1]. "
                f"Got y in [{y.min():g}, {y.max():g}] instead."
            )
        one_target, y = y.ndim == 1, y.reshape(len(y), -1)
        if not reset and getattr(self, "_n_targets", y.shape[1]) != y.shape[1]:
            raise ValueError(
                f"y has {y.shape[1]} targets, but {type(self).__name__} is expecting "
                f"{self._n_targets} targets."
            )
        if reset or not hasattr(self, "_n_targets"):  # validation rows say nothing of them
            self._one_target = one_target
            self._n_targets: int = y.shape[1]
        return y

    def _targets(self, rows: Rows, *, reset: bool) -> np.ndarray:
        """Return targets of mean 0 and standard deviation 1, unless the outputs are sigmoid.

        A net starts with outputs about 0 and learns at a rate that is meant for errors about 1.
        """
        if reset:
            self._target_scaler = None
            if self.output_activation == "identity":
                self._target_scaler = StandardScaler().fit(rows.y, sample_weight=rows.weight)
        y = rows.y if self._target_scaler is None else self._target_scaler.transform(rows.y)
        return y.astype(rows.X.dtype)

    def _n_outputs(self, rows: Rows) -> int:
        return rows.y.shape[1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
