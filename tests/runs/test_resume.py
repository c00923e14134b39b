"""A run that stops and goes on from its state ends with the bits of one that ran through."""

import json
import os
import subprocess
import sys
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch

import sk_sdlr
from sk_sdlr.policies import POLICIES
from tests.runs.cases import CASES, CONSTANT, POLICY_CASES, STOPS, blobs, dnn
from tests.runs.resuming import bits, finish, outcome, stored

STOPPED = ("early_stopping", "early_stopping_own")
every_case = pytest.mark.parametrize("name", CASES)
every_stop = pytest.mark.parametrize("stop", STOPS)


@cache
def through(name):
    """Return what a run leaves that is never interrupted."""
    return finish(CASES[name]())


@cache
def with_states(name):
    """Return the states after each epoch, the records, and what the run leaves."""
    run, states, records = CASES[name](), [], []
    for record in run:
        records.append(record)
        states.append(run.state_dict())
    return states, records, outcome(run, records)


def train(run, n_epochs):
    """Leave the loop after so many epochs; return their records."""
    return list(islice(run, n_epochs))


@every_case
def test_to_take_the_state_does_not_change_the_run(name):
    assert with_states(name)[2] == through(name)


@every_stop
@every_case
def test_a_run_goes_on_from_its_state_to_the_same_bits(name, stop):
    states, records, _ = with_states(name)
    assert len(records) > stop
    run = CASES[name]()
    run.load_state_dict(stored(states[stop - 1]))
    assert finish(run, *records[:stop]) == through(name)


@pytest.mark.parametrize("name", [*STOPPED, "average_early_stopping"])
def test_the_best_weights_are_those_from_before_the_stop_too(name):
    states, records, _ = with_states(name)
    for n_done in range(6, len(records)):
        run = CASES[name]()
        run.load_state_dict(stored(states[n_done - 1]))
        assert finish(run, *records[:n_done]) == through(name)


def test_the_cases_are_what_they_are_for():
    sizes = {name: [r["n_active"] for r in with_states(name)[1]] for name in CASES}
    assert {*POLICIES} <= {*POLICY_CASES}
    for name in POLICY_CASES:
        of_policy = sizes[f"policy_{name}"]
        assert (len(set(of_policy)) > 1) is (name not in CONSTANT), name
    for name in ("shrink_recall", "auto_recall", "random_auto_recall"):
        first, *others = sizes[f"policy_{name}"]
        low = others.index(min(others))
        assert first in others[low:], name  # rows leave, and are recalled
    for name in (*STOPPED, "average_early_stopping", "numbers_of_numpy"):
        assert max(STOPS) < len(sizes[name]) < 40
    lrs = {name: [r["lr"] for r in with_states(name)[1]] for name in CASES if "lr_" in name}
    assert [name for name in lrs if len(set(lrs[name])) == 1] == ["lr_constant"]


# Early stopping puts its best weights into place when the loop is left, a schedule its first rates,
# an average itself.
LEFT = [*STOPPED, "lr_constant", "lr_cosine", "lr_step", "rbm"]
LEFT += [name for name in CASES if name.startswith("average")]


@every_stop
@pytest.mark.parametrize("name", LEFT)
def test_a_run_whose_loop_was_left_goes_on_in_another_loop(name, stop):
    run = CASES[name]()
    assert finish(run, *train(run, stop)) == through(name)


@every_stop
@pytest.mark.parametrize("name", LEFT)
def test_a_run_whose_loop_was_left_goes_on_from_its_state(name, stop):
    run, other = CASES[name](), CASES[name]()
    records = train(run, stop)
    other.load_state_dict(stored(run.state_dict()))
    assert finish(other, *records) == through(name)


@pytest.mark.parametrize("name", LEFT)
def test_the_state_of_a_run_that_is_over_leaves_nothing_to_do(name):
    run, other = CASES[name](), CASES[name]()
    records = list(run)
    other.load_state_dict(stored(run.state_dict()))
    assert outcome(run, records) == finish(run, *records) == finish(other, *records)


@pytest.mark.parametrize(
    "name", ["adamw_dense", "early_stopping", "average", "cnn", "rbm_persistent"]
)
def test_a_state_before_the_first_epoch_is_one_too(name):
    run, other = CASES[name](), CASES[name]()
    other.load_state_dict(stored(run.state_dict()))
    assert finish(other) == through(name)


@pytest.mark.parametrize(
    "name", ["adamw_dense", "early_stopping_own", "average_own", "rbm_persistent", "lr_step"]
)
def test_a_state_is_not_changed_by_later_epochs_of_either_run(name):
    run, other = CASES[name](), CASES[name]()
    train(run, 2)
    state = run.state_dict()
    before = as_bits(state)
    list(run)
    assert as_bits(state) == before
    other.load_state_dict(state)
    list(other)
    assert as_bits(state) == before


def as_bits(state):
    if isinstance(state, torch.Tensor):
        return bits(state)
    if isinstance(state, dict):
        return {key: as_bits(value) for key, value in state.items()}
    return [as_bits(value) for value in state] if isinstance(state, list) else state


def test_a_state_of_another_number_of_rows_is_refused_and_nothing_is_changed():
    other, run = dnn(blobs(50)), dnn()
    train(other, 2)
    before = as_bits(run.state_dict())
    with pytest.raises(ValueError, match=r"run on 90 rows\. Got one on 50 rows instead"):
        run.load_state_dict(other.state_dict())
    assert as_bits(run.state_dict()) == before


SCRIPT = """
import json, sys
import torch
from tests.runs.cases import CASES
from tests.runs.resuming import finish

name, path = sys.argv[1:]
run, loaded = CASES[name](), torch.load(path, weights_only=True)
run.load_state_dict(loaded["state"])
print(json.dumps(finish(run, *loaded["records"])))
"""


@pytest.mark.parametrize("name", ["early_stopping_own"])
def test_a_new_process_goes_on_to_the_same_bits(name, tmp_path):
    run = CASES[name]()
    records = []
    for record in run:
        records.append(record)
        if len(records) == 3:
            torch.save({"state": run.state_dict(), "records": records}, tmp_path / "state.pt")
    (tmp_path / "go_on.py").write_text(SCRIPT)
    root = Path(sk_sdlr.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, tmp_path / "go_on.py", name, tmp_path / "state.pt"],
        env=os.environ | {"PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == outcome(run, records)
