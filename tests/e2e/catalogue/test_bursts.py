"""Bursts of edits into development servers of frameworks: what is served ends on the last one."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from contextlib import closing

import pytest
from catalogue.families import POINTS
from catalogue.life import CREATE_SECONDS, SHOW_SECONDS, SHOWN, in_words
from catalogue.made import over
from catalogue.point import Point, Swap
from harness import daemon, figures, web
from harness.fixtures import remove_previews
from harness.waiting import pace
from harness.watching import FAILED, READY, Watcher

from previewd import Client, Phase

COUNT, INTERVAL = 50, 0.020
#: How many bursts follow on one another.
ROUNDS = int(os.environ.get("PREVIEWD_ROUNDS", "1"))
NAMES = ("astro", "sv-create", "react-router", "tanstack-start", "nuxt", "create-next-app", "angular")
BY_NAME = {point.name: point for point in POINTS}


def points() -> list[Point]:
    """Returns the points, and Next.js with the other bundler."""
    turbopack = BY_NAME["create-next-app"]
    script = Swap("package.json", '"dev": "next dev"', '"dev": "next dev --webpack"')
    webpack = dataclasses.replace(turbopack, name="create-next-app-webpack", make=over(turbopack.make, swaps=(script,)))
    return [*(BY_NAME[name] for name in NAMES), webpack]


def marked(point: Point):
    return pytest.param(point, id=point.name, marks=pytest.mark.xdist_group(f"catalogue-bursts-{point.name}"))


@pytest.mark.catalogue
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", [marked(point) for point in points()])
def test_burst_ends_on_its_last_edit(point: Point, service, client: Client, chromium, project_id):
    files = point.make()
    try:
        preview = client.create(project_id, files, timeout=CREATE_SECONDS, **point.options)
        assert (preview.phase, preview.HasField("failure")) == (Phase.PHASE_RUNNING, False), in_words(preview)
        with closing(chromium.tab()) as tab:
            tab.open(f"{preview.url.rstrip('/')}{point.path}")
            tab.wait_for(f"({SHOWN}).includes({json.dumps(point.shows)})", within=SHOW_SECONDS)
            took = [burst(point, files, number, client, preview, tab) for number in range(1, ROUNDS + 1)]
        figures.remark(
            f"burst of {COUNT}, {point.name}",
            f"{len(took)} times; last READY at most {1000 * max(took):.0f} ms after the last commit",
        )
    finally:
        remove_previews(client, project_id)
        daemon.remove_dependencies(service.instance)


def burst(point: Point, files, number: int, client: Client, preview, tab) -> float:
    """Commits edit after edit, and returns how long after the last one it was READY, in seconds."""
    first = 1000 * number
    last = first + COUNT - 1
    with (
        Watcher(client, preview.preview_id) as watcher,
        web.Poller(preview.url, point.path, interval=0.2) as poller,
    ):
        commits = [
            client.commit(preview.project_id, point.edit.of(files, first + step)) for step in pace(COUNT, INTERVAL)
        ]
        ended = time.monotonic()
        ready, _ = watcher.wait_stage(READY, commits[-1], within=120)
        failures = watcher.reloads(FAILED)
    seen = point.edit.seen(last)
    if point.in_html:
        assert seen in web.get(preview.url, point.path, timeout=60).text, f"{seen!r} is not in the answer"
    # The tab that is open has heard of it, and one that is opened now shows it too.
    tab.wait_for(f"({SHOWN}).includes({json.dumps(seen)})", within=SHOW_SECONDS)
    tab.open(f"{preview.url.rstrip('/')}{point.path}")
    tab.wait_for(f"({SHOWN}).includes({json.dumps(seen)})", within=SHOW_SECONDS)
    refused = [fetch.problem for fetch in poller.fetches if not 200 <= fetch.status < 400]
    assert (refused, failures) == ([], [])
    return ready - ended
