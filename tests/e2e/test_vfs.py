"""The repository on disk is plain git, and a commit that another process makes is like any other (acceptance 4)."""

from __future__ import annotations

import time

import grpc
import pytest
from harness import figures, projects, web
from harness.fixtures import maker
from harness.git import commit_and_push, commit_without_worktree, git
from harness.watching import COMMITTED, READY, Watcher

from previewd import ChangeKind, File, PreviewdError


@pytest.fixture
def clone(service, client, create, project_id, tmp_path):
    """A preview, and a clone of its repository."""
    preview = create(projects.STATIC)
    git(tmp_path, "clone", "--quiet", str(service.repository(project_id)), "clone")
    return preview, tmp_path / "clone"


def page(version: int) -> str:
    return projects.static(version)["index.html"]


def test_clone_has_the_files_and_the_history(clone, client, project_id):
    preview, folder = clone
    files = projects.static(0)
    assert {p: (folder / p).read_text() for p in files} == files
    updated = client.update(preview.preview_id, {"index.html": page(1)}, message="Say version 1\n\nIt is newer.")
    git(folder, "pull", "--quiet")
    assert git(folder, "log", "-1", "--format=%H") == updated.commit_id
    assert git(folder, "log", "-1", "--format=%B").strip() == "Say version 1\n\nIt is newer."


def test_pushed_commits_reload_the_preview(clone, client):
    preview, folder = clone
    took = []
    with Watcher(client, preview.preview_id) as watcher, web.Poller(preview.url) as poller:
        for version in range(1, 6):
            commit = commit_and_push(folder, "index.html", page(version))
            began = time.monotonic()
            watcher.wait_stage(READY, commit, within=5)
            took.append(poller.wait_for(version, within=5).ended - began)
            assert watcher.reloads(COMMITTED)[-1].commit_id == commit
    figures.report("end of git push to answer", [max(0.0, it) for it in took])


def test_commit_made_by_plumbing_reloads_the_preview(service, client, create, project_id):
    preview = create(projects.STATIC)
    with Watcher(client, preview.preview_id) as watcher:
        commit = commit_without_worktree(service.repository(project_id), "index.html", page(7))
        watcher.wait_stage(READY, commit, within=5)
    assert web.version_in(web.get(preview.url).text) == 7


def test_several_commits_in_one_push_are_each_announced_in_order(clone, client):
    preview, folder = clone
    commits = []
    with Watcher(client, preview.preview_id) as watcher:
        for version in range(1, 6):
            (folder / "index.html").write_text(page(version))
            git(folder, "commit", "--quiet", "--all", "--message", f"Version {version}")
            commits.append(git(folder, "rev-parse", "HEAD"))
        git(folder, "push", "--quiet", "origin", "HEAD:main")
        watcher.wait_stage(READY, commits[-1], within=5)
        assert [reload.commit_id for reload in watcher.reloads(COMMITTED)] == commits
    assert web.version_in(web.get(preview.url).text) == 5


def test_commits_of_both_sides_build_on_one_another(clone, client, project_id):
    preview, folder = clone
    for version in range(1, 8, 2):
        commit_and_push(folder, "index.html", page(version))
        updated = client.update(preview.preview_id, {"notes.txt": f"{version}"})
        assert web.version_in(web.get(preview.url).text) == version
        git(folder, "pull", "--quiet")
        assert git(folder, "rev-parse", "HEAD") == updated.commit_id
    assert len(list(client.list_commits(project_id))) == 9


def test_housekeeping_by_git_disturbs_neither_readers_nor_writers(service, client, create, project_id):
    preview = create(projects.STATIC)
    repository = service.repository(project_id)
    for version in range(1, 6):
        client.update(preview.preview_id, {"index.html": page(version)})
    git(repository, "pack-refs", "--all")
    git(repository, "gc", "--quiet", "--prune=now")
    for version in (6, 7):
        client.update(preview.preview_id, {"index.html": page(version)})
        assert web.version_in(web.get(preview.url).text) == version
    commit = commit_without_worktree(repository, "index.html", page(8))
    with Watcher(client, preview.preview_id, after_commit_id=commit) as watcher:
        watcher.wait("hello", lambda hello: hello.head_commit_id == commit, within=5)
    assert len(list(client.list_commits(project_id))) == 9


def test_history_passes_a_strict_check(service, client, project_id):
    script = File(text="#!/bin/sh\n", executable=True)
    client.commit(project_id, {"a/b/c.txt": "1", "run.sh": script, "ä ö.txt": "ü", "z": b"\x00\xff"})
    client.commit(project_id, {"a.txt": "2", "a-b": "3", "a/b.txt": "4"}, delete_paths=["a/b/c.txt"])
    client.create_branch(project_id, "feature/one")
    client.commit(project_id, {"f": "5"}, branch="feature/one", message="Nachricht mit Umlauten: äöü")
    client.rollback(project_id, git(service.repository(project_id), "rev-list", "--max-parents=0", "main"))
    assert git(service.repository(project_id), "fsck", "--strict", "--full") == ""
    modes = git(service.repository(project_id), "ls-tree", "-r", "main", "--format=%(objectmode) %(path)")
    assert "100755 run.sh" in modes.splitlines()
    assert client.read_file(project_id, "z") == b"\x00\xff"


