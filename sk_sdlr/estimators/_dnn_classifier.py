"""The multi-layer perceptron classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ._dnn import BaseDNN
from ._targets import ShrinkingClassifierMixin


@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDNNClassifier(ShrinkingClassifierMixin, BaseDNN):
    """Multi-layer perceptron classifier that trains on a shrinking set of rows.

    After each epoch the rows of lowest error, a share `s` of the active ones, are left out. Later
    all rows come back (sDLr [1]_). With ``t="auto"`` rows are left out only while enough of them
    are easy.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256, 256)
        Units of each hidden layer. An empty sequence makes a linear model.
    activation : str, default="silu"
        Activation of the hidden layers: "relu", "tanh", "sigmoid", "gelu", "silu", "mish", "selu",
        or "scaled_tanh", which is 1.7159 tanh(2 x / 3).
    dropout : float, default=0.2
        Probability that a hidden unit is dropped while training, in [0, 1). On the CPU it is
        rounded to a multiple of 1/256.
    batch_norm : bool, default=True
        Whether hidden layers have batch normalisation.
    n_members : int, default=1
        Nets of these sizes that are trained side by side, on the same batches; they predict by the
        mean of their outputs, or of their probabilities. A row's error is the mean of theirs.
    scaling : bool, default=False
        Whether each feature is multiplied by a weight first, which the members share and which
        learns at 6 times the rate `lr`.
    loss : {"cross_entropy", "squared_error"}, default="cross_entropy"
        "cross_entropy": of softmax outputs (Eq. 6). "squared_error": of sigmoid outputs (Eq. 4).
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as everywhere in scikit-learn. They multiply `sample_weight`.
    s : float, default=0.2
        Elimination rate, in [0, 1): the share of the active rows that leaves after an epoch, those
        of lowest error. 0 is ordinary training.
    t : "auto", int or float, default="auto"
        When rows come back. "auto": once too few active rows are easy, or too many of those left
        out no longer are. Easy is a squared error of the outputs under a fraction of the mean (in
        regression: of the median); see :class:`~sk_sdlr.policies.AutoRecall`. A number: once
        fewer rows than this are active, a count (int) or a share of all rows (float, in (0, 1]).
    alpha : float or None, default=0.5
        Smoothing of the batches' thresholds, in [0, 1) (Eq. 9). None: the exact quantile of the
        epoch.
    policy : Policy or None, default=None
        Any policy of :mod:`sk_sdlr.policies`. It replaces `s`, `t` and `alpha`, which
        must be left at their defaults then. Its parameters can be searched as ``policy__<name>``.
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable, default="adamw"
        The optimiser: its name, or a class of ``torch.optim``.
    lr : float, default=0.002
        Initial learning rate.
    momentum : float or "auto", default="auto"
        Momentum of "sgd" and "nesterov", in [0, 1). "auto": 0.9 for "nesterov", 0 for "sgd".
    betas : pair of float or "auto", default="auto"
        Decay of the averages of "adam" and "adamw", of gradients and of their squares, each in
        [0, 1). "auto": (0.9, 0.999).
    weight_decay : float or "auto", default="auto"
        Weight decay, as the optimiser defines it. "auto": 0.01 for "adamw", 0 for the others.
    lr_schedule : {"linear", "cosine", "constant_cosine"}, callable or None, default="linear"
        "linear" and "cosine" fall to 0 over the run, a little with every batch, "constant_cosine"
        over its second half. None: constant. A callable, such as a class of
        ``torch.optim.lr_scheduler``, makes a scheduler that is stepped after each epoch.
    weight_average : float or None, default=None
        Predict with the average of the weights over about this last share of the run, in (0, 1).
        Validation rows are judged by it as well. None: with the last weights.
    full_at_end : float, default=0.1
        The last share of the run that is trained on all rows, in [0, 1]. It is a share of the
        epochs, or of the visits with `max_passes`. With 0, as in the paper, a run may end on the
        hardest rows.
    batch_size : int or "auto", default="auto"
        Rows per batch. "auto": the power of two at or below n_samples / 50, but at least 16 and at
        most 256; up to 32 rows are a single batch.
    max_epochs : int, default=30
        Passes over the active set.
    max_passes : float or None, default=None
        Limit of the row visits, in passes over all rows; it replaces `max_epochs`. With 13 a run
        visits as many rows as 13 epochs on all rows.
    early_stopping : bool, default=False
        Whether to stop once the loss of validation rows has not improved for `n_iter_no_change`
        epochs, and to keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out, in (0, 1), unless `fit` is given `X_val`.
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    tol : float, default=0.0001
        Smallest fall of the loss that `early_stopping` takes for an improvement.
    device : str or torch.device, default="auto"
        Where to train. "auto": CUDA if there is one, else MPS, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        What training computes in. "bfloat16", and "auto" alike: the module's products in bfloat16
        on a CPU or GPU with instructions by which they gain, else as "float32"; weights, losses and
        predictions are float32. On a CPU linear layers need AMX, or ARM's bfloat16.
    n_threads : int or None, default=None
        Torch threads while training on the CPU. None: one for small nets, else torch's own number.
    warm_start : bool, default=False
        Whether another `fit` goes on from the present weights. Parameters of the training may
        change in between, those of the module may not.
    callbacks : list of skorch callbacks or None, default=None
        Added to the net's own. One that sets learning rates needs ``lr_schedule=None``.
    verbose : int or bool, default=0
        Whether to print a line per epoch.
    random_state : int, RandomState or None, default=None
        Source of all randomness: initial weights, order of rows, dropout, validation rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    net_ : ActiveSetNet
        The trained skorch net. ``net_.module_`` is the torch module.
    history_ : list of dict
        One dict per epoch: epoch, n_active (rows visited), threshold (rows with errors under it
        left after the epoch; None if none left), train_loss (mean error of the rows visited), lr,
        duration (seconds) and, with validation rows, valid_loss. With ``t="auto"`` the threshold
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
    ShrinkingDNNRegressor : The same for numbers as targets.
    ShrinkingDBNClassifier : The same, pretrained without targets.
    sk_sdlr.policies : Other rules of which rows to leave out.

    Notes
    -----
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
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_sdlr import ShrinkingDNNClassifier
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> model = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(random_state=0)).fit(X, y)
    >>> model.score(X_test, y_test) > 0.97
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseDNN._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }
