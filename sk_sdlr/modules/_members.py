"""Several nets side by side: their layers as batched products, their outputs, their mean."""

from __future__ import annotations

from math import log, sqrt

import torch
from torch import Tensor, nn

from ._checks import OUTPUT_ACTIVATIONS, check_option, check_size
from ._random import current_generator


class MemberLinear(nn.Module):
    """A linear layer of each member, on columns of its own.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_inputs, n_outputs : int
        Of each member.

    Attributes
    ----------
    weight : nn.Parameter of shape (n_members, n_inputs, n_outputs)
        One matrix a member. Initial weights are those of ``nn.Linear``.
    bias : nn.Parameter of shape (n_members, 1, n_outputs)
        One bias a member.

    Raises
    ------
    ValueError
        If a size is not a positive int.

    Notes
    -----
    **Shape:** input (n_samples, n_members * n_inputs), output (n_samples, n_members * n_outputs);
    the columns of a member stand together. So what works on columns, such as batch norm, serves
    members without change.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import MemberLinear
    >>> MemberLinear(8, 64, 2)(torch.zeros(5, 8 * 64)).shape
    torch.Size([5, 16])
    """

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        for name, size in (
            ("n_members", n_members),
            ("n_inputs", n_inputs),
            ("n_outputs", n_outputs),
        ):
            check_size("MemberLinear", name, size)
        self.n_members, self.n_inputs, self.n_outputs = n_members, n_inputs, n_outputs
        self.weight = nn.Parameter(torch.empty(n_members, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_members, 1, n_outputs))
        bound = 1 / sqrt(n_inputs)
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=current_generator())

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of all members, one beside the other."""
        by_member = x.view(-1, self.n_members, self.n_inputs).transpose(0, 1)
        outputs = torch.baddbmm(self.bias, by_member, self.weight)
        return outputs.transpose(0, 1).reshape(-1, self.n_members * self.n_outputs)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.n_members}, {self.n_inputs}, {self.n_outputs}"


class SplitMembers(nn.Module):
    """Repeats each row for all members, its features times signs that each member has of its own.

    What follows has one set of weights, and sees ``n_members`` rows a sample, until
    :class:`JoinMembers`.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_features : int
        Number of features.

    Attributes
    ----------
    weight : nn.Parameter of shape (n_members, n_features)
        The factors; 1 or -1 at random at the start.

    Raises
    ------
    ValueError
        If a size is not a positive int.

    Notes
    -----
    **Shape:** input (n_samples, n_features), output (n_samples * n_members, n_features).

    References
    ----------
    .. [1] Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: Advancing Tabular Deep Learning with
       Parameter-Efficient Ensembling", 2024, the variant "mini".

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import SplitMembers
    >>> SplitMembers(8, 3)(torch.ones(2, 3)).shape
    torch.Size([16, 3])
    """

    def __init__(self, n_members: int, n_features: int) -> None:
        super().__init__()
        check_size("SplitMembers", "n_members", n_members)
        check_size("SplitMembers", "n_features", n_features)
        signs = torch.empty(n_members, n_features)
        self.weight = nn.Parameter(signs.bernoulli_(generator=current_generator()).mul_(2).sub_(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows of all members of the first sample, then those of the second, ..."""
        return (x.unsqueeze(1) * self.weight).flatten(0, 1)


class JoinMembers(nn.Module):
    """Puts the rows of a sample's members side by side.

    Parameters
    ----------
    n_members : int
        Number of members.

    Raises
    ------
    ValueError
        If `n_members` is not a positive int.

    Notes
    -----
    **Shape:** input (n_samples * n_members, width), output (n_samples, n_members * width).

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import JoinMembers
    >>> JoinMembers(8)(torch.ones(16, 3)).shape
    torch.Size([2, 24])
    """

    def __init__(self, n_members: int) -> None:
        super().__init__()
        check_size("JoinMembers", "n_members", n_members)
        self.n_members = n_members

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows of each sample as one."""
        return x.reshape(-1, self.n_members * x.shape[1])


class MeanOfMembers(nn.Module):
    """The end of a net of several members: all outputs to train on, their mean to predict.

    Parameters
    ----------
    n_members : int
        Number of members.
    output_activation : {"identity", "sigmoid", "softmax"}, default="identity"
        What the outputs are. Of "softmax" they are logits: the mean is that of the probabilities,
        and what is returned its logarithm, which a softmax takes back.

    Raises
    ------
    ValueError
        If `n_members` is not a positive int, or the activation unknown.

    Notes
    -----
    **Shape:** input (n_samples, n_members * n_outputs); output in training (n_samples, n_outputs,
    n_members), else (n_samples, n_outputs).

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import MeanOfMembers
    >>> mean, outputs = MeanOfMembers(2), torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    >>> mean.train()(outputs).shape
    torch.Size([1, 2, 2])
    >>> mean.eval()(outputs)
    tensor([[2., 4.]])
    """

    def __init__(self, n_members: int, output_activation: str = "identity") -> None:
        super().__init__()
        check_size("MeanOfMembers", "n_members", n_members)
        check_option("MeanOfMembers", "output_activation", output_activation, OUTPUT_ACTIVATIONS)
        self.n_members, self.output_activation = n_members, output_activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of the members, or their mean."""
        of_members = x.view(x.shape[0], self.n_members, -1)
        if self.training:
            return of_members.transpose(1, 2)
        if self.output_activation != "softmax":
            return of_members.mean(1)
        return of_members.log_softmax(2).logsumexp(1) - log(self.n_members)
