"""Development servers are told of changes, and not started anew: what their pages show, what fails, what comes and goes."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest
from harness import daemon, dev_servers, web
from harness.browser import Chromium
from harness.dev_servers import ASTRO, CONCURRENTLY, ELEVENTY, NEST, NEXT, REACT_ROUTER, WEBPACK
from harness.projects import Files, Project
from harness.waiting import eventually
from websockets.sync.client import connect

from previewd import FailureStage, Limits, Phase, Preview

pytestmark = [pytest.mark.timeout(300), pytest.mark.once]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def processes(preview: Preview) -> dict[str, str]:
    """Returns the command of each process in a preview's container, by its number."""
    lines = daemon.docker("top", preview.container_id, "-eo", "pid,args").splitlines()[1:]
    return dict(line.split(None, 1) for line in lines)


def shows(preview: Preview, path: str, text: str) -> bool:
    return text in web.get(preview.url, path).text


@pytest.mark.parametrize("project", [ASTRO, REACT_ROUTER, WEBPACK], ids=lambda project: project.name)
def test_edits_show_without_a_new_process_and_a_broken_one_names_its_place(project: Project, client, create):
    preview = create(project, timeout=project.create_seconds)
    assert shows(preview, project.path, "version 000")
    before = processes(preview)
    for version in (1, 2, 3):
        updated = client.update(preview.preview_id, project.change(version)).preview
        assert not updated.HasField("failure"), updated.failure
        assert shows(preview, project.path, f"version {version:03d}")
    broken = project.change(4)[project.changed].replace("'version", "= 'version")
    failure = client.update(preview.preview_id, {project.changed: broken}).preview.failure
    assert (failure.file, failure.line) == (project.changed, 2), failure
    mended = client.update(preview.preview_id, project.change(5)).preview
    assert not mended.HasField("failure"), mended.failure
    assert shows(preview, project.path, "version 005")
    started = {command for number, command in processes(preview).items() if number not in before}
    assert started == set(), "an edit started a process"


def test_pages_of_eleventy_show_without_a_new_process_and_a_broken_template_is_named(client, create):
    preview = create(ELEVENTY, timeout=ELEVENTY.create_seconds)
    before = processes(preview)
    for version in (1, 2, 3):
        updated = client.update(preview.preview_id, ELEVENTY.change(version)).preview
        assert not updated.HasField("failure"), updated.failure
        assert shows(preview, "/", f"version {version:03d}")
    assert processes(preview).keys() == before.keys(), "an edit started a process"
    template = ELEVENTY.files(3)["_includes/base.njk"]
    failure = client.update(preview.preview_id, {"_includes/base.njk": f"{template}{{% if %}}\n"}).preview.failure
    assert (failure.file, failure.line) == ("_includes/base.njk", 3), failure
    mended = client.update(preview.preview_id, {"_includes/base.njk": f"{template}<p>mended</p>\n"}).preview
    assert not mended.HasField("failure"), mended.failure
    assert shows(preview, "/", "mended")


def test_pages_of_astro_and_its_configuration_come_and_go(client, create):
    preview = create(ASTRO, timeout=ASTRO.create_seconds)
    client.update(preview.preview_id, {"src/pages/about.astro": "<p>about</p>\n"})
    assert shows(preview, "/about", "<p")
    client.update(preview.preview_id, {}, delete_paths=["src/pages/about.astro"])
    answer = web.get(preview.url, "/about")
    assert answer.status == 404, answer.text
    config = "export default { base: '/docs' };\n"
    updated = client.update(preview.preview_id, {"astro.config.mjs": config}).preview
    assert not updated.HasField("failure"), updated.failure
    assert shows(preview, "/docs", "version 000")


