"""Writes docs/catalogue.md from what the last run has seen: `python -m catalogue.table` in tests/e2e."""

from __future__ import annotations

import json
import sys

from catalogue.by_hand import HANDS
from catalogue.families import POINTS
from catalogue.life import EDITS, RESULTS, STEPS
from harness.paths import ROOT

PAGE = ROOT / "docs" / "catalogue.md"

HEAD = """# The catalogue

Starting points as people make them: by the generators and templates of the package registries, or in the shape that a
framework's own guide gives. `make catalogue` takes each of them through the life of a project and writes this page; a
part of them is in `make test`. They are declared in [tests/e2e/catalogue](../tests/e2e/catalogue).

Each is created unchanged, its page is opened in Chromium and its console read, a leaf is edited in the open tab, a file
is broken (`FAILED` has to name the project's file and line) and mended, a file is added and deleted, a dependency is
added, and at last the project is created again on the dependencies that are there by then.

- **create**: from the call of `Create` to its answer, which comes once the page answers; with dependencies that are not
  there, and with those that are.
- **edit**: from before `Commit` to the new code, as the open tab shows it where the development server brings it there,
  else as an answer has it. {edits} edits, each as soon as the one before has shown.
- **started**: processes that were started for those edits and run at their end.
- **memory**: the working set, at the end and at most, under the limits that a preview has by default.

Two starting points are taken at a time, so the figures are those of a busy machine.
"""


BY_HAND = """
## By hand

In turns, with the machine for themselves. By hand are the same files in a container of the same image: **create** is
copying them in, the package manager and the development server until it answers, without limits, each the median of
nine; **one package more**, the same, with how many times the create it takes; **edit** is from the rename of the file to the open
tab, under a preview's limits, each half a second after the one before has shown.
"""


def row(name: str, found: dict | None) -> str:
    """Returns a line of the table."""
    if found is None:
        return f"| {name} | not run | | | | | | | | |"
    figures = found["figures"]

    def seconds(key: str) -> str:
        return f"{figures[key]:.1f} s" if key in figures else ""

    def milliseconds(key: str) -> str:
        return f"{figures[key] * 1000:.0f} ms" if key in figures else ""

    def mebibytes(key: str) -> str:
        return f"{figures[key] / 2**20:.0f} MiB" if figures.get(key) else ""

    failed = [step for step in STEPS if found["steps"][step] not in ("ok", "-")]
    columns = [
        name,
        ("all" if not failed else "not " + ", ".join(failed)),
        seconds("created"),
        seconds("created again"),
        milliseconds("p50"),
        milliseconds("p95"),
        found["strategy"],
        f"{figures['processes']:.0f}" if "processes" in figures else "",
        mebibytes("rest"),
        mebibytes("peak"),
    ]
    return f"| {' | '.join(columns)} |"


def by_hand() -> list[str]:
    """Returns the lines of the table that compares with the same by hand."""
    titles = ("starting point", "create", "by hand", "times", "one package more", "edit p50", "by hand", "times")
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for name in HANDS:
        path = RESULTS / f"by-hand-{name}.json"
        both = json.loads(path.read_text()) if path.is_file() else {}
        ours, hand = both.get("ours", {}), both.get("by hand", {})
        more = f"{ours['dependency']:.1f} s, {ours['dependency'] / ours['created']:.2f}" if "dependency" in ours else ""
        lines.append(f"| {' | '.join([name, *compared(ours, hand, 'created'), more, *compared(ours, hand, 'p50')])} |")
    return lines


def compared(ours: dict, hand: dict, key: str) -> list[str]:
    """Returns two figures and the first in terms of the second."""
    if key not in ours or key not in hand:
        return ["", "", ""]
    times = f"{ours[key] / hand[key]:.2f}" if hand[key] > 0 else ""
    return [*(f"{it[key]:.1f} s" if key == "created" else f"{it[key] * 1000:.0f} ms" for it in (ours, hand)), times]


def main() -> int:
    """Writes the page, and returns how many starting points fell short."""
    found = {}
    for point in POINTS:
        path = RESULTS / f"{point.name}.json"
        found[point.name] = json.loads(path.read_text()) if path.is_file() else None
    titles = ("starting point", "steps", "create", "known", "edit p50", "p95", "strategy", "started", "memory", "peak")
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    lines += [row(name, it) for name, it in found.items()]
    short = [name for name, it in found.items() if it and any(said not in ("ok", "-") for said in it["steps"].values())]
    counted = f"{len(found)} starting points, of which {sum(it is not None for it in found.values())} were run"
    text = HEAD.replace("{edits}", str(EDITS)) + f"\n{counted}; {len(short)} fell short.\n\n" + "\n".join(lines) + "\n"
    exceptions = [f"- `{point.name}`: {point.exception}" for point in POINTS if point.exception]
    if exceptions:
        text += "\nMay fall short, each for a reason outside:\n\n" + "\n".join(exceptions) + "\n"
    beside = by_hand()
    text += BY_HAND + "\n" + "\n".join(beside) + "\n"
    PAGE.write_text(text)
    print("\n".join([*lines, *beside]))
    for name in short:
        for step, said in found[name]["steps"].items():
            if said not in ("ok", "-"):
                print(f"{name}: {step}: {said}")
    print(f"{counted}; {len(short)} fell short")
    return len(short)


if __name__ == "__main__":
    sys.exit(0 if main() == 0 else 1)
