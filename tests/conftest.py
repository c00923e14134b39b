"""What tests of several folders share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_home():
    home = os.environ.get("SK_SDLR_DATA")
    if not home:
        pytest.skip("SK_SDLR_DATA does not name a folder with the real data")
    return Path(home)