@pytest.mark.parametrize(
    ("component", "line"),
    [
        ("<h1>a</h1>\n\n<p>{a b}</p>\n", 3),
        ("<ul>\n  {[1].map((x) => (\n    <li>\n      {x +}\n    </li>\n  ))}\n</ul>\n", 4),
        ("<p>a</p>\n<p title={x ? }>b</p>\n", 2),
    ],
)
def test_errors_in_a_template_of_astro_are_at_the_line_that_somebody_wrote(component, line, client, create, project_id):
    preview = create(ASTRO, timeout=ASTRO.create_seconds)
    said = [entry.line for entry in client.logs(preview.preview_id)]
    assert not any("Restarting" in it for it in said), "what Astro writes of its own has started it anew"
    failure = client.update(preview.preview_id, {ASTRO.changed: component}).preview.failure
    assert (failure.file, failure.line) == (ASTRO.changed, line), failure
    # The first page of a server that has just begun says it itself.
    first = client.create(f"{project_id}-broken", {**ASTRO.files(0), ASTRO.changed: component}, timeout=60)
    client.delete(first.preview_id)
    assert (first.failure.file, first.failure.line) == (ASTRO.changed, line), first.failure


def test_routes_of_react_router_come_and_go(client, create):
    preview = create(REACT_ROUTER, timeout=REACT_ROUTER.create_seconds)
    about = "export default function About() {\n  return <p>about</p>;\n}\n"
    with_about = {"app/routes/about.tsx": about, "app/routes.ts": dev_servers.react_router_routes("index", "about")}
    client.update(preview.preview_id, with_about)
    assert shows(preview, "/about", "about")
    without = {"app/routes.ts": dev_servers.react_router_routes("index")}
    client.update(preview.preview_id, without, delete_paths=["app/routes/about.tsx"])
    answer = web.get(preview.url, "/about")
    assert answer.status == 404, answer.text
    assert shows(preview, "/", "version 000")


def test_what_a_plugin_makes_of_files_that_come_and_go_is_served_once_ready_is_said(client, create):
    preview = create(dev_servers.generated(), timeout=120)
    assert shows(preview, "/src/generated.js", '["a.js"]')
    client.update(preview.preview_id, {"src/routes/b.js": "export default 2;\n"})
    assert shows(preview, "/src/generated.js", '["a.js","b.js"]')
    assert shows(preview, "/names", '["a.js","b.js"]')
    client.update(preview.preview_id, {}, delete_paths=["src/routes/b.js"])
    assert shows(preview, "/src/generated.js", '["a.js"]')
    assert shows(preview, "/names", '["a.js"]')


def test_a_renderer_has_the_new_code_whoever_asked_for_it_before(client, create):
    preview = create(dev_servers.rendered(0), timeout=120)
    for version in (1, 2):
        assert shows(preview, "/page", f"version {version - 1:03d}")
        client.update(preview.preview_id, {"src/text.js": dev_servers.rendered(version)["src/text.js"]})
        assert shows(preview, "/styles", f"version {version:03d}")
        assert shows(preview, "/page", f"version {version:03d}")


def test_a_page_that_gets_nothing_of_what_it_was_told_of_is_loaded_anew(client, create, chromium):
    preview = create(dev_servers.forgetful(), timeout=120)
    tab = chromium.tab()
    tab.open(preview.url)
    tab.wait_for("document.querySelector('h1')?.textContent === 'connected'", within=60)
    tab.evaluate("window.sameDocument = true")
    assert tab.evaluate("fetch('/@ng/component?c=x&t=1').then(() => window.sameDocument)") is True
    tab.evaluate("void fetch('/tell').then(() => fetch('/@ng/component?c=x&t=2'))")
    tab.wait_for("window.sameDocument === undefined", within=20)


def test_tailwind_3_on_vite_5_scans_what_is_no_module_of_the_page(client, create):
    preview = create(dev_servers.tailwind_3(), timeout=180)
    style = "/src/index.css"
    assert shows(preview, style, "font-bold") and not shows(preview, style, "line-through")
    script = dev_servers.tailwind_3()["src/main.js"].replace("font-bold", "line-through")
    client.update(preview.preview_id, {"src/main.js": script})
    assert shows(preview, style, "line-through")
    client.update(preview.preview_id, {"notes.md": "tracking-widest\n"})
    assert shows(preview, style, "tracking-widest")


