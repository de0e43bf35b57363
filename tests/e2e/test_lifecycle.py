"""Callers that go away, containers that are killed, services that restart: what is said is true (acceptance 6)."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone

import grpc
import pytest
from harness import daemon, projects, web
from harness.fixtures import maker
from harness.git import commit_without_worktree
from harness.service import Service, can_bind
from harness.waiting import eventually, pace
from harness.watching import COMMITTED, READY, SYNCED, Watcher
from websockets.sync.client import connect

from previewd import Client, GoodbyeReason, Phase, Preview, PreviewdError, ReloadMode, preview_service_pb2

ON_THE_WAY = {Phase.PHASE_PENDING, Phase.PHASE_INSTALLING, Phase.PHASE_STARTING}


def slow_to_start(version: int, seconds: float) -> dict[str, str]:
    """Returns a plain Node app that listens late."""
    files = projects.plain_node(version)
    server = files["server.js"].replace("server.listen(", "setTimeout(() => server.listen(") + f"\n// {version}\n"
    files["server.js"] = server.replace(" listens`));", f" listens`)), {int(seconds * 1000)});")
    return files


def only(client: Client, project_id: str) -> Preview:
    """Returns the one preview of a project, without counting as a use of it."""
    found = list(client.list(project_id=project_id))
    assert len(found) == 1, f"{len(found)} previews"
    return found[0]


def stopped(client: Client, project_id: str) -> Preview:
    """Returns the one preview of a project that has stopped."""
    found = list(client.list(project_id=project_id, phases=[Phase.PHASE_STOPPED]))
    assert len(found) == 1, f"{len(found)} previews have stopped"
    return found[0]


def is_true(client: Client, project_id: str) -> bool:
    """Returns whether the phase of a project's preview is what Docker and the URL say too."""
    preview = only(client, project_id)
    found = daemon.container(preview.container_id or preview.container_name)
    up = bool(found and found["State"]["Running"])
    if preview.phase == Phase.PHASE_RUNNING:
        return up and web.get(preview.url, timeout=5).status == 200
    if preview.phase in ON_THE_WAY:
        return True
    return preview.phase != Phase.PHASE_PAUSED or up


# A caller that goes away


def test_creation_goes_on_when_the_deadline_of_create_passes(client, create, project_id):
    with pytest.raises(PreviewdError) as caught:
        client.create(project_id, slow_to_start(3, 1), timeout=0.4)
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert only(client, project_id).phase in ON_THE_WAY
    preview = eventually(
        lambda: [it for it in client.list(project_id=project_id) if it.phase == Phase.PHASE_RUNNING], within=20
    )[0]
    assert web.version_in(web.get(preview.url).text) == 3
    assert client.create(project_id).preview_id == preview.preview_id


def test_creation_goes_on_when_the_caller_of_create_hangs_up(client, create, project_id):
    request = preview_service_pb2.CreateRequest(project_id=project_id)
    for path, content in slow_to_start(4, 1).items():
        request.files.add(path=path, text=content)
    call = client.preview_service.Create.future(request, timeout=60)
    eventually(lambda: list(client.list(project_id=project_id)), within=10, what="the preview is recorded")
    call.cancel()
    preview = eventually(
        lambda: [it for it in client.list(project_id=project_id) if it.phase == Phase.PHASE_RUNNING], within=20
    )[0]
    assert web.version_in(web.get(preview.url).text) == 4


def test_update_goes_on_when_its_caller_goes_away(client, create, project_id):
    preview = create(projects.PLAIN_NODE)
    with pytest.raises(PreviewdError) as caught:
        client.update(preview.preview_id, slow_to_start(5, 1), timeout=0.3)
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(lambda: web.version_in(web.get(preview.url).text) == 5, within=20)
    after = eventually(lambda: (it := only(client, project_id)).phase == Phase.PHASE_RUNNING and it, within=2)
    assert after.commit_id == after.head_commit_id != preview.commit_id
    assert client.update(preview.preview_id, projects.plain_node(6)).preview.phase == Phase.PHASE_RUNNING


