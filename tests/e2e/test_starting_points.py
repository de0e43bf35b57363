"""The starting points that people really use run unchanged, and a change to what is visible shows (acceptance 3)."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import figures, web
from harness.browser import Chromium
from harness.paths import ROOT

from previewd import File, Phase, Stack

pytestmark = pytest.mark.once

SCRIPT = ROOT / "scripts" / "starting-points.sh"
POINTS = ROOT / ".cache" / "starting-points"
LEFT_OUT = {"node_modules", ".git", "__pycache__", ".venv"}

#: Every template of create-vite; the first are in each run, the rest in full ones.
VITE = ["react-ts", "vue", "svelte-ts"]
VITE_SLOW = [
    "vanilla",
    "vanilla-ts",
    "vue-ts",
    "react",
    "react-compiler",
    "react-compiler-ts",
    "preact",
    "preact-ts",
    "lit",
    "lit-ts",
    "svelte",
    "solid",
    "solid-ts",
    "qwik",
    "qwik-ts",
]


#: What a page shows as text, also that of web components.
SHOWN = (
    "document.body.innerText + [...document.querySelectorAll('*')].map((it) => it.shadowRoot?.textContent ?? '').join('')"
)


@pytest.fixture(scope="session")
def points() -> Path:
    """The folder with a project for each starting point, made by the generators that people use."""
    POINTS.parent.mkdir(parents=True, exist_ok=True)
    # One at a time: other processes may run tests of this file too.
    with (POINTS.parent / "starting-points.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([str(SCRIPT), str(POINTS)], check=True, timeout=600, stdin=subprocess.DEVNULL)
    return POINTS


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def files_of(folder: Path) -> dict[str, File]:
    """Returns every file of a folder as it is."""
    assert folder.is_dir(), f"{folder.name} was not generated; there are {sorted(it.name for it in POINTS.iterdir())}"
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not LEFT_OUT & set(relative.parts):
            found[str(relative)] = File(data=path.read_bytes(), executable=os.access(path, os.X_OK))
    return found


def text_of(files: dict[str, File], path: str) -> str:
    return files[path].data.decode()


def skip_what_npm_cannot_resolve(folder: Path, work: Path) -> None:
    """Skips a template that asks for a version which is not published: nobody can run it today."""
    shutil.copy(folder / "package.json", work / "package.json")
    command = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    result = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=120, check=False)
    if "ETARGET" in result.stderr:
        pytest.skip(f"npm itself finds no version: {result.stderr.splitlines()[1]}")


def vite_points():
    listed = [pytest.param(it, id=it) for it in VITE]
    return listed + [pytest.param(it, id=it, marks=pytest.mark.slow) for it in VITE_SLOW]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("template", vite_points())
def test_template_of_create_vite_runs_unchanged(template, points, client, create, chromium, tmp_path):
    skip_what_npm_cannot_resolve(points / f"vite-{template}", tmp_path)
    files = files_of(points / f"vite-{template}")
    preview = create(files, timeout=300)
    assert preview.stack == Stack.STACK_REACT
    page = web.get(preview.url)
    assert page.status == 200
    entry = re.search(r'<script type="module" src="/?(src/[^"]+)"', text_of(files, "index.html")).group(1)

    tab = chromium.tab()
    tab.open(preview.url)
    tab.wait_for(f"({SHOWN}).trim().length > 20", within=60)
    assert "vite-error-overlay" not in tab.evaluate("document.body.outerHTML")

    changed = text_of(files, entry) + "\ndocument.body.dataset.changed = 'yes';\n"
    updated = client.update(preview.preview_id, {entry: changed})
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert "dataset.changed" in web.get(preview.url, f"/{entry}").text
    tab.wait_for("document.body.dataset.changed === 'yes'", within=20)


@pytest.mark.slow
def test_no_template_of_create_vite_is_forgotten(points):
    there = {path.name.removeprefix("vite-") for path in points.iterdir() if path.name.startswith("vite-")}
    assert there == {*VITE, *VITE_SLOW}


@pytest.mark.timeout(400)
def test_tailwind_beside_vite_makes_the_styles_of_what_changes(points, client, create):
    files = files_of(points / "vite-react-ts")
    manifest = json.loads(text_of(files, "package.json"))
    manifest["devDependencies"] |= {"tailwindcss": "^4", "@tailwindcss/vite": "^4"}
    config = text_of(files, "vite.config.ts").replace("react()", "react(), tailwindcss()")
    page = "export default function App() {\n  return <p className='pt-[17px]'>Hello</p>\n}\n"
    preview = create(
        {
            **files,
            "package.json": json.dumps(manifest),
            "vite.config.ts": f"import tailwindcss from '@tailwindcss/vite'\n{config}",
            "src/index.css": '@import "tailwindcss";\n',
            "src/App.tsx": page,
        },
        timeout=300,
    )
    assert "17px" in web.get(preview.url, "/src/index.css").text
    updated = client.update(preview.preview_id, {"src/App.tsx": page.replace("17px", "23px")})
    assert not updated.preview.HasField("failure"), updated.preview.failure
    assert "23px" in web.get(preview.url, "/src/index.css").text
    broken = client.update(preview.preview_id, {"src/App.tsx": page.replace("</p>", "")})
    assert broken.preview.failure.file == "src/App.tsx", broken.preview.failure


OTHERS = {
    # folder: stack, path, what it shows, file to change, what to replace, by what
    "express-generator": (Stack.STACK_NODE, "/", "Welcome to Express", "routes/index.js", "Express", "the Shop"),
    "html5-boilerplate": (
        Stack.STACK_STATIC,
        "/",
        "Hello world! This is HTML5 Boilerplate.",
        "index.html",
        "Hello world!",
        "Good morning!",
    ),
    "django": (Stack.STACK_PYTHON, "/", "The install worked successfully", None, "", ""),
    "flask": (Stack.STACK_PYTHON, "/", "Hello, World!", "app.py", "Hello, World!", "Good morning!"),
    "fastapi": (Stack.STACK_PYTHON, "/", "Hello World", "main.py", "Hello World", "Good morning"),
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", OTHERS)
def test_starting_point_runs_unchanged(name, points, client, create):
    stack, path, shows, changed, old, new = OTHERS[name]
    files = files_of(points / name)
    preview = create(files, timeout=300)
    assert preview.stack == stack
    answer = web.get(preview.url, path)
    assert (answer.status, shows in answer.text) == (200, True), answer.text[:500]
    if changed is None:
        changed, text, path, shows = django_page(files)
    else:
        text = text_of(files, changed)
        assert old in text
        text, shows = text.replace(old, new), new
    updated = client.update(preview.preview_id, {changed: text}, timeout=120)
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    answer = web.get(preview.url, path)
    assert (answer.status, shows in answer.text) == (200, True), answer.text[:500]
    figures.remark(f"starting point {name}", "runs unchanged")


@pytest.mark.timeout(400)
def test_syntax_error_in_django_s_views_is_known_before_the_first_page(points, client, create):
    files = files_of(points / "django")
    urls, text, _, _ = django_page(files)
    views = urls.replace("urls.py", "views.py")
    module = views.removesuffix(".py").replace("/", ".")
    preview = create(files, timeout=300)
    broken = client.update(preview.preview_id, {views: "import os\n\n\ndef home(request:\n", urls: f"import {module}\n{text}"})
    failure = broken.preview.failure
    assert (failure.reason, failure.file, failure.line) == ("SYNTAX_ERROR", views, 4), failure
    good = client.update(preview.preview_id, {views: "import os\n"})
    assert good.preview.phase == Phase.PHASE_RUNNING, good.preview.failure
    assert "Good morning" in web.get(preview.url).text


def django_page(files: dict[str, File]) -> tuple[str, str, str, str]:
    """Returns a first page of a new Django project: file, text, address, what it shows."""
    urls = next(path for path in files if path.endswith("/urls.py"))
    text = text_of(files, urls)
    view = "\nfrom django.http import HttpResponse\n\nurlpatterns += [path('', lambda request: HttpResponse('Good morning'))]\n"
    return urls, text + view, "/", "Good morning"