def test_a_colour_of_tailwind_s_configuration_shows_with_its_first_use(client, create):
    preview = create(dev_servers.tailwind_3(), timeout=180)
    files = dev_servers.tailwind_3()
    colour = files["tailwind.config.js"].replace("extend: {}", "extend: { colors: { brand: '#123456' } }")
    script = files["src/main.js"].replace("font-bold", "text-brand")
    client.update(preview.preview_id, {"tailwind.config.js": colour, "src/main.js": script})
    assert shows(preview, "/src/index.css", "text-brand")


def test_a_program_beside_the_development_server_is_started_anew_alone(client, create):
    preview = create(CONCURRENTLY, timeout=CONCURRENTLY.create_seconds)
    assert web.get(preview.url, "/api/text").text == "text 0", "READY before what the page asks was there"
    assert web.get(preview.url).status == 200
    before = processes(preview)
    client.update(preview.preview_id, {"server/text.js": 'export const text = "text 1";\n'})
    assert web.get(preview.url, "/api/text").text == "text 1"
    after = processes(preview)
    started = [command for number, command in after.items() if number not in before]
    assert len(started) == 1 and "server/index.js" in started[0], started
    broken = client.update(preview.preview_id, {"server/text.js": "export const text = ;\n"}).preview.failure
    assert (broken.file, broken.line) == ("server/text.js", 1), broken
    assert web.get(preview.url).status == 200
    client.update(preview.preview_id, {"server/text.js": 'export const text = "text 2";\n'})
    assert web.get(preview.url, "/api/text").text == "text 2"
    between = processes(preview)
    client.update(preview.preview_id, CONCURRENTLY.change(1))
    assert shows(preview, "/src/main.js", "version 001")
    assert processes(preview) == between, "an edit of the page started a process"
    server = CONCURRENTLY.files(0)["server/index.js"]
    client.update(preview.preview_id, {"server/index.js": server.replace("3001", "3002")})

    def moved() -> bool:
        numbers = {port.number for port in client.get(preview.preview_id).ports}
        return 3002 in numbers and 3001 not in numbers

    eventually(moved, within=30, what="the port that has moved is told")


@pytest.mark.parametrize("bundler", ["vite", "webpack"])
def test_ready_waits_for_what_the_page_s_requests_are_passed_on_to(bundler, client, create):
    vite = dev_servers.slow_beside('export const text = "text 0";\n')
    preview = create(vite if bundler == "vite" else dev_servers.slow_beside_webpack(), timeout=180)
    assert web.get(preview.url, "/api/text").text == "text 0"
    assert web.get(preview.url).status == 200


def test_a_program_beside_that_begins_late_and_does_not_run_fails_its_commit(client, project_id):
    preview = client.create(project_id, dev_servers.slow_beside("export const text = ;\n"), timeout=180)
    assert (preview.failure.file, preview.failure.line) == ("server/text.js", 1), preview


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ('throw new Error("no text");\nexport const text = "";\n', "EXCEPTION", ("server/text.js", 1)),
        ('\nexport { text } from "./nothing.js";\n', "MODULE_NOT_FOUND", ("server/text.js", 2)),
        (
            'export const text = "";\nif (!process.env.TEXT_KEY) throw new Error("TEXT_KEY is not set");\n',
            "MISSING_VARIABLE",
            ("server/text.js", 2),
        ),
        ('export const text = "";\nprocess.exit(3);\n', "EXITED", ("", 0)),
    ],
    ids=["exception", "missing-import", "missing-variable", "ends"],
)
def test_a_program_beside_that_ends_at_the_first_start_leaves_the_page(text, reason, place, client, project_id):
    preview = client.create(project_id, dev_servers.slow_beside(text), timeout=180)
    failure = preview.failure
    assert (failure.stage, failure.reason, (failure.file, failure.line)) == (FailureStage.FAILURE_STAGE_RUN, reason, place), failure
    assert "/app/" not in failure.message and (reason == "EXITED" or failure.log_excerpt), failure
    assert preview.phase == Phase.PHASE_RUNNING
    assert web.get(preview.url).status == 200
    mended = client.update(preview.preview_id, {"server/text.js": 'export const text = "text 1";\n'}, timeout=60).preview
    assert not mended.HasField("failure"), mended.failure
    assert web.get(preview.url, "/api/text").text == "text 1"


