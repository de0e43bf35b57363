"""The end-to-end tests of the contract: the real binary, a real Docker daemon, real projects.

PREVIEWD_BIN    the program; default target/release/previewd
PREVIEWD_ADDR   use the service that runs there, where a test needs none of its own
PREVIEWD_ROUNDS how often the bursts are repeated; default 1
DOCKER_HOST     the daemon

`-m slow` runs what full runs have beyond the default, `-m ''` runs everything. `-n 4 --dist loadgroup` runs files side by
side; what is `timed` should have the machine for itself.
"""

from __future__ import annotations

import pytest

import harness.paths  # noqa: F401  puts the client on the path
from harness import figures
from harness.fixtures import client, create, nothing_left, own_service, project_id, service  # noqa: F401


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: only in full runs (-m slow, or -m '' for everything)")
    config.addinivalue_line("markers", "catalogue: a starting point of the catalogue; `make catalogue` runs all")
    config.addinivalue_line("markers", "catalogue_part: one that full runs have too")
    config.addinivalue_line("markers", "alone: a part of the catalogue that compares times, and has the machine for itself")
    config.addinivalue_line("markers", "once: of frameworks, on which the engine has no bearing; run on one of them")
    config.addinivalue_line("markers", "timed: prints figures that other tests at the same time would spoil")
    if not config.option.markexpr and "-m" not in config.invocation_params.args:
        config.option.markexpr = "not slow and (not catalogue or catalogue_part)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # No test may hang: those that need longer say so.
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120))
        # What a file's tests have installed, they share: they stay in one process, unless they say otherwise.
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A process beside others (pytest-xdist) hands its figures to the one that prints.
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = figures.rows()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    figures.take(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter) -> None:
    rows = figures.rows()
    if rows:
        terminalreporter.section("figures")
        width = max(len(name) for name, _ in rows)
        for name, text in rows:
            terminalreporter.line(f"{name:<{width}}  {text}")
