"""The step of a restricted Boltzmann machine: contrastive divergence, in closed form.

For rows v' of the data (standardised, if the visible units are Gaussian), their weights w and a
Gibbs chain of k steps, the gradient of what is minimised is::

    h+ = P(h = 1 | v')             s ~ h+                                     data
    k times:  v- ~ P(v | s)        h- = P(h = 1 | v-)        s ~ h-           chain
    dW = mean(w h- v-' - w h+ v+')     da = mean(w v- - w v+)     db = mean(w h- - w h+)

Data and chain are stacked, so that each gradient is one product. States of the chain are drawn,
the last hidden ones excepted, for which their probabilities stand: the expectation is the same and
the variance smaller.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from ..modules import RBM
from ._matmul import affine
from ._objective import Objective
from ._step import Batches, set_learning_rate


class ContrastiveDivergenceStep:
    """Training of a restricted Boltzmann machine by contrastive divergence; see the module's text.

    It is a :class:`Step`, whose targets are not used. The error of a sample is the mean, over the
    visible units, of the squared difference between v' and its reconstruction: the mean of the
    visible units given the hidden states drawn for it, or, where chains are persistent, given the
    probabilities of the hidden units.

    Parameters
    ----------
    rbm : RBM
        The machine.
    objective : Objective
        The error of a reconstruction.
    optimizer : torch.optim.Optimizer
        Holds the machine's parameters.
    generator : torch.Generator
        The only source of randomness. Where it is not on the machine's device, one that is there
        is seeded from it.
    n_steps : int, default=1
        Gibbs steps of a chain, k.
    persistent : bool, default=False
        Whether chains go on from batch to batch (PCD, [2]_) or start from each batch's rows (CD,
        [1]_). There are as many as the first batch has rows, and they start from those.
    autocast : torch.dtype or None, default=None
        What products are computed in; None: in the machine's own type.

    Raises
    ------
    ValueError
        If `n_steps` is not positive.

    References
    ----------
    .. [1] G. Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", 2002.
    .. [2] T. Tieleman, "Training Restricted Boltzmann Machines using Approximations to the
       Likelihood Gradient", 2008.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_sdlr.modules import RBM
    >>> from sk_sdlr.steps import Objective
    >>> from sk_sdlr.steps._contrastive_divergence import ContrastiveDivergenceStep
    >>> from sk_sdlr.steps._step import Batches
    >>> generator = torch.Generator().manual_seed(0)
    >>> rbm = RBM(6, 3, generator=generator)
    >>> optimizer = torch.optim.SGD(rbm.parameters(), lr=0.5)
    >>> objective = Objective(nn.MSELoss())
    >>> step = ContrastiveDivergenceStep(rbm, objective, optimizer, generator=generator)
    >>> x, error = torch.eye(2).repeat(50, 3), torch.empty(100)
    >>> for epoch in range(20):
    ...     hidden = step(Batches(x, x, error, batch_size=10))
    >>> bool(error.mean() < 0.1)
    True
    """

    def __init__(
        self,
        rbm: RBM,
        objective: Objective,
        optimizer: Optimizer,
        *,
        generator: Generator,
        n_steps: int = 1,
        persistent: bool = False,
        autocast: torch.dtype | None = None,
    ) -> None:
        if n_steps < 1:
            raise ValueError(
                "The 'n_steps' parameter of ContrastiveDivergenceStep must be a positive int. "
                f"Got {n_steps!r} instead."
            )
        self.rbm = rbm
        self.objective = objective
        self.optimizer = optimizer
        self.n_steps = n_steps
        self.persistent = persistent
        self.autocast = autocast
        self.generator = _generator_on(rbm.weight.device, generator)
        self.chains: Tensor | None = None
        self.weight, self.hidden_bias, self.visible_bias = (
            parameter.data for parameter in (rbm.weight, rbm.hidden_bias, rbm.visible_bias)
        )
        self.cast_weight = self.weight

    @torch.no_grad()
    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`. Return the hidden probabilities of the last one."""
        hidden = batches.x
        for batch in batches:
            hidden = self._learn(batch)
        return hidden

    def close(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return the chains and the state of the generator."""
        return {"chains": self.chains, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with these chains and random numbers."""
        self.chains = state["chains"]
        self.generator.set_state(state["generator"])

    def _learn(self, batch: Batches) -> Tensor:
        x, weight = batch.x, batch.weight
        if batch.lr_factors is not None:
            set_learning_rate(self.optimizer.param_groups, batch.lr_factors[0])
        # Cast once for all products of the step.
        self.cast_weight = self.weight if self.autocast is None else self.weight.to(self.autocast)
        data = self.rbm.standardise(x)
        hidden = self._hidden(data)
        states = self._draw(hidden) if self.chains is None else self.chains
        mean = self._visible_mean(states)
        reconstruction = self._visible_mean(hidden) if self.persistent else mean
        self._note_errors(batch, reconstruction, data)
        chain, chain_hidden = self._run_chain(mean)
        factor = self._factors(x.shape[0], chain.shape[0], weight)
        self._set_gradients(
            torch.cat([data, chain]),
            torch.cat([hidden, chain_hidden]).mul_(factor[:, None]),
            factor,
        )
        self.optimizer.step()
        return hidden

    def _note_errors(self, batch: Batches, reconstruction: Tensor, data: Tensor) -> None:
        error = self.objective.loss(reconstruction, data)
        batch.error.copy_(error)
        if batch.output_error is not None:
            batch.output_error.copy_(self.objective.output_error(reconstruction, data, error))

    def _run_chain(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last visible states and hidden probabilities of a chain of k steps."""
        states = self._draw_visible(mean)
        hidden = self._hidden(states)
        for _ in range(self.n_steps - 1):
            states = self._draw_visible(self._visible_mean(self._draw(hidden)))
            hidden = self._hidden(states)
        if self.persistent:
            self.chains = self._draw(hidden)
        return states, hidden

    def _factors(self, n_rows: int, n_chains: int, weight: Tensor | None) -> Tensor:
        """Return what each row and each state of a chain counts in the gradient."""
        factor = self.weight.new_empty(n_rows + n_chains)
        if weight is None:
            factor[:n_rows], factor[n_rows:] = -1 / n_rows, 1 / n_chains
        else:
            torch.div(weight, -n_rows, out=factor[:n_rows])
            # Persistent chains are of no row: they stand for what all rows are held against.
            factor[n_rows:] = weight.mean() / n_chains if self.persistent else -factor[:n_rows]
        return factor

    def _set_gradients(self, visible: Tensor, hidden_times_factor: Tensor, factor: Tensor) -> None:
        self.rbm.weight.grad = affine(hidden_times_factor.t(), visible.t(), dtype=self.autocast)
        self.rbm.hidden_bias.grad = hidden_times_factor.sum(dim=0)
        self.rbm.visible_bias.grad = torch.mv(visible.t(), factor)

    def _hidden(self, data: Tensor) -> Tensor:
        return affine(data, self.cast_weight, self.hidden_bias, "sigmoid", self.autocast)

    def _visible_mean(self, states: Tensor) -> Tensor:
        activation = "none" if self.rbm.is_gaussian else "sigmoid"
        return affine(states, self.cast_weight.t(), self.visible_bias, activation, self.autocast)

    def _draw_visible(self, mean: Tensor) -> Tensor:
        if not self.rbm.is_gaussian:
            return self._draw(mean)
        noise = torch.empty_like(mean).normal_(generator=self.generator)
        return noise.add_(mean)

    def _draw(self, p: Tensor) -> Tensor:
        """Return ones with probability `p`, else zeros.

        Of 16 random bits each, which takes a third of the time of 24: probabilities are met to
        2^-17, and those of 0 and 1 are kept.
        """
        words = torch.empty(-(-p.numel() // 4), dtype=torch.int64, device=p.device)
        words.random_(-(2**63), None, generator=self.generator)
        bits = words.view(torch.int16)[: p.numel()].view(p.shape)
        return torch.lt(bits, (p * 2**16).sub_(2**15 + 0.5), out=torch.empty_like(p))


def _generator_on(device: torch.device, generator: Generator) -> Generator:
    if generator.device.type == device.type:
        return generator
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    return Generator(device).manual_seed(seed)