def test_a_program_beside_that_does_not_run_fails_its_commit_and_is_started_when_it_is_mended(client, project_id):
    def files(script: str, server: str) -> Files:
        package = json.loads(CONCURRENTLY.files(0)["package.json"])
        package["scripts"] = {"dev": script}
        package["devDependencies"]["nodemon"] = "^3"
        return {**CONCURRENTLY.files(0), "package.json": json.dumps(package), "server/text.js": server}

    good, bad = 'export const text = "text {}";\n', "export const text = ;\n"
    plain = 'concurrently "vite" "node server/index.js"'
    preview = client.create(project_id, files(plain, bad), timeout=CONCURRENTLY.create_seconds)
    assert preview.HasField("failure"), "READY, and half of it does not run"
    for number, script in enumerate((plain, plain.replace("node ", "nodemon "))):
        mended = client.update(preview.preview_id, files(script, good.format(number))).preview
        assert not mended.HasField("failure"), mended.failure
        assert web.get(preview.url, "/api/text").text == f"text {number}"
        broken = client.update(preview.preview_id, {"server/text.js": bad}).preview.failure
        assert (broken.file, broken.line) == ("server/text.js", 1), broken
        assert web.get(preview.url).status == 200


@pytest.mark.parametrize(
    "package",
    [
        {
            "workspaces": ["client", "server"],
            "scripts": {"dev": 'concurrently "npm run dev -w api" "npm run dev -w web"'},
        },
        {
            "scripts": {
                "dev": 'concurrently "npm run server" "npm run client"',
                "server": "cd server && npm run dev",
                "client": "npm run dev --prefix client",
            }
        },
    ],
    ids=["workspace", "folders"],
)
def test_halves_of_a_project_are_told_and_started_anew_each_by_itself(package, client, project_id):
    package = {**package, "private": True, "devDependencies": {"concurrently": "^9"}}
    api = {"name": "api", "type": "module", "scripts": {"dev": "nodemon index.js"}}
    web_page = {"name": "web", "type": "module", "scripts": {"dev": "vite"}, "devDependencies": {"vite": "^7"}}
    beside = CONCURRENTLY.files(0)

    def server(text: str) -> str:
        listens = 'express().get("/api", (_, answer) => answer.send(text)).listen(process.env.PORT || 3001);'
        return f'import express from "express";\n\n{text}\n{listens}\n'

    files = {
        "package.json": json.dumps(package),
        "server/package.json": json.dumps(
            {**api, "dependencies": {"express": "^4"}, "devDependencies": {"nodemon": "^3"}}
        ),
        "server/index.js": server('const text = "text 0";'),
        "client/package.json": json.dumps(web_page),
        "client/vite.config.js": beside["vite.config.js"],
        "client/index.html": '<script type="module" src="/main.js"></script>\n',
        "client/main.js": "document.title = 'version 000'\n",
    }
    preview = client.create(project_id, files, timeout=CONCURRENTLY.create_seconds)
    assert not preview.HasField("failure"), preview.failure
    before = processes(preview)
    answers: list[tuple[int, str]] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answer = web.get(preview.url, "/api")
            answers.append((answer.status, answer.text))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for number in (1, 2, 3):
            updated = client.update(
                preview.preview_id, {"server/index.js": server(f'const text = "text {number}";')}
            ).preview
            assert not updated.HasField("failure"), updated.failure
            assert web.get(preview.url, "/api").text == f"text {number}"
    finally:
        ended.set()
        asking.join(timeout=30)
    assert {status for status, _ in answers} == {200}, "what was asked while it was replaced was not answered"
    started = [command for number, command in processes(preview).items() if number not in before]
    assert len(started) == 1 and "index.js" in started[0], started
    for broken, reason in (("throwme();", "EXCEPTION"), ("const text = ;", "SYNTAX_ERROR")):
        failure = client.update(preview.preview_id, {"server/index.js": server(broken)}).preview.failure
        assert (failure.reason, failure.file, failure.line) == (reason, "server/index.js", 3), failure
        mended = client.update(preview.preview_id, {"server/index.js": server('const text = "mended";')}).preview
        assert not mended.HasField("failure"), mended.failure
        assert web.get(preview.url, "/api").text == "mended"
    changed = client.update(preview.preview_id, {"client/main.js": "document.title = 'version 001'\n"}).preview
    assert not changed.HasField("failure") and shows(preview, "/main.js", "version 001")


