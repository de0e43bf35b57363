#!/usr/bin/env python3
"""Makes a preview of a page, changes it twice, and shows what happens: `python example.py [ADDRESS]`."""

from __future__ import annotations

import sys
import threading
import urllib.request

from previewd import Client, GoodbyeReason, Phase, ReloadStage, ReloadWatch

PAGE = "<!doctype html><title>Greeting</title><h1>{}</h1>\n"


def main(address: str = "127.0.0.1:50051") -> None:
    """Creates, opens, updates, watches and deletes one preview."""
    with Client(address, timeout=120) as client:
        preview = client.create("python-example", {"index.html": PAGE.format("Hello")})
        if preview.phase != Phase.PHASE_RUNNING:
            raise SystemExit(f"the preview is {Phase.Name(preview.phase)}: {preview.failure.message}")
        print(f"{preview.preview_id} answers at {preview.url}: {read(preview.url)}")

        with client.watch_reloads(preview.preview_id) as watch:
            next(watch)  # the hello: from here on nothing is missed
            watching = threading.Thread(target=say, args=(watch,))
            watching.start()
            for greeting in ("Good morning", "Good night"):
                updated = client.update(preview.preview_id, {"index.html": PAGE.format(greeting)})
                print(f"commit {updated.commit_id[:12]} answers: {read(preview.url)}")
            client.delete(preview.preview_id)
            watching.join(timeout=10)  # the watch ends with a goodbye


def read(url: str) -> str:
    """Returns the heading of a page."""
    with urllib.request.urlopen(url, timeout=10) as response:
        page: str = response.read().decode()
    return page.split("<h1>")[1].split("</h1>")[0]


def say(watch: ReloadWatch) -> None:
    """Prints what a watch brings, until its goodbye."""
    for message in watch:
        event = message.WhichOneof("event")
        if event == "reload":
            stage = ReloadStage.Name(message.reload.stage).removeprefix("RELOAD_STAGE_")
            print(f"  {message.reload.commit_id[:12]} {stage}")
        elif event == "goodbye":
            print(f"  {GoodbyeReason.Name(message.goodbye.reason)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
