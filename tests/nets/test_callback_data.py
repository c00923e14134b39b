"""A stock net's data: files, datasets, inputs by name, targets made of the inputs."""

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from sk_sdlr.policies import AutoRecall
from tests.nets.cases import N_FEATURES, N_SAMPLES, NUMBERED, SIZES, Rows, Spy, Y, column, shrinking
from tests.nets.stock import WORKERS, make_stock, rows_of

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")


class Files(Dataset):
    """Rows that are read when they are asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        for row, features in enumerate(NUMBERED):
            np.save(folder / f"{row}.npy", features)

    def __len__(self):
        return N_SAMPLES

    def __getitem__(self, row):
        self.asked.append(row)
        return np.load(self.folder / f"{row}.npy"), Y[row]


@pytest.mark.parametrize("workers", ["in the process", "workers"])
def test_rows_that_are_dropped_are_not_read(workers, tmp_path):
    files, params = Files(tmp_path), WORKERS[workers] | {"max_epochs": 3}
    net = make_stock(shrinking(), **params).fit(files, y=None)
    assert column(net, "n_active") == SIZES[:3]
    assert rows_of(net) == rows_of(make_stock(shrinking(), max_epochs=3).fit(NUMBERED, Y))
    if workers == "in the process":  # else they were asked in other ones
        assert files.asked == rows_of(net)


def test_a_dataset_is_split_without_y():
    data = TensorDataset(torch.from_numpy(NUMBERED), torch.from_numpy(Y))
    net = make_stock(shrinking(), train_split=ValidSplit(5)).fit(data, y=None)
    assert column(net, "n_active") == [40, 32, 26, 21]
    assert len(column(net, "valid_loss")) == 4


def test_inputs_by_name():
    class Named(Rows):
        def forward(self, number, features):
            return super().forward(torch.cat([number, features], dim=1))

    inputs = {"number": NUMBERED[:, :1], "features": NUMBERED[:, 1:]}
    net = make_stock(shrinking(), module=Named).fit(inputs, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert rows_of(net) == rows_of(make_stock(shrinking()).fit(NUMBERED, Y))


def test_targets_made_of_the_inputs():
    class Autoencoder(NeuralNet):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return super().get_loss(y_pred, X[:, 1:], X=X, training=training)

    params = {"criterion": nn.MSELoss, "module__n_outputs": N_FEATURES}
    net = make_stock(spy := Spy(shrinking()), cls=Autoencoder, **params).fit(NUMBERED)
    assert column(net, "n_active") == SIZES[:4]
    outputs = torch.cat(net.module_.outputs)[:N_SAMPLES]
    expected = (outputs - torch.from_numpy(NUMBERED[:, 1:])).square().mean(1)
    torch.testing.assert_close(spy.told[0].error, expected)


def test_a_net_whose_module_has_another_name():
    class Net(NeuralNet):
        def initialize_module(self):
            super().initialize_module()
            self.body_ = self.module_
            del self.module_
            return self

        def infer(self, x, **fit_params):
            return self.body_(x)

    net = make_stock(spy := Spy(AutoRecall()), cls=Net).fit(NUMBERED, Y)
    assert not hasattr(net, "module_")
    assert spy.told[0].bounded_outputs
