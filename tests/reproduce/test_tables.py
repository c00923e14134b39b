"""Tables are the arithmetic of the runs, beside the paper's figures."""

from __future__ import annotations

import pytest

from sk_sdlr.reproduce._tables import table, visits, with_spread


def record(contestant, seed, error, seconds, n_active, **changes):
    settings = {
        "contestant": contestant,
        "seed": seed,
        "epochs": 100,
        "lr_schedule": "linear",
        "precision": "float32",
    } | changes
    return {
        "settings": settings,
        "error": error,
        "seconds": seconds,
        "pretraining_seconds": 0.0,
        "n_active": n_active,
    }


@pytest.fixture
def runs():
    return [
        record("plain", 0, 0.2, 10.0, [10, 10]),
        record("plain", 1, 0.4, 20.0, [10, 10]),
        record("sdlr", 0, 0.1, 4.0, [10, 5]),
        record("sdlr", 1, 0.2, 5.0, [10, 5]),
    ]


def cells(text, label):
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_ratios_are_within_a_seed_and_improvements_of_the_means(runs):
    text = table("mnist_dnn", runs)
    assert cells(text, "all rows")[1:] == ["0.3000 ± 0.1414", "", "15", "", "", "2.0 n"]
    wanted = ["0.1500 ± 0.0707", "50.0%", "4.5", "3.25", "1.33", "1.5 n"]
    assert cells(text, "sDLr")[1:] == wanted
    assert cells(text, "the paper, sDLr")[1:6] == ["0.0324", "16.3%", "805", "2.05", ""]
    assert cells(text, "the paper, all rows")[1] == "0.0387"


def test_what_has_to_be_known_is_said(runs):
    text = table("mnist_dnn", runs)
    assert "100 epochs, 2 seeds, linear learning rate." in text
    assert "Ended on a part of the rows: sDLr." in text
    assert "stand-in" not in text
    for run in runs:
        run["settings"] |= {"epochs": 2, "precision": "bfloat16", "lr": 0.5}
        run["pretraining_seconds"] = 3.0
    text = table("mnist_cnn", runs)
    assert "2 epochs, **not the paper's 50**, 2 seeds, linear learning rate from 0.5" in text
    assert "precision bfloat16" in text
    assert "Pretraining, the same for all, took 3 s" in text
    assert "stand-in" in table("splicing", runs)


def test_what_ends_with_its_budget_is_not_in_mid_cycle(runs):
    runs += [record(name, 0, 0.2, 5.0, [10, 5]) for name in ("fewer", "default_visits")]
    assert "rows: sDLr." in table("mnist_dnn", runs)


def test_one_seed_has_no_spread():
    assert with_spread([0.25]) == "0.2500"
    assert visits({"n_active": [4, 2]}) == 1.5
