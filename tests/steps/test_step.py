"""What every step does, and Batches."""

import copy
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from sk_sdlr.steps._step import Batches, set_learning_rate
from tests.steps.kinds import BATCH_SIZE, KINDS, make, rows

N_ROWS = 4 * BATCH_SIZE + 6
LR_FACTORS = [1.0, 0.5, 0.0, 2.0, 0.3]

every_kind = pytest.mark.parametrize("kind", KINDS)


def assert_same(a, b, **tolerance):
    """Hold the parameters and buffers of two modules against each other, bits unless told."""
    tolerance = tolerance or {"rtol": 0, "atol": 0}
    torch.testing.assert_close(dict(a.state_dict()), dict(b.state_dict()), **tolerance)


def assert_same_errors(a, b, **tolerance):
    tolerance = tolerance or {"rtol": 0, "atol": 0}
    torch.testing.assert_close(a.error, b.error, **tolerance)
    torch.testing.assert_close(a.output_error, b.output_error, **tolerance)


@every_kind
def test_each_batch_has_its_own_rate(kind):
    together, alone, constant = (make(kind) for _ in range(3))
    batches = rows(kind, N_ROWS, lr_factors=LR_FACTORS)
    together.step(batches)
    by_hand = rows(kind, N_ROWS)
    for batch, factor in zip(by_hand, LR_FACTORS, strict=True):
        for group in alone.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        alone.step(batch)
    constant.step(rows(kind, N_ROWS))
    assert_same(together.module, alone.module)
    assert_same_errors(batches, by_hand)
    for group in together.optimizer.param_groups:
        assert group["lr"] == group["initial_lr"] * LR_FACTORS[-1]
    with pytest.raises(AssertionError):
        assert_same(together.module, constant.module)


@every_kind
def test_a_rate_of_zero_is_no_update(kind):
    made = make(kind)
    before = copy.deepcopy(dict(made.module.named_parameters()))
    made.step(rows(kind, N_ROWS, lr_factors=[0.0] * 5))
    made.step.close()
    torch.testing.assert_close(dict(made.module.named_parameters()), before, rtol=0, atol=0)


@every_kind
@pytest.mark.parametrize("calls", [(1, 1, 1, 1, 1), (2, 3), (4, 1), (1, 4)], ids=str)
def test_batches_in_several_calls_are_those_in_one(kind, calls):
    together, apart = make(kind), make(kind)
    batches, parts = (rows(kind, N_ROWS, lr_factors=LR_FACTORS) for _ in range(2))
    output, begin = together.step(batches), 0
    for n in calls:
        last = apart.step(parts.some(begin, begin + n))
        begin += n
    assert torch.equal(last, output)
    assert_same_errors(parts, batches)
    assert_same(apart.module, together.module)


@every_kind
@pytest.mark.parametrize("n_last", [1, 6])
def test_a_short_last_batch_is_what_its_rows_are_in_a_call_of_their_own(kind, n_last):
    n, tolerance = 2 * BATCH_SIZE, {"rtol": 1e-12, "atol": 1e-13}
    together, apart = (make(kind, dtype=torch.float64) for _ in range(2))
    batches, parts = (rows(kind, n + n_last, dtype=torch.float64) for _ in range(2))
    for _ in range(2):  # the second time there are older rows in every buffer
        output = together.step(batches)
        apart.step(parts.some(0, 2))
        last = apart.step(replace(parts.some(2, 3), batch_size=n_last))
        torch.testing.assert_close(last, output, **tolerance)
        assert_same_errors(parts, batches, **tolerance)
    assert_same(apart.module, together.module, **tolerance)


@every_kind
def test_output_is_the_modules_before_the_update_and_is_no_part_of_a_graph(kind):
    made = make(kind)
    made.step(rows(kind, N_ROWS))
    before = copy.deepcopy(made.module)
    batches = rows(kind, N_ROWS)
    output = made.step(batches.some(0, 1)).clone()
    assert not output.requires_grad
    torch.testing.assert_close(output, before(batches.x[:BATCH_SIZE]).detach())
    assert not torch.allclose(output, made.module(batches.x[:BATCH_SIZE]))


