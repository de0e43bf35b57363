"""The fixtures: one service for most tests, projects with names of their own, and the check that nothing is left."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harness import daemon
from harness.projects import Project
from harness.service import Service

from previewd import Client, Phase, Preview


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> Iterator[None]:
    """Fails the run if an instance that it started leaves anything on the machine or the daemon."""
    yield
    left = {}
    for service in Service.started:
        if service.running:
            service.kill()
            left.setdefault(service.network, []).append("a process that its test did not end")
        found = service.leftovers()
        if found:
            left.setdefault(service.network, []).extend(found)
            service.clear()
    assert not left, f"left behind, and removed now: {left}"


class GivenService(Service):
    """A service that somebody else runs, at PREVIEWD_ADDR."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.data = Path(os.environ.get("PREVIEW_DATA_DIR", "data"))
        self.network = os.environ.get("PREVIEW_NETWORK", "previewd")
        self._instance = ""
        self.process = None


@pytest.fixture(scope="session")
def service(nothing_left: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service that most tests share: the one at PREVIEWD_ADDR, or one that is started here."""
    address = os.environ.get("PREVIEWD_ADDR")
    if address:
        yield GivenService(address)
        return
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[Client]:
    """A client of the shared service."""
    with service.client() as connected:
        yield connected


@pytest.fixture
def own_service(nothing_left: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Service]]:
    """Starts services with settings of their own; they end with the test, in order."""
    services = []

    def begin(*, healthy: bool = True, **options) -> Service:
        it = Service(tmp_path / f"service-{len(services)}", **options)
        services.append(it)
        return it.start(healthy=healthy)

    yield begin
    for it in services:
        if it.running:
            it.stop()


@pytest.fixture
def project_id(request: pytest.FixtureRequest) -> str:
    """A project id that no other test has."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")
    return f"{name[:40].rstrip('-')}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def create(client: Client, project_id: str) -> Iterator[Callable[..., Preview]]:
    """Creates previews on the shared service; they are deleted with the test."""
    yield maker(client, project_id)
    remove_previews(client, project_id)


def maker(client: Client, project_id: str) -> Callable[..., Preview]:
    """Returns a function that creates a preview of a project or of files, and expects it to run."""

    def make(what: Project | Mapping[str, str | bytes], *, suffix: str = "", version: int = 0, **options) -> Preview:
        files = what.files(version) if isinstance(what, Project) else what
        preview = client.create(f"{project_id}{suffix}", files, **options)
        assert preview.phase == Phase.PHASE_RUNNING, f"{Phase.Name(preview.phase)}: {preview.failure}"
        return preview

    return make


def remove_previews(client: Client, prefix: str) -> None:
    """Deletes every preview of the projects whose id begins so."""
    for preview in list(client.list(page_size=1000)):
        if preview.project_id.startswith(prefix):
            client.delete(preview.preview_id, timeout=30)


__all__ = ["client", "create", "daemon", "maker", "nothing_left", "own_service", "project_id", "service"]
