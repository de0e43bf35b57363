"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import threading
import time
from typing import Callable, TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], *, within: float, every: float = 0.02, what: str = "") -> T:
    """Returns the first true value of the condition, which is asked again and again.

    An AssertionError of the condition means "not yet". Fails when `within` seconds have passed.
    """
    deadline = time.monotonic() + within
    while True:
        problem = "it is not so"
        try:
            value = condition()
            if value:
                return value
            problem = f"the last value is {value!r}"
        except AssertionError as error:
            problem = str(error)
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within} s: {what or 'the condition'}; {problem}")
        time.sleep(every)


class Meanwhile:
    """Calls a function again and again, so many seconds after the call before, for as long as the block runs."""

    def __init__(self, look: Callable[[], None], *, every: float) -> None:
        self._look, self._every = look, every
        self._end = threading.Event()
        #: How often it has come to its end.
        self.looks = 0

    def __enter__(self) -> Meanwhile:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._every):
            self._look()
            self.looks += 1


def pace(count: int, interval: float):
    """Yields the numbers from 0 to count-1, each `interval` seconds after the one before, without drift."""
    start = time.monotonic()
    for number in range(count):
        delay = start + number * interval - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        yield number
