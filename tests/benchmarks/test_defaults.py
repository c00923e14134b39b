"""What comes without tuning, beside its controls."""

from __future__ import annotations

from benchmarks import defaults
from benchmarks._store import RunStore


def test_controls_follow_the_default_and_nothing_is_run_twice(
    small_sets, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "defaults.json"
    defaults.main(["--datasets", "digits", "--seeds", "1", "--out", str(out)])
    printed = capsys.readouterr().out
    runs = {run["settings"]["method"]: run for run in RunStore(out)}
    assert list(runs) == list(defaults.ON["digits"])
    assert runs["fewer_as_default"]["visits"] == runs["default"]["visits"]
    assert len(runs["all_rows"]["n_active"]) == len(runs["default"]["n_active"])
    assert "HistGradientBoosting" in printed
    monkeypatch.setattr(defaults, "run", lambda *args: 1 / 0)
    defaults.main(["--datasets", "digits", "--seeds", "1", "--out", str(out)])
    assert capsys.readouterr().out == printed
