"""Plain git, as another process uses it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
    "GIT_TERMINAL_PROMPT": "0",
}


def git(folder: Path, *arguments: str, text: str | None = None, **environment: str) -> str:
    """Runs git in a folder, with the user's own configuration shut out, and returns its standard output."""
    result = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=text,
        env={**os.environ, **ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, f"git {' '.join(arguments)}: {result.stderr.strip()}"
    return result.stdout.strip()


def commit_and_push(clone: Path, path: str, content: str) -> str:
    """Writes one file in a clone, commits and pushes it, and returns the commit."""
    target = clone / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", f"Change {path}")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    return git(clone, "rev-parse", "HEAD")


def commit_without_worktree(repository: Path, path: str, content: str) -> str:
    """Makes a commit in a bare repository by git's plumbing, and returns it."""
    index = {"GIT_INDEX_FILE": str(repository / "e2e-index")}
    parent = git(repository, "rev-parse", "refs/heads/main")
    blob = git(repository, "hash-object", "-w", "--stdin", text=content)
    git(repository, "read-tree", parent, **index)
    git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index)
    tree = git(repository, "write-tree", **index)
    commit = git(repository, "commit-tree", tree, "-p", parent, "-m", f"Change {path}")
    git(repository, "update-ref", "refs/heads/main", commit, parent)
    return commit