@pytest.mark.parametrize("pause", [0, 0.05, 0.2])
def test_a_page_that_loads_while_vite_restarts_shows_the_newest(pause, client, create, chromium):
    def configured(number: int) -> Files:
        return {"vite.config.js": f"export default {{ define: {{ VERSION: '\"version {number:03d}\"' }} }}\n"}

    files = {
        "package.json": '{"private":true,"type":"module","scripts":{"dev":"vite"},"devDependencies":{"vite":"^6"}}\n',
        "index.html": '<h1></h1><script type="module" src="/main.js"></script>\n',
        "main.js": "document.querySelector('h1').textContent = VERSION\n",
    }
    preview = create({**files, **configured(0)})
    for number in range(1, 13, 2):
        with closing(chromium.tab()) as tab:
            tab.send("Page.navigate", url=preview.url)
            for version in (number, number + 1):
                time.sleep(pause)
                client.update(preview.preview_id, configured(version))
            shown = f"document.querySelector('h1')?.textContent === 'version {number + 1:03d}'"
            tab.wait_for(shown, within=10)


def test_nest_compiles_beside_the_program_that_runs(client, create):
    preview = create(NEST, timeout=NEST.create_seconds)
    before = processes(preview)
    for version in (1, 2):
        updated = client.update(preview.preview_id, NEST.change(version)).preview
        assert not updated.HasField("failure"), updated.failure
        assert shows(preview, "/", f"version {version:03d}")
    started = [command for number, command in processes(preview).items() if number not in before]
    assert len(started) == 1 and "dist/main" in started[0], "the compiler was started anew"
    wrong = client.update(preview.preview_id, {"src/text.ts": "// What is said.\nexport const text: string = 3;\n"})
    failure = wrong.preview.failure
    assert (failure.file, failure.line) == ("src/text.ts", 2) and "TS2322" in failure.message, failure
    assert shows(preview, "/", "version 002")
    thrown = "// What is said.\nthrow new Error('at the start');\nexport const text: string = '';\n"
    failure = client.update(preview.preview_id, {"src/text.ts": thrown}).preview.failure
    assert (failure.file, failure.line) == ("src/text.ts", 2), failure
    mended = client.update(preview.preview_id, NEST.change(3)).preview
    assert not mended.HasField("failure"), mended.failure
    assert shows(preview, "/", "version 003")


def test_what_tsc_builds_is_built_beside_the_program_that_runs(client, create):
    says = 'import { createServer } from "node:http";\nimport { text } from "./text";\n\n'
    files = {
        "package.json": (
            '{"private":true,"scripts":{"build":"tsc","start":"node dist/index.js"},\n'
            '"devDependencies":{"typescript":"^5","@types/node":"^22"}}\n'
        ),
        "tsconfig.json": '{"compilerOptions":{"module":"commonjs","outDir":"dist","rootDir":"src","strict":true}}\n',
        "src/index.ts": says + "createServer((_, answer) => answer.end(text)).listen(process.env.PORT);\n",
        "src/text.ts": "export const text: string = 'version 000';\n",
    }
    preview = create(files)
    before = processes(preview)
    client.update(preview.preview_id, {"src/text.ts": "export const text: string = 'version 001';\n"})
    assert shows(preview, "/", "version 001")
    started = [command for number, command in processes(preview).items() if number not in before]
    assert len(started) == 1 and "dist/index.js" in started[0], started
    wrong = client.update(preview.preview_id, {"src/text.ts": "\nexport const text: string = 3;\n"}).preview.failure
    assert (wrong.file, wrong.line) == ("src/text.ts", 2), wrong
    assert shows(preview, "/", "version 001")


