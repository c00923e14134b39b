"""Stock skorch nets with a PolicyCallback, and callbacks to look at them."""

from itertools import chain

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from sk_sdlr.nets import PolicyCallback
from sk_sdlr.nets._sampler import SAMPLER, SHUFFLE
from tests.nets.cases import BATCH_SIZE, NUMBERED, Rows, column

WORKERS = {
    "in the process": {},
    "workers": {"iterator_train__num_workers": 2},
    "persistent workers": {
        "iterator_train__num_workers": 2,
        "iterator_train__persistent_workers": True,
    },
}


def make_stock(policy=None, full_at_end=0.0, cls=NeuralNetClassifier, module=Rows, **params):
    """A net that starts from the same weights and random numbers; no policy: no callback."""
    torch.manual_seed(0)
    mine = [] if policy is None else [PolicyCallback(policy, full_at_end)]
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 4,
        "lr": 0.1,
        "batch_size": BATCH_SIZE,
        "train_split": None,
        "verbose": 0,
    }
    callbacks = mine + params.pop("callbacks", [])
    return cls(module, **defaults | params, callbacks=callbacks)


def rows_of(net):
    """The rows in the order visited, of a net on NUMBERED rows."""
    return list(chain.from_iterable(net.module_.batches))


def epochs_of(net):
    """The same by epochs."""
    rows, ends = rows_of(net), np.cumsum(column(net, "n_active"))
    assert len(rows) == ends[-1]
    return [rows[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


class Watch(Callback):
    """Calls a function of the net in one of the hooks."""

    def __init__(self, hook, function):
        self.hook = hook
        self.function = function
        setattr(self, hook, self._call)

    def _get_param_names(self):
        return ["hook", "function"]

    def _call(self, net, *args, **kwargs):
        self.function(net)


def at_batch(number, error):
    """A callback that raises an error in mid-epoch, once."""
    count = iter(range(10**6))

    def raise_error(net):
        if next(count) == number:
            raise error

    return Watch("on_batch_begin", raise_error)


def assert_untouched(net, shuffle=None):
    """No sampler is in the parameters, and a pass over all rows is one."""
    params = net.get_params()
    assert SAMPLER not in params
    assert params.get(SHUFFLE) is shuffle
    assert net.forward(NUMBERED, training=True).shape[0] == len(NUMBERED)
