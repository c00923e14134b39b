"""The nets of a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from sk_sdlr import ShrinkingCNNClassifier, ShrinkingDNNClassifier, ShrinkingDNNRegressor
from sk_sdlr.compare._nets import ANY, NETS, net_for
from sk_sdlr.experiments._sets import Split


def split(y):
    X = np.zeros((len(y), 3072), "f")
    return Split(X, y, X, y)


@pytest.mark.parametrize("name", ["mnist", "higgs", "higgs28"])
def test_tables_have_perceptrons(name):
    net = net_for(name).make(split(np.arange(4)), s=0.1)
    assert isinstance(net, ShrinkingDNNClassifier)
    assert net.s == 0.1
    assert not net.batch_norm
    assert net.dropout == 0


def test_images_have_the_papers_convolutional_net():
    net = net_for("cifar10").make(split(np.arange(4)))
    assert isinstance(net, ShrinkingCNNClassifier)
    assert net.layers == "cifar10"
    assert net.image_shape == (3, 32, 32)
    assert NETS["cifar10"].hidden_layer_sizes == (500,)


def test_the_same_net_at_another_rate():
    net = NETS["higgs"].with_lr(0.3)
    assert (net.lr, net.make(split(np.arange(4))).lr) == (0.3, 0.3)
    assert net.hidden_layer_sizes == NETS["higgs"].hidden_layer_sizes
    assert ANY.lr == ANY.make(split(np.arange(4))).lr


def test_a_file_has_the_default_optimiser_and_a_regressor_if_it_has_numbers():
    assert net_for("some/file.npz") is ANY
    net = ANY.make(split(np.linspace(0, 1, 4)))
    assert isinstance(net, ShrinkingDNNRegressor)
    assert net.optimizer == "adamw"
