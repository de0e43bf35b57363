"""The client against a service that the test plays itself: what a real one cannot be made to do on demand."""

from __future__ import annotations

import threading
from concurrent import futures

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from previewd import Client, PreviewdError, preview_pb2, preview_service_pb2 as messages
from previewd._generated.preview.v1 import preview_service_pb2_grpc, vfs_service_pb2_grpc


def commit_id(number: int) -> str:
    return f"{number:040x}"


def hello(head: int) -> messages.WatchReloadsResponse:
    return messages.WatchReloadsResponse(hello=messages.Hello(head_commit_id=commit_id(head)))


def committed(number: int) -> messages.WatchReloadsResponse:
    stage = preview_pb2.RELOAD_STAGE_COMMITTED
    return messages.WatchReloadsResponse(reload=preview_pb2.Reload(commit_id=commit_id(number), stage=stage))


def goodbye(reason: int) -> messages.WatchReloadsResponse:
    return messages.WatchReloadsResponse(goodbye=messages.Goodbye(reason=reason))


class PlayedPreviews(preview_service_pb2_grpc.PreviewServiceServicer):
    """Answers each WatchReloads with the next script: messages, a callable that may abort, or an event to wait for."""

    def __init__(self):
        self.scripts = []
        self.cursors = []
        self.lists = []
        self.requests = []

    def WatchReloads(self, request, context):  # noqa: N802
        self.cursors.append(request.after_commit_id)
        for step in self.scripts.pop(0):
            if callable(step):
                step(context)
            else:
                yield step

    def List(self, request, context):  # noqa: N802
        self.lists.append(request.page_token)
        start = int(request.page_token or 0)
        token = str(start + 2) if start < 4 else ""
        previews = [preview_pb2.Preview(preview_id=f"p{n}") for n in range(start, start + 2)]
        return messages.ListResponse(previews=previews, next_page_token=token)

    def Create(self, request, context):  # noqa: N802
        self.requests.append(request)
        return messages.CreateResponse(preview=preview_pb2.Preview(preview_id="abc"))


class PlayedVfs(vfs_service_pb2_grpc.VfsServiceServicer):
    """Refuses each commit with the status that the test gives it."""

    def __init__(self):
        self.status = None

    def Commit(self, request, context):  # noqa: N802
        context.set_trailing_metadata((("grpc-status-details-bin", self.status.SerializeToString()),))
        code = next(code for code in grpc.StatusCode if code.value[0] == self.status.code)
        context.abort(code, self.status.message)