@every_kind
def test_parameters_loaded_between_two_calls_are_trained_on(kind):
    made, other = make(kind), make(kind)
    for parameter in other.module.parameters():
        parameter.data.uniform_(-1, 1)
    batches = rows(kind, BATCH_SIZE)
    made.step(batches)
    made.module.load_state_dict(other.module.state_dict())
    torch.testing.assert_close(made.step(batches), other.module(batches.x).detach())


@every_kind
def test_data_and_weights_are_left_as_they_were(kind):
    batches, before = rows(kind, N_ROWS), rows(kind, N_ROWS)
    make(kind).step(batches)
    for name in ("x", "y", "weight"):
        assert torch.equal(getattr(batches, name), getattr(before, name))


@every_kind
def test_weights_of_one_are_no_weights(kind):
    one, none = (make(kind, dtype=torch.float64) for _ in range(2))
    batches, parts = (rows(kind, N_ROWS, dtype=torch.float64) for _ in range(2))
    one.step(replace(batches, weight=torch.ones_like(batches.weight)))
    none.step(replace(parts, weight=None))
    assert_same(one.module, none.module, rtol=1e-10, atol=1e-12)
    assert_same_errors(batches, parts, rtol=1e-10, atol=1e-12)


@every_kind
def test_output_errors_are_filled_and_leave_the_training_as_it_is(kind):
    asked, not_asked = make(kind), make(kind)
    for _ in range(2):
        batches, parts = rows(kind, N_ROWS), replace(rows(kind, N_ROWS), output_error=None)
        assert torch.equal(asked.step(batches), not_asked.step(parts))
        assert torch.equal(batches.error, parts.error)
        assert batches.output_error.isfinite().all()
    assert_same(asked.module, not_asked.module)


@every_kind
def test_training_goes_on_from_a_state_with_the_same_bits(kind):
    whole, begun = make(kind), make(kind)
    gone_on = KINDS[kind](torch.Generator().manual_seed(9))
    whole.step(rows(kind, N_ROWS))
    begun.step(rows(kind, N_ROWS))
    state = begun.step.state_dict()
    begun.step.close()
    gone_on.module.load_state_dict(begun.module.state_dict())
    gone_on.optimizer.load_state_dict(copy.deepcopy(begun.optimizer.state_dict()))
    step = gone_on.new_step()
    step.load_state_dict(state)
    batches, expected = rows(kind, N_ROWS), rows(kind, N_ROWS)
    assert torch.equal(step(batches), whole.step(expected))
    assert_same_errors(batches, expected)
    assert_same(gone_on.module, whole.module)


@every_kind
def test_close_leaves_no_gradients(kind):
    made = make(kind)
    made.step(rows(kind, N_ROWS))
    made.step.close()
    assert all(parameter.grad is None for parameter in made.module.parameters())


# Batches


def some_batches(**params):
    return Batches(torch.rand(7, 2), torch.arange(7), torch.zeros(7), 3, **params)


def tensors(batches):
    values = (getattr(batches, field.name) for field in fields(batches))
    return [value for value in values if isinstance(value, Tensor)]


def test_batches_come_in_order_and_the_last_is_shorter():
    whole = some_batches(weight=torch.rand(7), lr_factors=[1.0, 0.5, 0.1])
    parts = list(whole)
    assert [len(part.x) for part in parts] == [3, 3, 1]
    assert len(whole) == 3
    assert all(len(part) == 1 for part in parts)
    assert [part.lr_factors for part in parts] == [[1.0], [0.5], [0.1]]
    assert all(part.output_error is None for part in parts)
    for i, tensor in enumerate(tensors(whole)):
        assert torch.equal(torch.cat([tensors(part)[i] for part in parts]), tensor)


@pytest.mark.parametrize(("begin", "end"), [(0, 1), (1, 3), (2, 9), (0, 3)])
def test_some_batches_are_views_into_which_errors_are_written(begin, end):
    whole = some_batches(output_error=torch.zeros(7))
    some = whole.some(begin, end)
    some.error.fill_(-1)
    some.output_error.fill_(-2)
    assert (whole.error == -1).nonzero().flatten().tolist() == list(range(7))[begin * 3 : end * 3]
    assert torch.equal(whole.output_error == -2, whole.error == -1)


def test_rates_are_multiples_of_the_initial_ones():
    groups = [{"lr": 9.0, "initial_lr": 1.0}, {"lr": 9.0, "initial_lr": 0.1}]
    set_learning_rate(groups, 0.5)
    assert [group["lr"] for group in groups] == [0.5, 0.05]
