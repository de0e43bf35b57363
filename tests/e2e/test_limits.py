"""Limits that change while a preview runs, CPU and memory, and those of calls that wait for one."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from harness import daemon, web
from harness.waiting import eventually
from harness.watching import READY, Watcher

from previewd import FailureStage, LogSource, Phase, PreviewdError

MEBIBYTE = 1024 * 1024

#: A server that takes memory: so much before it listens, and more when it is asked to.
HUNGRY = """
const http = require('http');
const kept = [];
const take = (mebibytes) => { for (let i = 0; i < mebibytes; i += 1) kept.push(Buffer.alloc(1 << 20, 1)); };
take(%d);
http.createServer((req, res) => {
  take(Number(new URL(req.url, 'http://x').searchParams.get('take') || 0));
  res.end(`pid ${process.pid}`);
}).listen(process.env.PORT);
"""


def hungry(mebibytes: int) -> dict[str, str]:
    """Returns a project whose server takes so much memory before it listens."""
    return {"package.json": '{"scripts":{"start":"node server.js"}}', "server.js": HUNGRY % mebibytes}


def lifecycle(client, preview) -> str:
    """Returns what the lifecycle log says."""
    return "\n".join(entry.line for entry in client.logs(preview.preview_id, sources=[LogSource.LOG_SOURCE_LIFECYCLE]))


def memory_of(preview) -> tuple[int, int]:
    """Returns the memory limit of a preview's container, with and without swap, in MiB."""
    host = daemon.container(preview.container_name)["HostConfig"]
    return host["Memory"] // MEBIBYTE, host["MemorySwap"] // MEBIBYTE


@pytest.mark.timeout(180)
def test_memory_is_doubled_as_it_is_needed_up_to_the_most_and_then_named(own_service):
    own = own_service(PREVIEW_BACKEND_MEM="128m", PREVIEW_MAX_MEM="512m")
    with own.client() as client:
        # While it starts: killed or not on the way, the commit is ready.
        started = client.create("starts", hungry(180))
        assert started.phase == Phase.PHASE_RUNNING, started.failure
        assert started.limits.memory_bytes >= 256 * MEBIBYTE
        assert memory_of(started)[0] == memory_of(started)[1] == started.limits.memory_bytes // MEBIBYTE
        assert "memory: 128 MiB are too little, 256 MiB are given" in lifecycle(client, started)
        client.delete(started.preview_id)

        # While it runs: the container and the process stay.
        running = client.create("runs", hungry(0))
        assert memory_of(running) == (128, 128)
        before = web.get(running.url).text
        with Watcher(client, running.preview_id) as watcher:
            eventually(lambda: web.get(running.url, "/?take=2") and memory_of(running) != (128, 128), within=20)
            _, given = watcher.wait("memory_given", within=10)
        assert (given.before_bytes, given.memory_bytes) == (128 * MEBIBYTE, 256 * MEBIBYTE)
        assert web.get(running.url).text == before
        found = client.get(running.preview_id)
        assert (found.container_id, found.limits.memory_bytes) == (running.container_id, 256 * MEBIBYTE)
        assert memory_of(running) == (256, 256)

        # What it was given it keeps, through a commit and through another life of the service.
        after = client.update(running.preview_id, {"README.md": "more\n"}).preview
        assert after.limits.memory_bytes == 256 * MEBIBYTE
    own.kill()
    own.start()
    with own.client() as client:
        found = client.get(running.preview_id)
        assert (found.container_id, found.limits.memory_bytes) == (running.container_id, 256 * MEBIBYTE)

        # Past the most.
        failed = client.update(running.preview_id, hungry(2000)).preview
        assert (failed.failure.stage, failed.failure.reason) == (FailureStage.FAILURE_STAGE_START, "OUT_OF_MEMORY")
        assert re.search(r"the 512 MiB of memory.*, of which [1-9]\d* MiB were seen", failed.failure.message)
        assert "PREVIEW_MAX_MEM" in failed.failure.message
        mended = client.update(running.preview_id, hungry(0)).preview
        assert mended.phase == Phase.PHASE_RUNNING, mended.failure


def test_cpu_is_lifted_until_the_first_answer_and_down_before_ready(client, project_id):
    slow = {
        "package.json": '{"scripts":{"start":"node server.js"}}',
        "server.js": "setTimeout(() => require('http').createServer((q, s) => s.end('up')).listen(process.env.PORT), 2500)",
    }

    def cpus(preview_id: str) -> float:
        found = daemon.container(f"preview-{preview_id}")
        return found["HostConfig"]["NanoCpus"] / 1e9 if found else 0

    begun = client.create(project_id, slow, wait=False)
    lifted = eventually(lambda: cpus(begun.preview_id), within=20)
    with Watcher(client, begun.preview_id) as watcher:
        watcher.wait_stage(READY, begun.head_commit_id, within=60)
        at_ready = cpus(begun.preview_id)
    ready = client.get(begun.preview_id)
    assert lifted == min(2, os.cpu_count() or 1)
    assert ready.phase == Phase.PHASE_RUNNING, ready.failure
    assert at_ready == ready.limits.cpus == 0.5
    client.delete(begun.preview_id)


