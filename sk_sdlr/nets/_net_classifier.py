"""The net of classifiers."""

from __future__ import annotations

from typing import Any

from ..steps import Objective
from ._net import ActiveSetNet


class ActiveSetNetClassifier(ActiveSetNet):
    """An ActiveSetNet whose `predict` returns class numbers, as scorers of classes want it.

    Its parameters are those of :class:`ActiveSetNet`.

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

    def _objective(self) -> Objective:
        return Objective(self.criterion_, bounded_outputs=True)

    def predict(self, X: Any) -> Any:
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
        return self.predict_proba(X).argmax(axis=1)
