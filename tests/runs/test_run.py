"""Which rows a run visits, what it records, and where its random numbers come from."""

from itertools import chain, pairwise

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

from sk_sdlr.policies import AutoRecall, FullData
from sk_sdlr.runs._listener import Listener
from tests.runs.small import (
    N_CLASSES,
    N_FEATURES,
    STEPS,
    N,
    Spy,
    X,
    Y,
    assert_same_bits,
    column,
    exact,
    make_mlp,
    make_run,
    trained,
    weights,
)

SIZES = [50, 40, 32, 26, 21, 17, 14, 12, 10, 8, 50, 40]  # s = t = 0.2, Algorithm 3


class Rows(nn.Module):
    """A linear net that notes the rows it is trained on: column 0 of the features numbers them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(N_FEATURES, N_CLASSES)
        self.batches = []

    def forward(self, x):
        if self.training:
            self.batches.append(x[:, 0].long().tolist())
        return self.linear(x[:, 1:])


def visit_rows(**params):
    """Return the records of a run on numbered rows, and the rows of each of its batches."""
    numbered = torch.column_stack([torch.arange(N), X])
    run, records = trained(Rows(), data=(numbered, Y), **params)
    return records, run.module.batches


def epochs_of(batches, sizes):
    """Cut batches into epochs of so many rows."""
    rows = list(chain.from_iterable(batches))
    assert len(rows) == sum(sizes)
    return [[rows.pop(0) for _ in range(size)] for size in sizes]


# Which rows are visited


def test_each_active_row_is_visited_once_an_epoch_and_in_no_further_forward_pass():
    spy = Spy(exact())
    records, batches = visit_rows(policy=spy, max_epochs=len(SIZES))
    assert column(records, "n_active") == SIZES
    assert len(batches) == sum(-(-size // 8) for size in SIZES)
    assert len(spy.told) == len(SIZES) - 1  # after the last epoch there is nothing to choose
    for visited, (active, report) in zip(epochs_of(batches, SIZES), spy.told, strict=False):
        assert sorted(visited) == active.index.tolist()
        assert visited == report.index.tolist()
        assert visited != sorted(visited)


def test_the_last_share_of_the_epochs_is_on_all_rows():
    records, batches = visit_rows(policy=exact(), max_epochs=10, full_at_end=0.3)
    sizes = [*SIZES[:7], 50, 50, 50]
    assert column(records, "n_active") == sizes
    for visited in epochs_of(batches, sizes)[-3:]:
        assert sorted(visited) == list(range(N))
    assert column(records, "threshold")[6:] == [None] * 4


def test_the_last_share_of_the_visits_is_on_all_rows():
    records, batches = visit_rows(policy=exact(), max_passes=5, full_at_end=0.4)
    # 50 + 40 + 32 + 26 lie in the first 60 % of 250 visits; 21 more would not.
    assert column(records, "n_active") == [50, 40, 32, 26, 50, 50, 2]
    assert sum(map(len, batches)) == 5 * N


@pytest.mark.parametrize("max_passes", [0.5, 1, 4.32, 13])
@pytest.mark.parametrize("policy", [None, exact()])
def test_max_passes_bounds_the_rows_visited_to_the_row(policy, max_passes):
    records, batches = visit_rows(policy=policy, max_passes=max_passes, max_epochs=1)
    sizes = column(records, "n_active")
    assert sum(sizes) == max_passes * N
    for visited in epochs_of(batches, sizes):
        assert len(set(visited)) == len(visited) > 0


@pytest.mark.parametrize("step", STEPS)
def test_full_data_is_no_policy(step):
    (one, records), (other, others) = (trained(policy=p, step=step) for p in (None, FullData()))
    assert_same_bits(one, other)
    assert column(records, "train_loss") == column(others, "train_loss")


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("step", STEPS)
def test_rows_that_are_learnt_leave_and_come_back(step, alpha):
    easy = torch.column_stack([torch.where(Y > 0, 5.0, -5.0), X[:, 1:]])
    params = {"step": step, "batch_size": 4, "lr": 0.5, "max_epochs": 30}
    _, records = trained(data=(easy, Y), policy=AutoRecall(alpha=alpha), **params)
    sizes = column(records, "n_active")
    assert min(sizes) < N / 2
    assert N in sizes[sizes.index(min(sizes)) :]
    with_threshold = [threshold is not None for threshold in column(records, "threshold")[:-1]]
    assert with_threshold == [after < before for before, after in pairwise(sizes)]


# Shapes of data


def test_a_batch_size_above_the_number_of_rows_is_one_batch():
    _, batches = visit_rows(batch_size=1000, max_epochs=2)
    assert list(map(len, batches)) == [N] * 2
    assert_same_bits(*(trained(batch_size=size)[0] for size in (1000, N)))


def test_batch_norm_takes_a_last_batch_of_one_row():
    run, records = trained(make_mlp(batch_norm=True), batch_size=7)
    assert N % 7 == 1
    assert column(records, "n_active") == [N] * 4
    assert all(tensor.isfinite().all() for tensor in weights(run).values())


@pytest.mark.parametrize("step", ["auto", "autograd"])
def test_batch_norm_of_torchs_own_leaves_a_last_row_for_another_epoch(step):
    module = nn.Sequential(nn.BatchNorm1d(N_FEATURES), nn.Linear(N_FEATURES, N_CLASSES))
    spy = Spy()
    _, records = trained(module, policy=spy, batch_size=7, step=step, max_epochs=8)
    assert column(records, "n_active") == [N - 1] * 8
    left_out = [set(range(N)) - set(report.index.tolist()) for _, report in spy.told]
    assert len(set.union(*left_out)) > 1


@pytest.mark.parametrize(("n_samples", "batch_size"), [(1, 8), (20, 1), (2, 1)])
def test_batches_that_can_never_have_enough_rows_are_refused(n_samples, batch_size):
    data = X[:n_samples], Y[:n_samples]
    message = f"at least 2 rows. Got n_samples={n_samples} and batch_size={batch_size} instead"
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        make_run(
            nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), data=data, batch_size=batch_size
        )


def test_a_budget_that_leaves_fewer_rows_than_batch_norm_takes_is_spent():
    module = nn.Sequential(nn.BatchNorm1d(N_FEATURES), nn.Linear(N_FEATURES, N_CLASSES))
    _, records = trained(module, batch_size=7, max_passes=2)
    # 49 rows an epoch; of the two that remain the budget has one batch.
    assert column(records, "n_active") == [N - 1, N - 1, 2]


def test_one_row_can_be_fitted():
    _, records = trained(data=(X[:1], Y[:1]), policy=AutoRecall())
    assert column(records, "n_active") == [1] * 4


def test_features_may_be_integers():
    module = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(3 * 4, N_CLASSES))
    spy = Spy(exact())
    _, records = trained(module, data=(torch.arange(150).view(50, 3) % 5, Y), policy=spy)
    assert column(records, "n_active") == SIZES[:4]
    error = spy.told[0][1].error
    assert records[0]["train_loss"] == pytest.approx(float(error.mean()))


def test_targets_may_be_probabilities():
    target = torch.stack([1 - Y / 2, Y / 2], dim=1)
    expected = nn.functional.cross_entropy(make_mlp()(X), target)
    _, records = trained(data=(X, target), max_epochs=1, batch_size=N)
    assert records[0]["train_loss"] == pytest.approx(expected.item())


def test_float64_stays_float64():
    spy = Spy()
    data = X.double(), Y
    run, _ = trained(make_mlp().double(), data=data, policy=spy, validation=data)
    assert spy.told[0][1].error.dtype == spy.told[0][1].last_error.dtype == torch.float64
    assert {tensor.dtype for tensor in weights(run).values()} == {torch.float64}


# Steps


@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_runs_in_closed_form_and_by_autograd_are_the_same(optimizer, activation):
    params = {"policy": exact(), "optimizer": optimizer, "lr": 0.01, "max_epochs": 6}
    (one, records), (other, others) = (
        trained(make_mlp(activation=activation), step=step, **params) for step in STEPS
    )
    torch.testing.assert_close(weights(one), weights(other), rtol=1e-4, atol=1e-5)
    assert column(records, "n_active") == column(others, "n_active")


def test_a_step_in_closed_form_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="step='dense' needs an MLP or"):
        list(make_run(nn.Sequential(nn.Linear(3, 2), nn.Softplus()), step="dense"))


def test_autocast_is_for_training_alone():
    seen = {True: set(), False: set()}

    class Watched(nn.Linear):
        def forward(self, x):
            output = super().forward(x)
            seen[self.training].add(output.dtype)
            return output

    spy = Spy()
    params = {"autocast": torch.bfloat16, "policy": spy, "validation": (X, Y)}
    run, _ = trained(Watched(N_FEATURES, N_CLASSES), **params)
    assert seen == {True: {torch.bfloat16}, False: {torch.float32}}
    assert {report.error.dtype for _, report in spy.told} == {torch.float32}
    assert {tensor.dtype for tensor in weights(run).values()} == {torch.float32}


def test_autocast_takes_no_step_in_closed_form():
    auto, autograd, plain = (
        trained(**params)[0]
        for params in (
            {"autocast": torch.bfloat16},
            {"autocast": torch.bfloat16, "step": "autograd"},
            {},
        )
    )
    assert_same_bits(auto, autograd)
    torch.testing.assert_close(weights(auto), weights(plain), rtol=0.1, atol=0.02)
    assert not torch.equal(auto.module.linears[0].weight, plain.module.linears[0].weight)


# Records


@pytest.mark.parametrize("validation", [None, (X, Y)])
def test_there_is_one_record_an_epoch(validation):
    _, records = trained(policy=exact(), validation=validation)
    keys = {"epoch", "n_active", "threshold", "train_loss", "lr", "duration"}
    assert [set(record) for record in records] == [
        keys | {"valid_loss"} if validation else keys
    ] * 4
    assert column(records, "epoch") == [1, 2, 3, 4]
    assert column(records, "lr") == [0.1] * 4
    assert all(duration > 0 for duration in column(records, "duration"))
    assert all(threshold > 0 for threshold in column(records, "threshold")[:-1])
    assert records[-1]["threshold"] is None


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 2, N)])
def test_valid_loss_is_the_mean_loss_of_the_held_out_rows_after_the_epoch(weight):
    validation = (X, Y) if weight is None else (X, Y, weight)
    for record, run in with_run(make_run(make_mlp(dropout=0.5), validation=validation)):
        losses = nn.functional.cross_entropy(run.module.eval()(X), Y, reduction="none")
        losses = losses if weight is None else losses * weight
        assert record["valid_loss"] == pytest.approx(losses.mean().item())


def with_run(run):
    return ((record, run) for record in run)


def test_validation_does_not_change_training():
    params = {"batch_norm": True, "dropout": 0.5}
    assert_same_bits(*(trained(make_mlp(**params), validation=v)[0] for v in (None, (X, Y))))


# Randomness


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_generator_is_the_only_source_of_randomness(dropout):
    def train(seed, global_seed):
        torch.manual_seed(global_seed)
        return trained(make_mlp(dropout=dropout), policy=exact(), seed=seed)[0]

    run = train(0, global_seed=1)
    assert_same_bits(run, train(0, global_seed=2))
    other = train(1, global_seed=1)
    assert not torch.equal(run.module.linears[0].weight, other.module.linears[0].weight)


def test_the_order_is_another_one_in_each_epoch_and_does_not_depend_on_what_else_is_drawn():
    spies = [Spy(), Spy(), Spy()]
    dropping = nn.Sequential(nn.Dropout(), nn.Linear(N_FEATURES, N_CLASSES))
    for spy, module in zip(spies, (make_mlp(), make_mlp(dropout=0.5), dropping), strict=True):
        list(make_run(module, policy=spy))
    orders = [[report.index.tolist() for _, report in spy.told] for spy in spies]
    assert orders[0] == orders[1] == orders[2]
    assert all(one != other for one, other in pairwise(orders[0]))


@pytest.mark.parametrize("own", [True, False], ids=["own", "theirs"])
def test_between_two_epochs_random_state_and_threads_are_the_callers(own):
    module = make_mlp(dropout=0.5) if own else nn.Sequential(nn.Dropout(), nn.Linear(3, 2))
    params = {"n_threads": 1, "policy": exact(), "validation": (X, Y)}

    def global_state():
        return torch.get_num_threads(), torch.get_rng_state().tolist(), torch.is_grad_enabled()

    torch.set_num_threads(2)
    run = iter(make_run(module, **params))
    for n_threads in (3, 2, 3):
        torch.set_num_threads(n_threads)
        torch.rand(n_threads)
        before = global_state()
        next(run)
        assert global_state() == before
    run.close()
    assert global_state() == before


def test_what_the_caller_draws_between_two_epochs_does_not_change_the_run():
    modules = [nn.Sequential(nn.Dropout(), nn.Linear(3, 2)) for _ in range(2)]
    modules[1].load_state_dict(modules[0].state_dict())
    run, other = map(make_run, modules)
    list(run)
    for _ in other:
        torch.rand(7)
    assert_same_bits(run, other)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_training_uses_the_threads_asked_for(n_threads):
    used = []

    class Threads(Listener):
        wants_batches = True

        def on_batch_begin(self, x, y, *, training):
            used.append(torch.get_num_threads())

    list(make_run(n_threads=n_threads, listener=Threads(), max_epochs=1, validation=(X, Y)))
    assert {*used} == {n_threads}
