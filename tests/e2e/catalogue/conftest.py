"""What the tests of the catalogue share."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.browser import Chromium

FOLDER = Path(__file__).parent
#: The files in the order that they are run in: what is broken begins with what runs, and what is done by hand comes last.
ORDER = ("test_points", "test_bursts", "test_broken", "test_by_hand")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(ORDER, 1)}
    # Those of other folders stay where they are, before them.
    items.sort(key=lambda item: places.get(item.path.stem, 0) if item.path.parent == FOLDER else 0)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