@pytest.mark.timeout(120)
def test_callers_that_wait_for_an_app_leave_their_places_with_their_deadlines(own_service):
    files = {"main.py": "import time\nwhile True:\n    print('not yet', flush=True)\n    time.sleep(1)\n"}
    own = own_service(PREVIEW_MAX_CONCURRENT_CALLS="64")
    with own.client() as client:
        preview = client.create("never", files, wait=False)
        with ThreadPoolExecutor(64) as pool:
            waiting = [
                pool.submit(client.update, preview.preview_id, {"main.py": f"{files['main.py']}# {n}\n"}, timeout=1)
                for n in range(64)
            ]
            codes = {it.exception().code for it in waiting}
        assert codes == {grpc.StatusCode.DEADLINE_EXCEEDED}, codes
        # What they asked for goes on, and holds nobody's place.
        for _ in range(20):
            began = time.monotonic()
            assert [it.preview_id for it in client.list()] == [preview.preview_id]
            assert time.monotonic() - began < 1
        assert client.delete(preview.preview_id).phase == Phase.PHASE_STOPPED


#: A server that does nothing else for so many milliseconds when it is asked to, as one that is deadlocked.
BUSY = """
require('http').createServer((req, res) => {
  const until = Date.now() + Number(new URL(req.url, 'http://x').searchParams.get('busy') || 0);
  while (Date.now() < until) { /* Nobody else has a turn. */ }
  res.end(`pid ${process.pid}`);
}).listen(process.env.PORT);
"""


def test_app_that_does_not_answer_is_named_beside_what_runs_until_it_does(own_service):
    own = own_service(PREVIEW_ANSWER_TIMEOUT="2")
    with own.client() as client:
        preview = client.create("busy", {"package.json": '{"scripts":{"start":"node server.js"}}', "server.js": BUSY})
        process = web.get(preview.url).text
        began = time.monotonic()
        late = web.get(preview.url, "/?busy=15000", headers={"accept": "application/json"}, timeout=30)
        assert (late.status, time.monotonic() - began < 4) == (504, True), late.text
        assert "ANSWER_TIMEOUT" in late.text

        def reason() -> str:
            return client.get(preview.preview_id).failure.reason

        eventually(lambda: reason() == "NOT_ANSWERING", within=12)
        assert client.get(preview.preview_id).phase == Phase.PHASE_RUNNING
        eventually(lambda: reason() == "", within=30)
        assert web.get(preview.url).text == process, "its process goes on"


@pytest.mark.timeout(120)
def test_whoever_asks_for_too_much_can_still_look_and_end_it(own_service):
    files = {"main.py": "import time\nwhile True:\n    print('not yet', flush=True)\n    time.sleep(1)\n"}
    own = own_service()
    with own.client() as client, own.client() as other:
        preview = client.create("never", files, wait=False)
        quiet = client.create("quiet", {"index.html": "<h1>quiet</h1>"})
        slowest, changes = 0.0, 0

        def change(number: int) -> grpc.StatusCode:
            with pytest.raises(PreviewdError) as caught:
                client.update(preview.preview_id, {"main.py": f"{files['main.py']}# {number}\n"}, timeout=1)
            return caught.value.code

        with ThreadPoolExecutor(300) as pool:
            waiting = [pool.submit(change, number) for number in range(300)]
            while not all(it.done() for it in waiting):
                began = time.monotonic()
                assert {it.preview_id for it in other.list()} == {preview.preview_id, quiet.preview_id}
                other.get(quiet.preview_id)
                slowest = max(slowest, time.monotonic() - began)
                # Work for another preview has places that those who wait cannot take.
                changes += 1
                other.update(quiet.preview_id, {"index.html": f"<h1>quiet {changes}</h1>"}, timeout=10)
            codes = {it.result() for it in waiting}
        assert codes <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}, codes
        print(f"List and Get among 300 Updates that wait: {slowest * 1000:.0f} ms at most; {changes} Updates of another preview")
        assert web.get(quiet.url).text == f"<h1>quiet {changes}</h1>"
        assert client.delete(preview.preview_id).phase == Phase.PHASE_STOPPED
