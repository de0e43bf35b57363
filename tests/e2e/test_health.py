"""Health, reflection, CORS: what operators and browsers ask before anything else."""

from __future__ import annotations

import time

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from harness import projects, web
from harness.fixtures import maker
from harness.passage import to_the_daemon
from harness.waiting import eventually

from previewd import Client, Phase, PreviewdError

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = ("", "preview.v1.PreviewService", "preview.v1.VfsService")


def health(client: Client, name: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(client.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status


@pytest.mark.parametrize("name", NAMES)
def test_health_says_serving_while_docker_answers(name, client):
    assert health(client, name) == SERVING


def test_healthz_answers_plain_http(service):
    answer = web.get(f"http://{service.address}", "/healthz")
    assert answer.status == 200


def test_health_says_not_serving_while_docker_is_away(own_service, tmp_path):
    own = own_service(healthy=False, DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    with own.client() as client:
        assert health(client) == NOT_SERVING
        assert health(client, "preview.v1.PreviewService") == NOT_SERVING
        assert web.get(f"http://{own.address}", "/healthz").status == 503
        with pytest.raises(PreviewdError) as caught:
            client.create("nowhere", projects.static(0), timeout=30)
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.UNAVAILABLE, "ENGINE_UNAVAILABLE")
        # Files need no engine.
        commit = client.commit("files", {"a.txt": "a"})
        assert next(client.list_commits("files")).commit_id == commit


@pytest.fixture
def passage():
    with to_the_daemon() as it:
        yield it


def test_health_follows_docker_away_and_back_and_previews_go_on(passage, own_service):
    own = own_service(DOCKER_HOST=passage.host)
    with own.client() as client:
        preview = maker(client, "through")(projects.STATIC)
        passage.shut()
        eventually(lambda: health(client) == NOT_SERVING, within=10)
        assert web.get(f"http://{own.address}", "/healthz").status == 503
        assert web.version_in(web.get(preview.url).text) == 0, "the preview needs no daemon to answer"
        commit = client.commit("through", projects.STATIC.change(1))
        with pytest.raises(PreviewdError) as caught:
            client.create("another", projects.static(0), timeout=20)
        assert caught.value.code == grpc.StatusCode.UNAVAILABLE
        passage.open()
        eventually(lambda: health(client) == SERVING, within=20)
        eventually(lambda: client.get(preview.preview_id).commit_id == commit, within=20)
        assert web.version_in(web.get(preview.url).text) == 1
        after = client.get(preview.preview_id)
        assert (after.phase, after.container_id) == (Phase.PHASE_RUNNING, preview.container_id)


def test_commit_that_needs_no_other_image_asks_for_none(passage, own_service):
    own = own_service(DOCKER_HOST=passage.host)
    with own.client() as client:
        preview = maker(client, "meanwhile")(projects.STATIC)
        # As slow as a daemon is that makes an image.
        with passage.holding(b"/images/"):
            updated = client.update(preview.preview_id, projects.STATIC.change(1), timeout=20).preview
        assert not updated.HasField("failure"), updated.failure
        assert web.version_in(web.get(preview.url).text) == 1


def test_a_commit_at_the_moment_the_engine_comes_back_keeps_the_container(passage, own_service):
    own = own_service(DOCKER_HOST=passage.host)
    with own.client() as client:
        preview = maker(client, "flapping")(projects.STATIC)
        for number, delay in enumerate((0, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02), start=1):
            passage.shut()
            eventually(lambda: health(client) == NOT_SERVING, within=10)
            commit = client.commit("flapping", projects.STATIC.change(number))
            time.sleep(delay)
            passage.open()
            eventually(lambda: client.get(preview.preview_id).commit_id == commit, within=20)
            assert web.version_in(web.get(preview.url).text) == number
            after = client.get(preview.preview_id)
            assert (after.phase, after.container_id) == (Phase.PHASE_RUNNING, preview.container_id), delay


def test_service_that_starts_while_docker_is_away_takes_its_containers_over_later(passage, own_service):
    own = own_service(DOCKER_HOST=passage.host, arguments=())
    with own.client() as client:
        preview = maker(client, "patient")(projects.STATIC, version=1)
    own.kill()
    passage.shut()
    own.start(healthy=False, arguments=("--remove-on-exit",))
    with own.client() as client:
        assert health(client) == NOT_SERVING
        passage.open()
        eventually(lambda: client.get(preview.preview_id).commit_id == preview.commit_id, within=20)
        after = client.get(preview.preview_id)
        assert (after.phase, after.container_id) == (Phase.PHASE_RUNNING, preview.container_id)
        assert web.version_in(web.get(preview.url).text) == 1


def test_reflection_describes_every_call(client):
    database = ProtoReflectionDescriptorDatabase(client.channel)
    services = set(database.get_services())
    assert {"preview.v1.PreviewService", "preview.v1.VfsService", "grpc.health.v1.Health"} <= services
    assert not [name for name in services if "agent" in name], "the private contract is shown"
    pool = DescriptorPool(database)
    methods = pool.FindServiceByName("preview.v1.PreviewService").methods_by_name
    assert set(methods) == {"Create", "Get", "Update", "Delete", "List", "StreamLogs", "WatchReloads"}
    assert methods["WatchReloads"].server_streaming


def test_browser_of_any_origin_may_call_and_read_the_status(service):
    url = f"http://{service.address}"
    path = "/preview.v1.PreviewService/List"
    origin = "http://editor.example:3000"
    preflight = web.get(
        url,
        path,
        method="OPTIONS",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-grpc-web,grpc-timeout,x-user-agent,x-request-id",
        },
    )
    assert preflight.status in (200, 204)
    assert preflight.headers["access-control-allow-origin"] in ("*", origin)
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("content-type", "x-grpc-web", "grpc-timeout")) or allowed == "*"

    headers = {"Origin": origin, "Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1"}
    answer = web.get(url, path, method="POST", headers=headers, body=bytes(5))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/grpc-web")
    exposed = answer.headers["access-control-expose-headers"].lower()
    for name in ("grpc-status", "grpc-message", "grpc-status-details-bin"):
        assert name in exposed or exposed == "*"
    assert b"grpc-status:0" in answer.body.replace(b" ", b"")


def test_request_id_is_taken_or_made_and_returned(client):
    from previewd import preview_service_pb2

    request = preview_service_pb2.ListRequest()
    given = "0b8d2f9e-8a55-4f3c-9d2e-0a2b5c7d9e11"
    _, call = client.preview_service.List.with_call(request, metadata=(("x-request-id", given),), timeout=5)
    assert dict(call.initial_metadata())["x-request-id"] == given
    _, call = client.preview_service.List.with_call(request, timeout=5)
    assert len(dict(call.initial_metadata())["x-request-id"]) == 36
