"""The multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ._activations import ACTIVATIONS
from ._batch_norm import BatchNorm1d
from ._checks import OUTPUT_ACTIVATIONS, check_dropout, check_option, check_size, check_sizes
from ._dropout import Dropout
from ._initialise import new_layer
from ._members import MeanOfMembers, MemberLinear
from ._scaling import Scaling


class MLP(nn.Module):
    """Fully connected layers, each hidden one followed by batch norm, activation and dropout.

    It may be several nets, its members, which are trained side by side and predict by their mean.

    Parameters
    ----------
    n_inputs : int
        Number of features.
    n_outputs : int
        Number of outputs (classes or targets).
    hidden_layer_sizes : sequence of int, default=(100,)
        Units of each hidden layer; an empty one is a linear model.
    activation : str, default="relu"
        Activation of the hidden layers: "relu", "tanh", "sigmoid", "gelu", "silu", "mish", "selu",
        or "scaled_tanh", which is 1.7159 tanh(2 x / 3).
    output_activation : {"identity", "sigmoid", "softmax"}, default="identity"
        "softmax" returns the logits: the loss normalises them, which is exact where a softmax
        followed by a logarithm is not.
    dropout : float, default=0.0
        Probability of a hidden unit to be dropped, in [0, 1).
    batch_norm : bool, default=False
        Whether each hidden layer has batch normalisation before its activation.
    n_members : int, default=1
        Number of nets of these sizes.
    scaling : bool, default=False
        Whether each feature is multiplied by a weight first, which the members share.
    zero_output : bool, default=False
        Whether the weights of the last layer are 0 at the start.

    Attributes
    ----------
    linears : nn.ModuleList
        The linear layers, in order. Those of several members are :class:`MemberLinear`, but for
        the first one, which has the units of all of them.

    Raises
    ------
    ValueError
        If a parameter is out of its range or unknown.

    Notes
    -----
    **Shape:** input (n_samples, n_inputs), output (n_samples, n_outputs); in training, of several
    members, (n_samples, n_outputs, n_members).

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import MLP
    >>> net = MLP(7, 2, hidden_layer_sizes=(50,), activation="sigmoid")
    >>> net(torch.zeros(3, 7)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        output_activation: str = "identity",
        dropout: float = 0.0,
        batch_norm: bool = False,
        n_members: int = 1,
        scaling: bool = False,
        zero_output: bool = False,
    ) -> None:
        super().__init__()
        check_size("MLP", "n_inputs", n_inputs)
        check_size("MLP", "n_outputs", n_outputs)
        check_sizes("MLP", "hidden_layer_sizes", hidden_layer_sizes)
        check_option("MLP", "activation", activation, tuple(ACTIVATIONS))
        check_option("MLP", "output_activation", output_activation, OUTPUT_ACTIVATIONS)
        check_size("MLP", "n_members", n_members)
        for name, flag in (
            ("batch_norm", batch_norm),
            ("scaling", scaling),
            ("zero_output", zero_output),
        ):
            check_option("MLP", name, flag, (True, False))
        check_dropout("MLP", "dropout", dropout)
        sizes = (n_inputs, *hidden_layer_sizes, n_outputs)
        self.activation = activation
        self.output_activation = output_activation
        self.scaling = Scaling(n_inputs) if scaling else None
        self.linears = nn.ModuleList(
            _linear(n_members, *pair, is_first=i == 0) for i, pair in enumerate(pairwise(sizes))
        )
        self.after = nn.ModuleList(
            _after_linear(n_members * size, activation, dropout, batch_norm) for size in sizes[1:-1]
        )
        self.members = MeanOfMembers(n_members, output_activation) if n_members > 1 else None
        if zero_output:
            nn.init.zeros_(self.linears[-1].weight)  # type: ignore[arg-type]

    @property
    def is_plain(self) -> bool:
        """Whether there are linear layers and activations only, of a single member."""
        blocks = all(len(block) == 1 for block in self.after if isinstance(block, nn.Sequential))
        return blocks and self.scaling is None and self.members is None

    def in_order(self) -> list[nn.Module]:
        """Return the layers in the order in which they are called."""
        parts: list[nn.Module] = [] if self.scaling is None else [self.scaling]
        for linear, after in zip(self.linears, self.after, strict=False):
            parts += [linear, after]
        parts.append(self.linears[-1])
        if self.output_activation == "sigmoid":
            parts.append(nn.Sigmoid())
        return parts if self.members is None else [*parts, self.members]

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (logits for "softmax") of shape (n_samples, n_outputs)."""
        x = x if self.scaling is None else self.scaling(x)
        for linear, after in zip(self.linears, self.after, strict=False):
            x = after(linear(x))
        x = self.linears[-1](x)
        x = torch.sigmoid(x) if self.output_activation == "sigmoid" else x
        return x if self.members is None else self.members(x)


def _linear(n_members: int, n_inputs: int, n_outputs: int, *, is_first: bool) -> nn.Module:
    if is_first or n_members == 1:
        return new_layer(nn.Linear, n_inputs, n_members * n_outputs)
    return MemberLinear(n_members, n_inputs, n_outputs)


def _after_linear(size: int, activation: str, dropout: float, batch_norm: bool) -> nn.Sequential:
    block: list[nn.Module] = [BatchNorm1d(size)] if batch_norm else []
    block.append(ACTIVATIONS[activation]())
    if dropout:
        block.append(Dropout(dropout))
    return nn.Sequential(*block)
