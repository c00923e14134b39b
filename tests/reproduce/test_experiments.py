"""The experiments are those of the paper."""

from __future__ import annotations

import pytest

from sk_sdlr.policies import FullData, ShrinkRecall
from sk_sdlr.reproduce._experiments import CONTESTANTS, EXPERIMENTS, IN_TABLES, OF_CNN
from sk_sdlr.reproduce._paper import REPORTED


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_epochs_and_batches_are_the_papers(name):
    experiment = EXPERIMENTS[name]
    assert experiment.epochs == (50 if name.endswith("cnn") else 100)
    assert experiment.batch_size == 100
    assert experiment.params["dropout"] == 0
    assert not experiment.params.get("batch_norm")


@pytest.mark.parametrize(
    ("name", "sizes", "activation"),
    [
        ("mnist_dnn", (1000,), "tanh"),
        ("mnist_dbn", (1000,), "sigmoid"),
        ("higgs_7_20_20_2", (20, 20), "sigmoid"),
        ("higgs_7_50_2", (50,), "sigmoid"),
        ("splicing", (100,), "tanh"),
    ],
)
def test_perceptrons_are_the_papers(name, sizes, activation):
    params = EXPERIMENTS[name].params
    assert params["hidden_layer_sizes"] == sizes
    assert params["activation"] == activation
    assert params["output_activation"] == "sigmoid"


def test_the_published_rule_has_the_papers_parameters_and_no_last_stretch():
    for name, alpha, recall in (
        ("sdl", None, False),
        ("sdlr", None, True),
        ("sdlr_eq9", 0.5, True),
    ):
        settings = CONTESTANTS[name].settings(100, 1000, ())
        assert settings == {"policy": ShrinkRecall(0.2, 0.2, alpha, recall), "anneal": 0.0}


def test_the_default_is_the_packages():
    assert CONTESTANTS["default"].settings(100, 1000, ()) == {"anneal": 0.1}
    visits = CONTESTANTS["default_visits"].settings(100, 1000, ())
    assert visits == {"anneal": 0.1, "max_visits": 100.0}


def test_controls_visit_what_the_shrinking_run_did():
    sizes = (1000, 800, 640)
    fewer = CONTESTANTS["fewer"].settings(3, 1000, sizes)
    assert fewer == {"policy": FullData(), "max_visits": 2.44}
    assert CONTESTANTS["random"].settings(3, 1000, sizes)["policy"].sizes == sizes


def test_every_table_has_all_contestants_and_figures_of_the_paper():
    assert set(REPORTED) == set(EXPERIMENTS) - {"mnist_1000", "mnist_stop_threshold"}
    for name, paper in REPORTED.items():
        wanted = OF_CNN if name.endswith("cnn") else IN_TABLES
        assert EXPERIMENTS[name].contestants == wanted
        # The paper's own columns, to the figures that it prints.
        improvement = 1 - paper.shrinking_error / paper.error
        assert improvement == pytest.approx(paper.improvement, abs=0.0009)
        assert paper.seconds / paper.shrinking_seconds == pytest.approx(paper.speedup, abs=0.01)