def test_removal_goes_on_when_the_caller_of_delete_goes_away(client, create, project_id):
    preview = create(projects.PLAIN_NODE)
    request = preview_service_pb2.DeleteRequest(preview_id=preview.preview_id)
    call = client.preview_service.Delete.future(request, timeout=60)
    eventually(
        lambda: not list(client.list(project_id=project_id, phases=[Phase.PHASE_RUNNING])),
        within=5,
        every=0.001,
        what="the removal has begun",
    )
    call.cancel()
    eventually(lambda: stopped(client, project_id), within=10)
    assert daemon.container(preview.container_name) is None
    assert can_bind(preview.port)
    again = client.create(project_id)
    assert again.phase == Phase.PHASE_RUNNING
    assert again.preview_id != preview.preview_id


def test_delete_may_be_repeated_while_it_runs_and_afterwards(client, create, project_id):
    preview = create(projects.PLAIN_NODE)
    with ThreadPoolExecutor(3) as pool:
        answers = [it.result() for it in [pool.submit(client.delete, preview.preview_id) for _ in range(3)]]
    assert {answer.preview_id for answer in answers} == {preview.preview_id}
    assert client.delete(preview.preview_id).phase == Phase.PHASE_STOPPED
    assert daemon.container(preview.container_name) is None
    with pytest.raises(ConnectionError):
        web.get(preview.url, timeout=2)


def test_deleted_preview_is_known_by_id_and_left_out_of_the_list(client, create, project_id):
    preview = create(projects.STATIC)
    client.delete(project_id=project_id)
    assert list(client.list(project_id=project_id)) == []
    assert stopped(client, project_id).preview_id == preview.preview_id
    assert client.get(preview.preview_id).phase == Phase.PHASE_STOPPED
    with pytest.raises(PreviewdError) as caught:
        client.update(preview.preview_id, projects.static(1))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_PHASE")


# Creation


def test_three_creates_at_once_make_one_preview(client, service, create, project_id):
    with daemon.Events(service.instance) as events, ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(create, projects.PLAIN_NODE) for _ in range(3)]
        previews = [call.result() for call in calls]
    assert len({(it.preview_id, it.container_id, it.port) for it in previews}) == 1
    only(client, project_id)
    made = [event for event in events.all if (event["Type"], event["Action"]) == ("container", "create")]
    # Their dependencies may be installed too, in a container of another role.
    assert len([event for event in made if event["Actor"]["Attributes"]["previewd.role"] == "preview"]) == 1


def test_create_returns_the_live_preview_with_the_new_files(client, create, project_id):
    first = create(projects.STATIC)
    second = create({"index.html": "<h1>version 009</h1>"})
    assert (second.preview_id, second.container_id) == (first.preview_id, first.container_id)
    assert web.version_in(web.get(second.url).text) == 9
    assert [file.path for file in client.list_files(project_id)] == ["index.html"], "what the new tree lacks goes"
    assert web.get(second.url, "/css/style.css").status == 404


def test_same_request_id_returns_the_same_preview_whatever_happened_in_between(client, create, project_id):
    request = preview_service_pb2.CreateRequest(project_id=project_id, request_id=f"{project_id}-request")
    for path, content in projects.static(1).items():
        request.files.add(path=path, text=content)
    first = client.preview_service.Create(request, timeout=60)
    client.update(first.preview.preview_id, projects.STATIC.change(2))
    second = client.preview_service.Create(request, timeout=60)
    assert (first.created, second.created) == (True, False)
    assert second.preview.preview_id == first.preview.preview_id
    assert web.version_in(web.get(first.preview.url).text) == 2, "the repeat committed its files again"
    client.delete(first.preview.preview_id)
    third = client.preview_service.Create(request, timeout=60)
    assert third.preview.preview_id == first.preview.preview_id
    assert third.preview.phase == Phase.PHASE_STOPPED


def test_request_id_of_another_project_is_refused(client, create, project_id):
    create(projects.STATIC, request_id=f"{project_id}-request")
    with pytest.raises(PreviewdError) as caught:
        client.create(f"{project_id}-other", projects.static(1), request_id=f"{project_id}-request")
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert list(client.list(project_id=f"{project_id}-other")) == []


