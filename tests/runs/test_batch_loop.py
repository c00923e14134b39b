"""Active rows are visited: each once, with their weights, and their errors kept."""

from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.optim import SGD

from sk_sdlr.modules import CNN, MLP
from sk_sdlr.policies import POLICIES, ActiveSet, EpochReport, FullData
from sk_sdlr.runs import TrainingData
from sk_sdlr.runs._batch_loop import BatchLoop
from sk_sdlr.runs._budget import Budget
from sk_sdlr.runs._learning_rate import LearningRate
from sk_sdlr.runs._state import RunState
from sk_sdlr.steps import Objective, _chunks
from sk_sdlr.steps._make_step import make_step
from tests.fake_device import DEVICE, LeavesDevice, run_on_fake_device
from tests.runs.small import NeedsOutputs

N = 20
ROWS = torch.arange(N)
X = ROWS.float()[:, None]


class Recorder:
    """A step that notes what it is given.

    The error of a row is its number, that of its outputs what this lacks to 100.
    """

    def __init__(self):
        self.rows, self.weights, self.asked, self.sizes, self.factors = [], [], set(), [], []

    def __call__(self, batches):
        assert torch.equal(batches.x[:, 0].long(), batches.y)
        self.asked.add(batches.output_error is not None)
        if batches.output_error is not None:
            batches.output_error.copy_(100 - batches.x[:, 0])
        self.rows += batches.y.tolist()
        self.sizes += [len(batch.y) for batch in batches]
        self.weights += (
            [None] * len(batches.y) if batches.weight is None else batches.weight.tolist()
        )
        self.factors += batches.lr_factors or []
        batches.error.copy_(batches.x[:, 0])
        return batches.x


def make_state(max_passes=None, policy=None, dtype=torch.float32):
    budget = Budget(N, 2, max_passes)
    generator = Generator().manual_seed(0)
    return RunState(policy or FullData(), budget, generator, dtype=dtype)


def make_rate(schedule=None):
    return LearningRate(SGD([nn.Parameter(torch.zeros(1))], lr=1.0), schedule)


def visit(active, *, user=None, batch_size=3, min_rows=1, schedule=None, **state):
    """Return what the step was given in an epoch, and what the loop returns."""
    step, loop = Recorder(), BatchLoop(TrainingData(X, ROWS, user), batch_size, min_rows)
    visited = loop(active, step, make_state(**state), make_rate(schedule))
    assert visited.index.tolist() == step.rows
    return step, visited


@pytest.fixture(params=[1, 2**18], ids=["one_batch", "all"])
def chunk_bytes(request, monkeypatch):
    """How much is gathered at a time."""
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", request.param)


@pytest.mark.usefixtures("chunk_bytes")
def test_each_active_row_is_visited_once_in_random_order():
    active = torch.arange(0, N, 2)
    step, visited = visit(ActiveSet(active))
    assert sorted(step.rows) == active.tolist() != step.rows
    assert visited.error.tolist() == step.rows
    assert step.sizes == [3, 3, 3, 1]


def test_no_more_rows_are_visited_than_the_budget_allows():
    step, visited = visit(ActiveSet(ROWS), max_passes=0.35)
    assert len(set(step.rows)) == len(visited.error) == 7


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize("of_user", [False, True])
@pytest.mark.parametrize("of_policy", [False, True])
def test_weights_multiply_and_only_the_users_are_in_the_errors(of_user, of_policy):
    index = torch.tensor([2, 4, 7, 9])
    user = torch.linspace(1, 2, N) if of_user else None
    policy = torch.tensor([5.0, 3.0, 2.0, 0.5]) if of_policy else None
    step, visited = visit(ActiveSet(index, policy), user=user)
    assert (visited.sample_weight is None) is not of_user
    for at, row in enumerate(step.rows):
        mine = user[row].item() if of_user else 1.0
        theirs = policy[index.tolist().index(row)].item() if of_policy else 1.0
        assert visited.error[at].item() == pytest.approx(row * mine)
        expected = pytest.approx(mine * theirs) if of_user or of_policy else None
        assert step.weights[at] == expected
        assert not of_user or visited.sample_weight[at] == mine


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize("max_passes", [None, 0.35])
@pytest.mark.parametrize("asks", [True, False])
def test_errors_of_the_outputs_are_in_the_order_of_the_visits_and_without_weights(asks, max_passes):
    params = {"max_passes": max_passes, "policy": NeedsOutputs(asks)}
    active = ActiveSet(torch.arange(0, N, 2), torch.linspace(3, 5, 10))
    step, visited = visit(active, user=torch.linspace(1, 2, N), **params)
    assert step.asked == {asks}
    assert len(step.rows) == (7 if max_passes else 10)
    signals = {name: signal.tolist() for name, signal in visited.signals.items()}
    assert signals == ({"output_error": [100 - row for row in step.rows]} if asks else {})


def test_errors_are_not_overwritten_by_the_next_epoch():
    loop = BatchLoop(TrainingData(X, ROWS), 3, 1)
    state, rate = make_state(policy=NeedsOutputs()), make_rate()
    first = loop(ActiveSet(ROWS), Recorder(), state, rate)
    before = first.error.clone(), first.signals["output_error"].clone()
    second = loop(ActiveSet(ROWS), Recorder(), state, rate)
    assert first.index.tolist() != second.index.tolist()
    assert torch.equal(first.error, before[0])
    assert torch.equal(first.signals["output_error"], before[1])


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize("max_passes", [None, 2.0])
def test_each_batch_has_the_factor_of_its_first_row(max_passes):
    step, _ = visit(ActiveSet(ROWS), schedule="linear", max_passes=max_passes)
    assert step.factors == pytest.approx([1 - i / (2 * N) for i in range(0, N, 3)])
    assert visit(ActiveSet(ROWS))[0].factors == []


