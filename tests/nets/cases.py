"""Small data, nets on them, and policies that keep what they were told."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from sk_sdlr.modules import MLP
from sk_sdlr.nets import ActiveSetNet
from sk_sdlr.policies import FullData, Policy, ShrinkRecall

N_SAMPLES, N_FEATURES, N_CLASSES, BATCH_SIZE = 50, 3, 2, 8
N_BATCHES = 7
SIZES = [50, 40, 32, 26, 21, 17, 14, 12, 10, 8, 50, 40]  # s = t = 0.2, Algorithm 3
STEPS = ["dense", "autograd"]


def make_data(n_samples=N_SAMPLES):
    """Noisy classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, N_FEATURES)).astype("float32")
    return X, (X[:, 0] + rng.normal(size=n_samples) > 0).astype("int64")


X, Y = make_data()
TENSORS = torch.from_numpy(X), torch.from_numpy(Y)
NUMBERED = np.column_stack([np.arange(N_SAMPLES, dtype="float32"), X])  # column 0: the row


class Rows(nn.Module):
    """A linear net that notes the rows it is trained on, and what it made of them.

    Column 0 of the features numbers the rows.
    """

    def __init__(self, n_outputs=N_CLASSES, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(N_FEATURES, n_outputs))
        self.batches, self.outputs = [], []

    def forward(self, x):
        output = self.layers(x[:, 1:])
        if self.training:
            self.batches.append(x[:, 0].long().tolist())
            self.outputs.append(output.detach().clone())
        return output


def make_net(module=MLP, cls=ActiveSetNet, **params):
    """A net of 4 epochs; an MLP unless another module is given."""
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 4,
        "lr": 0.1,
        "batch_size": BATCH_SIZE,
        "random_state": 0,
        "verbose": 0,
    }
    if module is MLP:
        sizes = {"n_inputs": N_FEATURES, "n_outputs": N_CLASSES, "hidden_layer_sizes": (4,)}
        defaults |= {f"module__{name}": value for name, value in sizes.items()}
    return cls(module, **defaults | params)


def shrinking(**params):
    """The literal rule of the paper."""
    return ShrinkRecall(**{"t": 0.2, "alpha": None} | params)


def column(net, name):
    return net.history[:, name]


def weights(net):
    return {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}


def assert_same_bits(a, b):
    torch.testing.assert_close(weights(a), weights(b), rtol=0, atol=0, equal_nan=True)


@dataclass
class Spy(Policy):
    """Does what another policy does, and keeps what it was told."""

    policy: Policy = field(default_factory=FullData)
    told: list = field(default_factory=list)
    actives: list = field(default_factory=list)

    @property
    def needs(self):
        return self.policy.needs

    def start(self, n_samples):
        return self.policy.start(n_samples)

    def update(self, active, report, *, generator):
        # The table is the run's own and goes on changing.
        self.told.append(replace(report, last_error=report.last_error.clone()))
        self.actives.append(active)
        return self.policy.update(active, report, generator=generator)
