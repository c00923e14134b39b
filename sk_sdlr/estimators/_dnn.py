"""Shrinking deep neural networks (multi-layer perceptrons)."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from ..modules import ACTIVATIONS, MLP
from ._base import BaseShrinkingEstimator
from ._rows import Rows
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin


class _BaseDNN(BaseShrinkingEstimator):
    _parameter_constraints: dict = {
        **BaseShrinkingEstimator._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
    }

    def _check_parameters(self) -> None:
        self._output_activation()
        sizes = self._hidden_sizes()
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be a positive int or a sequence of them, "
                f"however: hidden_layer_sizes={self.hidden_layer_sizes!r}."
            )

    def _hidden_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        return (int(sizes),) if isinstance(sizes, Integral) else tuple(sizes)

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        return MLP, {
            "n_inputs": rows.X.shape[1],
            "n_outputs": self._n_outputs(rows),
            "hidden_layer_sizes": self._hidden_sizes(),
            "activation": self.activation,
            "output_activation": self._output_activation(),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
        }


class ShrinkingDNNClassifier(ShrinkingClassifierMixin, _BaseDNN):
    """Multi-layer perceptron classifier that trains on a shrinking set of rows.

    After each epoch the share `s` of the rows that have the lowest errors is left out of the next
    ones; once fewer than `t` are active, all are recalled (sDLr [1]_).

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256, 256)
        Units of each hidden layer; an empty sequence is a linear model.
    activation : {"relu", "tanh", "sigmoid", "gelu", "silu", "scaled_tanh"}, default="silu"
        Activation of the hidden layers; "scaled_tanh" is 1.7159 tanh(2 x / 3).
    output_activation : {"auto", "softmax", "sigmoid"}, default="auto"
        "auto": what goes with the loss.
    dropout : float, default=0.2
        Probability of a hidden unit to be dropped while training, in [0, 1).
    batch_norm : bool, default=True
        Whether hidden layers have batch normalisation. Without it and without dropout a step is
        computed in closed form, which is several times faster for small nets.
    s : float, default=0.2
        Elimination rate: the share of the active rows that leaves after an epoch, those of lowest
        error, in [0, 1). 0 is ordinary training.
    t : int or float, default=0.2
        Stop threshold: once fewer rows than this are active, all come back. A count (int) or a
        share of the rows (float, in (0, 1]).
    alpha : float or None, default=0.5
        Smoothing of the batches' thresholds, in [0, 1) (Eq. 9); None: the exact quantile of the
        epoch.
    recall : bool, default=True
        Whether rows come back (sDLr) or not (sDL).
    policy : Policy or None, default=None
        Any policy of :mod:`sk_sdlr.policies`; takes the place of `s`, `t`, `alpha`, `recall`. Its
        parameters can be searched as ``policy__<name>``.
    loss : {"auto", "cross_entropy", "squared_error"}, default="auto"
        Cross-entropy goes with softmax outputs (Eq. 6), squared error with sigmoid ones (Eq. 4).
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable, default="adamw"
        The optimiser, or a class of ``torch.optim``.
    lr : float, default=0.002
        Initial learning rate.
    momentum : float, default=0.0
        Momentum of "sgd" and "nesterov", in [0, 1).
    weight_decay : float, default=0.0
        Weight decay as the optimiser understands it.
    lr_schedule : {"linear", "cosine"}, callable or None, default="linear"
        "linear" and "cosine" fall to 0 over the run; None is constant; a callable, such as a class
        of ``torch.optim.lr_scheduler``, makes a scheduler that is stepped after each epoch.
    anneal : float, default=0.5
        The last share of the run that is trained on all rows, in [0, 1]. 0 is the paper's form;
        on tables whose classes overlap it does harm.
    batch_size : int or "auto", default="auto"
        Rows a batch; "auto": a power of two about n_samples / 50, from 32 to 256.
    max_epochs : int, default=30
        Passes over the active set.
    max_visits : float or None, default=None
        Bounds the row visits in place of `max_epochs`: 13 is as many as 13 epochs on all rows.
    early_stopping : bool, default=False
        Whether to hold out rows, stop once their loss has not improved for `n_iter_no_change`
        epochs, and keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out, in (0, 1).
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    tol : float, default=1e-4
        What counts as an improvement for `early_stopping`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as everywhere in scikit-learn; they multiply `sample_weight`.
    device : str or torch.device, default="auto"
        Where to train; "auto" takes CUDA, else MPS, else the CPU.
    precision : {"float32", "float64"}, default="float32"
        Type of features, weights and errors.
    n_threads : int or None, default=None
        Torch threads while training on the CPU; None: one for small nets, else torch's own number.
    warm_start : bool, default=False
        Whether another `fit` goes on from the present weights.
    callbacks : list of skorch callbacks or None, default=None
        Added to the net's own.
    verbose : int or bool, default=0
        Whether a line an epoch is printed.
    random_state : int, RandomState or None, default=None
        The source of all randomness: initial weights, order of rows, dropout, validation rows.

    Attributes
    ----------
    net_ : ActiveSetNet
        The trained skorch net; ``net_.module_`` is the torch module.
    history_ : list of dict
        One an epoch: epoch, n_active (rows visited), threshold (error under which rows left after
        it, None if none did), train_loss (mean error of the rows visited), lr, duration (seconds),
        and valid_loss with `early_stopping`.
    classes_ : ndarray of shape (n_classes,)
        The classes.
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
    ShrinkingDNNRegressor : The same for numbers as targets.
    sk_sdlr.policies : Other rules of which rows to leave out.

    Notes
    -----
    Cost of an epoch: O(n_active) visits of the net, and O(n_samples) for the choice of rows, from
    errors that the training pass produced anyway.

    Random numbers come from `random_state` only; seeds, threads and other global state of torch and
    numpy are left as they were. While all rows make a single batch, equal rows are merged into one
    of their joint weight: the gradient is the same, and a row given twice is then to the last bit
    a row of weight 2. ``n_active`` counts the merged rows.

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_sdlr import ShrinkingDNNClassifier
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> model = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(random_state=0)).fit(X, y)
    >>> model.score(X_test, y_test) > 0.97
    True
    """

    _parameter_constraints: dict = {
        **_BaseDNN._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "silu",
        output_activation: str = "auto",
        dropout: float = 0.2,
        batch_norm: bool = True,
        s: float = 0.2,
        t: int | float = 0.2,
        alpha: float | None = 0.5,
        recall: bool = True,
        policy: Any = None,
        loss: str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.002,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        lr_schedule: Any = "linear",
        anneal: float = 0.5,
        batch_size: int | str = "auto",
        max_epochs: int = 30,
        max_visits: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: Any = None,
        device: Any = "auto",
        precision: str = "float32",
        n_threads: int | None = None,
        warm_start: bool = False,
        callbacks: list | None = None,
        verbose: int | bool = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.s = s
        self.t = t
        self.alpha = alpha
        self.recall = recall
        self.policy = policy
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.anneal = anneal
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_visits = max_visits
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state


class ShrinkingDNNRegressor(ShrinkingRegressorMixin, _BaseDNN):
    """Multi-layer perceptron regressor that trains on a shrinking set of rows.

    After each epoch the share `s` of the rows that have the lowest errors is left out of the next
    ones; once fewer than `t` are active, all are recalled (sDLr [1]_).

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256, 256)
        Units of each hidden layer; an empty sequence is a linear model.
    activation : {"relu", "tanh", "sigmoid", "gelu", "silu", "scaled_tanh"}, default="silu"
        Activation of the hidden layers; "scaled_tanh" is 1.7159 tanh(2 x / 3).
    output_activation : {"identity", "sigmoid"}, default="identity"
        "identity": targets are brought to mean 0 and standard deviation 1 while training.
        "sigmoid": targets are in [0, 1] and taken as they are.
    dropout : float, default=0.2
        Probability of a hidden unit to be dropped while training, in [0, 1).
    batch_norm : bool, default=True
        Whether hidden layers have batch normalisation. Without it and without dropout a step is
        computed in closed form, which is several times faster for small nets.
    s : float, default=0.2
        Elimination rate: the share of the active rows that leaves after an epoch, those of lowest
        error, in [0, 1). 0 is ordinary training.
    t : int or float, default=0.2
        Stop threshold: once fewer rows than this are active, all come back. A count (int) or a
        share of the rows (float, in (0, 1]).
    alpha : float or None, default=0.5
        Smoothing of the batches' thresholds, in [0, 1) (Eq. 9); None: the exact quantile of the
        epoch.
    recall : bool, default=True
        Whether rows come back (sDLr) or not (sDL).
    policy : Policy or None, default=None
        Any policy of :mod:`sk_sdlr.policies`; takes the place of `s`, `t`, `alpha`, `recall`. Its
        parameters can be searched as ``policy__<name>``.
    loss : {"auto", "squared_error"}, default="auto"
        Half the squared norm of the residual (Eq. 4).
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable, default="adamw"
        The optimiser, or a class of ``torch.optim``.
    lr : float, default=0.002
        Initial learning rate.
    momentum : float, default=0.0
        Momentum of "sgd" and "nesterov", in [0, 1).
    weight_decay : float, default=0.0
        Weight decay as the optimiser understands it.
    lr_schedule : {"linear", "cosine"}, callable or None, default="linear"
        "linear" and "cosine" fall to 0 over the run; None is constant; a callable, such as a class
        of ``torch.optim.lr_scheduler``, makes a scheduler that is stepped after each epoch.
    anneal : float, default=0.5
        The last share of the run that is trained on all rows, in [0, 1]. 0 is the paper's form;
        on tables whose classes overlap it does harm.
    batch_size : int or "auto", default="auto"
        Rows a batch; "auto": a power of two about n_samples / 50, from 32 to 256.
    max_epochs : int, default=30
        Passes over the active set.
    max_visits : float or None, default=None
        Bounds the row visits in place of `max_epochs`: 13 is as many as 13 epochs on all rows.
    early_stopping : bool, default=False
        Whether to hold out rows, stop once their loss has not improved for `n_iter_no_change`
        epochs, and keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out, in (0, 1).
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    tol : float, default=1e-4
        What counts as an improvement for `early_stopping`.
    device : str or torch.device, default="auto"
        Where to train; "auto" takes CUDA, else MPS, else the CPU.
    precision : {"float32", "float64"}, default="float32"
        Type of features, weights and errors.
    n_threads : int or None, default=None
        Torch threads while training on the CPU; None: one for small nets, else torch's own number.
    warm_start : bool, default=False
        Whether another `fit` goes on from the present weights.
    callbacks : list of skorch callbacks or None, default=None
        Added to the net's own.
    verbose : int or bool, default=0
        Whether a line an epoch is printed.
    random_state : int, RandomState or None, default=None
        The source of all randomness: initial weights, order of rows, dropout, validation rows.

    Attributes
    ----------
    net_ : ActiveSetNet
        The trained skorch net; ``net_.module_`` is the torch module.
    history_ : list of dict
        One an epoch: epoch, n_active (rows visited), threshold (error under which rows left after
        it, None if none did), train_loss (mean error of the rows visited), lr, duration (seconds),
        and valid_loss with `early_stopping`.
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
    ShrinkingDNNClassifier : The same for classes as targets.
    sk_sdlr.policies : Other rules of which rows to leave out.

    Notes
    -----
    Cost of an epoch: O(n_active) visits of the net, and O(n_samples) for the choice of rows, from
    errors that the training pass produced anyway.

    Random numbers come from `random_state` only; seeds, threads and other global state of torch and
    numpy are left as they were. While all rows make a single batch, equal rows are merged into one
    of their joint weight: the gradient is the same, and a row given twice is then to the last bit
    a row of weight 2. ``n_active`` counts the merged rows.

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sk_sdlr import ShrinkingDNNRegressor
    >>> X, y = make_friedman1(1000, random_state=0)
    >>> net = ShrinkingDNNRegressor(random_state=0).fit(X[:800], y[:800])
    >>> net.score(X[800:], y[800:]) > 0.9
    True
    """

    _parameter_constraints: dict = {
        **_BaseDNN._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "silu",
        output_activation: str = "identity",
        dropout: float = 0.2,
        batch_norm: bool = True,
        s: float = 0.2,
        t: int | float = 0.2,
        alpha: float | None = 0.5,
        recall: bool = True,
        policy: Any = None,
        loss: str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.002,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        lr_schedule: Any = "linear",
        anneal: float = 0.5,
        batch_size: int | str = "auto",
        max_epochs: int = 30,
        max_visits: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        device: Any = "auto",
        precision: str = "float32",
        n_threads: int | None = None,
        warm_start: bool = False,
        callbacks: list | None = None,
        verbose: int | bool = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.s = s
        self.t = t
        self.alpha = alpha
        self.recall = recall
        self.policy = policy
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.anneal = anneal
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_visits = max_visits
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
