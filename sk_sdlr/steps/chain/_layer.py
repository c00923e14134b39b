"""The contract of a layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ._parameters import DirectUpdate
from ._workspace import Workspace


class Layer:
    """A part of a net with a forward and a backward pass into buffers that are made once.

    A layer is made for a module, bound once to its buffers, and called for each batch: forward,
    then backward. What forward returns is valid until the next forward. Both may overwrite what
    they are given.

    Attributes
    ----------
    parameters : sequence of nn.Parameter
        The module's parameters that the layer trains.
    products : sequence of nn.Parameter
        Those of them whose update by plain SGD the layer can make itself, once it has a
        :class:`DirectUpdate`.
    """

    parameters: Sequence[nn.Parameter] = ()
    products: Sequence[nn.Parameter] = ()
    direct: DirectUpdate | None = None

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers.

        Parameters
        ----------
        work : Workspace
            Makes them.
        width : int
            Columns of what goes in.
        values : sequence of Tensor
            The parameters, as views of what is trained.
        gradients : sequence of Tensor
            Where their gradients go.

        Returns
        -------
        width : int
            Columns of what comes out.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of a batch, (n, width)."""
        raise NotImplementedError

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients of the parameters; return that of what went in."""
        raise NotImplementedError

    def end(self) -> None:
        """Leave the module as if its own forward had been called for the batches learnt."""
