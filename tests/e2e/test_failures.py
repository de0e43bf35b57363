"""Broken code is an answer that says what is wrong and where, and the next good commit runs (acceptance 7)."""

from __future__ import annotations

import json
import time

import grpc
import pytest
from harness import daemon, projects, web
from harness.waiting import eventually, pace
from harness.watching import FAILED, READY, Watcher

from previewd import FailureStage, Limits, Phase, Preview, PreviewdError

INSTALL, START, RUN = (
    FailureStage.FAILURE_STAGE_INSTALL,
    FailureStage.FAILURE_STAGE_START,
    FailureStage.FAILURE_STAGE_RUN,
)


def explains(preview: Preview, stage: int, reason: str, *, says: str, file: str = "", line: int = 0) -> None:
    """Checks the failure of a preview, with the log line that a person would look for."""
    failure = preview.failure
    assert (failure.stage, failure.reason) == (stage, reason), failure
    assert (failure.file, failure.line) == (file, line), failure
    assert failure.commit_id == preview.head_commit_id
    assert failure.message
    assert 1 <= len(failure.log_excerpt) <= 50
    assert any(says in text for text in failure.log_excerpt), list(failure.log_excerpt)


BROKEN_MAIN = "from fastapi import FastAPI\n\napp = FastAPI()\n\n\ndef broken(:\n    return 1\n"
BROKEN_SERVER = "// A comment.\nconst missing = require('./not-there');\n\nmissing();\n"


@pytest.mark.timeout(240)
def test_syntax_error_in_main_py_names_file_and_line_and_the_next_good_commit_runs(client, create):
    preview = create(projects.FASTAPI, timeout=180)
    with Watcher(client, preview.preview_id) as watcher:
        broken = client.update(preview.preview_id, {"main.py": BROKEN_MAIN})
        explains(broken.preview, START, "SYNTAX_ERROR", says="SyntaxError", file="main.py", line=6)
        _, reload = watcher.wait_stage(FAILED, broken.commit_id, within=5)
        assert (reload.failure.file, reload.failure.line) == ("main.py", 6)
        good = client.update(
            preview.preview_id, {"main.py": projects.fastapi(0)["main.py"], **projects.FASTAPI.change(1)}
        )
        assert good.preview.phase == Phase.PHASE_RUNNING
        assert not good.preview.HasField("failure")
        watcher.wait_stage(READY, good.commit_id, within=5)
    assert web.version_in(web.get(preview.url).text) == 1


@pytest.mark.timeout(240)
def test_create_of_broken_code_is_an_answer_and_the_next_commit_mends_it(client, create, project_id):
    preview = client.create(project_id, {**projects.fastapi(0), "main.py": BROKEN_MAIN}, timeout=180)
    assert preview.phase == Phase.PHASE_FAILED
    assert preview.commit_id == ""
    explains(preview, START, "SYNTAX_ERROR", says="SyntaxError", file="main.py", line=6)
    answer = web.get(preview.url)
    assert answer.status == 502
    assert "main.py" in answer.text, "the page does not say what is wrong"
    client.commit(project_id, {"main.py": projects.fastapi(0)["main.py"]})
    eventually(lambda: client.get(preview.preview_id).phase == Phase.PHASE_RUNNING, within=20)
    assert web.version_in(web.get(preview.url).text) == 0


def test_missing_module_in_server_js_names_file_and_line(client, create):
    preview = create(projects.PLAIN_NODE)
    broken = client.update(preview.preview_id, {"server.js": BROKEN_SERVER})
    explains(
        broken.preview, START, "MODULE_NOT_FOUND", says="Cannot find module './not-there'", file="server.js", line=2
    )
    good = client.update(preview.preview_id, projects.PLAIN_NODE.change(1))
    assert good.preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url).text) == 1


def test_syntax_error_in_a_module_of_a_node_app_names_that_module(client, create):
    preview = create({**projects.plain_node(0), "lib/shop.js": "exports.a = 1;\n"})
    server = "require('./lib/shop');\n" + projects.plain_node(1)["server.js"]
    broken = client.update(
        preview.preview_id, {"server.js": server, "lib/shop.js": "exports.a = 1;\n\nexports.b = = 2;\n"}
    )
    explains(broken.preview, START, "SYNTAX_ERROR", says="SyntaxError", file="lib/shop.js", line=3)


