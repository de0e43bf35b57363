"""Bursts of commits while a client fetches what changes every 5 ms (acceptance 5)."""

from __future__ import annotations

import os
import time

import pytest
from harness import daemon, figures, projects, web
from harness.daemon import Events
from harness.projects import Project
from harness.waiting import eventually, pace
from harness.watching import COMMITTED, FAILED, READY, Watcher

from previewd import Phase

ROUNDS = range(int(os.environ.get("PREVIEWD_ROUNDS", "1")))
BURSTS = {"50 commits 20 ms apart": (50, 0.020), "100 commits 300 ms apart": (100, 0.300)}

# Each may run beside the others, as they wait more than they work.
PROJECTS = [
    pytest.param(project, id=project.name, marks=pytest.mark.xdist_group(f"bursts of {project.name}"))
    for project in projects.STACKS
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("round_", ROUNDS)
@pytest.mark.parametrize("burst", BURSTS.values(), ids=BURSTS.keys())
@pytest.mark.parametrize("project", PROJECTS)
def test_burst_ends_on_its_last_commit(project: Project, burst, round_, client, service, create, project_id):
    count, interval = burst
    preview = create(project, timeout=project.create_seconds)
    eventually(lambda: not daemon.installing(service.instance), within=60)
    started = time.monotonic()
    with (
        Watcher(client, preview.preview_id) as watcher,
        web.Poller(preview.url, project.path) as poller,
        Events(service.instance) as events,
    ):
        poller.after(started, 3)
        commits = [client.commit(project_id, project.change(n + 1)) for n in pace(count, interval)]
        last = time.monotonic()
        ready, _ = watcher.wait_stage(READY, commits[-1], within=project.reload_seconds * 2)
        after = poller.after(ready, 50)
    assert {fetch.version for fetch in after} == {count}, "the last commit is not what is served"
    assert poller.failures() == []
    assert poller.steps_back() == []
    assert [reload.commit_id for reload in watcher.reloads(COMMITTED)] == commits
    assert watcher.reloads(FAILED) == []
    if project.keeps_container:
        assert events.work() == []
    preview = client.get(preview.preview_id)
    assert (preview.phase, preview.commit_id) == (Phase.PHASE_RUNNING, commits[-1])
    seen = len({fetch.version for fetch in poller.fetches})
    figures.remark(
        f"burst of {count}, {project.name}",
        f"last READY {1000 * (ready - last):.0f} ms after the last commit; {len(watcher.reloads(READY))} applied,"
        f" {seen} seen in {len(poller.fetches)} fetches, slowest {1000 * max(f.ended - f.began for f in poller.fetches):.0f} ms",
    )
