"""What runs is found as a user expects, and an app that listens elsewhere is reached all the same."""

from __future__ import annotations

import pytest
from harness import projects, web

from previewd import LogSource, Stack

SERVER = """\
const http = require('node:http');
http.createServer((req, res) => res.end('version 000')).listen({ADDRESS}, () => console.log('up'));
"""


def node_app(address: str) -> dict[str, str]:
    return {**projects.plain_node(0), "server.js": SERVER.replace("{ADDRESS}", address)}


def lifecycle(client, preview) -> str:
    return "\n".join(entry.line for entry in client.logs(preview.preview_id, sources=[LogSource.LOG_SOURCE_LIFECYCLE]))


def test_app_on_another_port_is_found_and_the_log_says_so(client, create):
    preview = create(node_app("4567"))
    assert web.version_in(web.get(preview.url).text) == 0
    assert "4567" in lifecycle(client, preview)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_app_on_the_loopback_interface_alone_is_reached_and_the_log_says_so(host, client, create):
    preview = create(node_app(f"process.env.PORT, '{host}'"))
    assert web.version_in(web.get(preview.url).text) == 0
    log = lifecycle(client, preview)
    assert "localhost" in log or "loopback" in log or "127.0.0.1" in log
    client.update(
        preview.preview_id, {"server.js": SERVER.replace("{ADDRESS}", f"4568, '{host}'").replace("000", "001")}
    )
    assert web.version_in(web.get(preview.url).text) == 1


def test_requested_port_and_start_command_win(create):
    files = {**projects.plain_node(3), "other.js": SERVER.replace("{ADDRESS}", "5005").replace("000", "004")}
    preview = create(files, start_command="exec node other.js", app_port=5005)
    assert web.version_in(web.get(preview.url).text) == 4


def test_manifest_of_the_project_wins_over_what_would_be_found(create):
    files = {f"web/{path}": content for path, content in projects.plain_node(0).items()}
    files["web/other.js"] = SERVER.replace("{ADDRESS}", "6006").replace("000", "005")
    files["index.html"] = "<h1>version 999</h1>"
    files["previewd.toml"] = 'stack = "node"\nroot = "web"\nstart = "node other.js"\nport = 6006\n'
    preview = create(files)
    assert preview.stack == Stack.STACK_NODE
    assert web.version_in(web.get(preview.url).text) == 5


def test_requested_stack_wins_over_what_would_be_found(create):
    preview = create({**projects.plain_node(1), "index.html": "<h1>version 007</h1>"}, stack=Stack.STACK_STATIC)
    assert preview.stack == Stack.STACK_STATIC
    assert web.version_in(web.get(preview.url).text) == 7


STARTS = {
    "the start script": ({"package.json": '{"scripts": {"start": "node here.js"}}'}, "here.js"),
    "main of package.json": ({"package.json": '{"main": "lib/here.js"}'}, "lib/here.js"),
    "server.js": ({"package.json": "{}"}, "server.js"),
    "index.js": ({"package.json": "{}"}, "index.js"),
    "app.js": ({"package.json": "{}"}, "app.js"),
}


@pytest.mark.parametrize("name", STARTS)
def test_node_app_is_started_by(name, create):
    files, entry = STARTS[name]
    preview = create({**files, entry: SERVER.replace("{ADDRESS}", "process.env.PORT")})
    assert preview.stack == Stack.STACK_NODE
    assert web.version_in(web.get(preview.url).text) == 0


ASGI = (
    "async def app(scope, receive, send):\n    if scope['type'] != 'http':\n        return\n"
    "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    "    await send({'type': 'http.response.body', 'body': b'version 000'})\n"
)
WSGI = "def {NAME}(environ, start_response):\n    start_response('200 OK', [])\n    return [b'version 000']\n"
PYTHON = {
    "main.py with app": {"main.py": ASGI},
    "app.py with app": {"app.py": ASGI},
    "app/main.py with app": {"app/__init__.py": "", "app/main.py": ASGI},
    "src/main.py with app": {"src/main.py": ASGI},
    "asgi.py with application": {"asgi.py": ASGI.replace("def app(", "def application(")},
    "wsgi.py with application": {"wsgi.py": WSGI.replace("{NAME}", "application")},
}


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.timeout(240)
def test_python_app_is_found_in(name, create):
    preview = create({**PYTHON[name], "requirements.txt": ""}, timeout=180)
    assert preview.stack == Stack.STACK_PYTHON
    assert web.version_in(web.get(preview.url).text) == 0


@pytest.mark.timeout(240)
def test_pyproject_names_the_dependencies_too(create):
    pyproject = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["flask"]\n'
    files = projects.flask(2)
    del files["requirements.txt"]
    preview = create({**files, "pyproject.toml": pyproject}, timeout=180)
    assert preview.stack == Stack.STACK_PYTHON
    assert web.version_in(web.get(preview.url).text) == 2


FLASK_SCRIPT = """\
import sqlite3

from flask import Flask

app = Flask(__name__)
DATABASE = "app.db"


@app.route("/")
def index():
    with sqlite3.connect(DATABASE) as connection:
        return f"version 000, {connection.execute('select count(*) from todo').fetchone()[0]} todos"


if __name__ == "__main__":
    with sqlite3.connect(DATABASE) as connection:
        connection.execute("create table if not exists todo (id integer primary key)")
    app.run(debug=True, port=5000)
"""


def test_what_a_script_does_before_it_serves_is_done(client, create):
    preview = create({"requirements.txt": "flask\n", "app.py": FLASK_SCRIPT}, timeout=180)
    assert web.get(preview.url).text == "version 000, 0 todos"
    client.update(preview.preview_id, {"app.py": FLASK_SCRIPT.replace("version 000", "version 001")})
    assert web.get(preview.url).text == "version 001, 0 todos"
