"""The restricted Boltzmann machine."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from ._checks import bad_parameter, check_option, check_size
from ._random import current_generator

VISIBLE_UNITS = ("bernoulli", "gaussian")


class RBM(nn.Module):
    """Restricted Boltzmann machine: binary hidden units, binary or Gaussian visible ones.

    With weights W, hidden biases b and visible biases a, the probability of a state is
    proportional to exp(-E), with the energy::

        E(v, h) = -a.v - b.h - h.W v                             "bernoulli"
        E(v, h) = |v' - a|^2 / 2 - b.h - h.W v'                  "gaussian"

    Gaussian visible units are standardised inside, v' = (v - mean) / scale, so that what is learnt
    does not depend on the units of the features; methods take and return v, as the data have it.

    Parameters
    ----------
    n_visible : int
        Number of visible units: the features.
    n_hidden : int
        Number of hidden units.
    visible : {"bernoulli", "gaussian"}, default="bernoulli"
        Kind of the visible units. "bernoulli" is for features in [0, 1], which are taken for
        probabilities; "gaussian", with unit variance around its mean, for real ones.
    generator : torch.Generator, optional
        Draws the initial weights; None: the generator of the run, or torch's global one.

    Attributes
    ----------
    weight : nn.Parameter of shape (n_hidden, n_visible)
        W, laid out as that of ``nn.Linear``; initially normal, of standard deviation 0.01.
    hidden_bias : nn.Parameter of shape (n_hidden,)
        The biases b; initially 0.
    visible_bias : nn.Parameter of shape (n_visible,)
        The biases a; initially 0. See :meth:`fit_visible`.
    mean, scale : Tensor of shape (n_visible,)
        What standardises Gaussian visible units; 0 and 1 for those of the other kind.

    Raises
    ------
    ValueError
        If a parameter is out of its range or unknown.

    Notes
    -----
    **Shape:** input (n_samples, n_visible), output (n_samples, n_hidden).

    References
    ----------
    .. [1] P. Smolensky, "Information Processing in Dynamical Systems: Foundations of Harmony
       Theory", in Parallel Distributed Processing, volume 1, 1986.
    .. [2] M. Welling, M. Rosen-Zvi, G. Hinton, "Exponential Family Harmoniums with an Application
       to Information Retrieval", 2004.
    .. [3] G. Hinton, "A Practical Guide to Training Restricted Boltzmann Machines", 2010.
       Section 8.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import RBM
    >>> rbm = RBM(7, 50)
    >>> rbm(torch.zeros(3, 7)).shape
    torch.Size([3, 50])
    >>> rbm.visible_mean(torch.zeros(1, 50))
    tensor([[0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000]], grad_fn=...)
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        visible: str = "bernoulli",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_size("RBM", "n_visible", n_visible)
        check_size("RBM", "n_hidden", n_hidden)
        check_option("RBM", "visible", visible, VISIBLE_UNITS)
        self.visible = visible
        generator = current_generator() if generator is None else generator
        weight = torch.empty(n_hidden, n_visible)
        self.weight = nn.Parameter(weight.normal_(0, 0.01, generator=generator))
        self.hidden_bias = nn.Parameter(torch.zeros(n_hidden))
        self.visible_bias = nn.Parameter(torch.zeros(n_visible))
        self.register_buffer("mean", torch.zeros(n_visible))
        self.register_buffer("scale", torch.ones(n_visible))

    @property
    def is_gaussian(self) -> bool:
        """Whether the visible units are Gaussian."""
        return self.visible == "gaussian"

    def forward(self, v: Tensor) -> Tensor:
        """Return the probabilities of the hidden units, of shape (n_samples, n_hidden)."""
        return self.hidden_probability(v)

    def standardise(self, v: Tensor) -> Tensor:
        """Return v' of the energy, in the shape of `v`, which binary units are themselves."""
        return (v - self.mean) / self.scale if self.is_gaussian else v

    def hidden_probability(self, v: Tensor) -> Tensor:
        """Return P(h = 1 | v), of shape (n_samples, n_hidden)."""
        return torch.sigmoid(self._hidden_input(self.standardise(v)))

    def visible_mean(self, h: Tensor) -> Tensor:
        """Return E(v | h), of shape (n_samples, n_visible)."""
        z = torch.addmm(self.visible_bias, h, self.weight)
        return z * self.scale + self.mean if self.is_gaussian else torch.sigmoid(z)

    @torch.no_grad()
    def sample_hidden(self, v: Tensor, generator: Generator | None = None) -> Tensor:
        """Return hidden states drawn given `v`: zeros and ones, (n_samples, n_hidden)."""
        return _bernoulli(self.hidden_probability(v), generator)

    @torch.no_grad()
    def sample_visible(self, h: Tensor, generator: Generator | None = None) -> Tensor:
        """Return visible states drawn given `h`, (n_samples, n_visible)."""
        mean = self.visible_mean(h)
        if not self.is_gaussian:
            return _bernoulli(mean, generator)
        generator, device = _source(generator, mean.device)
        noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype)
        return mean + self.scale * noise.to(mean.device)

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F(v) = -log sum_h exp(-E(v, h)), of shape (n_samples,)."""
        v = self.standardise(v)
        if self.is_gaussian:
            of_visible = (v - self.visible_bias).square().sum(dim=1) / 2
        else:
            of_visible = -(v @ self.visible_bias)
        return of_visible - nn.functional.softplus(self._hidden_input(v)).sum(dim=1)

    @torch.no_grad()
    def pseudo_log_likelihood(self, v: Tensor, generator: Generator | None = None) -> Tensor:
        """Estimate the log of the pseudo-likelihood by the flip of one unit a sample.

        The estimate is that of :meth:`sklearn.neural_network.BernoulliRBM.score_samples`.

        Parameters
        ----------
        v : Tensor of shape (n_samples, n_visible)
            Visible states; for binary units only.
        generator : torch.Generator, optional
            Chooses the units; None: the generator of the run, or torch's global one.

        Returns
        -------
        log_likelihood : Tensor of shape (n_samples,)
            ``n_visible`` times log P(v_i | all others), for a unit i of each sample.

        Raises
        ------
        ValueError
            If the visible units are Gaussian.
        """
        if self.is_gaussian:
            what = "be 'bernoulli' for pseudo_log_likelihood, which flips visible units"
            raise bad_parameter("RBM", "visible", what, self.visible)
        n_samples, n_visible = v.shape
        generator, device = _source(generator, v.device)
        unit = torch.randint(n_visible, (n_samples, 1), generator=generator, device=device)
        unit = unit.to(v.device)
        flipped = v.scatter(1, unit, 1 - v.gather(1, unit))
        return n_visible * nn.functional.logsigmoid(self.free_energy(flipped) - self.free_energy(v))

    @torch.no_grad()
    def fit_visible(self, v: Tensor, weight: Tensor | None = None) -> None:
        """Let the machine know the mean (and scale) of each feature before it learns the rest.

        Gaussian units get `mean` and `scale` of the data, 1 where a feature is constant. Binary
        ones get the bias log(p / (1 - p)) for a mean of p.

        Parameters
        ----------
        v : Tensor of shape (n_samples, n_visible)
            The data.
        weight : Tensor of shape (n_samples,), optional
            Weights of the rows, of positive sum.

        References
        ----------
        .. [1] G. Hinton, "A Practical Guide to Training Restricted Boltzmann Machines", 2010.
           Section 8.1.
        """
        n_samples = v.shape[0]
        weight = v.new_ones(n_samples) if weight is None else weight
        share = weight / weight.sum()
        mean = share @ v
        if not self.is_gaussian:
            # NOTE[DIFF]: as if a row of zeros and one of ones were there, or p might be 0 or 1.
            p = (mean * n_samples + 1) / (n_samples + 2)
            self.visible_bias.copy_(torch.logit(p))
            return
        centred = v - mean
        left_over = share @ centred  # the rounding error of the mean
        variance = share @ centred.square_() - left_over.square()
        scale = variance.clamp_(min=0).sqrt_()
        is_constant = scale <= 10 * torch.finfo(v.dtype).eps * mean.abs()
        self.mean.copy_(mean + left_over)
        self.scale.copy_(scale.masked_fill_(is_constant, 1))

    @torch.no_grad()
    def as_linear(self) -> nn.Linear:
        """Return the layer whose sigmoid is :meth:`hidden_probability`, with weights of its own."""
        n_hidden, n_visible = self.weight.shape
        linear = nn.Linear(n_visible, n_hidden, device="meta")  # where nothing is drawn
        linear.weight = nn.Parameter(self.weight / self.scale)
        linear.bias = nn.Parameter(self.hidden_bias - linear.weight @ self.mean)
        return linear

    def extra_repr(self) -> str:
        """Return the sizes and the kind of the visible units."""
        n_hidden, n_visible = self.weight.shape
        return f"{n_visible}, {n_hidden}, visible={self.visible!r}"

    def _hidden_input(self, standardised: Tensor) -> Tensor:
        return nn.functional.linear(standardised, self.weight, self.hidden_bias)


def _source(
    generator: Generator | None, device: torch.device
) -> tuple[Generator | None, torch.device]:
    """Return what to draw from, the run's generator unless one is given, and where it draws."""
    generator = current_generator() if generator is None else generator
    return generator, device if generator is None else generator.device


def _bernoulli(p: Tensor, generator: Generator | None) -> Tensor:
    """Return ones with probability `p`, else zeros; drawn where the generator is."""
    generator, device = _source(generator, p.device)
    uniform = torch.rand(p.shape, generator=generator, device=device, dtype=p.dtype)
    return (uniform.to(p.device) < p).to(p.dtype)
