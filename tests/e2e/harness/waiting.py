"""Waiting for a condition, with a deadline."""

from __future__ import annotations

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


def pace(count: int, interval: float):
    """Yields the numbers from 0 to count-1, each `interval` seconds after the one before, without drift."""
    start = time.monotonic()
    for number in range(count):
        delay = start + number * interval - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        yield number
