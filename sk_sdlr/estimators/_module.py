"""Shrinking training of a torch module of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from math import prod
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from ._base import BaseShrinkingEstimator
from ._rows import Rows, shape_of
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin

PREFIX = "module__"
Estimator = TypeVar("Estimator", bound=type)


def takes_module_parameters(estimator: Estimator) -> Estimator:
    """Let the constructor take ``module__<name>=value`` for ``module_params={name: value}``."""
    plain: Callable[..., None] = vars(estimator)["__init__"]

    @wraps(plain)
    def __init__(self: Any, *args: Any, **params: Any) -> None:
        of_module = _take_out(params)
        plain(self, *args, **params)
        if of_module:
            self.module_params = (self.module_params or {}) | of_module

    setattr(estimator, "__init__", __init__)  # noqa: B010 - a checker of types allows no other way
    return estimator


@dataclass(kw_only=True, eq=False, repr=False)
class BaseModuleEstimator(BaseShrinkingEstimator):
    """What estimators on a module of the user's share."""

    module: Any = field(default=None, kw_only=False)
    module_params: dict | None = None

    _allow_nd: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict] = {
        **BaseShrinkingEstimator._parameter_constraints,
        "module": [callable],
        "module_params": [dict, None],
    }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add those of the module, as ``module__<name>``, and of parameters that are
            estimators or policies themselves.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep)
        if deep and isinstance(self.module_params, dict):
            params |= {PREFIX + name: value for name, value in (self.module_params or {}).items()}
        return params

    def set_params(self, **params: Any) -> BaseModuleEstimator:
        """Set parameters by name, those of the module as ``module__<name>``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
        """
        of_module = _take_out(params)
        super().set_params(**params)
        if of_module:
            self.module_params = (self.module_params or {}) | of_module
        return self

    def _flat(self, X: Any, *, learn: bool) -> Any:
        shape = shape_of(X)[1:]
        if not learn and max(len(shape), len(self.input_shape_)) > 1 and shape != self.input_shape_:
            raise ValueError(
                f"X has rows of shape {shape}, but {type(self).__name__} is expecting rows of "
                f"shape {self.input_shape_} as input."
            )
        return X

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        given = self.module_params or {}
        if isinstance(self.module, nn.Module):
            if given:
                raise ValueError(
                    f"module must be a class or a function to take {sorted(given)}, "
                    f"however: it is an instance of {type(self.module).__name__}."
                )
            return deepcopy(self.module), {}
        shapes = {
            "n_inputs": prod(rows.shape),
            "input_shape": rows.shape,
            "n_outputs": self._n_outputs(rows),
        }
        return self.module, _arguments(self.module, shapes, given)

    def _prepare(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        _check_outputs(module, rows, self._n_outputs(rows), device)
        self.input_shape_ = rows.shape


def _take_out(params: dict[str, Any]) -> dict[str, Any]:
    """Remove the parameters of the module, and return them by their own names."""
    names = [name for name in params if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX): params.pop(name) for name in names}


