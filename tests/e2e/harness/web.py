"""Requests to previews, each bounded in time, and a client that asks every few milliseconds."""

from __future__ import annotations

import http.client
import re
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT = 30


@dataclass(frozen=True)
class Answer:
    """One answer: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """Returns the body as text."""
        return self.body.decode(errors="replace")


def get(
    url: str,
    path: str = "",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """Returns the answer to one request. `path`, if given, replaces the URL's own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        connection.request(method, path or parts.path or "/", body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def version_in(text: str) -> int | None:
    """Returns the number behind the word `version` that every project of these tests shows."""
    found = re.search(r"version[- :\"]*(\d+)", text)
    return int(found.group(1)) if found else None


@dataclass(frozen=True)
class Fetch:
    """One fetch of a poller: when it began and ended (monotonic), and what it brought."""

    began: float
    ended: float
    status: int
    version: int | None
    problem: str

    @property
    def failed(self) -> bool:
        """Returns whether it brought anything but a version."""
        return bool(self.problem)


class Poller:
    """A client that fetches one address, every 5 ms or as fast as it is answered, until the block ends."""

    def __init__(self, url: str, path: str = "/", interval: float = 0.005) -> None:
        self.fetches: list[Fetch] = []
        self._parts = urlsplit(url)
        self._path = path
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(TIMEOUT + 5)
        assert not self._thread.is_alive(), "the poller hangs"

    def wait_for(self, version: int, *, within: float) -> Fetch:
        """Returns the first fetch that brought the version."""
        deadline = time.monotonic() + within
        looked = 0
        while True:
            while looked < len(self.fetches):
                if self.fetches[looked].version == version:
                    return self.fetches[looked]
                looked += 1
            assert time.monotonic() < deadline, f"version {version} was not seen within {within} s; {self.summary()}"
            time.sleep(0.001)

    def after(self, moment: float, count: int, *, within: float = TIMEOUT) -> list[Fetch]:
        """Returns the first so many fetches that began after a moment."""
        deadline = time.monotonic() + within
        while True:
            later = [fetch for fetch in self.fetches if fetch.began > moment]
            if len(later) >= count:
                return later[:count]
            assert time.monotonic() < deadline, f"only {len(later)} of {count} fetches within {within} s"
            time.sleep(0.002)

    def failures(self) -> list[str]:
        """Returns the problems of the fetches that failed."""
        return [fetch.problem for fetch in self.fetches if fetch.failed]

    def steps_back(self) -> list[tuple[int, int]]:
        """Returns each pair of versions in a row of which the second is older."""
        versions = [fetch.version for fetch in self.fetches if fetch.version is not None]
        return [(a, b) for a, b in zip(versions, versions[1:]) if b < a]

    def summary(self) -> str:
        """Returns how many fetches there were and what the last one brought."""
        if not self.fetches:
            return "no fetch came back"
        last = self.fetches[-1]
        return f"{len(self.fetches)} fetches, the last: {last.status} version {last.version} {last.problem}"

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            began = time.monotonic()
            status, version, problem = 0, None, ""
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(
                        self._parts.hostname or "", self._parts.port or 80, timeout=TIMEOUT
                    )
                connection.request("GET", self._path)
                response = connection.getresponse()
                text = response.read().decode(errors="replace")
                status = response.status
                if status == 200:
                    version = version_in(text)
                if version is None:
                    problem = f"{status}: {text[:300]}"
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
                if connection is not None:
                    connection.close()
                connection = None
            ended = time.monotonic()
            self.fetches.append(Fetch(began, ended, status, version, problem))
            self._stop.wait(max(0.0, self._interval - (ended - began)))
        if connection is not None:
            connection.close()
