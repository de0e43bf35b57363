"""What was installed is handed to the preview that waits for it; others get the image, which is made meanwhile."""

from __future__ import annotations

import json

import pytest
from harness import daemon, web
from harness.fixtures import maker
from harness.projects import Files
from harness.service import setting
from harness.waiting import eventually

from previewd import Client, LogSource, Phase, Preview

pytestmark = pytest.mark.timeout(240)

NODE = """\
const ms = require('ms');
require('node:http').createServer((_, response) => response.end(`an hour is ${ms('1h')}`)).listen(process.env.PORT);
"""
PYTHON = """\
import humanize
from flask import Flask
app = Flask(__name__)
@app.get("/")
def page(): return humanize.intcomma(3600000)
"""


def node(**more: str) -> Files:
    manifest = {"private": True, "scripts": {"start": "node server.js"}, "dependencies": {"ms": "2.1.3", **more}}
    return {"package.json": json.dumps(manifest), "server.js": NODE}


def python() -> Files:
    return {"requirements.txt": "flask\nhumanize\n", "app.py": PYTHON}


def volumes(container: str) -> set[str]:
    """Returns where a container has volumes of its own that it writes to."""
    return {mount["Destination"] for mount in daemon.container(container)["Mounts"] if mount["RW"]}


def image(container: str) -> str:
    """Returns the image of a container, or nothing where that is gone."""
    found = daemon.container(container)
    return found["Image"] if found else ""


@pytest.mark.parametrize(
    ("files", "base", "shows"),
    [
        (node(), ("PREVIEW_NODE_IMAGE", "node:22-slim"), "3600000"),
        (python(), ("PREVIEW_PYTHON_IMAGE", "python:3.12-slim"), "3,600,000"),
    ],
    ids=["node", "python"],
)
def test_first_preview_of_dependencies_has_them_before_their_image(own_service, files, base, shows):
    own = own_service()
    with own.client() as client:
        first = maker(client, "first")(files)
        assert shows in web.get(first.url).text
        below = daemon.inspect("image", setting(*base))["Id"]
        assert (image(first.container_id), volumes(first.container_id)) == (below, {"/app", "/home/preview"})

        eventually(lambda: daemon.dependencies(own.instance), within=60, what="there is an image for others")
        second = maker(client, "second")(files)
        assert shows in web.get(second.url).text
        made = daemon.dependencies(own.instance)[0]["Id"]
        assert (image(second.container_id), volumes(second.container_id)) == (made, set())

        # Its next container is like any other's.
        daemon.docker("rm", "--force", first.container_id)
        eventually(
            lambda: (it := client.get(first.preview_id)).phase == Phase.PHASE_RUNNING and image(it.container_id) == made,
            within=60,
        )
        assert shows in web.get(first.url).text
    own.stop()
    assert daemon.leftovers(own.instance) == []


def installed(client: Client, preview: Preview) -> str:
    """Returns what npm said last of what it has installed for a preview."""
    log = client.logs(preview.preview_id, sources=[LogSource.LOG_SOURCE_INSTALL])
    return [entry.line for entry in log if entry.line.startswith("added ")][-1]


def test_one_package_more_goes_on_from_what_is_there_and_waits_for_no_image(own_service):
    own = own_service()
    with own.client() as client:
        preview = maker(client, "project")(node())
        more = client.update(preview.preview_id, {"package.json": node(noop="0.2.2")["package.json"]}).preview
        assert (more.phase, more.HasField("failure")) == (Phase.PHASE_RUNNING, False), more.failure
        assert "3600000" in web.get(more.url).text
        assert volumes(more.container_id), "it has waited for an image"
        assert installed(client, more).startswith("added 1 package")

        eventually(lambda: len(daemon.dependencies(own.instance)) == 2, within=60, what="both are images")
        other = maker(client, "other")(node(noop="0.2.2"))
        assert "3600000" in web.get(other.url).text
        last = client.update(other.preview_id, {"package.json": node(noop="0.2.2", nanoid="3")["package.json"]}).preview
        assert "3600000" in web.get(last.url).text
        assert installed(client, last).startswith("added 1 package")
        # What goes on from an image is soon one itself.
        assert not volumes(other.container_id) and not volumes(last.container_id)
    own.stop()
    assert daemon.leftovers(own.instance) == []


def test_image_is_made_though_the_preview_is_deleted_at_once(own_service):
    own = own_service()
    with own.client() as client:
        first = maker(client, "first")(node())
        client.delete(first.preview_id)
        eventually(lambda: daemon.dependencies(own.instance), within=20, what="there is an image for others")
        second = maker(client, "second")(node())
        assert not volumes(second.container_id), "it was installed once more"
    own.stop()
    assert daemon.leftovers(own.instance) == []


def test_service_that_is_killed_while_it_makes_an_image_goes_on_with_the_preview(own_service):
    own = own_service()
    with own.client() as client:
        first = maker(client, "first")(node())
    own.kill()
    own.start()
    with own.client() as client:
        found = eventually(lambda: (it := client.get(first.preview_id)).phase == Phase.PHASE_RUNNING and it, within=30)
        assert found.container_id == first.container_id
        assert "3600000" in web.get(found.url).text
        edited = client.update(found.preview_id, {"server.js": NODE.replace("an hour", "one hour")}).preview
        assert "one hour" in web.get(edited.url).text
        assert edited.container_id == first.container_id, "it was installed once more"
        again = maker(client, "again")(node())
        assert "3600000" in web.get(again.url).text
        client.delete(found.preview_id)
        client.delete(again.preview_id)
    # The container of the second installation goes when its image is there, or nobody waits for that any more.
    handed = {"install", "preview"}
    eventually(
        lambda: not any(daemon.of_role("volume", own.instance, role) for role in handed), within=30, what="the volumes are gone"
    )
    own.stop()