def _arguments(
    module: Callable[..., Any], shapes: dict[str, Any], given: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters that are given, and of the shapes those that the module asks for."""
    asked = signature(module)
    arguments = {key: value for key, value in shapes.items() if key in asked.parameters} | given
    try:
        asked.bind(**arguments)
    except TypeError as error:
        raise ValueError(
            f"module must take what is given to it as {PREFIX}<name>, and want nothing else but "
            f"{', '.join(shapes)}, however: {getattr(module, '__name__', module)}: {error}."
        ) from None
    return arguments


@torch.no_grad()
def _check_outputs(module: Any, rows: Rows, n_outputs: int, device: str) -> None:
    """Raise ValueError unless the module makes of one row what the loss wants."""
    try:
        with torch.random.fork_rng(devices=[]):
            got = module.eval()(torch.as_tensor(rows.X[:1].copy(), device=device))
    except RuntimeError as error:  # torch's word for shapes that do not go together
        raise ValueError(
            f"module must take rows of shape {rows.X.shape[1:]}, "
            f"however: {type(module).__name__} raises {error}"
        ) from error
    if not isinstance(got, torch.Tensor) or tuple(got.shape) != (1, n_outputs):
        shape = tuple(got.shape) if isinstance(got, torch.Tensor) else type(got).__name__
        raise ValueError(
            f"module must return outputs of shape (n_samples, {n_outputs}) for these targets, "
            f"however: of one row it makes {shape}."
        )


@takes_module_parameters
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingClassifier(ShrinkingClassifierMixin, BaseModuleEstimator):
    """Classifier on a torch module of your own that trains on a shrinking set of rows.

    After each epoch the rows of lowest error, a share `s` of the active ones, are left out. Later
    all rows come back (sDLr [1]_). With ``t="auto"`` rows are left out only while enough of them
    are easy.

    Parameters
    ----------
    module : nn.Module class or instance, or callable, default=None
        The net; `fit` needs it. An instance is copied, and its weights are the initial ones. A
        class, or a function that returns a module, is called with `module_params` and, if its
        signature has them, with ``n_inputs`` (numbers in a row), ``input_shape`` (shape of a row)
        and ``n_outputs``.
    module_params : dict or None, default=None
        Arguments of the module's class or function. They can also be given, and searched, as
        ``module__<name>``.
    output_activation : {"auto", "softmax", "sigmoid"}, default="auto"
        "auto": the one that the loss needs.
    loss : {"auto", "cross_entropy", "squared_error"}, default="auto"
        Cross-entropy needs softmax outputs (Eq. 6), squared error sigmoid ones (Eq. 4). "auto":
        cross-entropy, unless `output_activation` is "sigmoid".
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as everywhere in scikit-learn. They multiply `sample_weight`.
    s : float, default=0.2
        Elimination rate, in [0, 1): the share of the active rows that leaves after an epoch, those
        of lowest error. 0 is ordinary training.
    t : "auto", int or float, default="auto"
        When rows come back. "auto": once too few active rows are easy, or too many of those left
        out no longer are. Easy is a squared error of the outputs under a fraction of the mean (in
        regression: of the median); see :class:`~sk_sdlr.policies.ShrinkRecall`. A number: once
        fewer rows than this are active, a count (int) or a share of all rows (float, in (0, 1]).
    alpha : float or None, default=0.5
        Smoothing of the batches' thresholds, in [0, 1) (Eq. 9). None: the exact quantile of the
        epoch.
    recall : bool, default=True
        Whether rows come back (sDLr) or not (sDL).
    policy : Policy or None, default=None
        Any policy of :mod:`sk_sdlr.policies`. It replaces `s`, `t`, `alpha` and `recall`. Its
        parameters can be searched as ``policy__<name>``.
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable, default="adamw"
        The optimiser: its name, or a class of ``torch.optim``.
    lr : float, default=0.002
        Initial learning rate.
    momentum : float, default=0.0
        Momentum of "sgd" and "nesterov", in [0, 1). "nesterov" needs more than 0.
    weight_decay : float, default=0.0
        Weight decay, as the optimiser defines it.
    lr_schedule : {"linear", "cosine"}, callable or None, default="linear"
        "linear" and "cosine" fall to 0 over the run, a little with every batch. None: constant. A
        callable, such as a class of ``torch.optim.lr_scheduler``, makes a scheduler that is stepped
        after each epoch.
    anneal : float, default=0.1
        The last share of the run that is trained on all rows, in [0, 1]. It is a share of the
        epochs, or of the visits with `max_visits`. With 0, as in the paper, a run may end on the
        hardest rows.
    batch_size : int or "auto", default="auto"
        Rows per batch. "auto": the power of two at or below n_samples / 50, but at least 16 and at
        most 256; up to 32 rows are a single batch.
    max_epochs : int, default=30
        Passes over the active set.
    max_visits : float or None, default=None
        Limit of the row visits, in passes over all rows; it replaces `max_epochs`. With 13 a run
        visits as many rows as 13 epochs on all rows.
    early_stopping : bool, default=False
        Whether to hold out rows, stop once their loss has not improved for `n_iter_no_change`
        epochs, and keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out, in (0, 1).
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    tol : float, default=0.0001
        Smallest fall of the loss that `early_stopping` takes for an improvement.
    device : str or torch.device, default="auto"
        Where to train. "auto": CUDA if there is one, else MPS, else the CPU.
    precision : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        What training computes in. "bfloat16": the module's products only (autocast), on a CPU or
        GPU with instructions for it; weights, losses and predictions stay float32. "auto":
        "bfloat16" where it is there, else "float32".
    n_threads : int or None, default=None
        Torch threads while training on the CPU. None: one for small nets, else torch's own number.
    warm_start : bool, default=False
        Whether another `fit` goes on from the present weights.
    callbacks : list of skorch callbacks or None, default=None
        Added to the net's own.
    verbose : int or bool, default=0
        Whether to print a line per epoch.
    random_state : int, RandomState or None, default=None
        Source of all randomness: initial weights, order of rows, dropout, validation rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    input_shape_ : tuple of int
        Shape of a row.
    net_ : ActiveSetNet
        The trained skorch net. ``net_.module_`` is the torch module.
    history_ : list of dict
        One dict per epoch: epoch, n_active (rows visited), threshold (rows with errors under it
        left after the epoch; None if none left), train_loss (mean error of the rows visited), lr,
        duration (seconds) and, with `early_stopping`, valid_loss. With ``t="auto"`` the threshold
        is a squared error of the outputs.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had any.
    n_iter_ : int
        Epochs done.
    loss_curve_ : list of float
        The train_loss of each epoch.

    See Also
    --------
    ShrinkingRegressor : The same for numbers as targets.
    ShrinkingDNNClassifier : The same with a multi-layer perceptron.
    sk_sdlr.training.PolicyCallback : Shrinking for a skorch net of your own.

    Notes
    -----
    **Input.** X may have more than two dimensions. The module gets (n_rows, ...) and returns
    (n_rows, n_outputs), in the precision of the fit.

    **Outputs.** The module returns logits. With ``loss="squared_error"`` it returns outputs in
    [0, 1].

    **Cost.** An epoch costs O(n_active) visits of the net, and O(n_samples) for the choice of rows.
    The errors for it come from the training pass.

    **Randomness.** Random numbers come from `random_state` only. Seeds, threads and other global
    state of torch and numpy are left as they were.

    **Equal rows.** If all rows fit in a single batch, equal rows are merged into one of their joint
    weight. The gradient is the same. A row given twice is then, to the last bit, a row of weight 2.
    ``n_active`` counts the merged rows.

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from torch import nn
    >>> from sk_sdlr import ShrinkingClassifier
    >>> def net(n_inputs, n_outputs, n_hidden=10):
    ...     hidden = nn.Linear(n_inputs, n_hidden)
    ...     return nn.Sequential(hidden, nn.ReLU(), nn.Linear(n_hidden, n_outputs))
    >>> X, y = load_digits(return_X_y=True)
    >>> model = ShrinkingClassifier(net, max_epochs=5, random_state=0)
    >>> search = GridSearchCV(model, {"module__n_hidden": [2, 50]}, cv=2).fit(X / 16, y)
    >>> search.best_params_
    {'module__n_hidden': 50}
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseModuleEstimator._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }


@takes_module_parameters
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingRegressor(ShrinkingRegressorMixin, BaseModuleEstimator):
    """Regressor on a torch module of your own that trains on a shrinking set of rows.

    After each epoch the rows of lowest error, a share `s` of the active ones, are left out. Later
    all rows come back (sDLr [1]_). With ``t="auto"`` rows are left out only while enough of them
    are easy.

    Parameters
    ----------
    module : nn.Module class or instance, or callable, default=None
        The net; `fit` needs it. An instance is copied, and its weights are the initial ones. A
        class, or a function that returns a module, is called with `module_params` and, if its
        signature has them, with ``n_inputs`` (numbers in a row), ``input_shape`` (shape of a row)
        and ``n_outputs``.
    module_params : dict or None, default=None
        Arguments of the module's class or function. They can also be given, and searched, as
        ``module__<name>``.
    output_activation : {"identity", "sigmoid"}, default="identity"
        "identity": targets are scaled to mean 0 and standard deviation 1 while training.
        "sigmoid": targets must be in [0, 1] and are not scaled.
    loss : {"auto", "squared_error"}, default="auto"
        Both are half the squared norm of the residual (Eq. 4).
    s : float, default=0.2
        Elimination rate, in [0, 1): the share of the active rows that leaves after an epoch, those
        of lowest error. 0 is ordinary training.
    t : "auto", int or float, default="auto"
        When rows come back. "auto": once too few active rows are easy, or too many of those left
        out no longer are. Easy is a squared error of the outputs under a fraction of the mean (in
        regression: of the median); see :class:`~sk_sdlr.policies.ShrinkRecall`. A number: once
        fewer rows than this are active, a count (int) or a share of all rows (float, in (0, 1]).
    alpha : float or None, default=0.5
        Smoothing of the batches' thresholds, in [0, 1) (Eq. 9). None: the exact quantile of the
        epoch.
    recall : bool, default=True
        Whether rows come back (sDLr) or not (sDL).
    policy : Policy or None, default=None
        Any policy of :mod:`sk_sdlr.policies`. It replaces `s`, `t`, `alpha` and `recall`. Its
        parameters can be searched as ``policy__<name>``.
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable, default="adamw"
        The optimiser: its name, or a class of ``torch.optim``.
    lr : float, default=0.002
        Initial learning rate.
    momentum : float, default=0.0
        Momentum of "sgd" and "nesterov", in [0, 1). "nesterov" needs more than 0.
    weight_decay : float, default=0.0
        Weight decay, as the optimiser defines it.
    lr_schedule : {"linear", "cosine"}, callable or None, default="linear"
        "linear" and "cosine" fall to 0 over the run, a little with every batch. None: constant. A
        callable, such as a class of ``torch.optim.lr_scheduler``, makes a scheduler that is stepped
        after each epoch.
    anneal : float, default=0.1
        The last share of the run that is trained on all rows, in [0, 1]. It is a share of the
        epochs, or of the visits with `max_visits`. With 0, as in the paper, a run may end on the
        hardest rows.
    batch_size : int or "auto", default="auto"
        Rows per batch. "auto": the power of two at or below n_samples / 50, but at least 16 and at
        most 256; up to 32 rows are a single batch.
    max_epochs : int, default=30
        Passes over the active set.
    max_visits : float or None, default=None
        Limit of the row visits, in passes over all rows; it replaces `max_epochs`. With 13 a run
        visits as many rows as 13 epochs on all rows.
    early_stopping : bool, default=False
        Whether to hold out rows, stop once their loss has not improved for `n_iter_no_change`
        epochs, and keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out, in (0, 1).
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    tol : float, default=0.0001
        Smallest fall of the loss that `early_stopping` takes for an improvement.
    device : str or torch.device, default="auto"
        Where to train. "auto": CUDA if there is one, else MPS, else the CPU.
    precision : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        What training computes in. "bfloat16": the module's products only (autocast), on a CPU or
        GPU with instructions for it; weights, losses and predictions stay float32. "auto":
        "bfloat16" where it is there, else "float32".
    n_threads : int or None, default=None
        Torch threads while training on the CPU. None: one for small nets, else torch's own number.
    warm_start : bool, default=False
        Whether another `fit` goes on from the present weights.
    callbacks : list of skorch callbacks or None, default=None
        Added to the net's own.
    verbose : int or bool, default=0
        Whether to print a line per epoch.
    random_state : int, RandomState or None, default=None
        Source of all randomness: initial weights, order of rows, dropout, validation rows.

    Attributes
    ----------
    input_shape_ : tuple of int
        Shape of a row.
    net_ : ActiveSetNet
        The trained skorch net. ``net_.module_`` is the torch module.
    history_ : list of dict
        One dict per epoch: epoch, n_active (rows visited), threshold (rows with errors under it
        left after the epoch; None if none left), train_loss (mean error of the rows visited), lr,
        duration (seconds) and, with `early_stopping`, valid_loss. With ``t="auto"`` the threshold
        is a squared error of the outputs.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had any.
    n_iter_ : int
        Epochs done.
    loss_curve_ : list of float
        The train_loss of each epoch.

    See Also
    --------
    ShrinkingClassifier : The same for classes as targets.
    ShrinkingDNNRegressor : The same with a multi-layer perceptron.
    sk_sdlr.training.PolicyCallback : Shrinking for a skorch net of your own.

    Notes
    -----
    **Input.** X may have more than two dimensions. The module gets (n_rows, ...) and returns
    (n_rows, n_outputs), in the precision of the fit.

    **Outputs.** With ``output_activation="sigmoid"`` the module returns outputs in [0, 1].

    **Cost.** An epoch costs O(n_active) visits of the net, and O(n_samples) for the choice of rows.
    The errors for it come from the training pass.

    **Randomness.** Random numbers come from `random_state` only. Seeds, threads and other global
    state of torch and numpy are left as they were.

    **Equal rows.** If all rows fit in a single batch, equal rows are merged into one of their joint
    weight. The gradient is the same. A row given twice is then, to the last bit, a row of weight 2.
    ``n_active`` counts the merged rows.

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from torch import nn
    >>> from sk_sdlr import ShrinkingRegressor
    >>> X, y = make_friedman1(1000, random_state=0)
    >>> module = nn.Sequential(nn.Linear(10, 100), nn.SiLU(), nn.Linear(100, 1))
    >>> net = ShrinkingRegressor(module, lr=0.02, random_state=0).fit(X[:800], y[:800])
    >>> net.score(X[800:], y[800:]) > 0.8
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseModuleEstimator._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }
