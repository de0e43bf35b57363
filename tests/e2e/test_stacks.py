"""For each stack: commit to new code answering, none lost, and nothing older once READY was said (acceptance 3)."""

from __future__ import annotations

import time

import pytest
from harness import daemon, figures, projects, web
from harness.daemon import Events
from harness.projects import Project
from harness.service import setting
from harness.waiting import eventually
from harness.watching import COMMITTED, FAILED, READY, Watcher

from previewd import Phase, Stack

COMMITS = 20


@pytest.mark.timed
@pytest.mark.timeout(600)
@pytest.mark.parametrize("project", projects.STACKS, ids=lambda project: project.name)
def test_each_commit_answers_and_nothing_older_once_ready_was_said(project: Project, client, create, project_id):
    began = time.monotonic()
    preview = create(project, timeout=project.create_seconds)
    figures.remark(f"create {project.name}", f"{time.monotonic() - began:.2f} s to the answer of Create")
    assert preview.stack == project.stack
    assert web.version_in(web.get(preview.url, project.path).text) == 0

    took, ready_took, commits = [], [], []
    with Watcher(client, preview.preview_id) as watcher, web.Poller(preview.url, project.path) as poller:
        for version in range(1, COMMITS + 1):
            began = time.monotonic()
            commits.append(client.commit(project_id, project.change(version)))
            seen = poller.wait_for(version, within=project.reload_seconds)
            took.append(seen.ended - began)
            ready, reload = watcher.wait_stage(READY, commits[-1], within=project.reload_seconds)
            ready_took.append(ready - began)
            older = [fetch for fetch in poller.after(ready, 5) if fetch.version != version]
            assert not older, f"after READY of version {version}: {older}"
            assert [changed.path for changed in reload.changed_paths] == [project.changed]
        assert poller.failures() == []
        assert poller.steps_back() == []
        assert [reload.commit_id for reload in watcher.reloads(COMMITTED)] == commits
        assert [reload.commit_id for reload in watcher.reloads(READY)] == commits
        assert watcher.reloads(FAILED) == []

    after = client.get(preview.preview_id)
    assert (after.phase, after.commit_id, after.head_commit_id) == (Phase.PHASE_RUNNING, commits[-1], commits[-1])
    assert after.url == preview.url
    if project.keeps_container:
        assert after.container_id == preview.container_id
    figures.report(f"commit to answer, {project.name}", took)
    figures.report(f"commit to READY, {project.name}", ready_took)


def test_update_answers_once_its_commit_is_what_the_url_serves(client, create):
    preview = create(projects.PLAIN_NODE)
    for version in range(1, 6):
        updated = client.update(preview.preview_id, projects.PLAIN_NODE.change(version))
        assert updated.preview.phase == Phase.PHASE_RUNNING
        assert updated.preview.commit_id == updated.commit_id == updated.preview.head_commit_id
        assert web.version_in(web.get(preview.url).text) == version


def test_python_serves_a_change_of_the_same_size_within_the_same_second(client, create):
    preview = create(projects.FASTAPI, timeout=180)
    for version in (1, 2, 3, 1, 2, 3):
        client.update(preview.preview_id, projects.FASTAPI.change(version))
        assert web.version_in(web.get(preview.url).text) == version


def test_static_page_is_never_answered_from_a_stale_cache(client, create):
    preview = create(projects.STATIC)
    first = web.get(preview.url, "/css/style.css")
    client.update(preview.preview_id, {"css/style.css": "h1 { color: plum; }\n"})
    headers = {}
    if "etag" in first.headers:
        headers["If-None-Match"] = first.headers["etag"]
    if "last-modified" in first.headers:
        headers["If-Modified-Since"] = first.headers["last-modified"]
    again = web.get(preview.url, "/css/style.css", headers=headers)
    assert (again.status, again.text) == (200, "h1 { color: plum; }\n")


def test_static_page_falls_back_to_the_index_for_paths_without_an_extension(client, create):
    preview = create(projects.STATIC)
    assert web.version_in(web.get(preview.url, "/some/page").text) == 0
    assert web.get(preview.url, "/some/picture.png").status == 404


def test_deleted_file_is_gone_once_update_has_answered(client, create):
    preview = create({**projects.static(0), "old.txt": "old"})
    assert web.get(preview.url, "/old.txt").text == "old"
    client.update(preview.preview_id, delete_paths=["old.txt"])
    assert web.get(preview.url, "/old.txt").status == 404


