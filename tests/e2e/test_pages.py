"""READY is the truth about the first page, and about the port that it is at."""

from __future__ import annotations

from contextlib import suppress
from typing import Iterator

import pytest
from harness import projects, web
from harness.fixtures import remove_previews
from harness.waiting import eventually
from harness.watching import FAILED, READY, Watcher

from previewd import Client, FailureStage, Phase, Preview

START, RUN = FailureStage.FAILURE_STAGE_START, FailureStage.FAILURE_STAGE_RUN


@pytest.fixture(autouse=True)
def removed(client: Client, project_id: str) -> Iterator[None]:
    """Deletes what a test has made without `create`."""
    yield
    remove_previews(client, project_id)


def shows_an_error(preview: Preview, reason: str, file: str, line: int, says: str) -> None:
    """Checks a preview whose page is an error that is explained."""
    assert preview.phase == Phase.PHASE_RUNNING, preview.failure
    failure = preview.failure
    assert (failure.stage, failure.reason) == (RUN, reason), failure
    assert (failure.file, failure.line) == (file, line), failure
    assert says in failure.message, failure
    assert failure.commit_id == preview.head_commit_id
    assert preview.http_status == 500
    excerpt = "\n".join(failure.log_excerpt)
    assert says in excerpt, excerpt
    assert "site-packages" not in excerpt and "node_modules" not in excerpt, excerpt


FASTAPI_BROKEN = 'from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/")\ndef root():\n    return undefined_name\n'
FASTAPI_MENDED = FASTAPI_BROKEN.replace("undefined_name", '{"text": "version 001"}')
SERVER_BROKEN = (
    'const express = require("express");\nconst app = express();\napp.get("/", (request, response) => {\n'
    "  response.send(request.nothing.here);\n});\napp.listen(process.env.PORT);\n"
)
SERVER_MENDED = SERVER_BROKEN.replace("request.nothing.here", '"version 001"')
FLASK_APP = (
    "from flask import Flask, render_template\n\napp = Flask(__name__)\n\n\n"
    '@app.get("/")\ndef index():\n    return render_template("index.html", open=True)\n'
)
TEMPLATE_BROKEN = "<h1>version 001</h1>\n{% if open %}\n<p>never closed</p>\n"

CASES = {
    "fastapi": ({**projects.fastapi(0), "main.py": FASTAPI_BROKEN}, {"main.py": FASTAPI_MENDED}, "EXCEPTION", "main.py", 8, "undefined_name"),
    "express": ({**projects.express(0), "server.js": SERVER_BROKEN}, {"server.js": SERVER_MENDED}, "EXCEPTION", "server.js", 4, "reading 'here'"),
    "flask-template": (
        {**projects.flask(0), "app.py": FLASK_APP, "templates/index.html": TEMPLATE_BROKEN},
        {"templates/index.html": TEMPLATE_BROKEN + "{% endif %}\n"},
        "SYNTAX_ERROR", "templates/index.html", 2, "endif",
    ),
}  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", CASES)
def test_page_that_is_an_error_is_failed_stays_reachable_and_its_mend_is_ready(case, client, project_id):
    files, mend, reason, file, line, says = CASES[case]
    preview = client.create(project_id, files, timeout=180)
    shows_an_error(preview, reason, file, line, says)
    assert preview.commit_id == preview.head_commit_id
    assert web.get(preview.url).status == 500
    with Watcher(client, preview.preview_id) as watcher:
        mended = client.update(preview.preview_id, mend)
        assert mended.preview.phase == Phase.PHASE_RUNNING and not mended.preview.HasField("failure"), mended.preview
        assert mended.preview.http_status == 200
        _, ready = watcher.wait_stage(READY, mended.commit_id, within=5)
        assert ready.http_status == 200
        assert web.version_in(web.get(preview.url).text) == 1

        broken = client.update(preview.preview_id, {path: files[path] for path in mend})
        shows_an_error(broken.preview, reason, file, line, says)
        _, failed = watcher.wait_stage(FAILED, broken.commit_id, within=5)
        assert (failed.http_status, failed.failure.file, failed.failure.line) == (500, file, line)
        # To apply it once more asks once more, and tells the truth.
        again = client.update(preview.preview_id)
        shows_an_error(again.preview, reason, file, line, says)


BROKEN_PAGE = (
    "const http = require('node:http');\n"
    "http.createServer((request, response) => {\n  if (request.url === '/end') process.exit(3);\n  try {\n"
    "    throw new Error('always');\n  } catch (error) {\n    console.error(error.stack);\n    response.statusCode = 500;\n"
    "    response.end('no');\n  }\n}).listen(process.env.PORT);\n"
)


@pytest.mark.timeout(120)
def test_page_that_is_an_error_survives_the_end_of_its_process_and_of_the_service(own_service, project_id):
    own = own_service()
    with own.client() as client:
        preview = client.create(project_id, {**projects.plain_node(0), "server.js": BROKEN_PAGE})
        shows_an_error(preview, "EXCEPTION", "server.js", 5, "always")
        with suppress(OSError):
            web.get(preview.url, "/end")

        def starts() -> int:
            return sum("started again" in entry.line for entry in client.logs(preview.preview_id))

        eventually(lambda: starts() == 1, within=20, what="the app is started again")
        shows_an_error(client.get(preview.preview_id), "EXCEPTION", "server.js", 5, "always")
        assert starts() == 1
        container = preview.container_id
    own.kill()
    own.start()
    with own.client() as client:
        preview = eventually(lambda: has_failure(client.get(preview.preview_id)), within=20)
        shows_an_error(preview, "EXCEPTION", "server.js", 5, "always")
        assert preview.container_id == container
        mended = client.update(preview.preview_id, projects.PLAIN_NODE.change(2))
        assert mended.preview.phase == Phase.PHASE_RUNNING and not mended.preview.HasField("failure"), mended.preview
        assert web.version_in(web.get(preview.url).text) == 2


