"""Text that the docstrings of several estimators share; ``$name`` in them is replaced by it."""

from __future__ import annotations

from inspect import cleandoc
from string import Template
from typing import TypeVar

from ._base import BaseShrinkingEstimator

Estimator = TypeVar("Estimator", bound=type[BaseShrinkingEstimator])


def documented(estimator: Estimator) -> Estimator:
    """Fill in the shared parts of a class's docstring."""
    if estimator.__doc__:  # python -OO strips them
        text = Template(cleandoc(estimator.__doc__)).substitute(PARTS)
        estimator.__doc__ = Template(text).substitute(lr=estimator.lr)
    return estimator


PARTS = {
    "shrinking": """\
After each epoch the share `s` of the rows that have the lowest errors is left out of the next
ones, and later all are recalled (sDLr [1]_). With ``t="auto"`` rows are left out only while there
are enough easy ones.""",
    "mlp_parameters": """\
hidden_layer_sizes : int or sequence of int, default=(256, 256, 256)
    Units of each hidden layer; an empty sequence is a linear model.
activation : {"relu", "tanh", "sigmoid", "gelu", "silu", "scaled_tanh"}, default="silu"
    Activation of the hidden layers; "scaled_tanh" is 1.7159 tanh(2 x / 3).
dropout : float, default=0.2
    Probability of a hidden unit to be dropped while training, in [0, 1).
batch_norm : bool, default=True
    Whether hidden layers have batch normalisation. Without it and without dropout a step is
    computed in closed form, which is several times faster for small nets.""",
    "dbn_parameters": """\
hidden_layer_sizes : int or sequence of int, default=(256,)
    Units of each hidden layer.
activation : {"relu", "tanh", "sigmoid", "gelu", "silu", "scaled_tanh"}, default="sigmoid"
    Activation of the hidden layers; pretraining is for the sigmoid.
dropout : float, default=0.0
    Probability of a hidden unit to be dropped while training with targets, in [0, 1).
visible : {"auto", "bernoulli", "gaussian"}, default="auto"
    Kind of the visible units of the first layer. "auto": Bernoulli if all features are in [0, 1],
    else Gaussian, for which features are standardised.
pretrain_epochs : int, default=10
    Epochs of pretraining, of each layer.
pretrain_lr : float, default=0.05
    Learning rate of pretraining; Gaussian units scale it down.
pretrain_momentum : float or "auto", default="auto"
    Momentum of pretraining, in [0, 1); "auto": 0.9, or 0 with persistent chains.
pretrain_weight_decay : float, default=2e-4
    Weight decay of pretraining.
pretrain_batch_size : int or "auto", default="auto"
    Rows a batch of pretraining; "auto": n_samples / 50, from 10 to 100.
cd_k : int, default=1
    Gibbs steps of contrastive divergence.
persistent : bool, default=False
    Whether Gibbs chains go on from batch to batch (persistent contrastive divergence).
pretrain_shrink : bool, default=False
    Whether pretraining leaves out rows too, by the same policy, those of lowest reconstruction
    error.""",
    "dbn_attributes": """\
rbms_ : list of RBM
    The restricted Boltzmann machines, from the bottom up, as pretraining left them.
pretrain_history_ : list of dict
    One an epoch of pretraining: layer (from 0), epoch (from 1), n_active, reconstruction_error
    (mean of the rows visited), duration (seconds).""",
    "dbn_notes": """\
Pretraining takes place in the first `fit` or `partial_fit`, on the rows given there, and not again
with `warm_start`.""",
    "cnn_parameters": """\
layers : str or sequence of tuple, default="small"
    The layers before the output layer: the name of a preset or a sequence of
    ``("conv", filters, size)`` or ``("conv", filters, size, padding)``, where the padding is an
    int or "same" and 0 by default; ``("max_pool", size)`` or ``("max_pool", size, stride)``;
    ``("avg_pool", ...)`` likewise; ``("linear", units)``; and activations, ``("relu",)``.
    Presets: "small" (two convolutions with 32 and 64 filters, one hidden linear layer), and
    "mnist" and "cifar10", the nets of the paper, for images of 28 x 28 and 32 x 32 pixels.
image_shape : tuple of int or None, default=None
    Channels, height and width of the images where X holds them as flat rows. None: square images
    of one channel if the number of features is a square, else signals, of height 1.
dropout : float, default=0.2
    Probability of an input of a linear layer, the last one included, to be dropped while
    training, in [0, 1).
batch_norm : bool, default=True
    Whether batch normalisation follows each layer with weights, the last one excepted. The
    paper's nets have neither.""",
    "cnn_attributes": """\
image_shape_ : tuple of int
    Channels, height and width of an image.""",
    "cnn_notes": """\
X holds images, (n_samples, channels, height, width), or flat rows of as many features;
``n_features_in_`` is the number of features of a flat row. On the CPU weights are laid out with
channels last, which is faster there.""",
    "module_parameters": """\
module : nn.Module class or instance, or callable, default=None
    The net; needed by `fit`. An instance is copied, and its weights are those that every fit
    begins with. A class, or a function that makes a module, is called with `module_params` and,
    where its signature asks for them, with ``n_inputs`` (numbers in a row), ``input_shape``
    (shape of a row) and ``n_outputs``.
module_params : dict or None, default=None
    Parameters of a module's class or function. They can also be given, and searched, as
    ``module__<name>``.""",
    "module_attributes": """\
input_shape_ : tuple of int
    Shape of a row.""",
    "module_notes": """\
X may have more than two dimensions; the module gets (n_rows, ...) and returns
(n_rows, n_outputs), in the precision of the fit.""",
    "classifier_parameters": """\
output_activation : {"auto", "softmax", "sigmoid"}, default="auto"
    "auto": what goes with the loss.
loss : {"auto", "cross_entropy", "squared_error"}, default="auto"
    Cross-entropy goes with softmax outputs (Eq. 6), squared error with sigmoid ones (Eq. 4).
class_weight : dict, "balanced" or None, default=None
    Weights of the classes, as everywhere in scikit-learn; they multiply `sample_weight`.""",
    "regressor_parameters": """\
output_activation : {"identity", "sigmoid"}, default="identity"
    "identity": targets are brought to mean 0 and standard deviation 1 while training.
    "sigmoid": targets are in [0, 1] and taken as they are.
loss : {"auto", "squared_error"}, default="auto"
    Half the squared norm of the residual (Eq. 4).""",
    "training_parameters": """\
s : float, default=0.2
    Elimination rate: the share of the active rows that leaves after an epoch, those of lowest
    error, in [0, 1). 0 is ordinary training.
t : "auto", int or float, default="auto"
    When rows come back. "auto": once no more of the active rows are easy, with squared errors of
    the outputs under a fraction of their mean; see :class:`~sk_sdlr.policies.AutoRecall`. A
    number: once fewer rows than this are active, a count (int) or a share of the rows (float, in
    (0, 1]).
alpha : float or None, default=0.5
    Smoothing of the batches' thresholds, in [0, 1) (Eq. 9); None: the exact quantile of the
    epoch.
recall : bool, default=True
    Whether rows come back (sDLr) or not (sDL).
policy : Policy or None, default=None
    Any policy of :mod:`sk_sdlr.policies`; takes the place of `s`, `t`, `alpha`, `recall`. Its
    parameters can be searched as ``policy__<name>``.
optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable, default="adamw"
    The optimiser, or a class of ``torch.optim``.
lr : float, default=$lr
    Initial learning rate.
momentum : float, default=0.0
    Momentum of "sgd" and "nesterov", in [0, 1).
weight_decay : float, default=0.0
    Weight decay as the optimiser understands it.
lr_schedule : {"linear", "cosine"}, callable or None, default="linear"
    "linear" and "cosine" fall to 0 over the run, within its epochs too; None is constant; a
    callable, such as a class of ``torch.optim.lr_scheduler``, makes a scheduler that is stepped
    after each epoch.
anneal : float, default=0.1
    The last share of the run that is trained on all rows, in [0, 1]: of its epochs, or of its
    visits with `max_visits`. 0 is the paper's form, in which a run may end on the hardest rows.
batch_size : int or "auto", default="auto"
    Rows a batch; "auto": a power of two about n_samples / 50, from 16 to 256,
    but a single batch of up to 32 rows.
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
precision : {"float32", "float64", "bfloat16", "auto"}, default="float32"
    What is computed in while training. "bfloat16": the module's products (autocast), on a CPU or
    GPU that has instructions for it; weights, losses and predictions stay float32. "auto":
    "bfloat16" where it is there, else "float32".
n_threads : int or None, default=None
    Torch threads while training on the CPU; None: one for small nets, else torch's own number.
warm_start : bool, default=False
    Whether another `fit` goes on from the present weights.
callbacks : list of skorch callbacks or None, default=None
    Added to the net's own.
verbose : int or bool, default=0
    Whether a line an epoch is printed.
random_state : int, RandomState or None, default=None
    The source of all randomness: initial weights, order of rows, dropout, validation rows.""",
    "attributes": """\
net_ : ActiveSetNet
    The trained skorch net; ``net_.module_`` is the torch module.
history_ : list of dict
    One an epoch: epoch, n_active (rows visited), threshold (error under which rows left after
    it, with ``t="auto"`` the squared error of the outputs; None if none left), train_loss (mean
    error of the rows visited), lr, duration (seconds), and valid_loss with `early_stopping`.
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of shape (n_features,)
    Names of the features, if X had any.
n_iter_ : int
    Epochs done.
loss_curve_ : list of float
    The train_loss of each epoch.""",
    "classes": """\
classes_ : ndarray of shape (n_classes,)
    The classes.""",
    "notes": """\
Cost of an epoch: O(n_active) visits of the net, and O(n_samples) for the choice of rows, from
errors that the training pass produced anyway.

Random numbers come from `random_state` only; seeds, threads and other global state of torch and
numpy are left as they were. While all rows make a single batch, equal rows are merged into one
of their joint weight: the gradient is the same, and a row given twice is then to the last bit
a row of weight 2. ``n_active`` counts the merged rows.""",
    "reference": """\
.. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
   2016.""",
}
