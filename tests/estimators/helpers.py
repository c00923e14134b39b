"""What tests of estimators share."""

import torch
from torch import nn

from sk_sdlr import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
)

# The smallest net, which is trained in closed form.
PLAIN = {"hidden_layer_sizes": (16,), "batch_norm": False, "dropout": 0.0, "random_state": 0}


class Net(nn.Module):
    """A module of somebody's own: it draws from torch's global generator."""

    def __init__(self, n_inputs, n_outputs, n_hidden=5, dropout=0.0):
        super().__init__()
        self.hidden = nn.Linear(n_inputs, n_hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(n_hidden, n_outputs)

    def forward(self, x):
        return self.output(self.dropout(torch.tanh(self.hidden(x))))


# One of each kind, with everything that draws random numbers.
KINDS = {
    "dnn": lambda **params: ShrinkingDNNClassifier((16,), dropout=0.2, **params),
    "dbn": lambda **params: ShrinkingDBNClassifier((16,), dropout=0.2, pretrain_epochs=3, **params),
    "cnn": lambda **params: ShrinkingCNNClassifier(
        [("conv", 4, (1, 3)), ("relu",)], dropout=0.2, **params
    ),
    "module": lambda **params: ShrinkingClassifier(Net, module__dropout=0.2, **params),
}


def weights(estimator):
    """Return copies of the tensors of the module."""
    return [tensor.clone() for tensor in estimator.net_.module_.state_dict().values()]


def same(first, second):
    """Return whether two estimators have the same weights, to the last bit."""
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def sizes(estimator):
    """Return the rows visited in each epoch."""
    return [row["n_active"] for row in estimator.history_]