def test_nest_that_does_not_compile_says_where_at_once(client, project_id):
    files = NEST.files(0) | {"src/text.ts": "export const text: string = 3;\n"}
    preview = client.create(project_id, files, timeout=NEST.create_seconds)
    failure = preview.failure
    assert (failure.reason, failure.file, failure.line) == ("TYPE_ERROR", "src/text.ts", 1), failure


def test_a_page_of_next_is_alive_at_the_preview_s_address(client, create, chromium):
    preview = create(NEXT, timeout=NEXT.create_seconds, limits=Limits(memory_bytes=1536 << 20, cpus=2))
    tab = chromium.tab()
    tab.open(preview.url)
    tab.wait_for("document.querySelector('h1')?.textContent === 'version 000'", within=60)
    # It counts once the page has come alive, which is before Turbopack tells it of changes.
    counts = "(document.querySelector('button').click(), document.querySelector('button').textContent > 0)"
    tab.wait_for(counts, within=60)
    client.update(preview.preview_id, NEXT.change(5), timeout=NEXT.reload_seconds)
    tab.wait_for("document.querySelector('h1')?.textContent === 'version 005'", within=20)
    tab.wait_for(counts, within=60)
    # A page whose socket is younger than 2 s is loaded anew (`SUBSCRIBED_MS` in nextpages.cjs).
    tab.wait_for("performance.now() > 4000", within=20)
    tab.evaluate("window.sameDocument = true")
    servers = {number for number, command in processes(preview).items() if "next-server" in command}
    for version in (1, 2):
        updated = client.update(preview.preview_id, NEXT.change(version), timeout=NEXT.reload_seconds).preview
        assert not updated.HasField("failure"), updated.failure
        tab.wait_for(f"document.querySelector('h1')?.textContent === 'version {version:03d}'", within=20)
    assert tab.evaluate("window.sameDocument") is True, "the page was loaded anew"
    broken = NEXT.change(3)[NEXT.changed].replace("</main>", "</section>")
    failure = client.update(preview.preview_id, {NEXT.changed: broken}, timeout=NEXT.reload_seconds).preview.failure
    assert (failure.file, failure.line) == (NEXT.changed, 6), failure
    updated = client.update(preview.preview_id, NEXT.change(4), timeout=NEXT.reload_seconds).preview
    assert not updated.HasField("failure"), updated.failure
    assert {number for number, command in processes(preview).items() if "next-server" in command} == servers


@pytest.mark.parametrize("bundler", ["turbopack", "webpack"])
def test_a_page_of_next_that_connects_after_a_change_is_loaded_anew(bundler: str, client, create):
    files = NEXT.files(0)
    files["package.json"] = files["package.json"].replace("next dev", f"next dev --{bundler}")
    preview = create(files, timeout=NEXT.create_seconds, limits=Limits(memory_bytes=1536 << 20, cpus=2))
    as_browsers_do = {"accept": "text/html", "upgrade-insecure-requests": "1"}
    assert "version 000" in web.get(preview.url, headers=as_browsers_do, timeout=60).text
    client.update(preview.preview_id, NEXT.change(1), timeout=NEXT.reload_seconds)
    address = preview.url.rstrip("/").replace("http:", "ws:")
    with connect(f"{address}/_next/hmr?id=1", proxy=None) as page:
        said = (json.loads(it) for it in iter(lambda: page.recv(timeout=20), None) if isinstance(it, str))
        assert any(it.get("type") == "reloadPage" for it in said)
