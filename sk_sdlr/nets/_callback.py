"""The policies for a stock skorch net: a callback that gives its DataLoader a sampler."""

from __future__ import annotations

from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from ..policies import Policy
from ._callback_checks import check_net, check_parameters
from ._callback_run import CallbackRun
from ._errors_of_batch import errors_of_batch
from ._sampler import plant_sampler, withdraw_sampler
from ._warnings import warn_if_partial_set


class PolicyCallback(Callback):
    """Lets a stock skorch net train on the rows that a policy keeps active.

    Use it for a skorch net that you have already, for example one whose DataLoader reads rows from
    a disk. The DataLoader gets a sampler of the active rows. Errors come from the outputs of the
    training pass.

    Parameters
    ----------
    policy : Policy
        Chooses the rows of each epoch. One that weighs rows needs :class:`ActiveSetNet`.
    full_at_end : float, default=0.1
        The last share of the net's `max_epochs`, in [0, 1], that visits all rows. With 0 a run may
        end on the rows of highest error, which in noisy data are the noise.

    Raises
    ------
    TypeError
        Before training: if `policy` is no policy or weighs rows, the criterion has no `reduction`,
        or the net is an :class:`ActiveSetNet`, which takes a policy itself.
    ValueError
        Before training: if `full_at_end` is out of its range, the net has a second callback of this
        class, or its ``iterator_train`` has a sampler already or does not keep batches in order.
        In the first batch: if the net's `get_loss` averages by itself.
    RuntimeError
        If ``iterator_train`` does not visit the rows that it is told to.

    Notes
    -----
    **History.** It gets ``n_active`` (rows visited) and ``threshold``, as that of `ActiveSetNet`.
    ``train_loss`` is the mean over the active rows and rises as rows of low error leave. So let
    EarlyStopping, Checkpoint and ReduceLROnPlateau monitor ``valid_loss``. A learning rate that is
    stepped each batch sees fewer batches than with epochs on all rows.

    **Runs.** Each `fit` and each `partial_fit` begins on all rows. A run of one epoch chooses
    nothing. Rows are shuffled if ``iterator_train__shuffle=True``; ``torch.manual_seed`` seeds
    them. Training in several processes (accelerate) is not supported.

    **Errors.** The net's `get_loss` is called a second time for each batch, without gradients, for
    a loss of each row. With ``drop_last``, rows that were in no batch yet count as having the
    highest error, and if fewer rows than a batch are active, all are.

    **AutoRecall.** :class:`~sk_sdlr.policies.AutoRecall` needs the squared error of the outputs
    too. It is computed from the arguments of the first call of the criterion within `get_loss`.
    Outputs are probabilities by CrossEntropyLoss, NLLLoss, BCEWithLogitsLoss and BCELoss. With any
    other criterion, and if `get_loss` calls none, the loss stands for it, as one without an upper
    bound.

    **Search.** skorch cannot set parameters of a callback's parameter, so search over policies:
    ``{"callbacks__PolicyCallback__policy": [ShrinkRecall(s=0.1), ShrinkRecall(s=0.3)]}``.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> from sk_sdlr.policies import ShrinkRecall
    >>> from sk_sdlr.nets import PolicyCallback
    >>> X = np.random.default_rng(0).normal(size=(250, 3)).astype("float32")
    >>> y = (X[:, 0] > 0).astype("int64")
    >>> policy = ShrinkRecall(t=0.2, alpha=None)
    >>> net = NeuralNetClassifier(nn.Linear(3, 2), criterion=nn.CrossEntropyLoss, max_epochs=5,
    ...                           callbacks=[PolicyCallback(policy)], verbose=0)
    >>> net.fit(X, y).history[:, "n_active"]  # of the 200 rows that are not for validation
    [200, 160, 128, 103, 200]
    """

    run_: CallbackRun | None = None

    def __init__(self, policy: Policy, full_at_end: float = 0.1) -> None:
        self.policy = policy
        self.full_at_end = full_at_end

    def __getstate__(self) -> dict[str, Any]:
        # A copy made during a fit, or after one that failed, is of the parameters.
        return {name: value for name, value in vars(self).items() if name != "run_"}

    def initialize(self) -> PolicyCallback:
        """Check the parameters."""
        check_parameters(self.policy, self.full_at_end)
        return self

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give the net a sampler, with which it is about to make its DataLoader."""
        withdraw_sampler(net)  # of a fit that failed
        check_parameters(self.policy, self.full_at_end)  # set_params may come after initialize
        check_net(net, type(self))
        plant_sampler(net)

    def on_epoch_begin(self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Say which rows the epoch visits."""
        sampler = withdraw_sampler(net)  # is there in the first epoch only
        if sampler is not None:
            self.run_ = CallbackRun(net, self.policy, self.full_at_end, sampler, len(dataset_train))
        self._run.begin_epoch()
        # Already here: another callback may stop the training before this one sees the epoch end.
        net.history.record("n_active", self._run.n_visits)
        net.history.record("threshold", None)

    def on_batch_end(self, net: NeuralNet, batch: Any, training: bool, **step: Any) -> None:
        """Note the errors of the batch."""
        if training:
            run = self._run
            run.note(*errors_of_batch(net, batch, step["y_pred"], run.objective))

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Let the policy choose the rows of the next epoch."""
        net.history.record("threshold", self._run.end_epoch())

    def on_train_end(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Forget the run; warn if it ended in mid-cycle."""
        if self.run_ is not None and self.run_.state.budget.over:
            warn_if_partial_set(len(self.run_.sampler), self.run_.state.budget.n_samples)
        withdraw_sampler(net)
        self.run_ = None

    @property
    def _run(self) -> CallbackRun:
        if self.run_ is None:
            raise RuntimeError("PolicyCallback needs fit or partial_fit. Got fit_loop instead.")
        return self.run_