@pytest.mark.timeout(240)
def test_error_while_a_python_module_is_imported_names_the_project_s_own_line(client, create):
    preview = create(projects.FLASK, timeout=180)
    broken = client.update(preview.preview_id, {"catalogue.py": "import os\n\nVERSION = os.environ['NOT_THERE']\n"})
    failure = broken.preview.failure
    assert (failure.stage, failure.file, failure.line) == (START, "catalogue.py", 3), failure
    assert any("KeyError" in text for text in failure.log_excerpt)
    missing = client.update(preview.preview_id, {"catalogue.py": "import not_there\n"})
    explains(missing.preview, START, "MODULE_NOT_FOUND", says="not_there", file="catalogue.py", line=1)


@pytest.mark.timeout(240)
def test_bad_package_in_requirements_keeps_the_old_version_serving(client, create):
    preview = create(projects.FLASK, timeout=180)
    change = {"requirements.txt": "flask\nno-such-package-of-previewd==9.9\n", **projects.FLASK.change(1)}
    with Watcher(client, preview.preview_id) as watcher, web.Poller(preview.url, interval=0.05) as poller:
        broken = client.update(preview.preview_id, change, timeout=180)
        _, failed = watcher.wait_stage(FAILED, broken.commit_id, within=5)
        assert not failed.strategy, "it was not decided"
        poller.after(time.monotonic(), 3)
    explains(
        broken.preview, INSTALL, "INSTALL_FAILED", says="no-such-package-of-previewd", file="requirements.txt", line=2
    )
    assert (broken.preview.phase, broken.preview.commit_id) == (Phase.PHASE_RUNNING, preview.commit_id)
    assert {(fetch.status, fetch.version) for fetch in poller.fetches} == {(200, 0)}
    good = client.update(preview.preview_id, {"requirements.txt": "flask\n"}, timeout=180)
    assert good.preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url).text) == 1


@pytest.mark.timeout(240)
def test_bad_package_of_a_new_project_is_failed_at_the_installation(client, create, project_id):
    files = {**projects.flask(0), "requirements.txt": "# needed\nno-such-package-of-previewd\n"}
    preview = client.create(project_id, files, timeout=180)
    assert preview.phase == Phase.PHASE_FAILED
    explains(preview, INSTALL, "INSTALL_FAILED", says="no-such-package-of-previewd", file="requirements.txt", line=2)


@pytest.mark.timeout(240)
def test_bad_package_in_package_json_is_failed_at_the_installation(client, create, project_id):
    files = projects.express(0)
    files["package.json"] = files["package.json"].replace('"express"', '"@previewd-e2e/no-such-package"')
    preview = client.create(project_id, files, timeout=180)
    assert preview.phase == Phase.PHASE_FAILED
    line = 1 + [it for it, text in enumerate(files["package.json"].splitlines()) if "no-such-package" in text][0]
    explains(preview, INSTALL, "INSTALL_FAILED", says="no-such-package", file="package.json", line=line)
    assert any("no-such-package" in text for text in preview.failure.log_excerpt)


@pytest.mark.parametrize(
    ("install", "says"),
    [
        ('"npm ci && node made.js"', "npm ci"),
        ('["npm install", "false && echo never"]', "1"),
        ('["false && echo never", "npm install"]', "1"),
        ('["npm install", "node nope.js"]', "Cannot find module"),
    ],
)
def test_command_of_an_installation_that_fails_is_the_end_of_it(install, says, client, project_id):
    files = {**projects.express(0), "previewd.toml": f"install = {install}\n", "made.js": ""}
    preview = client.create(project_id, files, timeout=180)
    assert preview.phase == Phase.PHASE_FAILED
    assert (preview.failure.stage, preview.failure.reason) == (INSTALL, "INSTALL_FAILED"), preview.failure
    assert any(says in text for text in [preview.failure.message, *preview.failure.log_excerpt]), preview.failure


def test_start_command_that_exits_is_failed_with_its_status_and_last_lines(client, create, project_id):
    began = time.monotonic()
    preview = client.create(project_id, projects.plain_node(0), start_command="echo I give up; exit 3")
    assert time.monotonic() - began < 20, "an exit is known at once"
    assert preview.phase == Phase.PHASE_FAILED
    explains(preview, START, "EXITED", says="I give up")
    assert preview.failure.exit_code == 3


def test_process_that_ends_at_once_is_explained_by_its_own_words(client, create):
    preview = create(projects.FLASK, timeout=180)
    broken = client.update(preview.preview_id, {"app.py": "import sys\n\nsys.exit(3)\n"})
    assert (broken.preview.failure.reason, broken.preview.failure.exit_code) == ("EXITED", 3)
    told = [broken.preview.failure.message, *broken.preview.failure.log_excerpt]
    assert not [text for text in told if "Finished server process" in text], "the process before said that"


BROKEN_MANIFESTS = [
    pytest.param(projects.PLAIN_NODE, {"package.json": '{\n  "name": "a",,\n}\n'}, "package.json", 2, id="package.json"),
    pytest.param(projects.STATIC, {"previewd.toml": "\n\nstack = node\n"}, "previewd.toml", 3, id="previewd.toml"),
    pytest.param(projects.DOCKERFILE, {"Dockerfile": "# ours\nFORM scratch\n"}, "Dockerfile", 2, id="Dockerfile"),
]


@pytest.mark.parametrize(("project", "change", "file", "line"), BROKEN_MANIFESTS)
def test_manifest_that_cannot_be_read_names_the_line(project, change, file, line, client, create):
    preview = create(project, timeout=180)
    broken = client.update(preview.preview_id, change, timeout=60)
    assert (broken.preview.failure.file, broken.preview.failure.line) == (file, line), broken.preview.failure
    assert broken.preview.phase == Phase.PHASE_RUNNING, "the version before goes on serving"


def test_start_command_that_is_not_there_is_failed(client, create, project_id):
    preview = client.create(project_id, projects.plain_node(0), start_command="no-such-program --serve")
    assert preview.phase == Phase.PHASE_FAILED
    assert (preview.failure.stage, preview.failure.exit_code) == (START, 127)
    assert any("no-such-program" in text for text in preview.failure.log_excerpt)


def test_app_that_never_listens_is_failed_once_the_start_timeout_has_passed_and_mended_by_a_commit(own_service):
    own = own_service(PREVIEW_START_TIMEOUT="6")
    with own.client() as client:
        began = time.monotonic()
        deaf = {"previewd.toml": "start = 'echo thinking; exec sleep 1000'\n"}
        preview = client.create("deaf", {**projects.plain_node(1), **deaf})
        took = time.monotonic() - began
        assert preview.phase == Phase.PHASE_FAILED
        explains(preview, START, "NOT_LISTENING", says="thinking")
        assert 6 <= took < 20
        good = client.update(preview.preview_id, {"previewd.toml": "start = 'node server.js'\n"})
        assert good.preview.phase == Phase.PHASE_RUNNING, good.preview.failure
        assert web.version_in(web.get(good.preview.url).text) == 1


def test_app_that_runs_out_of_memory_while_starting_is_named_as_such(client, create, project_id):
    hog = "const kept = [];\nsetInterval(() => kept.push(Buffer.alloc(8 << 20, 1)), 1);\n"
    preview = client.create(
        project_id, {**projects.plain_node(0), "server.js": hog}, limits=Limits(memory_bytes=96 << 20)
    )
    assert preview.phase == Phase.PHASE_FAILED
    assert (preview.failure.stage, preview.failure.reason) == (START, "OUT_OF_MEMORY"), preview.failure
    good = client.update(preview.preview_id, projects.plain_node(1))
    assert good.preview.phase == Phase.PHASE_RUNNING


def ask_for_death(url: str, path: str) -> None:
    try:
        web.get(url, path, timeout=10)
    except OSError:
        pass


def test_app_that_dies_is_started_again_and_failed_after_three_deaths_in_a_minute(client, create, project_id):
    preview = create(projects.PLAIN_NODE)
    deaths = 0
    while client.get(preview.preview_id).phase == Phase.PHASE_RUNNING:
        assert deaths < 3, "it was started again after three deaths"
        ask_for_death(preview.url, "/crash?code=7")
        deaths += 1
        eventually(
            lambda: (
                client.get(preview.preview_id).phase in (Phase.PHASE_FAILED, Phase.PHASE_RUNNING)
                and web.get(preview.url).status in (200, 502)
            ),
            within=20,
        )
    assert deaths == 3
    failed = client.get(preview.preview_id)
    explains(failed, RUN, "CRASH_LOOP", says="the last words")
    assert failed.failure.exit_code == 7
    good = client.update(preview.preview_id, projects.PLAIN_NODE.change(1))
    assert good.preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url).text) == 1


