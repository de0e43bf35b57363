"""The two streams: logs, and reloads that survive a restart of the service."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Callable

import grpc

from previewd._generated.preview.v1 import preview_pb2, preview_service_pb2
from previewd.errors import PreviewdError

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0


class _Call:
    """The running call of a stream, which another thread may cancel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._call: Any = None
        self.closed = threading.Event()

    def open(self, start: Callable[[], Any]) -> Any:
        with self._lock:
            if self.closed.is_set():
                return iter(())
            self._call = start()
            return self._call

    def close(self) -> None:
        with self._lock:
            self.closed.set()
            if self._call is not None:
                self._call.cancel()


class LogStream:
    """Iterates over the entries and gaps of one `StreamLogs` call.

    It ends where the service ends the stream, or after `close`, which any thread may call. `goodbye` then says why, if
    the service gave a reason.
    """

    def __init__(self, start: Callable[[], Any]) -> None:
        self.goodbye: preview_service_pb2.Goodbye | None = None
        self._call = _Call()
        self._entries = self._read(start)

    def __iter__(self) -> Iterator[preview_pb2.LogEntry | preview_service_pb2.LogGap]:
        return self

    def __next__(self) -> preview_pb2.LogEntry | preview_service_pb2.LogGap:
        return next(self._entries)

    def close(self) -> None:
        """Ends the stream; a repeat does nothing."""
        self._call.close()

    def __enter__(self) -> LogStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, start: Callable[[], Any]) -> Iterator[preview_pb2.LogEntry | preview_service_pb2.LogGap]:
        try:
            for response in self._call.open(start):
                event = response.WhichOneof("event")
                if event == "entry":
                    yield response.entry
                elif event == "gap":
                    yield response.gap
                elif event == "goodbye":
                    self.goodbye = response.goodbye
        except grpc.RpcError as error:
            if not self._call.closed.is_set():
                raise PreviewdError.from_rpc(error) from error


class ReloadWatch:
    """Iterates over the messages of `WatchReloads`, and connects again by itself.

    When the service shuts down or cannot be reached it is asked again, after 0.1 s and then after twice as long each
    time, up to 5 s, with the last commit that was seen, so that each commit comes once and in order. Each connection
    begins with a `hello`. The iteration ends with the goodbye of a preview that was deleted or has expired, or after
    `close`, which any thread may call. It raises `PreviewdError` for every other error, and when nothing could be
    reached for `give_up_after` seconds.
    """

    def __init__(
        self,
        start: Callable[[str], Any],
        *,
        after_commit_id: str = "",
        reconnect: bool = True,
        give_up_after: float | None = None,
    ) -> None:
        #: The last commit that was seen: what to resume from.
        self.cursor = after_commit_id
        self._start = start
        self._reconnect = reconnect
        self._give_up_after = give_up_after
        self._call = _Call()
        self._messages = self._read()

    def __iter__(self) -> Iterator[preview_service_pb2.WatchReloadsResponse]:
        return self

    def __next__(self) -> preview_service_pb2.WatchReloadsResponse:
        return next(self._messages)

    def close(self) -> None:
        """Ends the watch; a repeat does nothing."""
        self._call.close()

    def __enter__(self) -> ReloadWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> Iterator[preview_service_pb2.WatchReloadsResponse]:
        delay = _FIRST_DELAY
        away_since: float | None = None
        while not self._call.closed.is_set():
            cause: PreviewdError | None = None
            try:
                for response in self._call.open(lambda: self._start(self.cursor)):
                    delay, away_since = _FIRST_DELAY, None
                    self._advance(response)
                    yield response
                    if response.WhichOneof("event") == "goodbye" and not self._shall_return(response.goodbye):
                        return
            except grpc.RpcError as error:
                if self._call.closed.is_set():
                    return
                cause = PreviewdError.from_rpc(error)
                if not self._reconnect or cause.code != grpc.StatusCode.UNAVAILABLE:
                    raise cause from error
            if not self._reconnect:
                return
            now = time.monotonic()
            away_since = now if away_since is None else away_since
            if self._give_up_after is not None and now - away_since >= self._give_up_after:
                raise cause or PreviewdError(grpc.StatusCode.UNAVAILABLE, "the stream keeps ending")
            # Clients that one restart cut off do not all come back at once.
            self._call.closed.wait(delay * random.uniform(0.75, 1.25))
            delay = min(delay * 2, _LONGEST_DELAY)

    def _shall_return(self, goodbye: preview_service_pb2.Goodbye) -> bool:
        return self._reconnect and goodbye.reason == preview_service_pb2.GOODBYE_REASON_SHUTTING_DOWN

    def _advance(self, response: preview_service_pb2.WatchReloadsResponse) -> None:
        event = response.WhichOneof("event")
        if event == "hello" and not self.cursor:
            # What comes next comes after the head; with a cursor the commits since then are still to come.
            self.cursor = response.hello.head_commit_id
        elif event == "reload" and response.reload.stage == preview_pb2.RELOAD_STAGE_COMMITTED:
            self.cursor = response.reload.commit_id
        elif event == "reset":
            self.cursor = response.reset.head_commit_id
