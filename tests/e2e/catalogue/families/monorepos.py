"""Repositories of several packages: a page in Vite that shows a component of the package beside it."""

from __future__ import annotations

from catalogue.families.vite import imported
from catalogue.made import shape
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

APP = "apps/web/src/App.jsx"
SHARED = "packages/ui/src/index.jsx"


def monorepo(name: str) -> Point:
    """Returns a repository of which the leaf that is edited lies in the shared package."""
    heading = "<h1>A monorepo</h1>"
    return Point(
        name,
        shape(name),
        "Shared button",
        Edit(SHARED, "Shared button"),
        Break(SHARED, "const [count"),
        Added(
            {"apps/web/src/Added.jsx": "export default function Added() {\n  return <p>All about it</p>\n}\n"},
            "All about it",
            (imported(APP, "import Added from './Added.jsx'"), Swap(APP, heading, f"{heading}<Added />")),
        ),
        Dependency(
            (imported(APP, "import { clsx } from 'clsx'"), Swap(APP, "A monorepo", "{clsx('a new', 'dependency')}")),
            "a new dependency",
            "apps/web/package.json",
        ),
        hot=True,
    )


POINTS = [monorepo(f"monorepo-{manager}") for manager in ("npm", "pnpm", "yarn", "turbo")]
