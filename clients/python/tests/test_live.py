"""The client and its example against the live service."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc
import pytest

from previewd import Client, Phase, PreviewdError, ReloadStage

CLIENT = Path(__file__).resolve().parent.parent


@pytest.mark.timeout(120)
def test_example_runs(service):
    result = subprocess.run(
        [sys.executable, "example.py", service.address],
        cwd=CLIENT,
        env={"PYTHONPATH": str(CLIENT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert ": Hello" in result.stdout
    assert "answers: Good morning" in result.stdout
    assert "answers: Good night" in result.stdout
    assert result.stdout.count(" READY") == 2
    assert "GOODBYE_REASON_DELETED" in result.stdout


@pytest.mark.timeout(120)
def test_every_method_speaks_to_the_service(client: Client, create, project_id):
    preview = create({"index.html": "<h1>version 1</h1>", "blob": b"\x00\xff"})
    assert client.get(preview.preview_id).project_id == project_id
    assert [it.preview_id for it in client.list(project_id=project_id)] == [preview.preview_id]
    with client.watch_reloads(preview.preview_id) as watch:
        assert next(watch).hello.head_commit_id == preview.commit_id
        updated = client.update(
            project_id=project_id, files={"index.html": "<h1>version 2</h1>"}, delete_paths=["blob"]
        )
        ready = next(
            it.reload for it in watch if it.HasField("reload") and it.reload.stage == ReloadStage.RELOAD_STAGE_READY
        )
    assert ready.commit_id == updated.commit_id
    with urllib.request.urlopen(preview.url, timeout=10) as answer:
        assert b"version 2" in answer.read()
    assert [path.path for path in client.diff(project_id, updated.commit_id)] == ["blob", "index.html"]
    assert client.read_file(project_id, "blob", commit_id=preview.commit_id) == b"\x00\xff"
    assert [file.path for file in client.list_files(project_id)] == ["index.html"]
    assert client.create_branch(project_id, "side").commit_id == updated.commit_id
    assert [branch.branch for branch in client.list_branches(project_id)] == ["main", "side"]
    back = client.rollback(project_id, preview.commit_id)
    assert next(client.list_commits(project_id)).commit_id == back
    assert [entry.line for entry in client.logs(preview.preview_id)]
    assert client.delete(preview.preview_id).phase == Phase.PHASE_STOPPED


def test_refusal_is_an_error_with_its_fields(client: Client):
    with pytest.raises(PreviewdError) as caught:
        client.create("..", {"/a": "", "ok": ""})
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == ["project_id", "files[0].path"]


@pytest.mark.timeout(120)
def test_watch_goes_on_through_a_restart_of_the_service(own_service):
    own = own_service(arguments=())
    with own.client() as client:
        preview = client.create("watched", {"index.html": "1"})
        with client.watch_reloads(preview.preview_id) as watch:
            next(watch)
            own.stop()
            own.start(arguments=("--remove-on-exit",))
            commits = [client.commit("watched", {"index.html": str(n)}) for n in (2, 3)]
            seen = []
            while len(seen) < len(commits):
                message = next(watch)
                if message.reload.stage == ReloadStage.RELOAD_STAGE_COMMITTED:
                    seen.append(message.reload.commit_id)
    assert seen == commits
