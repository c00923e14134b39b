"""Squared errors of the outputs, on one scale for every training loss."""

import pytest
import torch
from torch import nn

from sk_sdlr.training import SquaredError
from sk_sdlr.training._errors import per_sample_error
from sk_sdlr.training._output_errors import has_bounded_outputs, squared_output_error

P = torch.tensor([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
Y = torch.tensor([0, 2, 1])
HALF_SQUARES = [(0.3**2 + 0.2**2 + 0.1**2) / 2, (0.7**2 + 0.2**2 + 0.9**2) / 2, 0.13]
OF_CLASSES = pytest.mark.parametrize(
    "criterion", [nn.CrossEntropyLoss(), nn.NLLLoss()], ids=["cross-entropy", "nll"]
)


def logits(criterion, p):
    """Outputs of these probabilities; those of a softmax are free up to a constant."""
    return p.log() + (5 if isinstance(criterion, nn.CrossEntropyLoss) else 0)


def output_errors(criterion, output, target):
    error = per_sample_error(criterion)(output, target)
    before = output.clone(), target.clone(), error.clone()
    squared = squared_output_error(criterion)(output, target, error)
    for tensor, as_it_was in zip((output, target, error), before, strict=True):
        assert torch.equal(tensor, as_it_was)
    return squared


def assert_values(tensor, expected):
    torch.testing.assert_close(tensor, torch.tensor(expected))


@OF_CLASSES
def test_classes(criterion):
    assert_values(output_errors(criterion, logits(criterion, P), Y), HALF_SQUARES)


@OF_CLASSES
def test_of_two_classes_it_is_the_square_of_what_is_missing_to_1(criterion):
    p = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    squared = output_errors(criterion, logits(criterion, p), torch.tensor([1, 1]))
    assert_values(squared, [0.9**2, 0.4**2])


@OF_CLASSES
@pytest.mark.parametrize("right", [True, False])
def test_it_lies_between_wholly_right_and_wholly_wrong(criterion, right):
    output = torch.tensor([[200.0, -200.0, -200.0]]).log_softmax(1)
    squared = output_errors(criterion, output, torch.tensor([0 if right else 1]))
    assert_values(squared, [0.0 if right else 1.0])


@pytest.mark.parametrize(
    "options", [{"weight": torch.tensor([1.0, 5.0, 9.0])}, {"label_smoothing": 0.2}], ids=str
)
def test_options_of_the_loss_do_not_matter(options):
    criterion = nn.CrossEntropyLoss(**options)
    assert_values(output_errors(criterion, logits(criterion, P), Y), HALF_SQUARES)


@OF_CLASSES
@pytest.mark.parametrize("ignored", [-100, -1, 255, 2])
def test_what_the_loss_ignores_is_no_error(criterion, ignored):
    criterion = type(criterion)(ignore_index=ignored)
    y = torch.tensor([0, ignored, 1])
    squared = output_errors(criterion, logits(criterion, P), y)
    assert_values(squared, [HALF_SQUARES[0], 0.0, HALF_SQUARES[2]])


@OF_CLASSES
def test_of_several_positions_a_sample_it_is_the_mean(criterion):
    output, target = logits(criterion, P.T[None]), Y[None]
    assert_values(output_errors(criterion, output, target), [sum(HALF_SQUARES) / 3])
    twice = output_errors(
        criterion, output[..., None].repeat(2, 1, 1, 4), target[..., None].repeat(2, 1, 4)
    )
    assert_values(twice, [sum(HALF_SQUARES) / 3] * 2)


def test_targets_that_are_probabilities():
    criterion = nn.CrossEntropyLoss()
    target = torch.tensor([[0.5, 0.5, 0.0], [0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    squared = output_errors(criterion, logits(criterion, P), target)
    assert_values(squared, [(0.2**2 + 0.3**2 + 0.1**2) / 2, 0.0, HALF_SQUARES[2]])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 2)], ids=str)
def test_classes_and_their_probabilities_have_the_same_errors(shape):
    output = torch.randn(3, 4, *shape[1:], generator=torch.Generator().manual_seed(0))
    classes = torch.randint(4, shape, generator=torch.Generator().manual_seed(0))
    target = nn.functional.one_hot(classes, 4).movedim(-1, 1).float()
    squared = [output_errors(nn.CrossEntropyLoss(), output, y) for y in (classes, target)]
    torch.testing.assert_close(*squared)


@OF_CLASSES
@pytest.mark.parametrize("n_others", [1, 2])
def test_rows_that_are_nearly_right_keep_their_digits(criterion, n_others):
    output = torch.tensor([[14.0] + [0.0] * n_others]).log_softmax(1)
    wrong = torch.tensor(-14.0).exp()
    expected = (n_others**2 + n_others) * wrong**2 / 2
    squared = output_errors(criterion, output, torch.tensor([0]))
    torch.testing.assert_close(squared, expected.view(1), rtol=0.2, atol=0)


@pytest.mark.parametrize("shape", [(2,), (2, 1)], ids=str)
@pytest.mark.parametrize("criterion", [nn.BCEWithLogitsLoss(), nn.BCELoss()])
def test_a_probability_of_its_own(criterion, shape):
    p, target = torch.tensor([0.8, 0.3]).view(shape), torch.tensor([1.0, 1.0]).view(shape)
    output = p.logit() if isinstance(criterion, nn.BCEWithLogitsLoss) else p
    assert_values(output_errors(criterion, output, target), [0.2**2 / 2, 0.7**2 / 2])


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1)], ids=str)
@pytest.mark.parametrize("criterion", [nn.BCEWithLogitsLoss(), nn.BCELoss()])
def test_several_probabilities_of_their_own_add_up(criterion, shape):
    p = torch.tensor([[0.8, 0.3], [0.5, 1.0]]).view(shape)
    target = torch.tensor([[1.0, 0.0], [0.5, 0.0]]).view(shape)
    output = p.logit() if isinstance(criterion, nn.BCEWithLogitsLoss) else p
    assert_values(output_errors(criterion, output, target), [(0.2**2 + 0.3**2) / 2, 0.5])


