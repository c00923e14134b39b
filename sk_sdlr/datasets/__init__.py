"""Readers of the data sets used in the literature on shrinking sets of rows."""

from ._cifar10 import load_cifar10
from ._higgs import load_higgs
from ._mnist import load_mnist

__all__ = ["load_cifar10", "load_higgs", "load_mnist"]