def test_app_that_runs_out_of_memory_later_is_started_again_and_then_named(client, create):
    preview = create(projects.PLAIN_NODE, limits=Limits(memory_bytes=96 << 20))
    for _ in range(3):
        ask_for_death(preview.url, "/hog")
        eventually(lambda: web.get(preview.url).status in (200, 502) and not hogging(preview.url), within=20)
    failed = eventually(lambda: (it := client.get(preview.preview_id)).phase == Phase.PHASE_FAILED and it, within=10)
    assert (failed.failure.stage, failed.failure.reason) == (RUN, "OUT_OF_MEMORY"), failed.failure


def hogging(url: str) -> bool:
    """Returns whether the app that was asked to take all memory is still the one that answers."""
    began = time.monotonic()
    web.get(url)
    return time.monotonic() - began > 1


@pytest.mark.timeout(240)
def test_good_commit_runs_even_after_twenty_quick_crashes(client, create):
    preview = create(projects.PLAIN_NODE)
    for number in range(20):
        broken = client.update(preview.preview_id, {"server.js": f"throw new Error('crash {number}');\n"})
        assert broken.preview.failure.commit_id == broken.commit_id, f"crash {number}"
        assert any(f"crash {number}" in text for text in broken.preview.failure.log_excerpt)
    good = client.update(preview.preview_id, projects.PLAIN_NODE.change(21))
    assert good.preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url).text) == 21
    assert good.preview.container_id == preview.container_id


def test_project_without_a_stack_is_refused_with_what_was_looked_for(client, project_id):
    with pytest.raises(PreviewdError) as caught:
        client.create(project_id, {"notes.txt": "nothing to run"})
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STACK_NOT_FOUND")
    for looked_for in ("requirements.txt", "package.json", "index.html", "Dockerfile"):
        assert looked_for in caught.value.message
    assert list(client.list(project_id=project_id)) == []


def test_empty_project_is_refused(client, project_id):
    with pytest.raises(PreviewdError) as caught:
        client.create(project_id)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EMPTY_PROJECT")


@pytest.mark.timeout(240)
def test_dockerfile_that_does_not_build_keeps_the_old_version_serving(client, create):
    preview = create(projects.DOCKERFILE, timeout=120)
    bad = projects.dockerfile(1)
    bad["Dockerfile"] += "RUN echo about to fail && exit 9\n"
    with web.Poller(preview.url, interval=0.05) as poller:
        broken = client.update(preview.preview_id, bad, timeout=120)
        poller.after(time.monotonic(), 3)
    failure = broken.preview.failure
    assert failure.stage == FailureStage.FAILURE_STAGE_BUILD, failure
    assert any("about to fail" in text for text in failure.log_excerpt)
    assert (failure.file, failure.line) == ("Dockerfile", bad["Dockerfile"].count("\n")), failure
    assert broken.preview.phase == Phase.PHASE_RUNNING
    assert {(fetch.status, fetch.version) for fetch in poller.fetches} == {(200, 0)}
    good = client.update(preview.preview_id, projects.dockerfile(2), timeout=120)
    assert good.preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url).text) == 2


VUE = {
    "package.json": (
        '{ "name": "shop", "private": true, "type": "module", "scripts": { "dev": "vite" },'
        ' "dependencies": { "vue": "^3.5.0" }, "devDependencies": { "@vitejs/plugin-vue": "^6.0.0", "vite": "^7.1.0" } }\n'
    ),
    "vite.config.js": (
        "import { defineConfig } from 'vite';\nimport vue from '@vitejs/plugin-vue';\n\n"
        "export default defineConfig({ plugins: [vue()] });\n"
    ),
    "index.html": '<!doctype html>\n<div id=app></div>\n<script type=module src=/src/main.js></script>\n',
    "src/main.js": "import { createApp } from 'vue';\nimport App from './App.vue';\ncreateApp(App).mount('#app');\n",
    "src/App.vue": "<template><h1>version 001</h1></template>\n<style>\nh1 { color: teal; }\n</style>\n",
}


