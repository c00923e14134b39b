"""What is minimised, of each sample; errors of outputs are on one scale for every loss."""

import pytest
import torch
from torch import nn

from sk_sdlr.steps import Objective, SquaredError

N_SAMPLES, N_OUTPUTS = 6, 4
GENERATOR = torch.Generator().manual_seed(0)
OUTPUT = torch.randn(N_SAMPLES, N_OUTPUTS, generator=GENERATOR)
REAL = torch.randn(N_SAMPLES, N_OUTPUTS, generator=GENERATOR)
SHARES = torch.rand(N_SAMPLES, N_OUTPUTS, generator=GENERATOR)
CLASSES = torch.arange(N_SAMPLES) % N_OUTPUTS
SIGNS = torch.sign(REAL)

LOSSES = [
    (SquaredError(), OUTPUT, REAL),
    (nn.CrossEntropyLoss(), OUTPUT, CLASSES),
    (nn.CrossEntropyLoss(label_smoothing=0.1), OUTPUT, CLASSES),
    (nn.CrossEntropyLoss(), OUTPUT, SHARES.softmax(1)),
    (nn.NLLLoss(), OUTPUT.log_softmax(1), CLASSES),
    (nn.MultiMarginLoss(), OUTPUT, CLASSES),
    (nn.MSELoss(), OUTPUT, REAL),
    (nn.MSELoss(), OUTPUT[:, 0], REAL[:, 0]),
    (nn.MSELoss(), OUTPUT.view(-1, 2, 2), REAL.view(-1, 2, 2)),
    (nn.L1Loss(), OUTPUT, REAL),
    (nn.SmoothL1Loss(), OUTPUT, REAL),
    (nn.HuberLoss(), OUTPUT, REAL),
    (nn.PoissonNLLLoss(), OUTPUT, SHARES),
    (nn.BCELoss(), OUTPUT.sigmoid(), SHARES),
    (nn.BCEWithLogitsLoss(), OUTPUT, SHARES),
    (nn.SoftMarginLoss(), OUTPUT, SIGNS),
    (nn.MultiLabelSoftMarginLoss(), OUTPUT, SHARES.round()),
    (nn.HingeEmbeddingLoss(), OUTPUT, SIGNS),
]


@pytest.mark.parametrize(("criterion", "output", "target"), LOSSES)
def test_each_loss_is_the_criterion_of_its_sample_alone(criterion, output, target):
    loss = Objective(criterion).loss(output, target)
    alone = [criterion(output[i : i + 1], target[i : i + 1]) for i in range(N_SAMPLES)]
    torch.testing.assert_close(loss, torch.stack(alone))
    torch.testing.assert_close(loss.mean(), criterion(output, target))


def test_a_loss_counts_by_the_weight_of_its_class():
    weight = torch.tensor([1.0, 0.5, 0.0, 2.0])
    loss = Objective(nn.CrossEntropyLoss(weight)).loss(OUTPUT, CLASSES)
    plain = Objective(nn.CrossEntropyLoss()).loss(OUTPUT, CLASSES)
    torch.testing.assert_close(loss, weight[CLASSES] * plain)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), SquaredError()])
def test_criterion_keeps_its_reduction(criterion):
    target = CLASSES if isinstance(criterion, nn.CrossEntropyLoss) else REAL
    Objective(criterion).loss(OUTPUT, target)
    assert criterion.reduction == "mean"
    assert criterion(OUTPUT, target).dim() == 0


def test_parameters_of_the_criterion_get_their_gradients():
    class Scaled(nn.MSELoss):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, output, target):
            return self.scale * super().forward(output, target)

    criterion = Scaled()
    Objective(criterion).loss(OUTPUT, REAL).mean().backward()
    torch.testing.assert_close(criterion.scale.grad, nn.MSELoss()(OUTPUT, REAL))


def test_criterion_without_reduction_is_refused():
    with pytest.raises(TypeError, match=r"'reduction'.*Got Identity instead"):
        Objective(nn.Identity())


# Errors of the outputs

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
    objective = Objective(criterion)
    error = objective.loss(output, target)
    before = output.clone(), target.clone(), error.clone()
    squared = objective.output_error(output, target, error)
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
    assert Objective(criterion).output_error(P, target, error) is error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_has_the_type_of_the_outputs(dtype):
    output = logits(nn.CrossEntropyLoss(), P.to(dtype))
    assert output_errors(nn.CrossEntropyLoss(), output, Y).dtype == dtype


# Whether outputs are bounded


@pytest.mark.parametrize(
    ("criterion", "bounded"),
    [
        (nn.CrossEntropyLoss(), True),
        (nn.CrossEntropyLoss(label_smoothing=0.1), True),
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
    assert Objective(criterion).bounded_outputs is bounded


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), nn.MSELoss()])
def test_whoever_knows_better_says_whether_outputs_are_bounded(criterion, bounded):
    assert Objective(criterion, bounded_outputs=bounded).bounded_outputs is bounded


def test_a_compiled_criterion_is_known_and_left_as_it_is():
    plain = nn.CrossEntropyLoss()
    objective = Objective(torch.compile(plain, backend="eager"))
    output = logits(plain, P)
    loss = objective.loss(output, Y)
    assert loss.shape == (3,)
    assert_values(objective.output_error(output, Y, loss), HALF_SQUARES)
    assert objective.bounded_outputs
    assert plain.reduction == "mean"


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_members_is_the_mean_of_theirs(smoothing):
    generator = torch.Generator().manual_seed(0)
    output, target = torch.randn(5, 3, 4, generator=generator), torch.tensor([0, 2, 1, 1, 0])
    objective = Objective(nn.CrossEntropyLoss(label_smoothing=smoothing))
    losses = [objective.loss(output[..., i], target) for i in range(4)]
    loss = objective.loss(output, target)
    torch.testing.assert_close(loss, torch.stack(losses).mean(0))
    errors = [objective.output_error(output[..., i], target, losses[i]) for i in range(4)]
    error = objective.output_error(output, target, loss)
    torch.testing.assert_close(error, torch.stack(errors).mean(0))


def test_the_squared_error_of_members_is_the_mean_of_theirs():
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(5, 3, 4, generator=generator)
    target = torch.randn(5, 3, generator=generator)
    objective = Objective(SquaredError())
    loss = objective.loss(output, target)
    expected = (output - target.unsqueeze(-1)).square().sum(1).mean(1) / 2
    torch.testing.assert_close(loss, expected)