@pytest.fixture
def played():
    previews, vfs = PlayedPreviews(), PlayedVfs()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    preview_service_pb2_grpc.add_PreviewServiceServicer_to_server(previews, server)
    vfs_service_pb2_grpc.add_VfsServiceServicer_to_server(vfs, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with Client(f"127.0.0.1:{port}", timeout=10) as client:
        yield client, previews, vfs
    server.stop(None)


def refuse(code):
    return lambda context: context.abort(code, "gone")


def status(code: int, *details) -> status_pb2.Status:
    result = status_pb2.Status(code=code, message="refused")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        result.details.append(packed)
    return result


@pytest.mark.timeout(30)
def test_watch_resumes_with_the_last_commit_it_saw(played):
    client, previews, _ = played
    previews.scripts = [
        [hello(1), committed(2), committed(3), refuse(grpc.StatusCode.UNAVAILABLE)],
        [hello(5), committed(4), committed(5), goodbye(messages.GOODBYE_REASON_SHUTTING_DOWN)],
        [hello(5), goodbye(messages.GOODBYE_REASON_DELETED)],
    ]
    seen = list(client.watch_reloads("p"))
    assert previews.cursors == ["", commit_id(3), commit_id(5)]
    commits = [message.reload.commit_id for message in seen if message.HasField("reload")]
    assert commits == [commit_id(n) for n in (2, 3, 4, 5)]
    assert seen[-1].goodbye.reason == messages.GOODBYE_REASON_DELETED


@pytest.mark.timeout(30)
def test_watch_that_saw_no_commit_resumes_with_the_head_of_its_hello(played):
    client, previews, _ = played
    previews.scripts = [
        [hello(7), refuse(grpc.StatusCode.UNAVAILABLE)],
        [hello(9), goodbye(messages.GOODBYE_REASON_EXPIRED)],
    ]
    list(client.watch_reloads("p"))
    assert previews.cursors == ["", commit_id(7)]


@pytest.mark.timeout(30)
def test_watch_goes_on_from_the_head_of_a_reset(played):
    client, previews, _ = played
    reset = messages.WatchReloadsResponse(reset=messages.Reset(head_commit_id=commit_id(8)))
    previews.scripts = [
        [hello(8), reset, refuse(grpc.StatusCode.UNAVAILABLE)],
        [hello(8), goodbye(messages.GOODBYE_REASON_DELETED)],
    ]
    list(client.watch_reloads("p", after_commit_id=commit_id(99)))
    assert previews.cursors == [commit_id(99), commit_id(8)]


@pytest.mark.timeout(30)
def test_watch_raises_what_another_try_cannot_mend(played):
    client, previews, _ = played
    previews.scripts = [[hello(1), refuse(grpc.StatusCode.NOT_FOUND)]]
    watch = client.watch_reloads("p")
    next(watch)
    with pytest.raises(PreviewdError) as caught:
        next(watch)
    assert caught.value.code == grpc.StatusCode.NOT_FOUND


@pytest.mark.timeout(30)
def test_watch_gives_up_after_the_given_time():
    with Client("127.0.0.1:1") as client:
        with pytest.raises(PreviewdError) as caught:
            next(client.watch_reloads("p", give_up_after=0.5))
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE


@pytest.mark.timeout(30)
def test_closing_a_watch_from_another_thread_ends_it_without_an_error(played):
    client, previews, _ = played
    ended = threading.Event()
    previews.scripts = [[hello(1), lambda context: (context.add_callback(ended.set), ended.wait(20))]]
    watch = client.watch_reloads("p")
    next(watch)
    threading.Timer(0.1, watch.close).start()
    assert list(watch) == []
    assert ended.wait(5), "the service was not told"


def test_error_carries_reason_and_head_of_a_stale_commit(played):
    client, _, vfs = played
    info = error_details_pb2.ErrorInfo(reason="STALE_HEAD", metadata={"head": commit_id(5)})
    vfs.status = status(grpc.StatusCode.ABORTED.value[0], info)
    with pytest.raises(PreviewdError) as caught:
        client.commit("p", {"a": "b"})
    assert caught.value.code == grpc.StatusCode.ABORTED
    assert caught.value.reason == "STALE_HEAD"
    assert caught.value.head == commit_id(5)
    assert str(caught.value) == "ABORTED: refused [STALE_HEAD]"


def test_error_carries_every_field_violation_and_the_delay(played):
    client, _, vfs = played
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="project_id", description="must not be empty")
    bad.field_violations.add(field="files[0].path", description="must be relative")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    vfs.status = status(grpc.StatusCode.INVALID_ARGUMENT.value[0], bad, retry)
    with pytest.raises(PreviewdError) as caught:
        client.commit("", {"/a": "b"})
    assert [violation.field for violation in caught.value.violations] == ["project_id", "files[0].path"]
    assert caught.value.retry_after == 1.5
    assert "files[0].path: must be relative" in str(caught.value)


def test_list_asks_for_page_after_page(played):
    client, previews, _ = played
    assert [preview.preview_id for preview in client.list(page_size=2)] == [f"p{n}" for n in range(6)]
    assert previews.lists == ["", "2", "4"]


def test_create_sends_text_bytes_and_whole_files(played):
    client, previews, _ = played
    script = preview_pb2.File(text="#!/bin/sh\n", executable=True)
    client.create("p", {"a.txt": "ä", "b.bin": b"\xff", "run.sh": script}, time_to_live=1.5, wait=False)
    request = previews.requests[0]
    assert [(file.path, file.WhichOneof("content"), file.executable) for file in request.files] == [
        ("a.txt", "text", False),
        ("b.bin", "data", False),
        ("run.sh", "text", True),
    ]
    assert request.time_to_live.ToTimedelta().total_seconds() == 1.5
    assert not request.HasField("idle_timeout")
    assert request.wait == preview_pb2.WAIT_MODE_NONE