class MyLoss(nn.CrossEntropyLoss):
    pass


@pytest.mark.parametrize(
    ("criterion", "target"),
    [
        (SquaredError(), P),
        (nn.MSELoss(), P),
        (nn.L1Loss(), P),
        (nn.MultiMarginLoss(), Y),
        (MyLoss(), Y),
    ],
)
def test_of_any_other_loss_it_is_the_error_itself(criterion, target):
    error = torch.rand(3)
    assert squared_output_error(criterion)(P, target, error) is error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_has_the_type_of_the_outputs(dtype):
    output = logits(nn.CrossEntropyLoss(), P.to(dtype))
    assert output_errors(nn.CrossEntropyLoss(), output, Y).dtype == dtype


def compiled(criterion):
    return torch.compile(criterion, backend="eager")


def test_a_compiled_loss_is_known():
    criterion = nn.CrossEntropyLoss()
    squared = squared_output_error(compiled(criterion))(logits(criterion, P), Y, torch.zeros(3))
    assert_values(squared, HALF_SQUARES)


@pytest.mark.parametrize(
    ("criterion", "bounded"),
    [
        (nn.CrossEntropyLoss(), True),
        (nn.CrossEntropyLoss(label_smoothing=0.1), True),
        (compiled(nn.CrossEntropyLoss()), True),
        (nn.NLLLoss(), True),
        (nn.BCEWithLogitsLoss(), True),
        (nn.BCELoss(), True),
        (SquaredError(), False),
        (nn.MSELoss(), False),
        (nn.L1Loss(), False),
        (MyLoss(), False),
    ],
)
def test_outputs_are_bounded_where_the_loss_says_that_they_are_probabilities(criterion, bounded):
    assert has_bounded_outputs(criterion) is bounded
