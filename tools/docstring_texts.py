"""Texts that docstrings of the estimators share; ``tools/write_docstrings.py`` writes them there.

A text stands under the estimators that it is for: "dnn", "dbn", "cnn", "module" (the file), or
"classifier", "regressor", or "all". Docstrings have the texts in the order of this file. If an
estimator finds a name under two headings, the first text counts, at the place of the last.

Defaults are not typed here; they are added to the types. Lines have up to 96 characters.
"""

from __future__ import annotations

# Entries, in numpydoc's form. The section "Parameters" is made of these alone.
PARAMETERS = {
    "dnn": """
hidden_layer_sizes : int or sequence of int
    Units of each hidden layer. An empty sequence makes a linear model.
activation : str
    Activation of the hidden layers: "relu", "tanh", "sigmoid", "gelu", "silu", "mish", "selu",
    or "scaled_tanh", which is 1.7159 tanh(2 x / 3).
dropout : float
    Probability that a hidden unit is dropped while training, in [0, 1). On the CPU it is
    rounded to a multiple of 1/256.
batch_norm : bool
    Whether hidden layers have batch normalisation.
n_members : int
    Nets of these sizes that are trained side by side, on the same batches; they predict by the
    mean of their outputs, or of their probabilities. A row's error is the mean of theirs.
scaling : bool
    Whether each feature is multiplied by a weight first, which the members share and which
    learns at 6 times the rate `lr`.
""",
    "dbn": """
hidden_layer_sizes : int or sequence of int
    Units of each hidden layer.
activation : str
    Activation of the hidden layers: "relu", "tanh", "sigmoid", "gelu", "silu", "mish", "selu",
    or "scaled_tanh". Pretraining makes weights for "sigmoid", whatever this is.
dropout : float
    Probability that a hidden unit is dropped while training with targets, in [0, 1).
visible : {"auto", "bernoulli", "gaussian"}
    Visible units of the first layer. "bernoulli" needs features in [0, 1]. "gaussian"
    standardises the features. "auto": "bernoulli" if all features are in [0, 1], else
    "gaussian".
pretrain_epochs : int
    Epochs of pretraining for each layer.
pretrain_lr : float
    Learning rate of pretraining. For a layer with Gaussian visible units it is multiplied by
    ``min(1, 20 / n_hidden)``.
pretrain_momentum : float or "auto"
    Momentum of pretraining, in [0, 1). "auto": 0 with persistent chains, else 0.9.
pretrain_weight_decay : float
    Weight decay of pretraining.
pretrain_batch_size : int or "auto"
    Rows per batch of pretraining. "auto": n_samples / 50, but at least 10 and at most 100.
cd_k : int
    Gibbs steps of contrastive divergence.
persistent : bool
    Whether Gibbs chains go on from batch to batch (persistent contrastive divergence).
pretrain_shrink : bool
    Whether pretraining leaves out rows too: by the same policy, on reconstruction errors.
""",
    "cnn": """
layers : str or sequence of tuple
    Layers before the output layer: the name of a preset, or one tuple per layer.

    - "small": two convolutions with 32 and 64 filters, one hidden linear layer. "mnist" and
      "cifar10": the paper's nets, for images of 28 x 28 and 32 x 32 pixels.
    - ``("conv", filters, size)`` or ``("conv", filters, size, padding)``. The padding is an
      int or "same", by default 0.
    - ``("max_pool", size)`` or ``("max_pool", size, stride)``; ``("avg_pool", ...)`` likewise.
      The stride is by default the size.
    - ``("linear", units)``.
    - An activation, such as ``("relu",)``.
image_shape : tuple of int or None
    Channels, height and width of the images, if X holds them as flat rows. None: square images
    of one channel if the number of features is a square, else signals, of height 1.
dropout : float
    Probability that an input of a linear layer, also of the last one, is dropped while
    training, in [0, 1). The paper's nets have no dropout.
batch_norm : bool
    Whether batch normalisation follows each layer with weights but the last. The paper's nets
    have none.
""",
    "module": """
module : nn.Module class or instance, or callable
    The net; `fit` needs it. An instance is copied, and its weights are the initial ones. A
    class, or a function that returns a module, is called with `module_params` and, if its
    signature has them, with ``n_inputs`` (numbers in a row), ``input_shape`` (shape of a row)
    and ``n_outputs``.
module_params : dict or None
    Arguments of the module's class or function. They can also be given, and searched, as
    ``module__<name>``.
""",
    "classifier": """
loss : {"cross_entropy", "squared_error"}
    "cross_entropy": of softmax outputs (Eq. 6). "squared_error": of sigmoid outputs (Eq. 4).
class_weight : dict, "balanced" or None
    Weights of the classes, as everywhere in scikit-learn. They multiply `sample_weight`.
""",
    "regressor": """
output_activation : {"identity", "sigmoid"}
    "identity": targets are scaled to mean 0 and standard deviation 1 while training.
    "sigmoid": targets must be in [0, 1] and are not scaled.
""",
    "all": """
s : float
    Elimination rate, in [0, 1): the share of the active rows that leaves after an epoch, those
    of lowest error. 0 is ordinary training.
t : "auto", int or float
    When rows come back. "auto": once too few active rows are easy, or too many of those left
    out no longer are. Easy is a squared error of the outputs under a fraction of the mean (in
    regression: of the median); see :class:`~sk_sdlr.policies.AutoRecall`. A number: once
    fewer rows than this are active, a count (int) or a share of all rows (float, in (0, 1]).
alpha : float or None
    Smoothing of the batches' thresholds, in [0, 1) (Eq. 9). None: the exact quantile of the
    epoch.
policy : Policy or None
    Any policy of :mod:`sk_sdlr.policies`. It replaces `s`, `t` and `alpha`, which
    must be left at their defaults then. Its parameters can be searched as ``policy__<name>``.
optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable
    The optimiser: its name, or a class of ``torch.optim``.
lr : float
    Initial learning rate.
momentum : float or "auto"
    Momentum of "sgd" and "nesterov", in [0, 1). "auto": 0.9 for "nesterov", 0 for "sgd".
betas : pair of float or "auto"
    Decay of the averages of "adam" and "adamw", of gradients and of their squares, each in
    [0, 1). "auto": (0.9, 0.999).
weight_decay : float or "auto"
    Weight decay, as the optimiser defines it. "auto": 0.01 for "adamw", 0 for the others.
lr_schedule : {"linear", "cosine", "constant_cosine"}, callable or None
    "linear" and "cosine" fall to 0 over the run, a little with every batch, "constant_cosine"
    over its second half. None: constant. A callable, such as a class of
    ``torch.optim.lr_scheduler``, makes a scheduler that is stepped after each epoch.
weight_average : float or None
    Predict with the average of the weights over about this last share of the run, in (0, 1).
    Validation rows are judged by it as well. None: with the last weights.
full_at_end : float
    The last share of the run that is trained on all rows, in [0, 1]. It is a share of the
    epochs, or of the visits with `max_passes`. With 0, as in the paper, a run may end on the
    hardest rows.
batch_size : int or "auto"
    Rows per batch. "auto": the power of two at or below n_samples / 50, but at least 16 and at
    most 256; up to 32 rows are a single batch.
max_epochs : int
    Passes over the active set.
max_passes : float or None
    Limit of the row visits, in passes over all rows; it replaces `max_epochs`. With 13 a run
    visits as many rows as 13 epochs on all rows.
early_stopping : bool
    Whether to stop once the loss of validation rows has not improved for `n_iter_no_change`
    epochs, and to keep the best weights.
validation_fraction : float
    Share of the rows that `early_stopping` holds out, in (0, 1), unless `fit` is given `X_val`.
n_iter_no_change : int
    Patience of `early_stopping`, in epochs.
tol : float
    Smallest fall of the loss that `early_stopping` takes for an improvement.
device : str or torch.device
    Where to train. "auto": CUDA if there is one, else MPS, else the CPU.
dtype : {"float32", "float64", "bfloat16", "auto"}
    What training computes in. "bfloat16", and "auto" alike: the module's products in bfloat16
    on a CPU or GPU with instructions by which they gain, else as "float32"; weights, losses and
    predictions are float32. On a CPU linear layers need AMX, or ARM's bfloat16.
n_threads : int or None
    Torch threads while training on the CPU. None: one for small nets, else torch's own number.
warm_start : bool
    Whether another `fit` goes on from the present weights. Parameters of the training may
    change in between, those of the module may not.
callbacks : list of skorch callbacks or None
    Added to the net's own. One that sets learning rates needs ``lr_schedule=None``.
verbose : int or bool
    Whether to print a line per epoch.
random_state : int, RandomState or None
    Source of all randomness: initial weights, order of rows, dropout, validation rows.
""",
}

# Entries of the section "Attributes", which is made of these alone.
ATTRIBUTES = {
    "classifier": """
classes_ : ndarray of shape (n_classes,)
    The classes.
""",
    "dbn": """
rbms_ : list of RBM
    The restricted Boltzmann machines, from the bottom up, as pretraining left them.
pretrain_history_ : list of dict
    One dict per epoch of pretraining: layer (from 0), epoch (from 1), n_active,
    reconstruction_error (mean of the rows visited), duration (seconds).
""",
    "cnn": """
image_shape_ : tuple of int
    Channels, height and width of an image.
""",
    "module": """
input_shape_ : tuple of int
    Shape of a row.
""",
    "all": """
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
""",
}

# Paragraphs. Each takes the place of the docstring's paragraph that begins alike: with the same
# bold label, the same number of a reference, or else the same three words. If there is none, it is
# added. So a paragraph that gets another beginning is to be deleted from the docstrings by hand.
SUMMARY = {
    "dbn": """
Each hidden layer is first trained without targets, as a restricted Boltzmann machine on the
outputs of the layer below [2]_. Then the whole net is trained from these weights.
""",
    "all": """
After each epoch the rows of lowest error, a share `s` of the active ones, are left out. Later
all rows come back (sDLr [1]_). With ``t="auto"`` rows are left out only while enough of them
are easy.
""",
}

NOTES = {
    "dbn": """
**Pretraining.** It takes place in the first `fit` or `partial_fit`, on the rows given there.
With `warm_start` it is not done again.
""",
    "cnn": """
**Input.** X holds images, (n_samples, channels, height, width), or flat rows of as many
features. ``n_features_in_`` is the number of features of a flat row.

**Memory format.** On the CPU, and with bfloat16, weights are laid out with channels last, which
is faster there.
""",
    "module": """
**Input.** X may have more than two dimensions. The module gets (n_rows, ...) and returns
(n_rows, n_outputs), in the type of the fit.
""",
    "all": """
**Cost.** An epoch costs O(n_active) visits of the net, and O(n_samples) for the choice of rows.
The errors for it come from the training pass.

**Randomness.** Random numbers come from `random_state` only. Seeds, threads and other global
state of torch and numpy are left as they were.

**Equal rows.** If all rows fit in a single batch, equal rows are merged into one of their joint
weight. The gradient is the same. A row given twice is then, to the last bit, a row of weight 2.
``n_active`` counts the merged rows.
""",
}

REFERENCES = {
    "all": """
.. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
   2016.
""",
    "dbn": """
.. [2] G. Hinton et al., "A Fast Learning Algorithm for Deep Belief Nets",
   2006.
""",
}
