"""The net of classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from torch import Tensor

from ..runs import Run
from ..steps import Objective, SquaredError
from ._net import ActiveSetNet


class ActiveSetNetClassifier(ClassifierMixin, ActiveSetNet):
    """An ActiveSetNet whose `predict` returns class numbers, as scorers of classes want it.

    Parameters
    ----------
    *args : tuple
        Those of :class:`ActiveSetNet`.
    classes : array-like of int or None, default=None
        The class numbers. None: those from 0 to the highest that the training targets have.
    **kwargs : dict
        Those of :class:`ActiveSetNet`.

    Notes
    -----
    Targets may be class numbers, or have a column a class, as :class:`~sk_sdlr.steps.SquaredError`
    wants them. The hooks of callbacks get class numbers in either case.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sk_sdlr.nets import ActiveSetNetClassifier
    >>> X = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")
    >>> y = (X[:, 0] > 0).astype("int64")
    >>> net = ActiveSetNetClassifier(nn.Linear(3, 2), verbose=0, random_state=0).fit(X, y)
    >>> net.predict(X[:5]).shape
    (5,)
    """

    def __init__(self, *args: Any, classes: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.classes = classes

    n_classes_: int

    @property
    def classes_(self) -> np.ndarray:
        """The class numbers."""
        return np.arange(self.n_classes_) if self.classes is None else np.asarray(self.classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return the number of the most probable class of each row.

        Parameters
        ----------
        X : ndarray, Tensor or Dataset
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class numbers.
        """
        return np.asarray(super().predict_proba(X).argmax(axis=1))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : ndarray, Tensor or Dataset
            Features.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities. Of a net trained with SquaredError they are its outputs, divided by
            their sum.
        """
        p = np.asarray(super().predict_proba(X))
        if self.predict_nonlinearity != "auto" or not isinstance(self.criterion_, SquaredError):
            return p
        p = p.clip(np.finfo(p.dtype).tiny)
        return p / p.sum(axis=1, keepdims=True)

    def _objective(self) -> Objective:
        return Objective(self.criterion_, bounded_outputs=True)

    def _make_run(self, *args: Any) -> Run:
        run = super()._make_run(*args)
        y = run.data.targets
        self.n_classes_ = y.shape[1] if _has_columns(y) else int(y.max()) + 1
        return run

    def _scored_targets(self, y: Any) -> Any:
        """Return the class numbers of targets that may have a column a class.

        Parameters
        ----------
        y : ndarray or Tensor of shape (n_samples,) or (n_samples, n_classes)
            Targets, as the loss wants them.

        Returns
        -------
        y : ndarray or Tensor of shape (n_samples,)
            Class numbers.
        """
        y = y if isinstance(y, Tensor) else np.asarray(y)
        return y.argmax(1) if _has_columns(y) else y


def _has_columns(y: Any) -> bool:
    return y.ndim == 2 and y.shape[1] > 1
