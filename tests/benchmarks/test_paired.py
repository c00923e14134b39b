"""The one table is the arithmetic of its runs."""

from __future__ import annotations

import pytest

from benchmarks._paired import grouped, paired_table, spread, visits_of
from benchmarks.compare._runs import runs_of
from benchmarks.compare._table import table as comparison
from benchmarks.compare._table import tables
from benchmarks.reproduce._tables import table as of_paper
from benchmarks.speed._training import columns


def record(method, seed, error, seconds=1.0, visits=4.0, **more):
    settings = {"method": method, "seed": seed}
    return {"settings": settings, "error": error, "seconds": seconds, "visits": visits} | more


RUNS = [
    record("hist_gradient_boosting", 0, 0.25, visits=None),
    record("default", 1, 0.3, 3.0, 2.0),
    record("default", 0, 0.1, 1.0, 2.0),
    record("all_rows", 0, 0.2, 4.0),
    record("all_rows", 1, 0.6, 6.0),
]


def cells(text, label):
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} "))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_differences_are_within_a_seed():
    text = comparison(RUNS)
    assert cells(text, "control: all rows") == ["0.4000 ± 0.2828", "", "5", "4.0 n", "2"]
    ours = cells(text, 'this package, t="auto"')
    assert ours == ["0.2000 ± 0.1414", "-0.2000 ± 0.1000", "2", "2.0 n", "2"]
    trees = cells(text, "HistGradientBoosting")
    assert trees == ["0.2500", "+0.0500", "1", "", "1"]


def test_ratios_are_medians_within_a_seed():
    text = paired_table(RUNS[1:], "all_rows", columns(RUNS))
    assert cells(text, 'this package, t="auto"') == ["2", "3.00", "2.00", "0.75"]
    assert cells(text, "all rows") == ["5", "", "", ""]
    runs = [*RUNS, record("skorch", 0, 0.2, 20.0), record("skorch", 1, 0.2, 30.0)]
    text = paired_table(runs, "all_rows", columns(runs))
    assert cells(text, 'this package, t="auto"')[-1] == "15.00"
    assert cells(text, "all rows")[-1] == "5.00"


def test_the_area_under_the_curve_has_a_column_where_there_is_one():
    text = comparison([record("all_rows", 0, 0.2, auc=0.75)])
    assert cells(text, "control: all rows") == ["0.2000", "", "0.7500", "1", "4.0 n", "1"]


def test_each_budget_has_its_table_the_largest_first():
    runs = [record("all_rows", 0, visits / 100, visits=visits) for visits in (4.0, 8.0, 16.0)]
    for run in runs:
        run["settings"] |= {"visits": run["visits"], "dataset": "a"}
    runs.append({"settings": {"visits": 4.0, "dataset": "b"}})
    first, second = tables(runs_of(runs, "a", (4.0, 8.0), 0.1))
    assert first.startswith("**8 visits of each row**")
    assert cells(first, "control: all rows")[0] == "0.0800"
    assert cells(second, "control: all rows")[0] == "0.0400"


def test_rows_are_in_one_order_whatever_the_runs():
    assert list(grouped(RUNS)) == list(grouped(RUNS[::-1]))
    assert list(grouped(RUNS)) == ["all_rows", "default", "hist_gradient_boosting"]


def of_experiment(method, seed, error, seconds, n_active, **changes):
    settings = {"epochs": 100, "lr_schedule": "linear", "dtype": "float32"} | changes
    run = record(method, seed, error, seconds) | {"pretraining_seconds": 0.0, "n_active": n_active}
    del run["visits"]
    return run | {"settings": run["settings"] | settings}


@pytest.fixture
def runs():
    return [
        of_experiment("all_rows", 0, 0.2, 10.0, [10, 10]),
        of_experiment("all_rows", 1, 0.4, 20.0, [10, 10]),
        of_experiment("sdlr", 0, 0.1, 4.0, [10, 5]),
        of_experiment("sdlr", 1, 0.2, 5.0, [10, 5]),
    ]


def test_improvements_are_of_the_means_and_the_papers_figures_are_below(runs):
    text = of_paper("mnist_dnn", runs)
    assert cells(text, "all rows") == ["0.3000 ± 0.1414", "", "15", "", "", "2.0 n"]
    wanted = ["0.1500 ± 0.0707", "50.0%", "4.5", "3.25", "1.33", "1.5 n"]
    assert cells(text, "sDLr") == wanted
    assert cells(text, "the paper, sDLr")[:5] == ["0.0324", "16.3%", "805", "2.05", ""]
    assert cells(text, "the paper, all rows")[0] == "0.0387"


def test_what_has_to_be_known_is_said(runs):
    # What ends with its budget is not in mid-cycle.
    runs.append(of_experiment("fewer_as_sdlr", 0, 0.2, 5.0, [10, 5]))
    text = of_paper("mnist_dnn", runs)
    assert "100 epochs, 2 seeds, linear learning rate." in text
    assert "Ended on a part of the rows: sDLr." in text
    assert "stand-in" not in text
    for run in runs:
        run["settings"] |= {"epochs": 2, "dtype": "bfloat16", "lr": 0.5}
        run["pretraining_seconds"] = 3.0
    text = of_paper("mnist_cnn", runs)
    assert "2 epochs, **not the paper's 50**, 2 seeds, linear learning rate from 0.5" in text
    assert "in bfloat16" in text
    assert "Pretraining, the same for all, took 3 s" in text
    assert "stand-in" in of_paper("splicing", runs)


def test_a_single_run_has_no_spread():
    assert spread([0.5]) == "0.5000"
    assert visits_of({"n_active": [4, 2]}) == 1.5