@pytest.mark.timeout(240)
def test_style_block_that_goes_leaves_no_commit_behind(client, create):
    preview = create(VUE, timeout=180)
    assert web.version_in(web.get(preview.url, "/src/App.vue").text) == 1
    web.get(preview.url, "/src/App.vue?vue&type=style&index=0&lang.css")
    for version in (2, 3):
        text = f"<template><h1>version {version:03d}</h1></template>\n"
        updated = client.update(preview.preview_id, {"src/App.vue": text})
        assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
        assert not updated.preview.HasField("failure"), updated.preview.failure
        assert updated.preview.commit_id == updated.commit_id
        assert web.version_in(web.get(preview.url, "/src/App.vue").text) == version


@pytest.mark.timeout(240)
def test_broken_module_that_nothing_imports_any_more_fails_no_commit(client, create):
    preview = create(projects.REACT, timeout=180)
    app = projects.react(1)["src/App.jsx"]
    broken = {"src/App.jsx": f"import './Part.jsx';\n{app}", "src/Part.jsx": "export default function Part( {\n"}
    failed = client.update(preview.preview_id, broken)
    assert (failed.preview.failure.file, failed.preview.failure.reason) == ("src/Part.jsx", "BUILD_FAILED")
    good = client.update(preview.preview_id, {"src/App.jsx": app})
    assert not good.preview.HasField("failure"), good.preview.failure
    assert good.preview.commit_id == good.commit_id


@pytest.mark.timeout(240)
def test_first_page_that_does_not_compile_is_no_better_after_a_restart_of_the_service(own_service):
    own = own_service()
    broken = {"src/App.jsx": "export default function App( {\n"}
    with own.client() as client:
        preview = client.create("broken", {**projects.react(0), **broken}, timeout=180)
        assert (preview.phase, preview.failure.file) == (Phase.PHASE_RUNNING, "src/App.jsx"), preview
    own.kill()
    own.start()
    with own.client() as client:
        # It is looked at once more, and found to be what it was.
        again = eventually(lambda: (it := client.get(preview.preview_id)).failure.file and it, within=60)
        assert (again.phase, again.failure.file) == (Phase.PHASE_RUNNING, "src/App.jsx"), again
        mended = client.update(preview.preview_id, {"src/App.jsx": projects.react(1)["src/App.jsx"]}).preview
        assert not mended.HasField("failure"), mended.failure
        client.delete(preview.preview_id)


@pytest.mark.timeout(240)
def test_page_that_nobody_has_opened_is_looked_at_too(client, create, project_id):
    files = projects.react(0)
    small = {path: files[path] for path in ("package.json", "src/App.jsx")}
    broken = "export default function App( { return <b>version 001</b> }\n"
    preview = client.create(project_id, {**small, "src/App.jsx": broken}, timeout=180)
    assert (preview.phase, preview.failure.file) == (Phase.PHASE_RUNNING, "src/App.jsx"), preview.failure
    assert preview.failure.line == 1
    assert web.get(preview.url).status == 200, "the page that says so is not there"
    good = client.update(preview.preview_id, {"src/App.jsx": files["src/App.jsx"]}, timeout=120)
    assert good.preview.phase == Phase.PHASE_RUNNING, good.preview.failure
    again = client.update(preview.preview_id, {"src/App.jsx": broken})
    assert again.preview.failure.file == "src/App.jsx"
    assert again.preview.phase == Phase.PHASE_RUNNING, "the server that shows the error was taken away"
    client.update(preview.preview_id, {"src/App.jsx": files["src/App.jsx"]})
    assert web.version_in(web.get(preview.url, "/src/App.jsx").text) == 0

    # With another configuration there is another process, and a broken page is no answer of it.
    with Watcher(client, preview.preview_id) as watcher:
        both = client.update(preview.preview_id, {"src/App.jsx": broken, "vite.config.js": files["vite.config.js"]})
        assert both.preview.failure.file == "src/App.jsx"
        watcher.wait_stage(FAILED, both.commit_id, within=10)
        assert both.commit_id not in [reload.commit_id for reload in watcher.reloads(READY)]
        mended = client.update(preview.preview_id, {"src/App.jsx": files["src/App.jsx"]}, timeout=60)
        assert (mended.preview.phase, mended.preview.commit_id) == (Phase.PHASE_RUNNING, mended.commit_id)
        watcher.wait_stage(READY, mended.commit_id, within=10)


