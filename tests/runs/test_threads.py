"""How many torch threads a run takes, and runs in threads of the process."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier, Thread

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from torch import nn

from sk_sdlr.modules import MLP
from sk_sdlr.runs import TrainingSettings
from sk_sdlr.runs._threads import (
    FLOPS_FOR_THREADS,
    choose_threads,
    step_flops,
    threads,
    threads_of_run,
)
from tests.runs.cases import NETS, cnn, dbn, dnn, own
from tests.runs.resuming import finish
from tests.runs.small import make_run
from tests.steps.switch import needs_torch_with_switch, precision, turn_on


@pytest.fixture
def n_threads():
    """More threads than one, whatever the process was started with."""
    torch.set_num_threads(3)
    return 3


# Number


@pytest.mark.parametrize(("asked", "used"), [(2, 2), (None, 3)])
@pytest.mark.parametrize("error", [None, KeyError])
def test_threads_are_given_back(asked, used, error, n_threads):
    try:
        with threads(asked):
            assert torch.get_num_threads() == used
            if error is not None:
                raise error
    except KeyError:
        pass
    assert torch.get_num_threads() == n_threads


def test_threads_within_threads_are_given_back(n_threads):
    with threads(2):
        with threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with threads(None):
            assert torch.get_num_threads() == n_threads
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == n_threads


def test_threads_that_overlap_in_threads_of_the_process_are_given_back(n_threads):
    both_in, first_out, seen = Barrier(2, timeout=30), Barrier(2, timeout=30), {}

    def first():
        with threads(1):
            both_in.wait()
        seen["first"] = torch.get_num_threads()
        first_out.wait()

    def second():
        with threads(2):
            both_in.wait()
            first_out.wait()
        seen["second"] = torch.get_num_threads()

    run_all(first, second)
    assert seen == {"first": n_threads, "second": n_threads}
    assert torch.get_num_threads() == n_threads


def run_all(*functions):
    """Call functions at a time; raise what one of them raises."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(function) for function in functions]]


def test_small_steps_take_one_thread_and_large_ones_all():
    assert choose_threads(int(FLOPS_FOR_THREADS) - 1) == 1
    assert choose_threads(int(FLOPS_FOR_THREADS)) is None


@pytest.mark.parametrize(("given", "size", "used"), [(None, 2, 1), (None, 2000, None), (5, 2, 5)])
def test_a_run_takes_what_is_said_or_goes_by_the_size_of_a_step(given, size, used):
    settings = TrainingSettings(n_threads=given)
    module = MLP(size, 2, hidden_layer_sizes=(size,))
    assert threads_of_run(module, torch.zeros(1, size), settings) == used
    elsewhere = torch.zeros(1, size, device="meta")
    assert threads_of_run(module, elsewhere, settings) == given


def test_flops_of_a_step_are_counted_for_any_layer_without_a_trace():
    conv, linear = nn.Conv2d(2, 5, 3, padding=1), nn.Linear(5 * 16, 7)
    norm = nn.BatchNorm2d(5)
    module = nn.Sequential(conv, norm, nn.Flatten(), nn.Dropout(), linear).train()
    flops = step_flops(module, torch.rand(1, 2, 4, 4), batch_size=10)
    assert flops == 10 * 3 * 2 * (16 * 5 * 2 * 9 + 80 * 7)
    assert module.training
    assert norm.num_batches_tracked == 0


def test_flops_of_linear_layers_are_those_of_their_weights():
    module = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False))
    assert step_flops(module, torch.rand(1, 6), batch_size=10) == 10 * 6 * (30 + 10)


# Runs in threads

KINDS = {
    "ours": partial(dnn, **NETS["both"]),
    "dense": partial(dnn, lr_schedule="linear"),
    "cnn": cnn,
    "dbn": dbn,
    "theirs": own,
}


def train(make, seed, n_threads):
    """Train a run with a seed of its own; return what it leaves."""
    return finish(make(random_state=seed, n_threads=n_threads))


def by_joblib(*functions):
    with parallel_config(backend="threading", n_jobs=len(functions)):
        return Parallel()(delayed(function)() for function in functions)


def by_threads(*functions):
    left = {}

    def keep(i, function):
        left[i] = function()

    started = [Thread(target=keep, args=pair) for pair in enumerate(functions)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return [left[i] for i in range(len(functions))]


@contextmanager
def unchanged_state():
    """Assert that random states and the number of threads are as they were."""
    before = torch.get_num_threads(), torch.get_rng_state().tolist(), str(np.random.get_state())
    yield
    assert torch.get_num_threads() == before[0]
    assert torch.get_rng_state().tolist() == before[1]
    assert str(np.random.get_state()) == before[2]


@pytest.mark.parametrize(
    ("kind", "at_a_time"),
    [*((kind, by_joblib) for kind in KINDS), ("ours", by_threads), ("theirs", by_threads)],
)
def test_runs_in_threads_give_the_bits_of_each_alone(kind, at_a_time, n_threads):
    calls = [partial(train, KINDS[kind], seed, n) for seed, n in enumerate((1, 2, 3, None))]
    with unchanged_state():
        alone = [call() for call in calls]
        assert at_a_time(*calls) == alone
    assert len({str(outcome) for outcome in alone}) == 4


def test_runs_of_all_kinds_at_a_time_give_the_bits_of_each_alone(n_threads):
    calls = [partial(train, make, 0, None) for make in KINDS.values()]
    with unchanged_state():
        alone = [call() for call in calls]
        assert by_joblib(*calls) == alone


NETS_MADE = ({}, {"batch_norm": True}, {"batch_norm": True, "kind": "autograd"})


@needs_torch_with_switch
@pytest.mark.parametrize("at_a_time", [by_joblib, by_threads])
def test_runs_in_bfloat16_beside_others_give_the_bits_of_each_alone(
    monkeypatch, at_a_time, n_threads
):
    turn_on(monkeypatch)
    wide = {"hidden_layer_sizes": (48, 40), "batch_size": 32, "lr": 0.01}
    nets = [wide | {"dtype": dtype} | net for dtype in ("float32", "bfloat16") for net in NETS_MADE]
    calls = [partial(train, partial(dnn, **net), 0, 1) for net in nets]
    alone = [call() for call in calls]
    assert at_a_time(*calls) == alone
    assert precision() == "none"
    assert len({str(outcome) for outcome in alone}) == len(nets)


class Fails(nn.Sequential):
    """A net whose forward pass raises an error in the second epoch."""

    def __init__(self):
        super().__init__(nn.Dropout(), nn.Linear(3, 2))
        self.calls_left = 7 + 3

    def forward(self, x):
        self.calls_left -= 1
        if not self.calls_left:
            raise KeyError
        return super().forward(x)


def test_runs_in_threads_of_which_some_fail_leave_everything_as_it_was(n_threads):
    modules = {1: Fails(), 2: Fails()}

    def fail(n):
        with pytest.raises(KeyError):
            list(make_run(modules[n], n_threads=n))

    good = partial(train, KINDS["theirs"], 0, 2)
    with unchanged_state():
        alone = good()
        left = by_threads(partial(fail, 1), good, partial(fail, 2), good)
    assert left == [None, alone, None, alone]
