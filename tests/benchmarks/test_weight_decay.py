"""Weight decays are compared within a seed, on training rows that were held out."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import weight_decay
from benchmarks._store import RunStore
from benchmarks.data import SETS, load
from benchmarks.weight_decay import first_rows


def test_decays_are_compared_with_none_and_nothing_is_run_twice(
    small_sets, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "decay.json"
    arguments = ["--sets", "magic,california_housing", "--seeds", "2", "--decays", "50"]
    arguments += ["--out", str(out)]
    weight_decay.main(arguments)
    printed = capsys.readouterr().out
    of_magic = [run for run in RunStore(out) if run["settings"]["dataset"] == "magic"]
    assert [(run["settings"]["seed"], run["settings"]["decay"]) for run in of_magic] == [
        (0, 0.0),
        (0, 50.0),
        (1, 0.0),
        (1, 50.0),
    ]
    losses = [run["log_loss"] for run in of_magic]
    changes = losses[1] - losses[0], losses[3] - losses[2]
    assert f"{np.mean(changes):+.4f} ± " in printed  # so large a decay leaves no weights
    assert min(changes) > 0.01
    monkeypatch.setattr(weight_decay, "run", lambda *args: 1 / 0)
    weight_decay.main(arguments)
    assert capsys.readouterr().out == printed


def test_no_test_row_is_seen(small_sets, monkeypatch):
    data = load("magic")
    spoilt = data._replace(X_test=data.X_test * np.nan, y_test=data.y_test[:0])
    monkeypatch.setitem(SETS, "magic", lambda home: spoilt)
    settings = {"dataset": "magic", "decay": 0.0, "seed": 0}
    found = [weight_decay.run(some, settings)["log_loss"] for some in (data, spoilt)]
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "n_rows"), [("mnist", 15), ("magic", 120)])
def test_of_mnist_the_first_rows_are_taken(small_sets, monkeypatch, name, n_rows):
    monkeypatch.setitem(weight_decay.SETS, "mnist", 15)
    data = first_rows(name, None)
    assert len(data.X) == len(data.y) == n_rows
