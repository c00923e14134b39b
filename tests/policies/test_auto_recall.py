"""AutoRecall: the rule, by a plain implementation of its docstring and by hand."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, AutoRecall, ShrinkRecall
from sk_sdlr.policies._auto_recall_set import AutoRecallSet

by_alpha = pytest.mark.parametrize("alpha", [None, 0.5], ids="alpha={}".format)


def update(policy, active, report, seed=0):
    return policy.update(active, report, generator=Generator().manual_seed(seed))


def core_of(active):
    return set((active.core() if isinstance(active, AutoRecallSet) else active.index).tolist())


def sizes_of(active_sets):
    """How many rows are active for their own sake."""
    return [len(core_of(active)) for active in active_sets]


def clean(n, n_easy):
    """Errors of `n` rows of which the first are learnt, the others are not."""
    error = torch.linspace(0, 1e-3, n)
    error[n_easy:] = 1.0
    return error


# A plain implementation


@dataclass
class Cycle:
    """The rule in sets of row numbers; it is told the samples that the policy draws."""

    n: int
    s: float
    alpha: float | None
    core: set = field(default_factory=set)
    sample: set = field(default_factory=set)
    bar: float = 0.0
    n_held: int = 0
    scale: float = 1.0

    def level(self, report):
        """An eighth of the mean, or a tenth of the median, of all rows as far as known."""
        n_out = self.n - len(self.core)
        weights = [1.0] * len(report.index)
        if report.sample_weight is not None:
            weights = report.sample_weight.tolist()
        pairs = sorted(
            (error, weight * (n_out / len(self.sample) if row in self.sample else 1))
            for row, error, weight in zip(
                report.index.tolist(),
                report.signals["output_error"].tolist(),
                weights,
                strict=True,
            )
        )
        total = sum(weight for _, weight in pairs)
        if report.bounded_outputs:
            return sum(error * weight for error, weight in pairs) / total / 8
        below = 0.0
        for error, weight in pairs:
            below += weight
            if below >= total / 2:
                return error / 10

    def leaving(self, report, n_out):
        error = dict(
            zip(report.index.tolist(), report.signals["output_error"].tolist(), strict=True)
        )
        if self.alpha is None:
            return set(sorted(self.core, key=lambda r: (error.get(r, 9e9), r))[:n_out])
        visited = [row for row in report.index.tolist() if row in self.core]
        size, last, leaving = report.batch_size, None, set()
        while int(self.s * size) < 1:
            size += report.batch_size
        for first in range(0, len(visited), size):
            batch = visited[first : first + size]
            t_i = sorted(error[row] for row in batch)[int(self.s * len(batch))]
            last = t_i if last is None else self.alpha * last + (1 - self.alpha) * t_i
            leaving |= {row for row in batch if error[row] < min(last, self.bar)}
        return leaving

    def recall(self, scale):
        self.core, self.sample, self.n_held = set(range(self.n)), set(), 0
        self.scale = min(1.0, scale)

    def after(self, report):
        """Change as the rule says; return by which of its cases."""
        left_out = len(self.core) < self.n
        level = self.scale * self.level(report)
        if not left_out:
            self.bar = level
        elif self.sample:
            self.bar = min(self.bar, max(level, 0.01 if report.bounded_outputs else 0))
        errors = zip(report.index.tolist(), report.signals["output_error"].tolist(), strict=True)
        easy = {row for row, error in errors if error < self.bar}
        if len(easy & self.sample) < 0.85 * len(self.sample):
            self.recall(self.scale / 2)
            return "not easy any more"
        n_out = int(self.s * len(self.core))
        if n_out and len(easy & self.core) >= max(n_out, 0.2 * len(self.core)):
            kept = self.core - self.leaving(report, n_out)
            if max(0.02 * self.n, 20 * report.batch_size) <= len(kept) < len(self.core):
                self.core = kept
                return "drop"
            self.recall(2 * self.scale if left_out else self.scale)
            return "too few left"
        if not left_out:
            return "all rows"
        if self.n_held < 12:
            self.n_held += 1
            return "hold"
        self.recall(2 * self.scale)
        return "held long"


def errors_of_epochs(n, seed, n_epochs):
    """Errors that fall, of rows some of which are hard, and are unlearnt now and then."""
    generator = Generator().manual_seed(seed)
    power = 2 + 10 * float(torch.rand((), generator=generator))
    hardness = torch.rand(n, generator=generator, dtype=torch.float64) ** power
    for epoch in range(n_epochs):
        noise = torch.rand(n, generator=generator, dtype=torch.float64)
        forgotten = torch.rand(n, generator=generator) < (0.3 if epoch % 9 == 8 else 0.01)
        error = hardness * 0.95**epoch * (0.5 + noise)
        yield error.where(~forgotten, 0.5 + noise / 2).clamp(max=1)


def cases_of(seed, alpha, visit):
    """Run the policy and the plain rule side by side; return the cases that came up."""
    s, n, batch_size = (0.1, 0.2, 0.5)[seed % 3], (200, 601)[seed % 2], (1, 3, 20)[seed // 2 % 3]
    policy, cycle = AutoRecall(s=s, alpha=alpha), Cycle(n, s, alpha, set(range(n)))
    weight = None if seed % 4 else torch.linspace(0.5, 2, n)
    active, cases = policy.start(n), []
    for epoch, error in enumerate(errors_of_epochs(n, seed, 30)):
        report = visit(
            active,
            error,
            batch_size=batch_size,
            seed=epoch,
            n_visited=None if seed % 5 else n - 7,
            weight=weight,
            bounded_outputs=seed % 7 < 4,
        )
        active = update(policy, active, report, epoch)
        cases.append(cycle.after(report))
        assert core_of(active) == cycle.core
        assert (active.bar_scale, active.n_held) == (cycle.scale, cycle.n_held)
        if cases[-1] in ("all rows", "drop", "hold"):
            assert active.bar == pytest.approx(cycle.bar, rel=1e-12)
        cycle.sample = set() if active.sample is None else set(active.sample.tolist())
        left_out = set(range(n)) - cycle.core
        assert cycle.sample <= left_out
        assert min(len(left_out) // 10, 1) <= len(cycle.sample) <= min(256, len(left_out) // 10)
    return cases


@by_alpha
def test_it_is_the_rule_of_its_docstring(alpha, visit):
    cases = Counter(case for seed in range(40) for case in cases_of(seed, alpha, visit))
    assert len(cases) == 6
    assert min(cases.values()) >= 3


# By hand


def test_one_cycle_with_numbers_written_out(visit):
    policy, error = AutoRecall(s=0.2, alpha=None), clean(100, 40)
    active = policy.start(100)
    bar = (0.6 + float(error[:40].sum()) / 100) / 8
    one = update(policy, active, visit(active, error, batch_size=2))
    assert (core_of(one), one.bar) == (set(range(20, 100)), pytest.approx(bar))
    assert one.threshold == float(error[19])
    assert (len(one.sample), one.n_held, one.bar_scale) == (2, 0, 1.0)
    # Of 80 rows 16 leave. 20 of them are easy.
    two = update(policy, one, visit(one, error, batch_size=2))
    assert (core_of(two), two.threshold) == (set(range(36, 100)), float(error[35]))
    # Of 64 rows 12 would leave, and 13 would have to be easy. 4 are.
    three = update(policy, two, visit(two, error, batch_size=2))
    assert (core_of(three), three.n_held, three.threshold) == (core_of(two), 1, None)
    # The sample is not easy any more.
    error[three.sample] = 1.0
    four = update(policy, three, visit(three, error, batch_size=2))
    assert (len(four.index), four.bar_scale, four.sample) == (100, 0.5, None)


def test_clean_data_are_shrunk_to_a_fiftieth_again_and_again(run):
    active = run(AutoRecall(alpha=None), clean(2000, 1980), 40, batch_size=1)
    cycle = [2000, 1600, 1280, 1024, 820, 656, 525, 420, 336, 269, 216, 173, 139, 112, 90, 72, 58]
    cycle += [47]  # of which 38 would be left: fewer than 2 % of 2000
    assert sizes_of(active) == (cycle * 3)[:40]
    assert {now.bar_scale for now in active[1:]} == {1.0}


@pytest.mark.parametrize(
    ("n", "batch_size", "drops"),
    [(800, 20, True), (800, 21, False), (40, 1, True), (38, 1, False), (40, 2, False)],
)
def test_a_step_may_leave_twenty_batches_and_no_row_less(n, batch_size, drops, run):
    error = clean(n, n - 2 - n // 20)
    sizes = sizes_of(run(AutoRecall(s=0.5, alpha=None), error, 4, batch_size=batch_size))
    assert sizes == ([n, n // 2] * 2 if drops else [n] * 4)


@pytest.mark.parametrize(("s", "n_easy", "n_dropped"), [(0.25, 24, 0), (0.25, 25, 25)])
@pytest.mark.parametrize("of_few", [(0.1, 19, 0), (0.1, 20, 10), (0.01, 20, 1), (0.009, 50, 0)])
def test_what_is_dropped_and_a_fifth_must_be_easy(s, n_easy, n_dropped, of_few, run):
    for share, n, expected in [(s, n_easy, n_dropped), of_few]:
        last = run(AutoRecall(s=share, alpha=None), clean(100, n), 2, batch_size=1)[1]
        assert 100 - len(core_of(last)) == expected


def test_each_cycle_may_hold_twelve_epochs(run):
    active = run(AutoRecall(alpha=None), clean(100, 20), 42, batch_size=1)
    assert sizes_of(active) == 3 * ([100] + [80] * 13)
    samples = {tuple(now.sample.tolist()) for now in active[1:14]}
    assert len(samples) > 6  # a new one each epoch


def test_a_bad_cycle_halves_the_next_bar_and_a_good_one_doubles_it_again(visit):
    policy, error = AutoRecall(alpha=None), clean(1000, 250)
    active, scales = policy.start(1000), []
    for is_good in [True, False, False, True, False, True, True, True]:
        while True:
            now = error.clone()
            if not is_good and getattr(active, "sample", None) is not None:
                now[active.sample] = 1.0
            active = update(policy, active, visit(active, now, batch_size=1))
            if len(active.index) == 1000:
                break
        scales.append(active.bar_scale)
    assert scales == [1, 0.5, 0.25, 0.5, 0.25, 0.5, 1, 1]


@by_alpha
@pytest.mark.parametrize("batch_size", [1, 50])
@pytest.mark.parametrize("share_wrong", [0.4, 0.2])
def test_labels_at_odds_with_any_features_are_never_dropped(share_wrong, batch_size, alpha, run):
    """The best that can be learnt is the share of the labels; of two classes E = (1 - p)^2."""
    p = torch.full((2000,), 1 - share_wrong)
    p[: int(2000 * share_wrong)] = share_wrong
    active = run(AutoRecall(alpha=alpha), (1 - p).square(), 5, batch_size=batch_size)
    assert sizes_of(active) == [2000] * 5


@by_alpha
@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("n", [1, 2, 20, 100])
def test_where_no_row_is_wrong_none_is_easier_than_the_rest(n, bounded, alpha, run):
    active = run(AutoRecall(alpha=alpha), torch.zeros(n), 3, batch_size=1, bounded_outputs=bounded)
    assert sizes_of(active) == [n] * 3


# What it looks at


@by_alpha
def test_the_training_loss_plays_no_part(alpha, visit):
    policy = AutoRecall(alpha=alpha)
    report = visit(policy.start(100), clean(100, 90), batch_size=1)
    nothing = torch.full((100,), torch.nan)
    answer = update(policy, policy.start(100), report)
    other = update(policy, policy.start(100), replace(report, error=nothing, last_error=nothing))
    assert len(core_of(answer)) < 100
    assert torch.equal(answer.index, other.index)


@by_alpha
@pytest.mark.parametrize("power", [-40, 40])
def test_the_unit_of_unbounded_errors_changes_nothing(power, alpha, visit):
    policy = AutoRecall(alpha=alpha)
    one = other = policy.start(300)
    for seed, error in enumerate(errors_of_epochs(300, 0, 12)):
        params = {"batch_size": 1, "bounded_outputs": False, "seed": seed}
        one = update(policy, one, visit(one, error, **params))
        other = update(policy, other, visit(other, error * 2.0**power, **params))
        assert torch.equal(one.index, other.index)


@by_alpha
@pytest.mark.parametrize("n_active", [100, 60])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_output_errors_that_are_not_finite_are_refused(bad, n_active, alpha, visit):
    active, error = AutoRecallSet(torch.arange(n_active), bar=0.01), clean(100, 50)
    error[7] = bad
    with pytest.raises(ValueError, match=rf"must be finite.* Got 1 of {n_active} that are"):
        update(AutoRecall(alpha=alpha), active, visit(active, error))


def test_it_says_what_it_needs_and_that_it_is_missing(visit):
    assert AutoRecall().needs == {"output_error"}
    active = ActiveSet(torch.arange(10))
    report = replace(visit(active, torch.rand(10)), signals={})
    with pytest.raises(ValueError, match=r"'output_error', which AutoRecall needs. Got \[\]"):
        update(AutoRecall(), active, report)


def test_a_stored_set_has_its_memory_again_if_it_had_one():
    policy, memory = AutoRecall(), AutoRecallSet(torch.arange(2), bar=0.5, n_held=3)
    assert vars(policy.make_active_set(memory.state_dict())) == vars(memory)
    assert type(policy.make_active_set(policy.start(3).state_dict())) is ActiveSet


# Parameters


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("s", [1, -0.1, float("nan")], ValueError),
        ("s", [True, "0.2", None], TypeError),
        ("alpha", [1.0, -0.5], ValueError),
        ("alpha", [False, "0.5"], TypeError),
    ],
)
def test_errors_name_the_parameter_the_value_and_what_is_allowed(name, values, error):
    none = "None or " if name == "alpha" else ""
    for value in values:
        with pytest.raises(error) as caught:
            AutoRecall(**{name: value})
        message = (
            f"The '{name}' parameter of AutoRecall must be {none}a number in the range [0, 1). "
        )
        assert str(caught.value) == message + f"Got {value!r} instead."


def test_it_has_no_other_parameters():
    assert AutoRecall().get_params() == {"s": 0.2, "alpha": 0.5}
    assert ShrinkRecall().t == 0.2
