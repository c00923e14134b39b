"""Shrinking convolutional neural networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from ..modules import CNN
from ..modules._cnn import check_image_shape
from ._base import BaseShrinkingEstimator
from ._images import image_shape_of
from ._precision import autocast_type
from ._rows import Rows, shape_of
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin


@dataclass(kw_only=True, eq=False, repr=False)
class BaseCNN(BaseShrinkingEstimator):
    """What estimators on a convolutional net share."""

    layers: Any = field(default="small", kw_only=False)
    image_shape: Any = None
    dropout: float = 0.2
    batch_norm: bool = True

    _parameter_constraints: ClassVar[dict] = {
        **BaseShrinkingEstimator._parameter_constraints,
        "layers": [str, list, tuple],
        "image_shape": [list, tuple, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
    }

    @property
    def image_shape_(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return self.net_.module_.image_shape

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.image_shape is not None:
            check_image_shape(type(self).__name__, self.image_shape)

    def _flat(self, X: Any, *, learn: bool) -> Any:
        shape = shape_of(X)
        if len(shape) > 1 and 0 not in shape:  # which scikit-learn has its own words for
            self._check_images(shape[1:], learn)
        return X if len(shape) < 3 else np.asarray(X).reshape(shape[0], prod(shape[1:]))

    def _check_images(self, row: tuple[int, ...], learn: bool) -> None:
        """Raise ValueError if rows of this shape are no images, or not those that were learnt."""
        if learn:
            image = image_shape_of(row, self.image_shape)
            try:
                with torch.device("meta"):  # an error, if it is one, comes before any work
                    CNN(image, 1, layers=self.layers)
            except ValueError as error:
                if len(row) == 3 or self.image_shape is not None:
                    raise
                raise ValueError(
                    f"{error} X has {row[0]} features and image_shape is None, so that a row is "
                    f"taken as an image of shape {image}; image_shape=(channels, height, width) "
                    "says what it is."
                ) from None
        elif len(row) > 1 and row != self.image_shape_:
            raise ValueError(
                f"X has rows of shape {row}, but {type(self).__name__} is expecting images "
                f"of shape {self.image_shape_} or {prod(self.image_shape_)} features as input."
            )

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        return CNN, {
            "image_shape": image_shape_of(rows.shape, self.image_shape),
            "n_outputs": self._n_outputs(rows),
            "layers": self.layers,
            "output_activation": self._output_activation(),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
        }

    def _prepare(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        # Float32 on CUDA, without tensor cores, is faster with channels first.
        if device == "cpu" or autocast_type(self.precision, device):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingCNNClassifier(ShrinkingClassifierMixin, BaseCNN):
    """Convolutional net classifier that trains on a shrinking set of images.

    After each epoch the rows of lowest error, a share `s` of the active ones, are left out. Later
    all rows come back (sDLr [1]_). With ``t="auto"`` rows are left out only while enough of them
    are easy.

    Parameters
    ----------
    layers : str or sequence of tuple, default="small"
        Layers before the output layer: the name of a preset, or one tuple per layer.

        - "small": two convolutions with 32 and 64 filters, one hidden linear layer. "mnist" and
          "cifar10": the paper's nets, for images of 28 x 28 and 32 x 32 pixels.
        - ``("conv", filters, size)`` or ``("conv", filters, size, padding)``. The padding is an
          int or "same", by default 0.
        - ``("max_pool", size)`` or ``("max_pool", size, stride)``; ``("avg_pool", ...)`` likewise.
          The stride is by default the size.
        - ``("linear", units)``.
        - An activation, such as ``("relu",)``.
    image_shape : tuple of int or None, default=None
        Channels, height and width of the images, if X holds them as flat rows. None: square images
        of one channel if the number of features is a square, else signals, of height 1.
    dropout : float, default=0.2
        Probability that an input of a linear layer, also of the last one, is dropped while
        training, in [0, 1). The paper's nets have no dropout.
    batch_norm : bool, default=True
        Whether batch normalisation follows each layer with weights but the last. The paper's nets
        have none.
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
    image_shape_ : tuple of int
        Channels, height and width of an image.
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
    ShrinkingCNNRegressor : The same for numbers as targets.
    ShrinkingClassifier : The same for a torch module of your own.

    Notes
    -----
    **Input.** X holds images, (n_samples, channels, height, width), or flat rows of as many
    features. ``n_features_in_`` is the number of features of a flat row.

    **Memory format.** On the CPU, and with bfloat16, weights are laid out with channels last, which
    is faster there.

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
    >>> from sklearn.model_selection import train_test_split
    >>> from sk_sdlr import ShrinkingCNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    >>> net = ShrinkingCNNClassifier(max_epochs=10, random_state=0).fit(X, y)
    >>> net.image_shape_
    (1, 8, 8)
    >>> net.score(X_test, y_test) > 0.97
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseCNN._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }


@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingCNNRegressor(ShrinkingRegressorMixin, BaseCNN):
    """Convolutional net regressor that trains on a shrinking set of images.

    After each epoch the rows of lowest error, a share `s` of the active ones, are left out. Later
    all rows come back (sDLr [1]_). With ``t="auto"`` rows are left out only while enough of them
    are easy.

    Parameters
    ----------
    layers : str or sequence of tuple, default="small"
        Layers before the output layer: the name of a preset, or one tuple per layer.

        - "small": two convolutions with 32 and 64 filters, one hidden linear layer. "mnist" and
          "cifar10": the paper's nets, for images of 28 x 28 and 32 x 32 pixels.
        - ``("conv", filters, size)`` or ``("conv", filters, size, padding)``. The padding is an
          int or "same", by default 0.
        - ``("max_pool", size)`` or ``("max_pool", size, stride)``; ``("avg_pool", ...)`` likewise.
          The stride is by default the size.
        - ``("linear", units)``.
        - An activation, such as ``("relu",)``.
    image_shape : tuple of int or None, default=None
        Channels, height and width of the images, if X holds them as flat rows. None: square images
        of one channel if the number of features is a square, else signals, of height 1.
    dropout : float, default=0.2
        Probability that an input of a linear layer, also of the last one, is dropped while
        training, in [0, 1). The paper's nets have no dropout.
    batch_norm : bool, default=True
        Whether batch normalisation follows each layer with weights but the last. The paper's nets
        have none.
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
    image_shape_ : tuple of int
        Channels, height and width of an image.
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
    ShrinkingCNNClassifier : The same for classes as targets.
    ShrinkingRegressor : The same for a torch module of your own.

    Notes
    -----
    **Input.** X holds images, (n_samples, channels, height, width), or flat rows of as many
    features. ``n_features_in_`` is the number of features of a flat row.

    **Memory format.** On the CPU, and with bfloat16, weights are laid out with channels last, which
    is faster there.

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
    How much ink there is in a digit:

    >>> from sklearn.datasets import load_digits
    >>> from sk_sdlr import ShrinkingCNNRegressor
    >>> images = load_digits().images[:, None] / 16
    >>> ink = images.mean(axis=(1, 2, 3))
    >>> net = ShrinkingCNNRegressor(max_epochs=10, random_state=0).fit(images[:1500], ink[:1500])
    >>> net.score(images[1500:], ink[1500:]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseCNN._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }
