"""How starting points are made: by the generators that people use, once, into a cache; or from files kept here."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable

from catalogue.point import Files, Swap, changed
from harness.paths import ROOT

from previewd import File

SHAPES = Path(__file__).parent / "shapes"
CACHE = ROOT / ".cache" / "catalogue" / "made"
LEFT_OUT = {"node_modules", ".git", "__pycache__", ".venv", "venv"}
#: No generator takes longer than this.
SECONDS = 300

QUIET = {
    "CI": "1",
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    "npm_config_yes": "true",
    "NG_CLI_ANALYTICS": "false",
    "NEXT_TELEMETRY_DISABLED": "1",
}


def files_of(folder: Path) -> Files:
    """Returns every file of a folder but what belongs to a machine."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not LEFT_OUT & set(relative.parts):
            found[relative.as_posix()] = File(data=path.read_bytes(), executable=os.access(path, os.X_OK))
    assert found, f"{folder} has no files"
    return found


def generated(*command: str, folder: str = "app") -> Callable[[], Files]:
    """Returns what makes a project by a command, in an empty folder, of which one folder is the project."""

    def make() -> Files:
        # A program that was asked for by path is not what decides the outcome.
        key = hashlib.sha256(json.dumps([command, folder]).encode()).hexdigest()[:12]
        kept = CACHE / f"{command[0].rsplit('/', 1)[-1]}-{key}"
        CACHE.mkdir(parents=True, exist_ok=True)
        # One at a time: other processes may want the same.
        with (CACHE / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.is_dir():
                _generate(list(command), folder, kept)
        return files_of(kept)

    return make


def _generate(command: list[str], folder: str, kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        result = subprocess.run(
            command,
            cwd=work,
            env={**os.environ, **QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        made = Path(work) / folder
        # Some end with an error of a last step that is not part of the project, as of an editor's integration.
        assert made.is_dir(), f"{' '.join(command)} ended with {result.returncode}: {result.stdout}\n{result.stderr}"
        for name in LEFT_OUT:
            shutil.rmtree(made / name, ignore_errors=True)
        made.rename(kept)


def npx(package: str, *arguments: str, folder: str = "app") -> Callable[[], Files]:
    """Returns what makes a project by a package of npm."""
    return generated("npx", "-y", package, *arguments, folder=folder)


def shape(name: str) -> Callable[[], Files]:
    """Returns what reads a project that is kept here."""
    return lambda: files_of(SHAPES / name)


def over(
    base: Callable[[], Files],
    *,
    files: dict[str, str] | None = None,
    swaps: tuple[Swap, ...] = (),
    dependencies: dict[str, str] | None = None,
    without: tuple[str, ...] = (),
) -> Callable[[], Files]:
    """Returns what makes a project of another one: with dependencies more, other files, and some changed."""

    def make() -> Files:
        made = dict(base())
        for path in without:
            del made[path]
        if dependencies:
            manifest = json.loads(made["package.json"].data)
            for name, version in dependencies.items():
                among = "devDependencies" if name in manifest.get("devDependencies", {}) else "dependencies"
                manifest.setdefault(among, {})[name] = version
            made["package.json"] = File(data=json.dumps(manifest, indent=2).encode())
        for path, text in {**changed(made, swaps), **(files or {})}.items():
            made[path] = File(data=text.encode())
        return made

    return make
