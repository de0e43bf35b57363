"""What the tests of the catalogue share."""

from __future__ import annotations

import pytest
from harness.browser import Chromium


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