def test_replace_makes_a_new_preview_and_removes_the_old_one(client, create, project_id):
    first = create(projects.STATIC)
    with Watcher(client, first.preview_id) as watcher:
        second = create(projects.STATIC, version=1, replace=True)
        _, goodbye = watcher.wait("goodbye", within=10)
    assert goodbye.reason == GoodbyeReason.GOODBYE_REASON_DELETED
    assert second.preview_id != first.preview_id
    assert web.version_in(web.get(second.url).text) == 1
    assert only(client, project_id).preview_id == second.preview_id
    eventually(lambda: daemon.container(first.container_name) is None, within=5)


def test_create_without_waiting_answers_at_once(client, create, project_id):
    began = time.monotonic()
    preview = client.create(project_id, slow_to_start(1, 2), wait=False)
    assert time.monotonic() - began < 1
    assert preview.phase in ON_THE_WAY
    assert (preview.container_name, preview.commit_id) == (f"preview-{preview.preview_id}", "")
    answer = web.get(preview.url)
    assert web.version_in(answer.text) == 1, "the request was not held until the app answered"
    assert only(client, project_id).phase == Phase.PHASE_RUNNING


def test_preview_says_what_it_is(client, create, project_id):
    before = datetime.now(timezone.utc)
    preview = create(projects.STATIC, time_to_live=600, idle_timeout=timedelta(minutes=5))
    assert len(preview.preview_id) == 12
    assert set(preview.preview_id) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert preview.preview_id[0].isalpha()
    assert (preview.project_id, preview.branch) == (project_id, "main")
    assert preview.url == f"http://127.0.0.1:{preview.port}/"
    assert preview.container_name == f"preview-{preview.preview_id}"
    found = daemon.container(preview.container_name)
    assert found and found["Id"] == preview.container_id
    created, expires = (it.ToDatetime(timezone.utc) for it in (preview.created_at, preview.expires_at))
    assert before - timedelta(seconds=1) <= created <= datetime.now(timezone.utc)
    assert abs(expires - created - timedelta(seconds=600)) < timedelta(seconds=1)
    assert preview.idle_timeout.seconds == 300
    assert not preview.HasField("failure")
    assert preview.commit_id == preview.head_commit_id == next(client.list_commits(project_id)).commit_id


def test_list_is_ordered_by_creation_filters_and_pages(client, create, project_id):
    previews = [create(projects.STATIC, suffix=f"-{n}") for n in range(3)]
    mine = [it.preview_id for it in client.list(page_size=1) if it.project_id.startswith(project_id)]
    assert mine == [it.preview_id for it in previews]
    assert [it.preview_id for it in client.list(project_id=f"{project_id}-1")] == [previews[1].preview_id]
    client.delete(previews[1].preview_id)
    phases = [Phase.PHASE_STOPPED]
    assert [it.preview_id for it in client.list(project_id=f"{project_id}-1", phases=phases)] == [
        previews[1].preview_id
    ]
    assert list(client.list(project_id=f"{project_id}-0", phases=phases)) == []


def test_manual_preview_announces_commits_and_applies_them_by_update_alone(client, create, project_id):
    preview = create(projects.STATIC, reload=ReloadMode.RELOAD_MODE_MANUAL)
    with Watcher(client, preview.preview_id) as watcher:
        commits = [client.commit(project_id, projects.STATIC.change(n)) for n in (1, 2)]
        watcher.wait_stage(COMMITTED, commits[1], within=5)
        # The next heartbeats come with nothing applied.
        seen = len(watcher.messages)
        eventually(lambda: len(watcher.messages) >= seen + 2, within=5)
        assert watcher.reloads(SYNCED) == watcher.reloads(READY) == []
        assert web.version_in(web.get(preview.url).text) == 0
        between = client.get(preview.preview_id)
        assert (between.commit_id, between.head_commit_id) == (preview.commit_id, commits[1])
        updated = client.update(preview.preview_id)
        assert updated.commit_id == updated.preview.commit_id == commits[1]
        watcher.wait_stage(READY, commits[1], within=5)
    assert web.version_in(web.get(preview.url).text) == 2


# A container that dies


def test_killed_container_is_started_again_and_no_phase_is_untrue_for_a_second(client, create, project_id):
    preview = create(projects.PLAIN_NODE, version=7)
    for _ in range(2):
        container = only(client, project_id).container_id
        daemon.docker("kill", container)
        killed = time.monotonic()
        untrue_since = None
        while True:
            now = time.monotonic()
            found = only(client, project_id)
            if is_true(client, project_id):
                untrue_since = None
                state = daemon.container(found.container_id)
                if found.phase == Phase.PHASE_RUNNING and state and state["State"]["Running"]:
                    break
            else:
                untrue_since = untrue_since or now
                assert now - untrue_since < 1, f"{Phase.Name(found.phase)} is not true for a second"
            assert now - killed < 20, f"not running again: {found}"
        assert web.version_in(web.get(preview.url).text) == 7
        assert (found.preview_id, found.url, found.commit_id) == (preview.preview_id, preview.url, preview.commit_id)
    assert client.update(preview.preview_id, projects.PLAIN_NODE.change(8)).preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url).text) == 8


def test_removed_container_is_made_again(client, create, project_id):
    preview = create(projects.STATIC, version=3)
    daemon.docker("rm", "--force", preview.container_id)
    eventually(
        lambda: (
            (it := only(client, project_id)).phase == Phase.PHASE_RUNNING and it.container_id != preview.container_id
        ),
        within=20,
    )
    assert web.version_in(web.get(preview.url).text) == 3


def test_container_that_is_taken_off_its_network_is_replaced(client, create, project_id):
    preview = create(projects.EXPRESS)
    name = f"preview-{preview.preview_id}"

    def cut_off() -> None:
        (network,) = daemon.container(name)["NetworkSettings"]["Networks"]
        daemon.docker("network", "disconnect", "--force", network, name)

    def shows(version: int) -> bool:
        return web.version_in(web.get(preview.url, timeout=30).text) == version

    # A request finds it out.
    cut_off()
    eventually(lambda: shows(0), within=40)
    replaced = client.get(preview.preview_id)
    assert (replaced.phase, replaced.container_id != preview.container_id) == (Phase.PHASE_RUNNING, True)
    # And so does a commit, which is not said to be ready before it can be seen.
    cut_off()
    updated = client.update(preview.preview_id, projects.EXPRESS.change(1), timeout=60).preview
    assert not updated.HasField("failure"), updated.failure
    assert shows(1)


def test_container_is_made_again_when_its_name_is_taken(client, create, project_id):
    """As when Docker keeps a name that nothing has any more: that of a container renamed while it was being removed."""
    preview = create(projects.STATIC, version=3)
    container = daemon.container(preview.container_id)
    name = container["Name"].lstrip("/")
    daemon.docker("rename", name, f"{name}-was-here")
    label = "previewd.instance=another"
    stranger = daemon.docker("create", "--name", name, "--label", label, container["Image"], "true").strip()
    try:
        daemon.docker("rm", "--force", preview.container_id)
        eventually(
            lambda: (
                (it := only(client, project_id)).phase == Phase.PHASE_RUNNING
                and it.container_id != preview.container_id
            ),
            within=20,
        )
        assert web.version_in(web.get(preview.url).text) == 3
        assert daemon.container(stranger), "the other's container was removed"
    finally:
        daemon.docker("rm", "--force", stranger)


def test_killed_app_process_is_started_again_in_its_container(client, create, project_id):
    preview = create(projects.PLAIN_NODE, version=2)
    daemon.execute(
        preview.container_id, "sh", "-c", "kill -9 $(grep -l server.js /proc/[0-9]*/cmdline | cut -d/ -f3)", check=False
    )
    eventually(lambda: web.version_in(web.get(preview.url).text) == 2, within=20)
    after = eventually(lambda: (it := only(client, project_id)).phase == Phase.PHASE_RUNNING and it, within=5)
    assert after.container_id == preview.container_id


# Time


def test_preview_ends_within_a_second_of_its_expiry(client, create, project_id):
    preview = create(projects.STATIC, time_to_live=3)
    due = preview.expires_at.ToDatetime(timezone.utc)
    with Watcher(client, preview.preview_id) as watcher, web.Poller(preview.url, interval=0.05):
        _, goodbye = watcher.wait("goodbye", within=10)
        ended = datetime.now(timezone.utc)
    assert goodbye.reason == GoodbyeReason.GOODBYE_REASON_EXPIRED
    assert timedelta(0) <= ended - due < timedelta(seconds=1.5)
    eventually(lambda: stopped(client, project_id), within=3)
    assert daemon.container(preview.container_name) is None


