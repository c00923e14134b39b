"""Nets, and how our estimators are made of them.

All that depends on the names of the estimators' parameters is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sk_sdlr import (
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDBNClassifier,
    ShrinkingDBNRegressor,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
)
from sk_sdlr.policies import Policy

from .data import Split

# For classes and for numbers.
KINDS: dict[str, tuple[Any, Any]] = {
    "dnn": (ShrinkingDNNClassifier, ShrinkingDNNRegressor),
    "dbn": (ShrinkingDBNClassifier, ShrinkingDBNRegressor),
    "cnn": (ShrinkingCNNClassifier, ShrinkingCNNRegressor),
}
PLAIN = {"batch_norm": False, "dropout": 0.0}
# Outputs between 0 and 1: of numbers, and of classes with the error of Eq. 4.
BOUNDED = {"output_activation": "sigmoid"}
SQUARED_ERROR = {"loss": "squared_error"}
DTYPES = ("float32", "bfloat16")
# The share of a run that ends on all rows, where a method has it.
LAST_SHARE = 0.1


class Length(NamedTuple):
    """How long a run is; by default as long as the estimators have it.

    Parameters
    ----------
    epochs : int or None, default=None
        Passes over the active set.
    visits : float or None, default=None
        Row visits, in units of the number of rows; in place of epochs.
    """

    epochs: int | None = None
    visits: float | None = None

    @property
    def of_all_rows(self) -> int | None:
        """Epochs of a run that visits all rows in each of them."""
        return self.epochs if self.visits is None else round(self.visits)


OWN_LENGTH = Length()


@dataclass(frozen=True)
class Net:
    """A net, and how it is trained.

    Parameters
    ----------
    params : dict
        The estimator's.
    kind : {"dnn", "dbn", "cnn"}, default="dnn"
        A key of `KINDS`.
    """

    params: dict[str, Any] = field(default_factory=dict)
    kind: str = "dnn"

    def make(
        self,
        data: Split,
        length: Length = OWN_LENGTH,
        *,
        seed: int = 0,
        policy: Policy | None = None,
        full_at_end: bool = True,
        **params: Any,
    ) -> Any:
        """Return an estimator.

        Parameters
        ----------
        data : Split
            The rows, which say whether it is a classifier.
        length : Length, default=OWN_LENGTH
            Of the run.
        seed : int, default=0
            Its random state.
        policy : Policy or None, default=None
            How its rows are chosen; None: as it does by default.
        full_at_end : bool, default=True
            Whether the last share of the run is on all rows.
        **params : dict
            More of its parameters.

        Returns
        -------
        estimator : estimator
            Not fitted.
        """
        params = {"policy": policy, "random_state": seed, "device": "cpu"} | params
        params["full_at_end"] = LAST_SHARE if full_at_end else 0.0
        if length.visits is not None:
            params["max_passes"] = float(length.visits)
        elif length.epochs is not None:
            params["max_epochs"] = length.epochs
        return KINDS[self.kind][not data.is_classification](**self.params | params)

    @property
    def lr(self) -> float:
        """The learning rate with which training begins."""
        return self.params.get("lr", KINDS[self.kind][0]().lr)

    def with_params(self, **params: Any) -> Net:
        """Return the same net with other parameters."""
        return replace(self, params=self.params | params)

    def with_dtype(self, dtype: str) -> Net:
        """Return the same net, whose products are computed in this type."""
        return self.with_params(dtype=dtype)


def perceptron(size: int, lr: float, **params: Any) -> Net:
    """Return a perceptron with a hidden layer of ReLUs, trained by SGD in batches of 100."""
    own = {"hidden_layer_sizes": (size,), "activation": "relu", "optimizer": "sgd", "lr": lr}
    return Net(PLAIN | own | {"batch_size": 100} | params)


def convolutional(layers: str, lr: float, **params: Any) -> Net:
    """Return one of the paper's convolutional nets, trained by SGD in batches of 100."""
    own = {"layers": layers, "optimizer": "sgd", "lr": lr, "batch_size": 100}
    if layers == "cifar10":
        own["image_shape"] = (3, 32, 32)
    return Net(PLAIN | own | params, "cnn")
