"""A watch that is read all the time, with the moment at which each message came."""

from __future__ import annotations

import threading
import time

from previewd import Client, PreviewdError, Reload, ReloadStage

COMMITTED = ReloadStage.RELOAD_STAGE_COMMITTED
SYNCED = ReloadStage.RELOAD_STAGE_SYNCED
READY = ReloadStage.RELOAD_STAGE_READY
FAILED = ReloadStage.RELOAD_STAGE_FAILED


class Watcher:
    """Reads WatchReloads in a thread until the block ends."""

    def __init__(self, client: Client, preview_id: str, after_commit_id: str = "") -> None:
        self.messages: list[tuple[float, object]] = []
        self.error: PreviewdError | None = None
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self._watch = client.watch_reloads(preview_id, after_commit_id=after_commit_id)
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        self.wait("hello", within=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.close()
        self._thread.join(15)
        assert not self._thread.is_alive(), "the watch hangs"

    def wait(self, event: str, accept=lambda message: True, *, within: float):
        """Returns when the first message of that name that is accepted came, and its content."""
        deadline = time.monotonic() + within
        looked = 0
        with self._changed:
            while True:
                while looked < len(self.messages):
                    moment, message = self.messages[looked]
                    looked += 1
                    content = getattr(message, event)
                    if message.WhichOneof("event") == event and accept(content):
                        return moment, content
                left = deadline - time.monotonic()
                assert left > 0, f"no such {event} within {within} s; {self.summary()}"
                self._changed.wait(left)

    def wait_stage(self, stage: int, commit_id: str, *, within: float) -> tuple[float, Reload]:
        """Returns when a commit reached a stage, and the message that said so. One that failed is not waited for."""

        def accept(it: Reload) -> bool:
            mine = it.commit_id == commit_id
            if mine and it.stage == FAILED and stage == READY:
                raise RuntimeError(f"the commit failed: {it.failure}")
            return mine and it.stage == stage

        return self.wait("reload", accept, within=within)

    def reloads(self, stage: int) -> list[Reload]:
        """Returns the messages of one stage so far, in order."""
        with self._changed:
            reloads = [message.reload for _, message in self.messages if message.WhichOneof("event") == "reload"]
        return [reload for reload in reloads if reload.stage == stage]

    def summary(self) -> str:
        """Returns the last messages in words."""
        last = [str(message).replace("\n", " ") for _, message in self.messages[-3:]]
        return f"{len(self.messages)} messages, the last: {last}; error: {self.error}"

    def _run(self) -> None:
        try:
            for message in self._watch:
                with self._changed:
                    self.messages.append((time.monotonic(), message))
                    self._changed.notify_all()
        except PreviewdError as error:
            self.error = error
        self.ended.set()
