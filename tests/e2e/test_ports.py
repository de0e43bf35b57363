"""Ports: each preview has one of the range, none that somebody else holds, and gives it back."""

from __future__ import annotations

import socket

import grpc
import pytest
from harness import projects, web
from harness.fixtures import maker
from harness.service import can_bind, free_range

from previewd import Phase, PreviewdError


def hold(port: int) -> socket.socket:
    """Listens on a port as somebody else does."""
    held = socket.socket()
    held.bind(("127.0.0.1", port))
    held.listen()
    return held


def test_held_ports_are_skipped_and_a_full_range_is_said(own_service):
    ports = free_range(3)
    with hold(ports[1]) as held:
        own = own_service(PREVIEW_PORT_RANGE_START=str(ports[0]), PREVIEW_PORT_RANGE_END=str(ports[-1]))
        with own.client() as client:
            make = maker(client, "port")
            previews = [make(projects.STATIC, suffix=f"-{n}", version=n) for n in range(2)]
            assert {it.port for it in previews} == {ports[0], ports[2]}
            assert [web.version_in(web.get(it.url).text) for it in previews] == [0, 1]
            with pytest.raises(PreviewdError) as caught:
                client.create("port-full", projects.static(3))
            assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXHAUSTED")
            assert list(client.list(project_id="port-full")) == []
            with pytest.raises(PreviewdError) as caught:
                list(client.list_branches("port-full"))
            assert caught.value.code == grpc.StatusCode.NOT_FOUND, "a call that was refused has left a commit"

            client.delete(previews[0].preview_id)
            assert can_bind(ports[0]), "the port of a removed preview is not free"
            again = make(projects.STATIC, suffix="-again", version=4)
            assert again.port == ports[0]

            held.close()
            last = make(projects.STATIC, suffix="-last", version=5)
            assert last.port == ports[1]
            assert web.version_in(web.get(last.url).text) == 5


def test_replacing_a_preview_works_where_its_port_is_the_only_one(own_service):
    ports = free_range(1)
    own = own_service(PREVIEW_PORT_RANGE_START=str(ports[0]), PREVIEW_PORT_RANGE_END=str(ports[0]))
    with own.client() as client:
        make = maker(client, "alone")
        make(projects.STATIC, version=1)
        second = make(projects.STATIC, version=2, replace=True)
        assert second.port == ports[0]
        assert web.version_in(web.get(second.url).text) == 2
        assert client.update(second.preview_id, projects.STATIC.change(3)).preview.phase == Phase.PHASE_RUNNING


def test_failed_creations_keep_no_port(own_service):
    ports = free_range(1)
    own = own_service(PREVIEW_PORT_RANGE_START=str(ports[0]), PREVIEW_PORT_RANGE_END=str(ports[0]))
    with own.client() as client:
        for _ in range(3):
            with pytest.raises(PreviewdError):
                client.create("nothing", {"notes.txt": "no stack"})
            assert can_bind(ports[0])
        assert maker(client, "something")(projects.STATIC).port == ports[0]
