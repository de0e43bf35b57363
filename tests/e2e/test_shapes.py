"""Projects in the shapes that people and their tools bring them in run, or are refused with the place to mend."""

from __future__ import annotations

import pytest
from harness import projects, web

from previewd import FailureStage, File, Phase, Stack

DETECT, START = FailureStage.FAILURE_STAGE_DETECT, FailureStage.FAILURE_STAGE_START

#: An app without dependencies, which shows what a module beside it says.
ASGI = (
    "from {PACKAGE} import VERSION\n\n\nasync def app(scope, receive, send):\n    if scope['type'] != 'http':\n        return\n"
    "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    "    await send({'type': 'http.response.body', 'body': f'version {VERSION}'.encode()})\n"
)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("package", ["backend.db", ".db"])
def test_package_below_its_own_pyproject_is_imported_by_its_name(package, client, create):
    preview = create(
        {
            "backend/__init__.py": "",
            "backend/main.py": ASGI.replace("{PACKAGE}", package),
            "backend/db.py": "VERSION = '001'\n",
            "backend/pyproject.toml": '[project]\nname = "backend"\nversion = "0.1.0"\ndependencies = []\n',
        },
        timeout=180,
    )
    assert web.version_in(web.get(preview.url).text) == 1
    updated = client.update(preview.preview_id, {"backend/db.py": "VERSION = '002'\n"})
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert web.version_in(web.get(preview.url).text) == 2


@pytest.mark.parametrize("settings", [{"previewd.toml": 'root = "apps/shop/web"\n'}, {}], ids=["named", "found"])
def test_project_in_a_folder_far_below_is_run(settings, create):
    files = {f"apps/shop/web/{path}": text for path, text in projects.plain_node(4).items()}
    preview = create({**files, **settings, "README.md": "# Shop\n"})
    assert preview.stack == Stack.STACK_NODE
    assert web.version_in(web.get(preview.url).text) == 4


def test_half_of_a_project_that_is_not_run_is_told(client, create):
    server = {f"backend/{path}": text for path, text in projects.plain_node(1).items()}
    page = {f"frontend/{path}": text for path, text in projects.static(2).items()}
    preview = create({**server, **page})
    assert web.version_in(web.get(preview.url).text) == 2
    (note,) = client.get(preview.preview_id).notes
    assert "backend (node) is not" in note
    assert any(note in entry.line for entry in client.logs(preview.preview_id))
    updated = client.update(preview.preview_id, delete_paths=[*server])
    assert list(updated.preview.notes) == []


def windows(text: str) -> File:
    """Returns an executable file with the line ends of Windows."""
    return File(data=text.replace("\n", "\r\n").encode(), executable=True)


def test_script_with_the_line_ends_of_windows_is_run(client, create):
    files = projects.plain_node(5)
    manifest = files["package.json"].replace("node server.js", "./start.sh")
    preview = create(
        {**files, "package.json": manifest, "start.sh": windows("#!/bin/sh\nset -e\n\nexec node server.js\n")}
    )
    assert web.version_in(web.get(preview.url).text) == 5
    told = [entry.line for entry in client.logs(preview.preview_id)]
    assert any("start.sh has Windows line ends" in line for line in told), told


@pytest.mark.timeout(240)
def test_entry_point_of_a_dockerfile_with_the_line_ends_of_windows_is_run(create):
    files = projects.dockerfile(6)
    files["Dockerfile"] = files["Dockerfile"].replace('CMD ["python3", "-u", "server.py"]', 'ENTRYPOINT ["./start.sh"]')
    preview = create({**files, "start.sh": windows("#!/bin/sh\nexec python3 -u server.py\n")}, timeout=180)
    assert web.version_in(web.get(preview.url).text) == 6


def test_export_that_lost_its_folders_is_told_what_its_page_misses(client, create, project_id):
    files = {path.removeprefix("src/"): text for path, text in projects.react(0).items()}
    preview = client.create(project_id, files)
    failure = preview.failure
    assert (preview.phase, failure.stage) == (Phase.PHASE_FAILED, DETECT), failure
    assert (failure.file, failure.line) == ("index.html", 2), failure
    assert "/src/main.jsx" in failure.message and "there is main.jsx" in failure.message


@pytest.mark.timeout(300)
def test_type_error_names_its_file_and_line_and_the_mend_runs(client, create, project_id):
    server = (
        "import {{ createServer }} from 'http';\n\nconst version: string = {VALUE};\n"
        "createServer((request, response) => {{\n  response.end(`version ${{version}}`);\n}}).listen(process.env.PORT);\n"
    )
    files = {
        "package.json": (
            '{ "name": "shop", "scripts": { "start": "tsc && node dist/main.js" },'
            ' "devDependencies": { "typescript": "^5.9.0", "@types/node": "^22.0.0" } }\n'
        ),
        "tsconfig.json": (
            '{ "compilerOptions": { "outDir": "dist", "module": "commonjs", "target": "es2022", "strict": true,'
            ' "pretty": true, "types": ["node"] }, "include": ["src"] }\n'
        ),
        "src/main.ts": server.format(VALUE=7),
    }
    preview = client.create(project_id, files, timeout=240)
    failure = preview.failure
    assert (preview.phase, failure.stage, failure.reason) == (Phase.PHASE_FAILED, START, "TYPE_ERROR"), failure
    assert (failure.file, failure.line) == ("src/main.ts", 3), failure
    assert "Type 'number' is not assignable to type 'string'" in failure.message
    mended = client.update(preview.preview_id, {"src/main.ts": server.format(VALUE="'007'")}, timeout=60)
    assert mended.preview.phase == Phase.PHASE_RUNNING, mended.preview.failure
    assert web.version_in(web.get(preview.url).text) == 7


@pytest.mark.timeout(300)
def test_variable_that_settings_miss_is_named(client, create, project_id):
    settings = (
        "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings{PREFIX}):\n    payment_key: str\n\n\n"
        "SETTINGS = Settings()\n"
    )
    files = {
        "requirements.txt": "pydantic-settings\n",
        "settings.py": settings.replace("{PREFIX}", ""),
        "main.py": ASGI.replace("{PACKAGE}", "settings").replace("VERSION", "SETTINGS").replace("GS}", "GS.payment_key}"),
    }
    preview = client.create(project_id, files, timeout=240)
    failure = preview.failure
    assert (preview.phase, failure.stage, failure.reason) == (Phase.PHASE_FAILED, START, "MISSING_VARIABLE"), failure
    assert (failure.file, failure.line) == ("settings.py", 8), failure
    assert " PAYMENT_KEY " in failure.message
    prefixed = client.update(
        preview.preview_id, {"settings.py": settings.replace("{PREFIX}", ', env_prefix="SHOP_"')}
    ).preview.failure
    assert (prefixed.reason, " SHOP_PAYMENT_KEY " in prefixed.message) == ("MISSING_VARIABLE", True), prefixed
    named = "import os\n\n\nclass SETTINGS:\n    payment_key = os.environ['PAYMENT_TOKEN']\n"
    by_hand = client.update(preview.preview_id, {"settings.py": named}).preview.failure
    assert (by_hand.reason, by_hand.file, by_hand.line) == ("MISSING_VARIABLE", "settings.py", 5), by_hand
    assert " PAYMENT_TOKEN " in by_hand.message
    good = client.update(preview.preview_id, {"settings.py": named.replace("os.environ['PAYMENT_TOKEN']", "'008'")})
    assert good.preview.phase == Phase.PHASE_RUNNING, good.preview.failure
    assert web.version_in(web.get(preview.url).text) == 8
