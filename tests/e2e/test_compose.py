"""The service in a container: `docker compose up`, a preview on the host, and nothing left after `down`."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from harness import daemon, projects, web
from harness.paths import ROOT, binary
from harness.service import can_bind, free_port, free_range, setting
from harness.waiting import eventually

from previewd import Client, Phase

COPIED = ("docker-compose.yml", "Dockerfile", ".env", ".dockerignore")
OVERRIDE = """\
services:
  previewd:
    image: {name}:test
    environment:
      PREVIEW_LISTEN: {address}
      PREVIEW_NETWORK: {name}
      PREVIEW_PORT_RANGE_START: "{first}"
      PREVIEW_PORT_RANGE_END: "{last}"
      PREVIEW_HEARTBEAT_INTERVAL: "1"
"""


@pytest.mark.timeout(400)
def test_service_in_a_container_serves_previews_and_leaves_nothing(tmp_path: Path):
    assert subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0, (
        "docker compose is missing: run scripts/setup.sh --test"
    )
    folder = tmp_path / "project"
    (folder / "target" / "release").mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    shutil.copy(binary(), folder / "target" / "release" / "previewd")

    name = f"previewd-compose-{uuid.uuid4().hex[:8]}"
    address = f"127.0.0.1:{free_port()}"
    ports = free_range()
    override = folder / "override.yml"
    override.write_text(OVERRIDE.format(name=name, address=address, first=ports[0], last=ports[-1]))
    socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    environment = {
        **os.environ,
        "PREVIEWD_TARGET": "local",
        "DOCKER_SOCKET": socket,
        "PREVIEW_EXTRA_CA_CERTS": setting("PREVIEW_EXTRA_CA_CERTS", ""),
    }
    if daemon.inspect("image", "previewd/base:trixie") is not None:
        environment["PREVIEWD_BASE"] = "previewd/base:trixie"

    def compose(*arguments: str) -> None:
        command = [
            "docker",
            "compose",
            "--project-name",
            name,
            "--file",
            "docker-compose.yml",
            "--file",
            "override.yml",
        ]
        result = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if result.returncode != 0:
            log = subprocess.run(
                [*command, "logs", "--tail", "40"],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            raise AssertionError(f"compose {arguments}: {result.stdout[-3000:]}{result.stderr[-3000:]}{log.stdout}")

    instance = ""
    try:
        compose("up", "--detach", "--wait", "--build")
        assert web.get(f"http://{address}", "/healthz").status == 200
        with Client(address, timeout=120) as client:
            preview = client.create("composed", projects.static(1))
            assert preview.phase == Phase.PHASE_RUNNING, preview.failure
            network = daemon.inspect("network", name)
            assert network is not None
            instance = daemon.labels("network", network)[daemon.INSTANCE]
            assert preview.port in ports
            assert web.version_in(web.get(preview.url).text) == 1
            updated = client.update(preview.preview_id, projects.STATIC.change(2))
            assert updated.preview.phase == Phase.PHASE_RUNNING
            assert web.version_in(web.get(preview.url).text) == 2
        compose("down", "--volumes", "--timeout", "30")
        assert daemon.leftovers(instance) == []
        assert daemon.inspect("network", name) is None
        assert daemon.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={name}") == ""
        assert daemon.docker("volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={name}") == ""
        eventually(lambda: can_bind(preview.port), within=2)
    finally:
        subprocess.run(
            ["docker", "compose", "--project-name", name, "down", "--volumes"],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if instance:
            daemon.remove_leftovers(instance)
        daemon.docker("network", "rm", name, check=False)
        daemon.docker("image", "rm", "--force", f"{name}:test", check=False)
