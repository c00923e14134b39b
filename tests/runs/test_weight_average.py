"""Of a module whose weights are set by hand; see test_final_weights.py for those of a run."""

import pytest
import torch
from torch import nn

from sk_sdlr.runs import TrainingData, _weight_average
from sk_sdlr.runs._weight_average import AveragedStep, WeightAverage
from sk_sdlr.steps._step import Batches
from tests.runs.small import X, Y, make_mlp


@pytest.fixture
def every_batch(monkeypatch):
    """Take the weights in after each batch."""
    monkeypatch.setattr(_weight_average, "N_BATCHES", 1)


def averaged(values, share, counts=None):
    """Return the average of a weight that has these values, each after so many batches."""
    module = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(module.weight)
    average = WeightAverage(module, TrainingData(torch.zeros(2, 1), torch.zeros(2)), share)
    for value, count in zip(values, counts or [1] * len(values), strict=True):
        nn.init.constant_(module.weight, value)
        average.count(count)
    with average.in_place():
        in_place = module.weight.item()
    assert module.weight.item() == values[-1]
    return in_place


@pytest.mark.usefixtures("every_batch")
def test_each_batch_enters_by_its_weight():
    expected, values = 0.0, [3.0, -1.0, 2.0, 5.0]
    for n, value in enumerate(values, start=1):
        expected += (value - expected) / (0.3 * n + 1)
    assert averaged(values, 0.3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.usefixtures("every_batch")
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_window_is_that_share_of_the_batches_done(share):
    n = 2000
    mean_age = n - averaged(range(1, n + 1), share)
    assert mean_age == pytest.approx(share * n / (1 + share), rel=0.02)


def test_some_batches_at_once_enter_nearly_as_one_by_one(monkeypatch):
    values = [0.01 * i for i in range(800)]
    at_once = averaged(values, 0.1)
    monkeypatch.setattr(_weight_average, "N_BATCHES", 1)
    assert at_once == pytest.approx(averaged(values, 0.1), rel=0.01)


def test_the_weights_of_equal_batches_do_not_depend_on_how_they_are_counted():
    assert averaged([0.0, 1.0], 0.2, [8, 8]) == averaged([0.0] * 8 + [1.0] * 8, 0.2)


def test_before_a_batch_there_is_no_average_and_nothing_is_touched():
    module = make_mlp(batch_norm=True)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    average = WeightAverage(module, TrainingData(X, Y), 0.1)
    nn.init.ones_(module.linears[0].weight)
    before["linears.0.weight"] = torch.ones(4, 3)
    average.put_in_place()
    torch.testing.assert_close(dict(module.state_dict()), before, rtol=0, atol=0)


def test_other_buffers_are_the_present_ones():
    module = nn.Linear(3, 2)
    module.register_buffer("seen", torch.zeros(()))
    average = WeightAverage(module, TrainingData(X, Y), 0.1)
    average.count(3)
    module.seen += 5
    with average.in_place():
        assert float(module.seen) == 5
    assert float(module.seen) == 5


def test_an_error_while_it_is_in_place_gives_the_weights_back():
    module = nn.Linear(3, 2)
    average = WeightAverage(module, TrainingData(X, Y), 0.5)
    nn.init.ones_(module.weight)
    average.count(3)

    def interrupted():
        with average.in_place():
            assert not torch.equal(module.weight, torch.ones(2, 3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.equal(module.weight, torch.ones(2, 3))


class Sizes:
    """A step that notes how many batches it is given at a time."""

    def __init__(self):
        self.sizes = []

    def __call__(self, batches):
        self.sizes.append(len(batches))
        batches.error.fill_(len(self.sizes))
        return batches.x


def test_a_step_is_given_a_few_batches_at_a_time_by_their_number():
    inner = Sizes()
    average = WeightAverage(nn.Linear(3, 2), TrainingData(X, Y), 0.1)
    step, error = AveragedStep(inner, average), torch.full((43,), torch.nan)
    for n in (30, 43):  # 15 batches, and 22 of which the last has one row
        output = step(Batches(X[:n], Y[:n], error[:n], 2))
    assert inner.sizes == [8, 7, 1, 8, 8, 5]
    assert output.shape[0] == 9
    assert not error.isnan().any()
