"""How raw tables become what a method takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from ..data import words_of

MISSING = "missing"
# One-hot columns of a feature at most; rarer categories share one.
MOST_COLUMNS = 100


class AsCategories(TransformerMixin, BaseEstimator):
    """Give columns of words the type of categories, those of the training rows.

    Parameters
    ----------
    fill : {"none", "words", "all"}, default="none"
        What has no gaps afterwards: words get a category of their own, numbers the median.
    max_categories : int or None, default=None
        As many of a column, the most frequent ones; the others are gaps.
    """

    def __init__(self, fill: str = "none", max_categories: int | None = None) -> None:
        self.fill = fill
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame, y: Any = None) -> AsCategories:
        """Learn categories and medians."""
        words = words_of(X)
        self.categories_ = {
            name: X[name].astype(object).value_counts().index[: self.max_categories]
            for name in words
        }
        self.medians_ = X.drop(columns=words).median()
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with categories; those that were not there at fit are gaps."""
        X = X.fillna(self.medians_) if self.fill == "all" else X
        return X.assign(**{name: self._known(name, X[name]) for name in self.categories_})

    def _known(self, name: str, column: pd.Series) -> pd.Series:
        words, kind = column.astype(object), pd.CategoricalDtype(self.categories_[name])
        known = words.where(words.isin(kind.categories)).astype(kind)
        if self.fill == "none":
            return known
        return known.cat.add_categories(MISSING).fillna(MISSING)


def with_categories(model: Any, **options: Any) -> Pipeline:
    """Return the method on tables whose words are categories."""
    return make_pipeline(AsCategories(**options), model)


def one_hot(model: Any) -> Pipeline:
    """Return the method on arrays: gaps filled, categories one-hot, numbers standardised."""
    numbers = make_pipeline(
        FunctionTransformer(as_numbers), SimpleImputer(strategy="median"), StandardScaler()
    )
    words = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_COLUMNS, sparse_output=False
    )
    columns = make_column_transformer((numbers, numbers_of), (words, words_of))
    return make_pipeline(columns, FunctionTransformer(as_float32), model)


def numbers_of(X: pd.DataFrame) -> list[str]:
    """Return the columns that are numbers or booleans."""
    return list(X.columns.difference(words_of(X), sort=False))


def as_numbers(X: pd.DataFrame) -> pd.DataFrame:
    """Return booleans as numbers, too."""
    return X.astype(np.float64)


def as_float32(X: np.ndarray) -> np.ndarray:
    """Return what nets compute in."""
    return X.astype(np.float32)
