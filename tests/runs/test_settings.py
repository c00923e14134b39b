import pytest

from sk_sdlr.runs import TrainingSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_epochs", -1),
        ("max_epochs", 2.5),
        ("max_passes", 0),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("lr_schedule", "other"),
        ("lr_schedule", 3),
        ("lr_schedule", "constant"),
        ("weight_average", 0),
        ("weight_average", 1.0),
        ("weight_average", "0.1"),
        ("full_at_end", 2),
        ("full_at_end", "0.1"),
        ("step", "other"),
        ("fp32_precision", "tf32"),
    ],
)
def test_settings_out_of_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"^The '{name}' parameter must be .*\. Got {value!r} "):
        TrainingSettings(**{name: value})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_epochs": 0},
        {"max_passes": 0.1, "full_at_end": 1},
        {"lr_schedule": "cosine", "full_at_end": 0},
        {"lr_schedule": lambda optimizer: None, "step": "dense"},
        {"lr_schedule": "constant_cosine", "weight_average": 0.1},
        {"fp32_precision": "bf16", "step": "dense"},
    ],
)
def test_settings_in_it_are_taken(params):
    TrainingSettings(**params)