def test_pushes_are_seen_by_the_poll_alone_where_inotify_is_off(own_service, tmp_path):
    own = own_service(PREVIEW_POLL_INTERVAL="0.5", PREVIEW_INOTIFY="false")
    with own.client() as client:
        preview = maker(client, "polled")(projects.STATIC)
        git(tmp_path, "clone", "--quiet", str(own.repository("polled")), "clone")
        took = []
        with Watcher(client, preview.preview_id) as watcher, web.Poller(preview.url) as poller:
            for version in range(1, 6):
                commit = commit_and_push(tmp_path / "clone", "index.html", page(version))
                began = time.monotonic()
                watcher.wait_stage(READY, commit, within=2)
                took.append(max(0.0, poller.wait_for(version, within=2).ended - began))
    figures.report("end of git push to answer, poll of 0.5 s", took)


def test_reading_and_branching_follow_the_contract(client, project_id):
    first = client.commit(project_id, {"a.txt": "one", "dir/b.txt": "two"}, message="First")
    second = client.commit(project_id, {"a.txt": "three", "c.txt": "four"}, delete_paths=["dir/b.txt"])
    assert client.read_file(project_id, "a.txt") == b"three"
    assert client.read_file(project_id, "a.txt", commit_id=first) == b"one"
    assert [(file.path, file.size_bytes) for file in client.list_files(project_id)] == [("a.txt", 5), ("c.txt", 4)]
    assert [file.path for file in client.list_files(project_id, commit_id=first, page_size=1)] == ["a.txt", "dir/b.txt"]
    changes = [(changed.path, changed.kind) for changed in client.diff(project_id, second)]
    assert changes == [
        ("a.txt", ChangeKind.CHANGE_KIND_MODIFIED),
        ("c.txt", ChangeKind.CHANGE_KIND_ADDED),
        ("dir/b.txt", ChangeKind.CHANGE_KIND_DELETED),
    ]
    assert list(client.diff(project_id, second, base_commit_id=second)) == []

    client.create_branch(project_id, "old", commit_id=first)
    assert [(b.branch, b.commit_id) for b in client.list_branches(project_id)] == [("main", second), ("old", first)]
    back = client.rollback(project_id, first)
    assert client.read_file(project_id, "dir/b.txt") == b"two"
    assert [commit.commit_id for commit in client.list_commits(project_id, page_size=2)] == [back, second, first]
    assert [c.parent_commit_id for c in client.list_commits(project_id)] == [second, first, ""]


def test_commit_that_changes_nothing_answers_with_the_head(client, project_id):
    head = client.commit(project_id, {"a.txt": "one"})
    assert client.commit(project_id, {"a.txt": "one"}) == head
    assert len(list(client.list_commits(project_id))) == 1


def test_commit_against_a_stale_head_is_aborted_with_the_real_one(client, project_id):
    first = client.commit(project_id, {"a.txt": "one"})
    second = client.commit(project_id, {"a.txt": "two"}, expected_head=first)
    for call in (
        lambda: client.commit(project_id, {"a.txt": "three"}, expected_head=first),
        lambda: client.rollback(project_id, first, expected_head=first),
    ):
        with pytest.raises(PreviewdError) as caught:
            call()
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.ABORTED, "STALE_HEAD")
        assert caught.value.head == second
    assert client.read_file(project_id, "a.txt") == b"two"


def test_update_against_a_stale_head_is_aborted_and_changes_nothing(client, create):
    preview = create(projects.STATIC)
    stale = preview.head_commit_id
    head = client.update(preview.preview_id, {"index.html": page(1)}, expected_head=stale).commit_id
    with pytest.raises(PreviewdError) as caught:
        client.update(preview.preview_id, {"index.html": page(2)}, expected_head=stale)
    assert (caught.value.code, caught.value.head) == (grpc.StatusCode.ABORTED, head)
    assert web.version_in(web.get(preview.url).text) == 1


def test_each_branch_has_a_preview_of_its_own(client, create, project_id):
    main = create(projects.STATIC)
    client.create_branch(project_id, "feature/blue")
    blue = client.create(project_id, branch="feature/blue")
    assert blue.preview_id != main.preview_id
    client.update(blue.preview_id, {"index.html": page(5)})
    assert web.version_in(web.get(blue.url).text) == 5
    assert web.version_in(web.get(main.url).text) == 0
