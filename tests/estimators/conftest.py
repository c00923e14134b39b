import pytest
from sklearn.datasets import load_digits, make_classification, make_friedman1


@pytest.fixture(scope="session")
def table():
    """600 rows of 8 features, in 3 classes."""
    X, y = make_classification(600, 8, n_informative=5, n_classes=3, random_state=0)
    return X.astype("f"), y


@pytest.fixture(scope="session")
def curve():
    """600 rows of 10 features, and a number to predict."""
    X, y = make_friedman1(600, random_state=0)
    return X.astype("f"), y


@pytest.fixture(scope="session")
def digits():
    """1797 images of 8 x 8 pixels in [0, 1], flat, in 10 classes."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype("f"), y
