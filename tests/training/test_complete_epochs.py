import pytest
from sk_sdlr.training._complete_epochs import only_complete, word_if_interrupted
from skorch.history import History


@pytest.fixture
def history():
    """Two complete epochs and one in progress."""
    history = History()
    for _ in range(3):
        history.new_epoch()
    return history


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyError, FloatingPointError])
def test_an_epoch_in_which_something_is_raised_is_forgotten(history, error):
    with pytest.raises(error), only_complete(history):
        raise error
    assert len(history) == 2


def test_a_complete_epoch_stays(history):
    with only_complete(history):
        pass
    assert len(history) == 3


def test_an_interruption_is_told_with_the_number_of_complete_epochs(history):
    with (
        pytest.warns(UserWarning, match="interrupted after 2 complete epochs"),
        pytest.raises(KeyboardInterrupt),
        word_if_interrupted(history),
    ):
        raise KeyboardInterrupt


def test_other_errors_need_no_word(history):
    with pytest.raises(KeyError), word_if_interrupted(history):  # a warning would be an error
        raise KeyError