def test_unused_preview_ends_after_its_idle_timeout(client, create, project_id):
    create(projects.STATIC, idle_timeout=2)
    began = time.monotonic()
    eventually(lambda: stopped(client, project_id), within=8)
    assert time.monotonic() - began > 1


@pytest.mark.parametrize("use", ["requests", "an open WebSocket", "Get"])
def test_used_preview_does_not_end_for_idleness(use, client, create, project_id):
    preview = create(projects.PLAIN_NODE, idle_timeout=2)
    socket = connect(f"ws://127.0.0.1:{preview.port}/", proxy=None) if use == "an open WebSocket" else nullcontext()
    with socket:
        for _ in pace(20, 0.25):
            assert only(client, project_id).phase == Phase.PHASE_RUNNING
            if use == "requests":
                web.get(preview.url)
            if use == "Get":
                client.get(preview.preview_id)
    eventually(lambda: stopped(client, project_id), within=8, what="unused now, it ends")


def test_listing_and_watching_do_not_count_as_a_use(client, create, project_id):
    preview = create(projects.STATIC, idle_timeout=2)
    with Watcher(client, preview.preview_id) as watcher:
        _, goodbye = watcher.wait("goodbye", within=8)
    assert goodbye.reason == GoodbyeReason.GOODBYE_REASON_EXPIRED


def test_settings_name_the_default_lifetimes(own_service):
    own = own_service(PREVIEW_EXPIRY_HOURS="0.5", PREVIEW_IDLE_MINUTES="1.5", PREVIEW_CLEANUP_INTERVAL="300")
    with own.client() as client:
        preview = maker(client, "timed")(projects.STATIC)
    assert preview.expires_at.ToSeconds() - preview.created_at.ToSeconds() in (1799, 1800, 1801)
    assert preview.idle_timeout.seconds == 90


# A service that ends


@pytest.fixture
def lasting(own_service):
    """A service that leaves its previews when it ends, with two of them."""
    own = own_service(arguments=())
    with own.client() as client:
        make = maker(client, "lasting")
        previews = [
            make(projects.PLAIN_NODE, suffix="-node", version=1),
            make(projects.STATIC, suffix="-static", version=1),
        ]
    yield own, previews
    # The last life of the service removes what the earlier ones left.
    if own.running:
        own.stop()
    own.start(arguments=("--remove-on-exit",))
    own.stop()


def assert_taken_over(own: Service, previews: list[Preview]) -> None:
    with own.client() as client:
        now = {it.preview_id: it for it in client.list()}
        assert sorted(now) == sorted(it.preview_id for it in previews)
        for before in previews:
            after = eventually(
                lambda: (it := only(client, before.project_id)).phase == Phase.PHASE_RUNNING and it,
                within=10,
                what="the preview runs",
            )
            for name in ("url", "port", "container_id", "commit_id", "stack", "created_at", "expires_at", "limits"):
                assert getattr(after, name) == getattr(before, name), name
            assert web.version_in(web.get(before.url).text) == 1
            updated = client.update(
                before.preview_id, (projects.PLAIN_NODE if "node" in before.project_id else projects.STATIC).change(2)
            )
            assert updated.preview.phase == Phase.PHASE_RUNNING
            assert updated.preview.container_id == before.container_id
            assert web.version_in(web.get(before.url).text) == 2


def test_previews_outlive_a_restart_of_the_service(lasting):
    own, previews = lasting
    with own.client() as client:
        watch = client.watch_reloads(previews[0].preview_id, reconnect=False)
        messages = []
        reading = threading.Thread(target=lambda: messages.extend(watch))
        reading.start()
        eventually(lambda: [daemon.container(it.container_id) for it in previews], within=5)
        own.stop()
        reading.join(5)
    assert messages[-1].goodbye.reason == GoodbyeReason.GOODBYE_REASON_SHUTTING_DOWN
    for preview in previews:
        found = daemon.container(preview.container_id)
        assert found and found["State"]["Running"], "the service took its preview with it"
    own.start()
    assert_taken_over(own, previews)


def test_previews_outlive_a_kill_of_the_service(lasting):
    own, previews = lasting
    own.kill()
    own.start()
    assert_taken_over(own, previews)


