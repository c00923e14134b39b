"""The policies for a stock skorch net: a callback that gives its DataLoader a sampler."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Generator, Tensor
from torch.utils.data import RandomSampler, Sampler

from ..policies import ActiveSet, EpochReport, Policy
from ..policies._base import OUTPUT_ERROR
from ._callback_errors import errors_of_batch
from ._complete_epochs import word_if_in_mid_cycle
from ._net import ActiveSetNet
from ._output_errors import has_bounded_outputs

SAMPLER, SHUFFLE = "iterator_train__sampler", "iterator_train__shuffle"


class PolicyCallback(Callback):
    """Lets a stock skorch net train on the rows that a policy keeps active.

    It is for nets that are there already, whose DataLoader may read each row from a disk: the
    loader gets a sampler of the active rows. Their errors are those of the outputs that the
    training pass made anyway.

    Parameters
    ----------
    policy : Policy
        Chooses the rows of each epoch. One that weighs rows needs :class:`ActiveSetNet`.
    anneal : float, default=0.1
        The last share of the net's `max_epochs`, in [0, 1], that visits all rows. A run that ends
        in mid-cycle ends on the rows of highest error, which in noisy data are the noise.

    Raises
    ------
    TypeError
        Before training: if `policy` is none or weighs rows, the criterion has no `reduction`, or
        the net is an :class:`ActiveSetNet`, which takes a policy itself.
    ValueError
        Before training: if `anneal` is out of its range, the net has a second callback of this
        class, or its ``iterator_train`` has a sampler already or does not keep batches in order.
        In the first batch: if the net's `get_loss` averages by itself.
    RuntimeError
        If ``iterator_train`` does not visit the rows that it is told to.

    Notes
    -----
    ``history`` gets ``n_active``, the rows visited, and ``threshold``, as in `ActiveSetNet`. Its
    ``train_loss`` is the mean over active rows, which rises as those of low error leave: let
    EarlyStopping, Checkpoint and ReduceLROnPlateau monitor ``valid_loss``. Learning rates that are
    stepped each batch see fewer batches than epochs on all rows have.

    Each `fit` and each `partial_fit` is a run of its own, which begins on all rows; one of a single
    epoch has nothing to choose. Rows are shuffled if ``iterator_train__shuffle=True``; seed them by
    ``torch.manual_seed``. The loss of a batch is evaluated a second time, by the net's `get_loss`,
    without gradients and averages. With ``drop_last``, active rows that never were in a batch count
    as of the highest error, and a set too small for a batch is recalled.

    For :class:`AutoRecall` the squared errors of the outputs are noted too: of the output
    and target with which `get_loss` calls the criterion, the first time if it does so for several.
    They are probabilities by CrossEntropyLoss, NLLLoss, BCEWithLogitsLoss and BCELoss, also in nets
    whose module returns a tuple. Of other criteria, and where `get_loss` does without the
    criterion, the loss itself is taken, as one that has no upper bound.

    skorch cannot set parameters of a callback's parameter, so search over policies:
    ``{"callbacks__PolicyCallback__policy": [ShrinkRecall(s=0.1), ShrinkRecall(s=0.3)]}``.
    Training in several processes (accelerate) is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> from sk_sdlr.policies import ShrinkRecall
    >>> from sk_sdlr.training import PolicyCallback
    >>> X = np.random.default_rng(0).normal(size=(250, 3)).astype("float32")
    >>> y = (X[:, 0] > 0).astype("int64")
    >>> policy = ShrinkRecall(t=0.2, alpha=None)
    >>> net = NeuralNetClassifier(nn.Linear(3, 2), criterion=nn.CrossEntropyLoss, max_epochs=5,
    ...                           callbacks=[PolicyCallback(policy)], verbose=0)
    >>> net.fit(X, y).history[:, "n_active"]  # of the 200 rows that are not for validation
    [200, 160, 128, 103, 200]
    """

    run_: Run | None = None

    def __init__(self, policy: Policy, anneal: float = 0.1) -> None:
        self.policy = policy
        self.anneal = anneal

    def __getstate__(self) -> dict[str, Any]:
        # A copy made during a fit, or after one that failed, is of the parameters.
        return {name: value for name, value in vars(self).items() if name != "run_"}

    def initialize(self) -> PolicyCallback:
        """Check the parameters."""
        check_parameters(self.policy, self.anneal)
        return self

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give the net a sampler, with which it is about to make its DataLoader."""
        withdraw_sampler(net)  # of a fit that failed
        check_parameters(self.policy, self.anneal)  # set_params may come after initialize
        check_net(net)
        plant_sampler(net)

    def on_epoch_begin(self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Say which rows the epoch visits."""
        sampler = withdraw_sampler(net)  # is there in the first epoch only
        if sampler is not None:
            self.run_ = Run(net, self.policy, self.anneal, sampler, len(dataset_train))
        self._run.begin_epoch()
        # Already here: another callback may stop the training before this one sees the epoch end.
        net.history.record("n_active", self._run.n_visits)
        net.history.record("threshold", None)

    def on_batch_end(self, net: NeuralNet, batch: Any, training: bool, **step: Any) -> None:
        """Note the errors of the batch."""
        if training:
            run = self._run
            run.note(*errors_of_batch(net, batch, step["y_pred"], run.needs_outputs))

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Let the policy choose the rows of the next epoch."""
        net.history.record("threshold", self._run.end_epoch())

    def on_train_end(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Forget the run; warn if it ended in mid-cycle."""
        if self.run_ is not None and self.run_.is_over:
            word_if_in_mid_cycle(len(self.run_.sampler), len(self.run_.last_error))
        withdraw_sampler(net)
        self.run_ = None

    @property
    def _run(self) -> Run:
        if self.run_ is None:
            raise RuntimeError("PolicyCallback needs fit or partial_fit, however: fit_loop.")
        return self.run_


class ActiveRows(Sampler[int]):
    """The rows of an epoch; keeps the order in which it yields them."""

    def __init__(self, shuffle: bool, generator: Generator | None) -> None:
        self.shuffle = shuffle
        self.generator = generator
        self.replaced: dict[str, Any] = {}  # parameters of the net while this is planted
        self.set(torch.empty(0, dtype=torch.int64))

    def set(self, index: Tensor) -> None:
        """Set the rows of the epoch to come."""
        self.index, self.order = index, index[:0]

    def __len__(self) -> int:
        return self.index.shape[0]

    def __iter__(self) -> Iterator[int]:
        if not len(self):
            raise RuntimeError("This sampler is left from a fit that failed early; fit again.")
        self.order = self.index
        if self.shuffle:  # by torch's own, so that all rows come as they do without a callback
            self.order = self.index[list(RandomSampler(self.index, generator=self.generator))]
        yield from self.order.tolist()


class Run:
    """One fit: its active set, and the errors of the epoch in progress."""

    def __init__(
        self, net: NeuralNet, policy: Policy, anneal: float, sampler: ActiveRows, n_samples: int
    ) -> None:
        self.policy, self.anneal, self.sampler = policy, anneal, sampler
        self.max_epochs, self.epoch = net.max_epochs, 0
        loader = net.get_params_for("iterator_train")
        batch_size = loader.get("batch_size", net.batch_size)
        self.batch_size = n_samples if batch_size == -1 else batch_size
        self.drop_last = loader.get("drop_last", False)
        self.everything, self.active = ActiveSet(torch.arange(n_samples)), policy.start(n_samples)
        self.last_error = torch.full((n_samples,), torch.nan)
        self.generator = new_generator()
        self.needs_outputs = OUTPUT_ERROR in getattr(policy, "needs", ())
        self.is_bounded = has_bounded_outputs(net.criterion_)

    @property
    def n_visits(self) -> int:
        """Rows that the epoch visits."""
        n_active = len(self.sampler)
        return n_active - n_active % self.batch_size if self.drop_last else n_active

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, rather than stopped by another callback."""
        return self.epoch >= self.max_epochs

    def begin_epoch(self) -> None:
        """Have the sampler yield the active rows."""
        self.epoch += 1
        self.errors: list[Tensor] = []
        self.output_errors: list[Tensor] = []
        if self.active.weight is not None:
            raise weighs(self.policy)
        self._activate(self.everything if self._annealing(self.epoch) else self.active)
        if self.n_visits == 0:  # too few for a batch, and the last one is dropped
            self._activate(self.everything)

    def note(self, error: Tensor, output_error: Tensor | None) -> None:
        """Keep the errors of a batch, on whichever device they are."""
        if not len(self.sampler.order):
            raise self._visits(f"{error.shape[0]} rows of its own choice")
        self.errors.append(error)
        if output_error is not None:
            self.output_errors.append(output_error)

    def end_epoch(self) -> float | None:
        """Choose the rows of the next epoch; return the error under which rows were left out."""
        n_visited = sum(error.shape[0] for error in self.errors)
        if n_visited != self.n_visits:
            raise self._visits(f"{n_visited}")
        if n_visited == 0:
            return None
        error, signals, bounded = self._fetch()
        index, progress = self.sampler.order[:n_visited], self._progress(self.epoch)
        self.last_error = self.last_error.to(error.dtype).index_copy_(0, index, error)
        if self._annealing(self.epoch + 1):
            return None
        table = self._last_errors(error) if n_visited < len(self.sampler) else self.last_error
        told = EpochReport(
            index,
            error,
            self.batch_size,
            self.epoch,
            progress,
            table,
            signals,
            bounded_outputs=bounded,
        )
        self.active = self.policy.update(self.active, told, generator=self.generator)
        return self.active.threshold

    def _fetch(self) -> tuple[Tensor, dict[str, Tensor], bool]:
        """Return errors, signals and whether outputs are bounded.

        This is the one time that the host waits for them.
        """
        known = len(self.output_errors) == len(self.errors)
        parts = [self.errors, self.output_errors] if known else [self.errors]
        errors = torch.stack([torch.cat(part) for part in parts]).cpu()
        # numpy has no bfloat16
        errors = errors.to(torch.promote_types(errors.dtype, torch.float32))
        # Where those of the outputs are not known, the loss itself has to do.
        signals = {OUTPUT_ERROR: errors[-1]} if self.needs_outputs else {}
        return errors[0], signals, self.is_bounded and known

    def _last_errors(self, error: Tensor) -> Tensor:
        """Return the table to rank by after an epoch of which the last batch was dropped."""
        # Active rows that never were in a batch stay active: they count as of the highest error.
        active = self.active.index
        known = self.last_error[active]
        return self.last_error.index_copy(0, active, torch.where(known.isnan(), error.max(), known))

    def _activate(self, active: ActiveSet) -> None:
        self.active = active
        self.sampler.set(active.index)

    def _progress(self, epoch: int) -> float:
        return min(1.0, epoch / self.max_epochs)  # partial_fit takes `epochs`, which may be more

    def _annealing(self, epoch: int) -> bool:
        return self._progress(epoch) > 1 - self.anneal + 1e-9

    def _visits(self, what: str) -> RuntimeError:
        return RuntimeError(
            f"the net's iterator_train must visit the {self.n_visits} rows that its argument "
            f"`sampler` yields, in that order, however: it visits {what}."
        )


def plant_sampler(net: NeuralNet) -> None:
    """Make a sampler a parameter of the net, as there is no other way to its DataLoader."""
    loader = net.get_params_for("iterator_train")
    sampler = ActiveRows(bool(loader.get("shuffle")), loader.get("generator"))
    sampler.replaced = {name: vars(net)[name] for name in (SAMPLER, SHUFFLE) if name in vars(net)}
    if SHUFFLE in sampler.replaced:
        setattr(net, SHUFFLE, False)  # DataLoader takes one or the other
    setattr(net, SAMPLER, sampler)


def withdraw_sampler(net: NeuralNet) -> ActiveRows | None:
    """Put the parameters of the net back as they were; return the sampler if one was planted."""
    sampler = vars(net).get(SAMPLER)
    if not isinstance(sampler, ActiveRows):
        return None
    delattr(net, SAMPLER)
    for name, value in sampler.replaced.items():
        setattr(net, name, value)
    return sampler


def new_generator() -> Generator:
    """Return a generator for the policy, seeded by torch's global one."""
    # That one is looked at, not moved on, so that a policy which drops nothing changes nothing, to
    # the bit. DataLoader will draw the same number to seed its workers: theirs are other random
    # numbers, as all bits of it are flipped here.
    with torch.random.fork_rng(devices=[]):
        seed = int(torch.empty((), dtype=torch.int64).random_())
    return Generator().manual_seed(~seed)


def check_parameters(policy: Any, anneal: Any) -> None:
    """Raise an error if the parameters of the callback are not what they must be."""
    methods = [getattr(policy, name, None) for name in ("start", "update")]
    if isinstance(policy, type) or not all(map(callable, methods)):
        raise TypeError(f"policy must be a Policy, however: policy={policy!r}.")
    if getattr(policy, "is_weighted", False):
        raise weighs(policy)
    if not isinstance(anneal, Real) or not 0 <= float(anneal) <= 1:
        raise ValueError(f"anneal must be in [0, 1], however: anneal={anneal!r}.")


def weighs(policy: Any) -> TypeError:
    """Return the error to raise of a policy that weighs rows."""
    return TypeError(
        "policy must not weigh rows, as a stock skorch net has no place for weights, however: "
        f"policy={policy!r}. ActiveSetNet has: give it the policy as `policy=`."
    )


def check_net(net: NeuralNet) -> None:
    """Raise an error if the rows of this net cannot be chosen, or their errors not be known."""
    if isinstance(net, ActiveSetNet):
        raise TypeError(
            "PolicyCallback must be given to a stock skorch net, however: this is an "
            f"{type(net).__name__}. Give it the policy as `policy=`."
        )
    if sum(isinstance(callback, PolicyCallback) for _, callback in net.callbacks_) > 1:
        raise ValueError("a net must have one PolicyCallback, however: this one has several.")
    loader = net.get_params_for("iterator_train")
    allowed = {"sampler": None, "batch_sampler": None, "in_order": True}
    for name, value in allowed.items():
        if loader.get(name, value) is not value:
            raise ValueError(
                f"iterator_train__{name} must be {value}, as PolicyCallback chooses the rows and "
                f"has to know them, however: it is {loader[name]!r}."
            )
    if not hasattr(net.criterion_, "reduction"):
        raise TypeError(
            "criterion must have a `reduction` attribute that can be set to 'none', "
            f"however: {type(net.criterion_).__name__} has none."
        )
