"""What an app has written: it outlives restarts and other containers, and as long as the project what is named as data."""

from __future__ import annotations

import json
import urllib.request

import pytest
from harness import daemon, web
from harness.fixtures import maker
from harness.projects import Files
from harness.service import setting
from harness.waiting import eventually

from previewd import Client, Phase, Preview

pytestmark = pytest.mark.timeout(240)

NODE = """\
const fs = require('node:fs');
const rows = () => (fs.existsSync('data/rows.json') ? JSON.parse(fs.readFileSync('data/rows.json')) : []);
require('node:http').createServer((request, response) => {
  if (request.method === 'POST') {
    fs.mkdirSync('data', { recursive: true });
    fs.writeFileSync('data/rows.json', JSON.stringify([...rows(), request.url.slice(1)]));
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(rows()));
}).listen(process.env.PORT);
"""


def notes(*dependencies: str, toml: str = "") -> Files:
    """Returns an app that keeps what is posted in a file."""
    manifest = {"private": True, "scripts": {"start": "node server.js"}, "dependencies": dict.fromkeys(dependencies, "*")}
    files = {"package.json": json.dumps(manifest), "server.js": NODE}
    return {**files, "previewd.toml": toml} if toml else files


def in_docker(version: int) -> Files:
    """Returns such an app with a Dockerfile of its own."""
    base = setting("PREVIEW_NODE_IMAGE", "node:22-slim")
    return {
        "Dockerfile": f'FROM {base}\nWORKDIR /app\nCOPY . .\nEXPOSE 3000\nENV PORT=3000\nCMD ["node", "server.js"]\n',
        "server.js": f"// version {version}\n{NODE}",
    }


def post(preview: Preview, row: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(f"{preview.url}{row}", method="POST"), timeout=15) as answer:
        assert answer.status == 200


def rows(preview: Preview) -> list[str]:
    return json.loads(web.get(preview.url, timeout=15).text)


def said(client: Client, preview: Preview) -> str:
    return "\n".join(getattr(it, "line", "") for it in client.logs(preview.preview_id, timeout=30))


def test_what_the_app_has_written_comes_over_with_a_new_dependency(client, create):
    preview = create(notes("is-odd"))
    post(preview, "one")
    post(preview, "two")
    updated = client.update(preview.preview_id, {"package.json": notes("is-odd", "is-even")["package.json"]}).preview
    assert (updated.phase, updated.HasField("failure")) == (Phase.PHASE_RUNNING, False), updated.failure
    assert updated.container_id != preview.container_id
    assert rows(preview) == ["one", "two"]
    assert "what the app has written was brought over: 1 file, 1 KiB" in said(client, preview)
    # What it makes there comes over too, and what belongs to the tree is the tree's.
    post(preview, "three")
    change = {"package.json": notes("is-odd")["package.json"], "data/rows.json": '["of the tree"]'}
    client.update(preview.preview_id, change)
    assert rows(preview) == ["of the tree"]


def test_what_the_app_has_written_outlives_the_end_of_its_container(client, create):
    preview = create(notes())
    post(preview, "one")
    for way in ("kill", "stop"):
        killed = client.get(preview.preview_id).container_id
        daemon.docker(way, killed)
        eventually(lambda: rows(preview) == ["one"], within=30)
        eventually(lambda: client.get(preview.preview_id).phase == Phase.PHASE_RUNNING, within=30)
    assert client.update(preview.preview_id, {"readme.txt": "more"}).preview.phase == Phase.PHASE_RUNNING
    assert rows(preview) == ["one"]


def test_commits_of_a_dockerfile_leave_what_the_app_has_written(client, create):
    preview = create(in_docker(1))
    post(preview, "one")
    updated = client.update(preview.preview_id, in_docker(2), timeout=120).preview
    assert updated.container_id != preview.container_id
    assert rows(preview) == ["one"]


def test_data_lives_as_long_as_the_project(client, create, project_id):
    files = notes(toml='data = ["data/", "more.db"]\n')
    preview = create(files)
    post(preview, "one")
    client.delete(preview.preview_id)
    again = create(files)
    assert (again.preview_id == preview.preview_id, rows(again)) == (False, ["one"])
    client.delete(again.preview_id)
    assert rows(create(notes())) == [], "a project that names no data has none"
    other = client.create(f"{project_id}-other", files)
    assert rows(other) == [], "another project's"


@pytest.mark.parametrize(("toml", "words"), [('data = "data"', "list of paths"), ('data = ["../x"]', "'..'")])
def test_data_that_is_no_list_of_paths_is_refused_by_its_name(client, project_id, toml, words):
    failure = client.create(project_id, notes(toml=f"{toml}\n")).failure
    assert (failure.reason, failure.file) == ("BAD_MANIFEST", "previewd.toml"), failure
    assert "data" in failure.message and words in failure.message, failure.message


def test_what_the_app_has_written_outlives_a_container_that_ended_while_the_service_was_away(own_service):
    own = own_service(arguments=())
    with own.client() as client:
        preview = maker(client, "away")(notes())
        post(preview, "one")
        own.stop()
        daemon.docker("kill", preview.container_id)
        own.start(arguments=("--remove-on-exit",))
    eventually(lambda: rows(preview) == ["one"], within=30)
    own.stop()
    assert daemon.leftovers(own.instance) == []


def test_data_that_could_not_be_brought_in_is_not_lost(own_service):
    own = own_service()
    files = notes(toml='data = ["data/"]\n')
    with own.client() as client:
        create = maker(client, "damaged")
        preview = create(files)
        post(preview, "one")
        client.delete(preview.preview_id)
        (archive,) = own.data.glob("app-data/**/*.tar")
        whole = archive.read_bytes()
        damaged = whole[:700]
        archive.write_bytes(damaged)
        without = create(files)
        assert rows(without) == [], "it is started without"
        assert "could not be brought over" in said(client, without)
        post(without, "two")
        client.delete(without.preview_id)
        assert archive.read_bytes() == damaged, "what could not be read is kept for whoever can mend it"
        archive.write_bytes(whole)
        assert rows(create(files)) == ["one"]
