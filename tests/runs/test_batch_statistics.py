import pytest
import torch
from torch import nn

from sk_sdlr.modules import MLP
from sk_sdlr.runs import TrainingData, _batch_statistics
from sk_sdlr.runs._batch_statistics import retake_statistics

STATISTICS = torch.mean, torch.var


def make_data(n_samples, *shape):
    generator = torch.Generator().manual_seed(0)
    X = 3 + 2 * torch.randn(n_samples, *shape, dtype=torch.float64, generator=generator)
    return TrainingData(X, torch.zeros(n_samples))


def make_net(*parts):
    return nn.Sequential(*parts).double()


def state_of(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def test_they_are_those_of_all_rows():
    net, data = make_net(nn.BatchNorm1d(4), nn.Linear(4, 3), nn.BatchNorm1d(3)), make_data(500, 4)
    retake_statistics(net, data)
    x = data.features
    torch.testing.assert_close(net[0].running_mean, x.mean(0))
    torch.testing.assert_close(net[0].running_var, x.var(0))
    normed = net[1]((x - x.mean(0)) / (x.var(0, correction=0) + net[0].eps).sqrt()).detach()
    torch.testing.assert_close(net[2].running_mean, normed.mean(0))
    torch.testing.assert_close(net[2].running_var, normed.var(0))


@pytest.mark.parametrize(("n_rows", "batch_size"), [(400, 100), (60, 30)])
def test_of_many_rows_they_are_means_over_some_batches_of_some_rows(
    n_rows, batch_size, monkeypatch
):
    monkeypatch.setattr(_batch_statistics, "N_ROWS", n_rows)
    monkeypatch.setattr(_batch_statistics, "BATCH_SIZE", batch_size)
    data, net, batches = make_data(500, 4), make_net(nn.Linear(4, 3), nn.BatchNorm1d(3)), []
    data.features[:250] += 10  # sorted rows: each batch must have both kinds
    hook = net[0].register_forward_hook(lambda module, inputs, output: batches.append(output))
    retake_statistics(net, data)
    hook.remove()
    assert [len(batch) for batch in batches] == [batch_size] * (n_rows // batch_size)
    means, variances = (torch.stack([f(batch, 0) for batch in batches]) for f in STATISTICS)
    torch.testing.assert_close(net[1].running_mean, means.mean(0))
    torch.testing.assert_close(net[1].running_var, variances.mean(0))
    of_all = net[0](data.features).detach()
    assert ((means - of_all.mean(0)).abs() < 0.7 * of_all.std(0)).all()
    assert ((variances / of_all.var(0)).log().abs() < 0.7).all()


def test_nothing_else_of_the_module_is_changed():
    net = make_net(nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=0.2), nn.Dropout(0.5))
    net[1].num_batches_tracked += 5
    before = state_of(net)
    retake_statistics(net, make_data(50, 4))
    after = state_of(net)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"1.running_mean", "1.running_var"}
    assert net[1].momentum == 0.2
    assert not any(part.training for part in net.modules())
    assert "num_batches_tracked" in dict(net[1].named_buffers())


def test_no_random_numbers_are_drawn_and_no_units_dropped():
    data, nets = make_data(50, 4), []
    for p in (0.0, 0.9):
        torch.manual_seed(0)
        net = make_net(nn.Linear(4, 3), nn.Dropout(p), nn.BatchNorm1d(3))
        before = torch.get_rng_state()
        retake_statistics(net.train(), data)
        assert torch.equal(torch.get_rng_state(), before)
        nets.append(state_of(net))
    torch.testing.assert_close(*nets, rtol=0, atol=0)


class Noisy(nn.Module):
    """Draws in evaluation mode too."""

    def forward(self, x):
        return x + torch.randn_like(x)


def test_a_module_that_draws_leaves_no_trace_and_has_the_same_numbers_each_time():
    data, net = make_data(50, 4), make_net(Noisy(), nn.BatchNorm1d(4))
    before = torch.get_rng_state()
    states = []
    for _ in range(2):
        retake_statistics(net, data)
        states.append(state_of(net))
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_net(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        lambda: make_net(nn.Linear(4, 3)),
    ],
)
def test_a_module_without_any_is_not_called(make):
    net = make()
    net.register_forward_hook(lambda *arguments: pytest.fail("was called"))
    retake_statistics(net, make_data(50, 4))


def test_of_a_single_row_nothing_is_learnt():
    net = MLP(4, 3, batch_norm=True).double()
    before = state_of(net)
    retake_statistics(net, make_data(1, 4))
    torch.testing.assert_close(state_of(net), before, rtol=0, atol=0)


def test_channels_of_images_are_normalised():
    net, data = make_net(nn.BatchNorm2d(2)), make_data(50, 2, 3, 3)
    retake_statistics(net, data)
    torch.testing.assert_close(net[0].running_mean, data.features.mean((0, 2, 3)))


def test_an_error_leaves_the_settings_as_they_were():
    net = make_net(nn.BatchNorm1d(4, momentum=0.2), nn.Linear(5, 3))
    with pytest.raises(RuntimeError):
        retake_statistics(net, make_data(50, 4))
    assert net[0].momentum == 0.2
    assert net[0].num_batches_tracked is not None
