"""The real binary, with a data folder, a port, a range of ports and a network of its own."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from harness import daemon, web
from harness.paths import ROOT, binary
from harness.waiting import eventually

from previewd import Client

START_SECONDS = 60
STOP_SECONDS = 10
#: With --remove-on-exit: every image that its previews have had is removed too.
REMOVE_SECONDS = 60
RANGE = 60

#: How many services one process of the tests may start before their ranges come again.
BLOCKS = 50
#: Processes that run tests side by side have ranges apart.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

_blocks = itertools.count()


def project_settings() -> dict[str, str]:
    """Returns the variables of the project's `.env`: what set-up found on this machine."""
    path = ROOT / ".env"
    lines = path.read_text().splitlines() if path.is_file() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip('"') for name, value in pairs}


def setting(name: str, default: str) -> str:
    """Returns a setting as the service under test sees it."""
    return os.environ.get(name) or project_settings().get(name) or default


def free_port() -> int:
    """Returns a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def can_bind(port: int) -> bool:
    """Returns whether nobody holds a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_range(count: int = RANGE) -> range:
    """Returns ports in a row that nobody holds, other ones for each service."""
    while True:
        first = 20_000 + (WORKER * BLOCKS + next(_blocks) % BLOCKS) * RANGE
        ports = range(first, first + count)
        if all(can_bind(port) for port in ports):
            return ports


class Service:
    """One instance of previewd; it may be started again after it has ended."""

    #: Every instance of this run, for the check that none leaves anything behind.
    started: list[Service] = []

    def __init__(self, folder: Path, *, arguments: tuple[str, ...] = ("--remove-on-exit",), **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "service.log"
        self.arguments = arguments
        # Below the ports that outgoing connections get: one of those may hold it once the service has ended.
        *self.ports, self.port = free_range()
        self.address = f"127.0.0.1:{self.port}"
        self.network = f"previewd-test-{uuid.uuid4().hex[:10]}"
        self.settings = {
            "PREVIEW_LISTEN": self.address,
            "PREVIEW_DATA_DIR": str(self.data),
            "PREVIEW_NETWORK": self.network,
            "PREVIEW_PORT_RANGE_START": str(self.ports[0]),
            "PREVIEW_PORT_RANGE_END": str(self.ports[-1]),
            "PREVIEW_HEARTBEAT_INTERVAL": "1",
            # What goes on beside a test is not to be taken for its own.
            "PREVIEW_PREBUNDLE_AFTER": "0",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._instance = ""

    def start(self, *, arguments: tuple[str, ...] | None = None, healthy: bool = True) -> Service:
        """Starts the process, and waits until it answers and can reach the daemon."""
        environment = {**project_settings(), **os.environ, **self.settings}
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(binary()), "serve", *(self.arguments if arguments is None else arguments)],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if self not in Service.started:
            Service.started.append(self)
        wanted = (200,) if healthy else (200, 503)
        eventually(lambda: self._answers(wanted), within=START_SECONDS, what="the service answers /healthz")
        return self

    def _answers(self, wanted: tuple[int, ...]) -> bool:
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"the service ended with {code}:\n{self.tail()}")
        try:
            return web.get(f"http://{self.address}/healthz", timeout=2).status in wanted
        except OSError:
            return False

    def tail(self, lines: int = 40) -> str:
        """Returns the end of the service's own log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def running(self) -> bool:
        """Returns whether the process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def instance(self) -> str:
        """Returns the instance's id, which is on everything it makes."""
        if not self._instance:
            network = daemon.inspect("network", self.network)
            if network is not None:
                self._instance = daemon.labels("network", network)[daemon.INSTANCE]
        return self._instance

    def stop(self) -> None:
        """Ends the process as an operator does, and expects it to go within ten seconds with status 0."""
        assert self.process is not None
        _ = self.instance  # asked now, as the network may go with the process
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        within = REMOVE_SECONDS if "--remove-on-exit" in self.arguments else STOP_SECONDS
        try:
            code = self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"the service did not end within {within} s of SIGTERM:\n{self.tail()}"
            ) from None
        took = time.monotonic() - started
        assert code == 0, f"the service ended with {code} after {took:.1f} s:\n{self.tail()}"

    def kill(self) -> None:
        """Ends the process as a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def client(self, timeout: float = 300) -> Client:
        """Returns a client of this service."""
        return Client(self.address, timeout=timeout)

    def repository(self, project_id: str) -> Path:
        """Returns the project's bare repository."""
        return self.data / "vfs" / f"{project_id}.git"

    def __enter__(self) -> Service:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self.running:
            return
        if kind is None:
            self.stop()
        else:
            # The test's own failure is what is to be seen.
            try:
                self.stop()
            except AssertionError:
                pass

    def leftovers(self) -> list[str]:
        """Returns what is left of this service on the machine and on the daemon, in words."""
        left = [f"process {self.process.pid}"] if self.running and self.process else []
        left += [f"port {port}" for port in (self.port, *self.ports) if not can_bind(port)]
        if daemon.inspect("network", self.network) is not None:
            left.append(f"network {self.network}")
        return left + (daemon.leftovers(self.instance) if self.instance else [])

    def clear(self) -> None:
        """Removes what `leftovers` names."""
        if self.running:
            self.kill()
        if self.instance:
            daemon.remove_leftovers(self.instance)
        daemon.docker("network", "rm", self.network, check=False)
