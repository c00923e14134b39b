"""Errors read as scikit-learn's do."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pytest
import torch

from sk_sdlr.policies import EpochReport, FullData
from sk_sdlr.policies._checks import check_parameter, is_share, signal_of


@dataclass
class Own(FullData):
    """A policy with a parameter that nobody checks."""

    x: Any = None


def test_the_error_names_parameter_policy_range_and_value():
    with pytest.raises(ValueError, match=r"^The 'x' parameter of Own must be odd. Got 2 instead.$"):
        check_parameter(Own(2), "x", "odd", Integral, lambda x: x % 2 == 1)


@pytest.mark.parametrize("value", [True, "0.5", None, [0.5], torch.ones(2)])
def test_what_is_no_number_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"The 'x' parameter of Own must be a number\. Got"):
        check_parameter(Own(value), "x", "a number")


@pytest.mark.parametrize("value", [1, -0.1, 1.5, float("nan"), float("inf")])
def test_a_number_out_of_its_range_is_a_value_error(value):
    with pytest.raises(ValueError, match="must be a share"):
        check_parameter(Own(value), "x", "a share", fits=is_share)


@pytest.mark.parametrize("value", [0, 0.999, np.float32(0.5), np.int64(0)])
def test_numbers_of_numpy_are_numbers(value):
    check_parameter(Own(value), "x", "a share", fits=is_share)


def test_true_and_false_are_bools():
    check_parameter(Own(False), "x", "a bool", bool)
    with pytest.raises(TypeError):
        check_parameter(Own(0), "x", "a bool", bool)


def test_a_signal_that_is_not_there_is_named():
    signals = {"margin": torch.ones(1)}
    report = EpochReport(torch.arange(1), torch.ones(1), 1, 1, 0.5, torch.ones(1), signals)
    assert signal_of(Own(), report, "margin") is signals["margin"]
    message = r"must have 'output_error', which Own needs. Got \['margin'\] instead."
    with pytest.raises(ValueError, match=message):
        signal_of(Own(), report, "output_error")
