"""The same starting points by hand: a container of the same image, the package manager, the development server."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from catalogue.point import Files, Point
from harness import daemon, web
from harness.service import setting
from harness.waiting import eventually

INSTALL_SECONDS = 600
START_SECONDS = 240

CERTIFICATES = "/etc/ssl/certs/by-hand.crt"
#: What package managers are told of authorities that the machine trusts beside the public ones.
TRUST = ("NODE_EXTRA_CA_CERTS", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class Hand:
    """What somebody types to run a starting point."""

    install: str
    start: str
    port: int
    image: str = "NODE"

    def image_name(self) -> str:
        """Returns the image that previews of this kind have too."""
        default = {"NODE": "node:22-slim", "PYTHON": "python:3.12-slim"}[self.image]
        return setting(f"PREVIEW_{self.image}_IMAGE", default)


NPM = "npm install --no-audit --no-fund"
PIP = "python3 -m venv /tmp/venv && /tmp/venv/bin/pip install -q -r requirements.txt"

HANDS = {
    "express-generator": Hand(NPM, "npm start", 3000),
    "fastapi": Hand(f"{PIP} uvicorn", "/tmp/venv/bin/uvicorn main:app --host 0.0.0.0 --port 8000", 8000, "PYTHON"),
    "vite-react-ts": Hand(NPM, "npx vite --host 0.0.0.0", 5173),
    "vite-vue-ts": Hand(NPM, "npx vite --host 0.0.0.0", 5173),
    "vite-svelte-ts": Hand(NPM, "npx vite --host 0.0.0.0", 5173),
    "sv-create": Hand(NPM, "npx vite dev --host 0.0.0.0", 5173),
    "astro": Hand(NPM, "npx astro dev --host 0.0.0.0", 4321),
    "react-router": Hand(NPM, "npx react-router dev --host 0.0.0.0", 5173),
    "nuxt": Hand(NPM, "npx nuxt dev --host 0.0.0.0", 3000),
}


def archive(files: Files) -> bytes:
    """Returns the files as a tar archive, as the app's user has them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, file in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.uid, entry.gid = len(file.data), 1000, 1000
            entry.mode = 0o755 if file.executable else 0o644
            tar.addfile(entry, io.BytesIO(file.data))
    return buffer.getvalue()


class Container:
    """A container that does nothing by itself, without limits, until the block ends."""

    def __init__(self, hand: Hand, folder: Path) -> None:
        self._hand = hand
        self._folder = folder
        self.name = f"by-hand-{uuid.uuid4().hex[:10]}"

    def __enter__(self) -> Container:
        bundle = setting("PREVIEW_EXTRA_CA_CERTS", "")
        trust = [f"--env={name}={CERTIFICATES}" for name in TRUST] if bundle else []
        image = self._hand.image_name()
        daemon.docker("create", "--init", f"--name={self.name}", *trust, "--entrypoint=sleep", image, "infinity")
        try:
            if bundle:
                daemon.docker("cp", bundle, f"{self.name}:{CERTIFICATES}")
            daemon.docker("start", self.name)
        except BaseException:
            # Nobody calls __exit__ of what was not entered.
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        daemon.docker("rm", "--force", "--volumes", self.name, check=False)

    def put(self, files: Files) -> None:
        """Writes files into the project."""
        path = self._folder / f"{self.name}.tar"
        path.write_bytes(archive(files))
        daemon.docker("cp", str(path), f"{self.name}:/tmp/files.tar")
        daemon.docker("exec", self.name, "sh", "-c", "mkdir -p /app && tar -xf /tmp/files.tar -C /app")

    def edit(self, path: str, text: str) -> subprocess.Popen[str]:
        """Renames a new version of a file into place; the command's output is the moment, in nanoseconds."""
        local = self._folder / f"{self.name}.next"
        local.write_text(text)
        daemon.docker("cp", str(local), f"{self.name}:/tmp/next")
        command = ["docker", "exec", self.name, "sh", "-c", f"date +%s%N && mv /tmp/next '/app/{path}'"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def install(self) -> None:
        """Runs the package manager."""
        command = f"cd /app && {self._hand.install}"
        daemon.docker("exec", self.name, "sh", "-c", command, timeout=INSTALL_SECONDS)

    def limit(self, memory_bytes: int, cpus: float) -> None:
        """Gives it the limits that a preview has."""
        memory = str(memory_bytes)
        words = ("update", f"--memory={memory}", f"--memory-swap={memory}", f"--cpus={cpus}", self.name)
        # What the package manager has just written is in memory still, and counts.
        eventually(lambda: daemon.docker(*words) is not None, within=30, every=1, what="its limits are set")

    def start(self) -> str:
        """Starts the app, and returns its address once it answers."""
        daemon.docker("exec", "--detach", self.name, "sh", "-c", f"cd /app && exec {self._hand.start}")
        found = daemon.container(self.name)
        assert found, f"{self.name} is gone"
        url = f"http://{found['NetworkSettings']['IPAddress']}:{self._hand.port}"

        def answers() -> bool:
            try:
                return web.get(url, timeout=30).status < 400
            except OSError:
                return False

        eventually(answers, within=START_SECONDS, what=f"{url} answers")
        return url


def create(point: Point, container: Container) -> tuple[float, str]:
    """Returns how long it takes from the files to the first answer, and the address."""
    files = point.make()
    began = time.monotonic()
    container.put(files)
    container.install()
    url = container.start()
    return time.monotonic() - began, url
