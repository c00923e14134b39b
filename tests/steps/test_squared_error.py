import pytest
import torch
from torch import nn

from sk_sdlr.training import SquaredError, per_sample_error

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
def test_mean_of_the_errors_is_the_criterion(criterion, output, target):
    errors = per_sample_error(criterion)(output, target)
    assert errors.shape == (N_SAMPLES,)
    torch.testing.assert_close(errors.mean(), criterion(output, target))


@pytest.mark.parametrize(("criterion", "output", "target"), LOSSES)
def test_each_error_is_the_criterion_of_its_sample_alone(criterion, output, target):
    alone = [criterion(output[i : i + 1], target[i : i + 1]) for i in range(N_SAMPLES)]
    torch.testing.assert_close(per_sample_error(criterion)(output, target), torch.stack(alone))


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), SquaredError()])
def test_criterion_keeps_its_reduction(criterion):
    target = CLASSES if isinstance(criterion, nn.CrossEntropyLoss) else REAL
    per_sample_error(criterion)(OUTPUT, target)
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
    per_sample_error(criterion)(OUTPUT, REAL).mean().backward()
    torch.testing.assert_close(criterion.scale.grad, nn.MSELoss()(OUTPUT, REAL))


def test_criterion_without_reduction_is_refused():
    with pytest.raises(TypeError, match=r"`reduction`.*Identity has none"):
        per_sample_error(nn.Identity())


def test_squared_error_is_half_the_squared_norm_of_each_residual():
    output, target = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    assert SquaredError("none")(output, target).tolist() == [2.5, 2.0]
    assert SquaredError()(output, target) == 2.25


def test_squared_error_refuses_other_reductions():
    with pytest.raises(ValueError, match=r"reduction must be 'mean' or 'none', however: 'sum'"):
        SquaredError("sum")


def test_squared_error_refuses_targets_of_another_shape():
    # They would be broadcast: every output against every target.
    with pytest.raises(ValueError, match="shape"):
        SquaredError()(OUTPUT[:, :1], REAL[:, 0])


def test_a_compiled_criterion_is_left_as_it_is():
    plain = nn.CrossEntropyLoss()
    compiled = torch.compile(plain, backend="eager")
    output, target = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    assert per_sample_error(compiled)(output, target).shape == (4,)
    assert plain.reduction == "mean"