@pytest.mark.parametrize("vite", ["^5", "^8"])
def test_syntax_error_in_plain_javascript_that_vite_serves_names_file_and_line(vite, client, create):
    def script(version: int) -> str:
        return f"// The page.\nconst text = 'version {version:03d}';\ndocument.body.append(text);\n"

    files = {
        "package.json": json.dumps({"private": True, "type": "module", "devDependencies": {"vite": vite}}),
        "index.html": '<!doctype html>\n<body><script type="module" src="/main.js"></script></body>\n',
        "main.js": script(1),
    }
    preview = create(files, timeout=180)
    broken = client.update(preview.preview_id, {"main.js": "// The page.\nconst text = ;\n"})
    assert (broken.preview.failure.file, broken.preview.failure.line) == ("main.js", 2), broken.preview.failure
    mended = client.update(preview.preview_id, {"main.js": script(2)})
    assert not mended.preview.HasField("failure"), mended.preview.failure
    assert web.version_in(web.get(preview.url, "/main.js").text) == 2


def test_broken_page_stays_broken_until_it_is_mended(client, create):
    preview = create(projects.REACT, version=1, timeout=180)
    broken = {"src/App.jsx": "export default function App( {\n"}
    first = client.update(preview.preview_id, broken)
    assert first.preview.failure.file == "src/App.jsx"
    # Neither the same commit again nor another with the same files is good.
    again = client.update(preview.preview_id, {})
    assert (again.commit_id, again.preview.failure.file) == (first.commit_id, "src/App.jsx")
    other = client.update(preview.preview_id, {"README.md": "Nothing that the page is made of\n"})
    assert (other.preview.failure.file, other.preview.commit_id) == ("src/App.jsx", preview.commit_id)

    # A server that ends is started again with the commit that answered, not with the one that cannot.
    daemon.execute(preview.container_name, "sh", "-c", "kill -9 -1", check=False)
    eventually(lambda: web.version_in(web.get(preview.url, "/src/App.jsx").text) == 1, within=30)
    revived = client.get(preview.preview_id)
    assert (revived.phase, revived.commit_id) == (Phase.PHASE_RUNNING, preview.commit_id)
    assert revived.failure.commit_id == other.commit_id
    mended = client.update(preview.preview_id, projects.REACT.change(2), timeout=60)
    assert not mended.preview.HasField("failure"), mended.preview.failure
    assert web.version_in(web.get(preview.url, "/src/App.jsx").text) == 2


def test_folder_that_the_app_made_read_only_stands_in_no_commits_way(client, create):
    locked = "require('fs').chmodSync('public', 0o555);\n"
    server = projects.plain_node(1)["server.js"]
    preview = create({**projects.plain_node(1), "server.js": locked + server, "public/a.txt": "1"})
    good = {"public/a.txt": "2", "server.js": projects.plain_node(2)["server.js"]}
    with web.Poller(preview.url, interval=0.05) as poller:
        updated = client.update(preview.preview_id, good, timeout=60)
        poller.after(time.monotonic(), 2)
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert updated.preview.commit_id == updated.commit_id
    assert web.version_in(web.get(preview.url).text) == 2
    assert poller.failures() == []


def test_frozen_container_is_woken(client, create):
    preview = create(projects.STATIC)
    # runc gives a busy cgroup of version 1 up after some attempts, and leaves the container running.
    eventually(lambda: daemon.docker("pause", preview.container_id), within=30, every=0.5, what="docker pause")
    answer = web.get(preview.url)
    assert (answer.status, web.version_in(answer.text)) == (200, 0)
    after = client.get(preview.preview_id)
    assert (after.phase, after.container_id) == (Phase.PHASE_RUNNING, preview.container_id)


@pytest.mark.timeout(240)
def test_steady_commits_of_other_dependencies_do_not_keep_a_preview_from_getting_ready(client, create, project_id):
    preview = create(projects.FLASK, timeout=180)
    packages = ["roman", "six", "toolz", "attrs", "idna", "tomli"]
    with Watcher(client, preview.preview_id) as watcher:
        # For as long as it takes until one of them is shown, and it has to be shown while they come.
        for n in pace(120, 0.5):
            files = {"requirements.txt": f"flask\n{packages[n % 6]}\n", "catalogue.py": f'VERSION = "{n:03d}"\n'}
            client.commit(project_id, files)
            if watcher.reloads(READY):
                break
        else:
            pytest.fail("nothing was shown for a minute of commits")
        last = client.commit(project_id, {"catalogue.py": 'VERSION = "999"\n'})
        watcher.wait_stage(READY, last, within=90)
    assert web.version_in(web.get(preview.url).text) == 999