@pytest.mark.parametrize(
    ("n_active", "batch_size", "min_rows", "n_visited"),
    [
        (20, 3, 2, 20),
        (19, 3, 2, 18),
        (19, 3, 1, 19),
        (18, 3, 2, 18),
        (20, 19, 2, 19),
        (20, 20, 2, 20),
        (20, 50, 2, 20),
        (20, 6, 3, 18),
        (20, 6, 2, 20),
        (2, 3, 2, 2),
        (4, 3, 2, 3),
        (1, 3, 1, 1),
    ],
)
def test_a_last_batch_of_too_few_rows_is_left_out(n_active, batch_size, min_rows, n_visited):
    active = ActiveSet(torch.arange(n_active))
    step, _ = visit(active, batch_size=batch_size, min_rows=min_rows)
    assert len(step.rows) == len(set(step.rows)) == n_visited
    assert set(step.rows) <= set(range(n_active))
    assert min(step.sizes) >= min_rows


@pytest.mark.parametrize(("max_passes", "n_visited"), [(0.35, 6), (0.4, 8)])
def test_what_the_budget_cuts_off_is_left_out_in_the_same_way(max_passes, n_visited):
    step, _ = visit(ActiveSet(ROWS), min_rows=2, max_passes=max_passes)
    assert len(step.rows) == n_visited


def test_rows_are_left_out_in_turn():
    loop, left_out = BatchLoop(TrainingData(X, ROWS), 19, 2), set()
    state, rate = make_state(), make_rate()
    for _ in range(50):
        visited = loop(ActiveSet(ROWS), Recorder(), state, rate)
        [row] = set(ROWS.tolist()) - set(visited.index.tolist())
        left_out.add(row)
    assert len(left_out) > 10


# On a device

NETS = {
    "dense": (partial(MLP, 6, 3, hidden_layer_sizes=(4,)), (6,)),
    "autograd": (partial(MLP, 6, 3, dropout=0.5, batch_norm=True), (6,)),
    "cnn": (partial(CNN, (1, 2, 3), 3, layers=[("conv", 2, 2)], dropout=0.5), (1, 2, 3)),
}


def active_sets(policy):
    """Return active sets as the policy makes them, of all rows and of some."""
    active, generator = policy.start(200), Generator().manual_seed(0)
    yield active
    for epoch in range(1, 5):
        error = torch.rand(200, generator=generator).pow(8)
        rows, signals = active.index, {"output_error": error[active.index]}
        report = EpochReport(rows, error[rows], 1, epoch, epoch / 10, error, signals)
        active = policy.update(active, report, generator=generator)
        yield active


def like(value):
    """Return a tensor of that shape on the default device; anything else as it is."""
    return torch.empty(value.shape, dtype=value.dtype) if isinstance(value, Tensor) else value


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("name", POLICIES)
def test_the_loop_stays_on_one_device_and_asks_it_for_nothing(name, net, weighted):
    (make_net, shape), policy = NETS[net], POLICIES[name]()
    sets = [active.state_dict() for active in active_sets(policy)]
    assert name == "full" or min(len(active["index"]) for active in sets) < 200

    def make():
        module = make_net().train()
        weight = torch.rand(200) if weighted else None
        features, targets = torch.rand(200, *shape), torch.zeros(200, dtype=torch.int64)
        loop = BatchLoop(TrainingData(features, targets, weight), 32, 1)
        optimizer = SGD(module.parameters(), lr=0.1)
        objective = Objective(nn.CrossEntropyLoss())
        kind = "dense" if net == "dense" else "autograd"
        step = make_step(kind, module, objective, optimizer, targets)
        state = RunState(policy, Budget(200, 9), Generator(), DEVICE)
        there = [{key: like(value) for key, value in active.items()} for active in sets]
        actives = map(policy.make_active_set, there)
        return module, loop, step, state, LearningRate(optimizer, "linear"), list(actives)

    def use(made):
        module, loop, step, state, rate, actives = made
        for active in actives:
            visited = loop(active, step, state, rate)
            tensors = [visited.index, visited.error, *visited.signals.values()]
            assert {tensor.device for tensor in tensors} == {DEVICE}
            assert {*visited.signals} == {*policy.needs}
        step.close()
        return {tensor.device for tensor in module.state_dict().values()}

    # The order of the rows is drawn on the host, and copied.
    assert run_on_fake_device(make, use, may_use_host=True) == {DEVICE}


@pytest.mark.parametrize(
    "does", [Tensor.cpu, lambda e: e.sum().item(), lambda e: bool(e.isnan().any())]
)
def test_a_loop_that_asks_or_leaves_is_noticed(does, monkeypatch):
    weighted = BatchLoop._weighted
    monkeypatch.setattr(
        BatchLoop,
        "_weighted",
        lambda loop, visited: does(visited.error) and weighted(loop, visited),
    )
    with pytest.raises((DataDependentOutputException, LeavesDevice)):
        test_the_loop_stays_on_one_device_and_asks_it_for_nothing("infobatch", "dense", True)
