"""What the service bears: being killed twenty times under load, many previews, many creations, large commits.

It takes some minutes: `pytest tests/e2e/test_endurance.py -m slow`.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from harness import daemon, figures, projects, web
from harness.fixtures import maker
from harness.service import setting
from harness.waiting import Meanwhile, eventually

from previewd import Client, Phase, PreviewdError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20
MIB = 2**20


def resident_mib(service) -> float:
    """Returns the memory that the process has."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@dataclass
class Load:
    """Changes previews, and creates and deletes others, until the service is gone."""

    client: Client
    previews: list
    round: int
    #: By project: the version that was asked for last, and the commits that were acknowledged.
    asked: dict[str, int]
    acknowledged: dict[str, str]
    created: dict[str, str] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def run(self) -> None:
        jobs = [threading.Thread(target=self._change, args=(it,)) for it in self.previews]
        jobs.append(threading.Thread(target=self._come_and_go))
        for job in jobs:
            job.start()
        self.jobs = jobs

    def join(self) -> None:
        for job in self.jobs:
            job.join(30)
            assert not job.is_alive()
        assert not self.wrong

    def _change(self, preview) -> None:
        project = projects.PLAIN_NODE if "node" in preview.project_id else projects.STATIC
        with suppress(grpc.RpcError, PreviewdError):
            while True:
                self.asked[preview.project_id] += 1
                version = self.asked[preview.project_id] % 1000
                update = self.client.update(preview.preview_id, project.change(version), timeout=20)
                if update.preview.phase != Phase.PHASE_RUNNING:
                    self.wrong.append(f"{preview.project_id} is {Phase.Name(update.preview.phase)}")
                self.acknowledged[preview.project_id] = update.commit_id

    def _come_and_go(self) -> None:
        number = 0
        with suppress(grpc.RpcError, PreviewdError):
            while True:
                number += 1
                name = f"guest-{self.round}-{number}"
                guest = self.client.create(name, projects.static(1), timeout=20)
                self.created[guest.preview_id] = guest.url
                if number % 2:
                    self.leaving.add(guest.preview_id)
                    self.client.delete(guest.preview_id, timeout=20)
                    self.deleted.add(guest.preview_id)


def test_twenty_kills_under_load_lose_nothing(own_service):
    chance = random.Random(9)
    own = own_service(arguments=())
    with own.client() as client:
        make = maker(client, "")
        previews = [make(projects.STATIC, suffix=f"static-{n}") for n in range(3)]
        previews += [make(projects.PLAIN_NODE, suffix=f"node-{n}") for n in range(3)]
        asked, acknowledged = {it.project_id: 0 for it in previews}, {}
        for number in range(1, ROUNDS + 1):
            load = Load(client, previews, number, asked, acknowledged)
            load.run()
            time.sleep(chance.uniform(0.1, 2.0))
            own.kill()
            load.join()
            own.start()
            now = eventually(lambda: {it.preview_id: it for it in client.list(page_size=1000)}, within=10)
            for before in previews:
                after = now[before.preview_id]
                assert (after.url, after.project_id) == (before.url, before.project_id)
                commits = [it.commit_id for it in client.list_commits(before.project_id)]
                assert acknowledged.get(before.project_id, commits[-1]) in commits
                shows_its_head(client, before, asked[before.project_id] % 1000)
            for guest, url in load.created.items():
                assert guest not in load.deleted or guest not in now, "what was deleted is back"
                # One that was being deleted may have come to its end.
                assert guest in load.leaving or now[guest].url == url
            for guest in [it for it in now.values() if it.project_id.startswith("guest-")]:
                with suppress(PreviewdError):
                    client.delete(guest.preview_id, timeout=60)
        claimed = eventually(
            lambda: len(daemon.of_instance("container", own.instance)) == len(previews),
            within=20,
            every=0.5,
            what="no container is unclaimed",
        )
        assert claimed
        assert sum(asked.values()) > 10 * ROUNDS, "there was no load"
        for preview in previews:
            client.delete(preview.preview_id, timeout=60)
    own.stop()
    own.start(arguments=("--remove-on-exit",))