def has_failure(preview: Preview) -> Preview | None:
    return preview if preview.HasField("failure") else None


def test_page_that_is_not_there_is_ready_and_the_one_that_is_is_told(client, create):
    server = (
        "const http = require('node:http');\nhttp.createServer((request, response) => {\n"
        "  response.statusCode = request.url === '/docs' ? 200 : 404;\n  response.end('x');\n}).listen(process.env.PORT);\n"
    )
    preview = create({**projects.plain_node(0), "server.js": server})
    assert preview.http_status == 404
    lines = [entry.line for entry in client.logs(preview.preview_id)]
    assert any("/ answers 404" in line and "/docs" in line for line in lines), lines


def test_ready_path_of_a_request_is_the_page_that_is_asked_for(client, create, project_id):
    files = {**projects.plain_node(0), "server.js": BROKEN_PAGE.replace("'/end'", "'/none'").replace("try {", "if (request.url === '/up') return response.end('up');\n  try {")}
    preview = create(files, suffix="-up", ready_path="/up")
    assert preview.http_status == 200
    other = client.create(project_id, files)
    assert other.failure.stage == RUN


def servers(*servers: tuple[int, int, str, str]) -> str:
    """Returns an app that opens ports after so many milliseconds, each with a type and a text."""
    lines = ["const http = require('node:http');"]
    for port, after, kind, text in servers:
        answer = f"(request, response) => {{ response.setHeader('Content-Type', '{kind}'); response.end('{text}'); }}"
        lines.append(f"setTimeout(() => http.createServer({answer}).listen({port}), {after});")
    return "\n".join(lines) + "\n"


def test_server_of_another_protocol_is_not_ended_by_being_asked_for_a_page(client, create):
    # One that answers each line, and a moment after the end too: a reset in between is an error that nobody listens to.
    other = (
        "require('node:net').createServer({ allowHalfOpen: true }, (socket) => {\n"
        "  socket.write('220 hello\\r\\n')\n"
        "  socket.on('data', () => socket.write('500 what?\\r\\n'))\n"
        "  socket.on('end', () => setTimeout(() => socket.end('221 bye\\r\\n'), 100))\n"
        "  socket.on('close', () => console.log('nobody asks any more'))\n"
        "}).listen(2525)\n"
    )
    preview = create({**projects.plain_node(1), "server.js": other + projects.plain_node(1)["server.js"]})
    assert {port.number for port in preview.ports} >= {2525}

    def log() -> str:
        return "\n".join(entry.line for entry in client.logs(preview.preview_id))

    eventually(lambda: "nobody asks any more" in log() or "ECONNRESET" in log(), within=20)
    assert "ECONNRESET" not in log()
    assert client.get(preview.preview_id).phase == Phase.PHASE_RUNNING


@pytest.mark.parametrize("after", [500, 2000])
@pytest.mark.parametrize("named", ["previewd.toml", "request"])
def test_port_that_is_named_is_the_only_one(named, after, create, client):
    files = {
        **projects.plain_node(0),
        "server.js": servers((3001, 0, "text/html", "API"), (3000, after, "text/html", "WEB")),
    }
    if named == "previewd.toml":
        preview = create({**files, "previewd.toml": "port = 3000\n"})
    else:
        preview = create(files, app_port=3000)
    assert web.get(preview.url).text == "WEB"
    ports = {port.number: (port.http_status, port.content_type) for port in preview.ports}
    assert ports == {3000: (200, "text/html"), 3001: (200, "text/html")}
    assert any("3000" in entry.line and "3001" in entry.line for entry in client.logs(preview.preview_id))


def test_page_goes_before_an_api_that_opens_first_and_the_choice_holds(client, create):
    server = servers((4001, 0, "application/json", "{}"), (4000, 900, "text/html", "version 001"))
    preview = create({**projects.plain_node(0), "server.js": server})
    assert web.version_in(web.get(preview.url).text) == 1
    # The page is no page any more for what it says of itself, and opens later still: it is the one all the same.
    later = servers((4001, 0, "application/json", "{}"), (4000, 2500, "application/json", "version 002"))
    updated = client.update(preview.preview_id, {"server.js": later})
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert web.version_in(web.get(preview.url).text) == 2


def test_app_that_speaks_tls_is_told_so_at_once(client, project_id):
    server = (
        "const https = require('node:https');\nconst { execFileSync } = require('node:child_process');\n"
        "execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',\n"
        "  '-keyout', '/tmp/key', '-out', '/tmp/certificate', '-subj', '/CN=localhost']);\n"
        "const { readFileSync } = require('node:fs');\n"
        "const pair = { key: readFileSync('/tmp/key'), cert: readFileSync('/tmp/certificate') };\n"
        "https.createServer(pair, (request, response) => response.end('x')).listen(process.env.PORT);\n"
    )
    preview = client.create(project_id, {**projects.plain_node(0), "server.js": server}, timeout=30)
    assert preview.phase == Phase.PHASE_FAILED
    assert (preview.failure.stage, preview.failure.reason) == (START, "SPEAKS_TLS"), preview.failure
    assert "TLS" in preview.failure.message and "3000" in preview.failure.message
