"""A socket that stands before the daemon's: it can be shut, hold requests back, and count them."""

from __future__ import annotations

import os
import re
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, TypeVar

REQUEST = re.compile(rb"(?:^|\r\n\r\n)(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n")


class Passage:
    """Passes connections on to the daemon's socket, until it is shut."""

    def __init__(self, path: Path, target: str) -> None:
        self.path, self._target = path, target
        self._open: list[socket.socket] = []
        self._holds: bytes | None = None
        self._free = threading.Event()
        self._listener: socket.socket | None = None
        self._requests: list[str] = []

    @property
    def host(self) -> str:
        """Returns what DOCKER_HOST is to be."""
        return f"unix://{self.path}"

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @contextmanager
    def holding(self, words: bytes) -> Iterator[None]:
        """Lets no request pass that has such words, until the block ends."""
        self._free.clear()
        self._holds = words
        try:
            yield
        finally:
            self._holds = None
            self._free.set()

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        """Gives the requests that came from the block's beginning to its end, each as its method and path.

        Left out is what asks every ten seconds whether the daemon is there.
        """
        self._requests = requests = []
        yield requests
        self._requests = []

    def shut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for one in self._open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._open += [near, far]
            self._pass(near, far)

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        """Begins to pass on what comes on a connection, both ways."""
        threading.Thread(target=self._copy, args=(near, far, True), daemon=True).start()
        threading.Thread(target=self._copy, args=(far, near, False), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        try:
            while chunk := source.recv(65536):
                if self._holds and self._holds in chunk:
                    self._free.wait()
                if asks:
                    found = [f"{method.decode()} {path.decode()}" for method, path in REQUEST.findall(chunk)]
                    self._requests += [request for request in found if not request.endswith("/_ping")]
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


P = TypeVar("P", bound=Passage)


@contextmanager
def to_the_daemon(kind: type[P] = Passage) -> Iterator[P]:
    """Gives an open passage to the daemon of these tests, of some kind."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    assert host.startswith("unix://"), "this test needs a daemon at a socket"
    # The path of a socket has to be short.
    passage = kind(Path("/tmp") / f"previewd-passage-{os.getpid()}.sock", host.removeprefix("unix://"))
    passage.open()
    try:
        yield passage
    finally:
        passage.path.unlink(missing_ok=True)