def shows_its_head(client: Client, before, newest: int) -> None:
    """Waits until a preview answers with its head, which is the newest version or the one before."""

    def shows() -> bool:
        now = client.get(before.preview_id)
        assert now.phase == Phase.PHASE_RUNNING and now.commit_id == now.head_commit_id, now
        version = web.version_in(web.get(before.url).text)
        assert version in (newest, (newest - 1) % 1000), f"{before.project_id} shows {version} of {newest}"
        return True

    eventually(shows, within=15, every=0.1, what="it answers with its head")


def test_twenty_previews_answer_two_seconds_after_a_restart(own_service):
    own = own_service(arguments=("--remove-on-exit",), PREVIEW_IDLE_TIMEOUT="0")
    with own.client() as client:
        make = maker(client, "")
        kinds = (projects.STATIC, projects.PLAIN_NODE)
        with ThreadPoolExecutor(4) as pool:
            previews = list(pool.map(lambda n: make(kinds[n % 2], suffix=f"p{n}"), range(20)))
    for how in ("killed", "stopped"):
        if how == "killed":
            own.kill()
        else:
            own.arguments = ()
            own.process.terminate()
            own.process.wait(30)
        began = time.monotonic()
        own.start(arguments=("--remove-on-exit",) if how == "stopped" else ())
        for preview in previews:
            eventually(lambda: web.get(preview.url).status == 200, within=10)
        took = time.monotonic() - began
        figures.remark(f"20 previews answer again after the service was {how}", f"{took:.2f} s")
        assert took < 2
        with own.client() as client:
            assert all(it.phase == Phase.PHASE_RUNNING for it in client.list(page_size=100))


def test_creating_and_deleting_leaves_no_memory(own_service):
    own = own_service()
    with own.client() as client:
        resident = {}
        for number in range(1, 601):
            preview = client.create(f"p{number}", projects.static(number % 1000))
            assert preview.phase == Phase.PHASE_RUNNING
            client.delete(preview.preview_id, timeout=60)
            if number % 50 == 0:
                resident[number] = resident_mib(own)
    figures.remark("memory after 50, 300 and 600 previews", ", ".join(f"{resident[n]:.0f}" for n in (50, 300, 600)) + " MiB")
    assert resident[600] - resident[50] < 10, resident


def test_large_commits_at_once_give_back_what_they_took(own_service):
    own = own_service()
    before = resident_mib(own)
    with own.client() as client, ThreadPoolExecutor(32) as pool:
        def commit(number: int) -> int:
            files = {f"{part}.bin": random.Random(number * 10 + part).randbytes(10 * MIB - 1) for part in range(3)}
            for _ in range(200):
                try:
                    client.commit(f"large-{number}", files, timeout=120)
                    return number
                except PreviewdError as error:
                    # Told to come again.
                    assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED, error
                    time.sleep(error.retry_after or 0.5)
            raise AssertionError("never taken")

        seen: list[float] = []
        with Meanwhile(lambda: seen.append(resident_mib(own)), every=0.02):
            assert sorted(pool.map(commit, range(32))) == list(range(32))
    time.sleep(20)
    after = resident_mib(own)
    figures.remark("memory before, at most and 20 s after 32 commits of 30 MiB", f"{before:.0f}, {max(seen):.0f}, {after:.0f} MiB")
    assert after < 150 and max(seen) < 400


def test_everything_is_gone_twenty_seconds_after_the_end(own_service, tmp_path):
    own = own_service()
    with own.client() as client:
        maker(client, "")(projects.STATIC, suffix="one")
    labels = {daemon.INSTANCE: own.instance, daemon.ROLE: "dependencies"}
    for number in range(25):
        folder = tmp_path / f"image-{number}"
        folder.mkdir()
        base = setting("PREVIEW_NODE_IMAGE", "node:22-slim")
        (folder / "Dockerfile").write_text(f"FROM {base}\nRUN head -c 20000000 /dev/urandom >/blob && mkdir /{number}\n")
        words = [f"--label={name}={value}" for name, value in {**labels, "previewd.dependency-key": f"k{number}"}.items()]
        daemon.docker("build", "--quiet", *words, str(folder), timeout=120)
    assert len(daemon.dependencies(own.instance)) >= 25
    began = time.monotonic()
    own.stop()
    took = time.monotonic() - began
    figures.remark("25 images, a preview and the network removed at the end", f"{took:.1f} s")
    assert took < 20 and not own.leftovers()
    assert not daemon.dependencies(own.instance)
