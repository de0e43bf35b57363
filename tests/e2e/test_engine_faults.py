"""What previews come to while the daemon errs, in twenty-one ways, for 1, 6 and 20 s.

It takes a quarter of an hour: `pytest tests/e2e/test_engine_faults.py -m slow`.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from harness import daemon, figures, projects, web
from harness.faults import KINDS, FaultyPassage
from harness.fixtures import maker
from harness.passage import to_the_daemon
from harness.service import Service
from harness.waiting import Meanwhile, eventually

from previewd import Client, Phase, PreviewdError

SECONDS = [float(it) for it in os.environ.get("PREVIEWD_FAULT_SECONDS", "1,6,20").split(",")]
#: How long after the fault all has to be as it was asked for.
SETTLED_SECONDS = 15
#: How long after the fault something untrue may still be said.
UNTRUE_SECONDS = 1
#: A request that takes longer has got no answer.
PATIENCE = 4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def passage():
    with to_the_daemon(FaultyPassage) as it:
        yield it


@pytest.fixture(scope="module")
def running(passage, nothing_left, tmp_path_factory):
    """A service at that passage with previews that serve."""
    with Service(tmp_path_factory.mktemp("service"), DOCKER_HOST=passage.host) as own, own.client() as client:
        make = maker(client, "")
        serving = {name: make(project, suffix=name) for name, project in SERVING.items()}
        eventually(lambda: not daemon.installing(own.instance), within=60, what="nothing is installed any more")
        yield own, client, serving


SERVING = {
    "rest-static": projects.STATIC,
    "rest-node": projects.PLAIN_NODE,
    "a": projects.STATIC,
    "b": projects.PLAIN_NODE,
    "c": projects.EXPRESS,
}
#: Those of which a file is changed.
CHANGED = ("a", "b", "c")


@dataclass
class Watch:
    """Looks all the time at what is said of previews, and at what they answer."""

    client: Client
    previews: dict
    #: When something was wrong, of which preview, and what: the service's word against the page's.
    wrong: list[tuple[float, str, str]] = field(default_factory=list)

    def look(self) -> None:
        for name, preview in self.previews.items():
            began = time.monotonic()
            try:
                said = self.client.get(preview.preview_id, timeout=PATIENCE)
            except PreviewdError as error:
                self.wrong.append((began, name, f"Get answers {error}"))
                continue
            answers = False
            with suppress(OSError):
                answers = web.get(preview.url, timeout=PATIENCE).status == 200
            again = None
            with suppress(PreviewdError):
                again = self.client.get(preview.preview_id, timeout=PATIENCE)
            if said.phase == Phase.PHASE_STARTING and name in CHANGED:
                # Its server is started anew, and requests wait.
                continue
            if said.phase != Phase.PHASE_RUNNING:
                self.wrong.append((began, name, f"it is {Phase.Name(said.phase)}: {said.failure}"))
            elif not answers and again is not None and again.phase == Phase.PHASE_RUNNING:
                self.wrong.append((began, name, "it is RUNNING and does not answer"))


def created_at_last(client: Client, project: str, files: dict[str, str]):
    """Creates a preview as a client does that is told to try again: while the daemon is away, none is begun."""
    while True:
        try:
            return client.create(project, files, wait=False)
        except PreviewdError as error:
            if error.reason != "ENGINE_UNAVAILABLE":
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("seconds", SECONDS, ids=lambda it: f"{it:g}s")
@pytest.mark.parametrize("kind", KINDS, ids=lambda it: it.replace(" ", "-"))
def test_nothing_is_lost_while_the_daemon_errs(kind, seconds, running, passage):
    own, client, serving = running
    version = int(time.monotonic() * 10) % 900
    before = {it["Id"] for it in daemon.of_role("container", own.instance, "preview")}
    doomed = maker(client, "")(projects.STATIC, suffix="doomed")
    made = {"new-static": projects.STATIC, "new-node": projects.PLAIN_NODE}
    watch = Watch(client, serving)
    with Meanwhile(watch.look, every=0.2) as watching, ThreadPoolExecutor(8) as pool:
        with passage.fault(kind):
            began = time.monotonic()
            work = [pool.submit(created_at_last, client, name, project.files(0)) for name, project in made.items()]
            work += [
                pool.submit(client.update, serving[name].preview_id, SERVING[name].change(version), wait=False)
                for name in CHANGED
            ]
            work.append(pool.submit(client.delete, doomed.preview_id, timeout=60))
            time.sleep(max(0, began + seconds - time.monotonic()))
        over = time.monotonic()
        created = [job.result(timeout=60) for job in work[:2]]
        for job in work[2:]:
            job.result(timeout=60)

        def as_asked() -> bool:
            for preview in created:
                now = client.get(preview.preview_id)
                assert now.phase == Phase.PHASE_RUNNING, f"{now.project_id} is {Phase.Name(now.phase)}: {now.failure}"
                assert web.get(preview.url).status == 200, f"{now.project_id} does not answer"
            for name in CHANGED:
                project, now = SERVING[name], client.get(serving[name].preview_id)
                shown = web.version_in(web.get(serving[name].url, project.path).text)
                assert shown == version and not now.HasField("failure"), f"{name} shows {shown}: {now.failure}"
            here = daemon.of_role("container", own.instance, "preview")
            assert len(here) == len(serving) + len(created), f"there are {len(here)} containers"
            return True

        eventually(as_asked, within=SETTLED_SECONDS - (time.monotonic() - over), every=0.2, what="all is as asked")
        settled = time.monotonic() - over
    assert watching.looks > seconds / 2, "nobody has looked"
    # What is being changed may not be there while the daemon errs, and says so.
    resting = [(name, said) for _, name, said in watch.wrong if name not in CHANGED]
    late = [(name, said) for at, name, said in watch.wrong if at > over + UNTRUE_SECONDS]
    here = {it["Id"] for it in daemon.of_role("container", own.instance, "preview")}
    for preview in created:
        client.delete(preview.preview_id, timeout=60)
    figures.remark(f"{kind}, {seconds:g} s", f"as asked {settled:.1f} s after it, {len(watch.wrong)} times not RUNNING")
    assert not late and not resting
    assert before <= here, "a container that served was removed"
