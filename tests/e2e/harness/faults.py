"""A passage to the daemon that errs: twenty-one kinds of it."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from harness.passage import REQUEST, Passage

#: Each kind of call, by its method and path.
CALLS = {
    "exec": r"POST .*/exec",
    "inspect": r"GET .*/containers/[^/?]+/json",
    "list": r"GET .*/containers/json",
    "create": r"POST .*/containers/create",
    "start": r"POST .*/containers/[^/]+/start",
    "commit": r"POST .*/commit",
    "remove": r"DELETE .*/containers/",
}
KINDS = (
    "away",
    "refuse",
    "hang",
    "late",
    "cut",
    *(f"500 to {call}" for call in CALLS),
    *(f"garbage to {call}" for call in CALLS),
    "events lost",
    "exec cut",
)
LATE_SECONDS = 5


def answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


ERROR = answer("500 Internal Server Error", b'{"message":"a fault on purpose"}\n')
GARBAGE = answer("200 OK", b'{"Id": [[[ \xff\xfe no JSON at all')


@dataclass
class _Pair:
    """A connection and what was asked on it last."""

    near: socket.socket
    far: socket.socket
    request: str = ""

    def cut(self) -> None:
        for one in (self.near, self.far):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class FaultyPassage(Passage):
    """Passes connections on to the daemon's socket, but for what is wrong at the moment."""

    def __init__(self, path: Path, target: str) -> None:
        super().__init__(path, target)
        self._fault = ""
        self._pairs: list[_Pair] = []
        self._over = threading.Event()

    @contextmanager
    def fault(self, kind: str) -> Iterator[None]:
        """Errs in one way until the block ends."""
        assert kind in KINDS, kind
        self._over.clear()
        self._fault = kind
        if kind in ("away", "refuse"):
            self.shut()
            if kind == "refuse":
                # A path at which nobody listens.
                with socket.socket(socket.AF_UNIX) as closed:
                    closed.bind(str(self.path))
            self._cut(lambda _: True)
        if kind in ("cut", "exec cut"):
            self._cut(lambda request: kind == "cut" or re.match(CALLS["exec"], request) is not None)
        try:
            yield
        finally:
            self._fault = ""
            self._over.set()
            if kind in ("away", "refuse"):
                self.open()
            if kind == "hang":
                # What hung is nobody's any more.
                self._cut(lambda _: True)

    def _cut(self, which) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            if which(pair.request):
                pair.cut()
            else:
                self._pairs.append(pair)

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        pair = _Pair(near, far)
        self._pairs.append(pair)
        threading.Thread(target=self._ask, args=(pair,), daemon=True).start()
        threading.Thread(target=self._answer, args=(pair,), daemon=True).start()

    def _ask(self, pair: _Pair) -> None:
        try:
            while chunk := pair.near.recv(65536):
                found = REQUEST.findall(chunk)
                if found:
                    method, path = found[-1]
                    pair.request = f"{method.decode()} {path.decode()}"
                if not self._passes(pair, asks=bool(found)):
                    return
                pair.far.sendall(chunk)
            pair.far.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _passes(self, pair: _Pair, *, asks: bool) -> bool:
        """Does what is wrong with a piece of a request, and returns whether it is passed on."""
        kind, _, call = self._fault.partition(" to ")
        if kind == "hang":
            self._over.wait()
            pair.cut()
            return False
        if kind == "late" and asks:
            time.sleep(LATE_SECONDS)
        if call and asks and re.match(CALLS[call], pair.request):
            pair.near.sendall(ERROR if kind == "500" else GARBAGE)
            pair.cut()
            return False
        return True

    def _answer(self, pair: _Pair) -> None:
        try:
            while chunk := pair.far.recv(65536):
                fault = self._fault
                if fault == "hang":
                    self._over.wait()
                    return
                if fault == "events lost" and "/events" in pair.request:
                    continue
                if fault == "cut" or (fault == "exec cut" and re.match(CALLS["exec"], pair.request)):
                    pair.near.sendall(chunk[:20])
                    pair.cut()
                    return
                pair.near.sendall(chunk)
            pair.near.shutdown(socket.SHUT_WR)
        except OSError:
            pass