def test_binary_file_arrives_byte_by_byte(client, create):
    content = bytes(range(256)) * 8192
    preview = create({**projects.static(0), "blob.bin": content})
    assert web.get(preview.url, "/blob.bin").body == content


@pytest.mark.timeout(240)
def test_entry_page_and_mount_script_that_a_generator_left_out_are_supplied(client, create, project_id):
    files = projects.react(0)
    preview = create({path: files[path] for path in ("package.json", "src/App.jsx")}, timeout=180)
    assert preview.stack == Stack.STACK_REACT
    page = web.get(preview.url).text
    assert 'type="module"' in page
    assert web.version_in(web.get(preview.url, "/src/App.jsx").text) == 0
    kept = [file.path for file in client.list_files(project_id)]
    assert kept == ["package.json", "src/App.jsx"], "what is supplied does not belong into the VFS"


@pytest.mark.timeout(240)
def test_react_follows_added_and_deleted_modules_configuration_and_env_files(client, create):
    preview = create(projects.REACT, timeout=180)
    app = projects.react(1)["src/App.jsx"]
    with_import = "import { NAME } from './name.js';\n" + app.replace("count {count}", "{NAME}")
    client.update(preview.preview_id, {"src/App.jsx": with_import, "src/name.js": "export const NAME = 'first';\n"})
    assert "first" in web.get(preview.url, "/src/name.js").text
    assert "/src/name.js" in web.get(preview.url, "/src/App.jsx").text

    client.update(
        preview.preview_id,
        {".env": "VITE_COLOUR=teal\n", "src/name.js": "export const NAME = import.meta.env.VITE_COLOUR;\n"},
    )
    assert "teal" in web.get(preview.url, "/src/name.js").text

    config = projects.react(0)["vite.config.js"].replace("plugins:", "define: { __MARK__: '\"marked\"' }, plugins:")
    client.update(preview.preview_id, {"vite.config.js": config, "src/name.js": "export const NAME = __MARK__;\n"})
    assert (
        "marked"
        in web.get(preview.url, "/src/name.js").text
        + web.get(preview.url, "/@vite/client").text
        + web.get(preview.url, "/@fs/app/node_modules/vite/dist/client/env.mjs").text
    )

    updated = client.update(preview.preview_id, {"src/App.jsx": app}, delete_paths=["src/name.js"])
    assert updated.preview.phase == Phase.PHASE_RUNNING
    assert web.version_in(web.get(preview.url, "/src/App.jsx").text) == 1
    assert "marked" not in web.get(preview.url, "/src/name.js").text


@pytest.mark.timeout(240)
def test_changed_requirement_is_installed_while_the_old_version_goes_on_serving(client, create):
    preview = create(projects.FLASK, timeout=180)
    change = {
        "requirements.txt": "flask\nitsdangerous\nroman\n",
        "app.py": projects.flask(0)["app.py"].replace("from flask", "import roman\nfrom flask"),
        "catalogue.py": projects.flask(1)["catalogue.py"],
    }
    with web.Poller(preview.url) as poller:
        updated = client.update(preview.preview_id, change, timeout=180)
        poller.after(time.monotonic(), 3)
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert poller.failures() == []
    assert poller.fetches[-1].version == 1
    assert sum(fetch.version == 0 for fetch in poller.fetches) > 10, "the old version did not go on serving"
    assert updated.preview.url == preview.url


def own_nginx(version: int) -> dict[str, str]:
    """Returns a page that a first stage makes and the usual server's image serves."""
    base = setting("PREVIEW_STATIC_IMAGE", "nginx:alpine")
    return {
        "Dockerfile": (
            f"FROM {base} AS build\nCOPY page.txt /made/\nRUN sed 's/^/version /' /made/page.txt > /made/index.html\n"
            f"FROM {base}\n"
            # As in the images that are published for it.
            "RUN ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log\n"
            "COPY site.conf /etc/nginx/nginx.conf\nCOPY --from=build /made/index.html /site/index.html\n"
            'EXPOSE 80/tcp\nCMD ["nginx", "-g", "daemon off;"]\n'
        ),
        "site.conf": (
            "user nobody;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\n"
            "http {\n  access_log /var/log/nginx/access.log;\n  client_body_temp_path /var/cache/nginx/body;\n"
            "  server { listen 80; root /site; }\n}\n"
        ),
        "page.txt": f"{version:03d}\n",
        "notes.md": "not of the image\n",
        ".dockerignore": "*.md\n",
    }


