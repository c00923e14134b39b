"""The table of a comparison is the arithmetic of its runs."""

from __future__ import annotations

from sk_sdlr.compare._table import difference, grouped, runs_of, spread, table, tables


def record(contestant, seed, error, seconds=1.0, visits=4.0, **more):
    settings = {"contestant": contestant, "seed": seed}
    return {"settings": settings, "error": error, "seconds": seconds, "visits": visits} | more


RUNS = [
    record("hist_gradient_boosting", 0, 0.25, visits=None),
    record("default", 1, 0.3, 3.0),
    record("default", 0, 0.1, 1.0),
    record("fewer", 0, 0.2),
    record("fewer", 1, 0.6),
]


def cells(text, label):
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} "))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_differences_are_within_a_seed():
    text = table(RUNS)
    assert cells(text, "control: all rows") == ["0.4000 ± 0.2828", "", "1", "4.0 n", "2"]
    ours = cells(text, 'this package, t="auto"')
    assert ours == ["0.2000 ± 0.1414", "-0.2000 ± 0.1000", "2", "4.0 n", "2"]
    trees = cells(text, "HistGradientBoosting")
    assert trees == ["0.2500", "+0.0500", "1", "", "1"]


def test_the_area_under_the_curve_has_a_column_where_there_is_one():
    text = table([record("fewer", 0, 0.2, auc=0.75)])
    assert cells(text, "control: all rows") == ["0.2000", "", "0.7500", "1", "4.0 n", "1"]


def test_each_budget_has_its_table_the_largest_first():
    runs = [record("fewer", 0, visits / 100, visits=visits) for visits in (4.0, 8.0, 16.0)]
    for run in runs:
        run["settings"] |= {"visits": run["visits"], "dataset": "a"}
    runs.append({"settings": {"visits": 4.0, "dataset": "b"}})
    first, second = tables(runs_of(runs, "a", (4.0, 8.0), 0.1))
    assert first.startswith("**8 visits of each row**")
    assert cells(first, "control: all rows")[0] == "0.0800"
    assert cells(second, "control: all rows")[0] == "0.0400"


def test_rows_are_in_one_order_whatever_the_runs():
    assert list(grouped(RUNS)) == list(grouped(RUNS[::-1]))
    assert list(grouped(RUNS)) == ["fewer", "default", "hist_gradient_boosting"]


def test_a_single_run_has_no_spread():
    assert spread([0.5]) == "0.5000"
    assert difference([-0.5]) == "-0.5000"
