"""Gives the client's tests the client of this tree, and the live service of the end-to-end tests."""

import sys
from pathlib import Path

import pytest

CLIENT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CLIENT / "src"), str(CLIENT.parent.parent / "tests" / "e2e")]

from harness.fixtures import client, create, nothing_left, own_service, project_id, service  # noqa: E402, F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60))