@pytest.mark.timeout(240)
def test_dockerfile_of_two_stages_runs_the_usual_server_as_an_ordinary_user(client, create):
    preview = create(own_nginx(1), timeout=180)
    assert (preview.stack, web.version_in(web.get(preview.url).text)) == (Stack.STACK_DOCKERFILE, 1)
    updated = client.update(preview.preview_id, {"page.txt": "002\n"}, timeout=180)
    assert (updated.preview.phase, web.version_in(web.get(preview.url).text)) == (Phase.PHASE_RUNNING, 2)
    ignored = client.update(preview.preview_id, {"notes.md": "changed\n"}, timeout=180)
    assert ignored.preview.commit_id == ignored.commit_id
    assert ignored.preview.container_id == updated.preview.container_id, "what is ignored was built anew"


@pytest.mark.timeout(300)
def test_dockerfile_installs_from_registries_in_its_steps(client, create):
    python = setting("PREVIEW_PYTHON_IMAGE", "python:3.12-slim")
    node = setting("PREVIEW_NODE_IMAGE", "node:22-slim")
    project = {
        "Dockerfile": (
            f"FROM {node} AS assets\nWORKDIR /assets\nRUN npm install --no-audit --no-fund ms@2.1.3\n"
            f"FROM {python}\nRUN pip install --no-cache-dir roman==5.1\nWORKDIR /srv/shop\n"
            "COPY --from=assets /assets/node_modules/ms/package.json .\nCOPY . .\nEXPOSE 9090\n"
            'CMD ["python3", "-u", "server.py"]\n'
        ),
        "server.py": "import roman\nassert roman.toRoman(4) == 'IV'\n" + projects.dockerfile(1)["server.py"],
    }
    preview = create(project, timeout=240)
    assert preview.phase == Phase.PHASE_RUNNING, preview.failure
    assert web.version_in(web.get(preview.url).text) == 1
    change = {"server.py": project["server.py"].replace('"001"', '"002"')}
    updated = client.update(preview.preview_id, change, timeout=120)
    assert (updated.preview.phase, web.version_in(web.get(preview.url).text)) == (Phase.PHASE_RUNNING, 2)
    lines = [entry.line for entry in client.logs(preview.preview_id)]
    # The builder colours what a step writes to its error output, and the end of the colour may be on the next line.
    assert sum("Successfully installed roman" in line for line in lines) == 1, "the cache was not used"


@pytest.mark.timeout(240)
def test_dockerfile_in_a_folder_is_built_from_that_folder(client, create):
    below = {f"service/{path}": text for path, text in projects.dockerfile(1).items()}
    preview = create({**below, "previewd.toml": 'root = "service"\n'}, timeout=180)
    assert web.version_in(web.get(preview.url).text) == 1
    beside = client.update(preview.preview_id, {"README.md": "beside\n"})
    assert beside.preview.container_id == preview.container_id, "a file beside the folder was built in"
    updated = client.update(preview.preview_id, {"service/server.py": projects.dockerfile(2)["server.py"]}, timeout=120)
    assert (updated.preview.phase, web.version_in(web.get(preview.url).text)) == (Phase.PHASE_RUNNING, 2)


@pytest.mark.timeout(300)
def test_package_next_to_its_manifest_and_an_old_server_are_found_and_run(create):
    old = create(
        {
            "requirements.txt": "fastapi==0.85.0\nuvicorn==0.18.3\npydantic<2\n",
            "main.py": projects.fastapi(1)["main.py"],
            "shop/__init__.py": "",
            "shop/catalogue.py": projects.fastapi(1)["shop/catalogue.py"],
        },
        suffix="-old",
        timeout=240,
    )
    assert web.version_in(web.get(old.url).text) == 1
    packaged = create(
        {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["flask"]\n',
            "src/shop/__init__.py": (
                "from flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n"
                "    app.add_url_rule('/', 'index', lambda: 'version 007')\n    return app\n"
            ),
        },
        suffix="-packaged",
        timeout=240,
    )
    assert web.version_in(web.get(packaged.url).text) == 7


@pytest.mark.timeout(240)
def test_configuration_that_comes_after_it_was_supplied_installs_nothing(client, create, service):
    files = projects.react(0)
    preview = create({path: files[path] for path in ("package.json", "src/App.jsx")}, timeout=180)
    eventually(lambda: not daemon.installing(service.instance), within=60)
    with Events(service.instance) as events:
        added = {path: files[path] for path in ("vite.config.js", "index.html", "src/main.jsx")}
        updated = client.update(preview.preview_id, added)
        assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
        assert web.version_in(web.get(preview.url, "/src/App.jsx").text) == 0
    assert events.work() == []
