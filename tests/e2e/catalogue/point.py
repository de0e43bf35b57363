"""What one starting point is: how it is made, and the changes that are made to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Callable

from previewd import File

#: A project's files by path.
Files = dict[str, File]


def text_of(files: Files, path: str) -> str:
    """Returns a file's text."""
    assert path in files, f"there is no {path}; there are {sorted(files)}"
    return files[path].data.decode()


@dataclass(frozen=True)
class Swap:
    """One piece of a file exchanged for another."""

    path: str
    old: str
    new: str

    def of(self, files: Files) -> dict[str, str]:
        """Returns the changed file."""
        text = text_of(files, self.path)
        assert self.old in text, f"{self.path} has no {self.old!r}"
        return {self.path: text.replace(self.old, self.new, 1)}


@dataclass(frozen=True)
class Edit:
    """A change to a leaf of the page that can be made again and again: `{n}` in `new` is the how-manieth."""

    path: str
    old: str
    new: str = "Edited {n}"
    #: What the page shows then; `new` where it is not given.
    shows: str = ""

    def of(self, files: Files, number: int) -> dict[str, str]:
        """Returns the changed file."""
        return Swap(self.path, self.old, self.new.replace("{n}", str(number))).of(files)

    def seen(self, number: int) -> str:
        """Returns what the page shows of it."""
        return (self.shows or self.new).replace("{n}", str(number))


@dataclass(frozen=True)
class Break:
    """A line put before the first one that has `before`: what is wrong, and where."""

    path: str
    before: str
    line: str = "const = 1;"
    #: Where the failure is expected instead of on that line of that file.
    file: str = ""
    at: int = 0

    def of(self, files: Files) -> dict[str, str]:
        """Returns the broken file."""
        lines = text_of(files, self.path).split("\n")
        lines.insert(self._index(files), self.line)
        return {self.path: "\n".join(lines)}

    def place(self, files: Files) -> tuple[str, int]:
        """Returns the file and the line that the failure has to name."""
        return self.file or self.path, self.at or self._index(files) + 1

    def _index(self, files: Files) -> int:
        lines = text_of(files, self.path).split("\n")
        found = [number for number, line in enumerate(lines) if self.before in line]
        assert found, f"{self.path} has no line with {self.before!r}"
        return found[0]


@dataclass(frozen=True)
class Added:
    """New files, with what has to change for them to be seen, and where they are seen."""

    files: dict[str, str]
    shows: str
    swaps: tuple[Swap, ...] = ()
    #: The path that shows them; the point's own where it is empty.
    path: str = ""
    #: Whether the path is only there with them: without, it answers 404 or does not show them.
    route: bool = False

    def of(self, files: Files) -> dict[str, str]:
        """Returns the new files and the changed ones."""
        return {**changed(files, self.swaps), **self.files}


@dataclass(frozen=True)
class Dependency:
    """One dependency more, and the change that shows it."""

    swaps: tuple[Swap, ...]
    shows: str
    #: `package.json` or a list of requirements; where it is empty the swaps change it too.
    manifest: str = "package.json"
    name: str = "clsx"
    version: str = "^2.1.1"
    path: str = ""

    def of(self, files: Files) -> dict[str, str]:
        """Returns the manifest with it, and the changed files."""
        if not self.manifest:
            return changed(files, self.swaps)
        text = text_of(files, self.manifest)
        if self.manifest.endswith(".json"):
            manifest = json.loads(text)
            manifest.setdefault("dependencies", {})[self.name] = self.version
            text = json.dumps(manifest, indent=2) + "\n"
        else:
            text = f"{text.rstrip()}\n{self.name}{self.version}\n"
        return {**changed(files, self.swaps), self.manifest: text}


def changed(files: Files, swaps: tuple[Swap, ...]) -> dict[str, str]:
    """Returns the files that some swaps change, several of one file after one another."""
    result: dict[str, str] = {}
    for swap in swaps:
        now = {**files, **{path: File(data=text.encode()) for path, text in result.items()}}
        result |= swap.of(now)
    return result


@dataclass(frozen=True)
class Point:
    """One starting point."""

    name: str
    #: Makes or reads its files.
    make: Callable[[], Files]
    #: What its page shows at first.
    shows: str
    edit: Edit
    broken: Break | None = None
    added: Added | None = None
    dependency: Dependency | None = None
    path: str = "/"
    #: Whether its development server brings an edit into an open tab. Of the others the page is loaded anew.
    hot: bool = False
    #: Whether the first answer has the text, so that no browser is needed to see an edit.
    in_html: bool = True
    #: Whether it is in `make test` too.
    part: bool = False
    #: Problems in the browser's console that are the project's own, or of a machine without the internet.
    own_problems: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)
    #: Why it may fall short, for a reason outside.
    exception: str = ""