def test_commit_made_while_the_service_was_away_is_applied_when_it_is_back(lasting):
    own, previews = lasting
    static = previews[1]
    own.stop()
    commit = commit_without_worktree(own.repository(static.project_id), "index.html", projects.static(5)["index.html"])
    own.start()
    with own.client() as client:
        eventually(lambda: client.get(static.preview_id).commit_id == commit, within=10)
    assert web.version_in(web.get(static.url).text) == 5


def test_preview_that_was_killed_while_the_service_was_away_runs_again(lasting):
    own, previews = lasting
    own.stop()
    daemon.docker("rm", "--force", previews[0].container_id)
    daemon.docker("kill", previews[1].container_id)
    own.start()
    for preview in previews:
        eventually(lambda: web.version_in(web.get(preview.url, timeout=10).text) == 1, within=20)


def test_creation_that_a_kill_of_the_service_cut_short_is_finished_by_the_next_life(lasting):
    own, _ = lasting
    with own.client() as client:
        begun = client.create("cut", slow_to_start(6, 2), wait=False)
        own.kill()
        own.start()
        preview = eventually(lambda: (it := only(client, "cut")).phase == Phase.PHASE_RUNNING and it, within=30)
    assert (preview.preview_id, preview.url) == (begun.preview_id, begun.url)
    assert web.version_in(web.get(preview.url).text) == 6


def test_update_of_a_manual_preview_that_a_kill_cut_short_is_finished_by_the_next_life(lasting):
    own, _ = lasting
    files = projects.plain_node(2)
    manifest = json.loads(files.get("package.json", "{}"))
    files["package.json"] = json.dumps({**manifest, "dependencies": {"is-number": "7.0.0"}})
    with own.client() as client:
        preview = client.create("manual", projects.plain_node(1), reload=ReloadMode.RELOAD_MODE_MANUAL)
        client.update(preview.preview_id, files, wait=False)
        own.kill()
        own.start()
        eventually(lambda: web.version_in(web.get(preview.url).text) == 2, within=60)


def test_container_that_had_not_got_its_name_yet_is_taken_over(lasting):
    own, previews = lasting
    own.kill()
    for preview in previews:
        daemon.docker("rename", preview.container_id, f"{preview.container_name}-aside")
    own.start()
    assert_taken_over(own, previews)
    for preview in previews:
        assert daemon.container(preview.container_name)["Id"] == preview.container_id


def test_service_that_is_told_to_removes_its_previews_when_it_ends(own_service):
    own = own_service(arguments=("--remove-on-exit",))
    with own.client() as client:
        preview = maker(client, "removed")(projects.STATIC)
        instance = own.instance
        own.stop()
    assert daemon.container(preview.container_id) is None
    assert daemon.leftovers(instance) == []
    assert can_bind(preview.port)


def test_service_ends_in_time_while_streams_and_websockets_are_open(own_service):
    own = own_service(arguments=())
    with own.client() as client:
        preview = maker(client, "busy")(projects.PLAIN_NODE)
        logs = client.logs(preview.preview_id, follow=True)
        entries = []
        reading = threading.Thread(target=lambda: entries.extend(logs))
        reading.start()
        watch = client.watch_reloads(preview.preview_id, reconnect=False)
        next(watch)
        cut_off: list[object] = []
        slow = threading.Thread(target=lambda: cut_off.append(outcome(preview.url, "/slow?ms=60000")))
        slow.start()
        with connect(f"ws://127.0.0.1:{preview.port}/", proxy=None) as socket:
            assert "version" in socket.recv(timeout=5)
            own.stop()
        last = list(watch)[-1]
        reading.join(5)
        slow.join(5)
    assert last.goodbye.reason == GoodbyeReason.GOODBYE_REASON_SHUTTING_DOWN
    assert logs.goodbye is not None
    assert logs.goodbye.reason == GoodbyeReason.GOODBYE_REASON_SHUTTING_DOWN
    assert cut_off in ([503], ["cut off"])
    own.start(arguments=("--remove-on-exit",))


def outcome(url: str, path: str) -> object:
    """Returns the status of an answer, or that there was none."""
    try:
        return web.get(url, path).status
    except OSError:
        return "cut off"
