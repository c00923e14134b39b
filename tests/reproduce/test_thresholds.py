"""Thresholds of the batches of an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from sk_sdlr.experiments._sets import load
from sk_sdlr.reproduce import _thresholds
from sk_sdlr.reproduce._runs import Options


def test_smoothed_thresholds_follow_equation_9_and_are_kept(tmp_path, small_sets, monkeypatch):
    monkeypatch.setattr(_thresholds, "BATCH_SIZE", 30)
    record = _thresholds.measure(Options(epochs=2), tmp_path, load)
    raw, smoothed = record["threshold"], record["smoothed"]
    assert len(raw) == len(smoothed) == 4
    wanted = [raw[0]]
    for threshold in raw[1:]:
        wanted.append(0.5 * wanted[-1] + 0.5 * threshold)
    assert smoothed == pytest.approx(wanted)
    assert np.std(raw) > 0
    again = _thresholds.measure(Options(epochs=2), tmp_path, lambda name: 1 / 0)
    assert again == record
