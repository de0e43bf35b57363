"""Frameworks with a development server of their own."""

from __future__ import annotations

from catalogue.made import npx
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

POINTS = [
    Point(
        "sv-create",
        npx("sv@0.17.1", "create", "app", "--template", "minimal", "--types", "ts", "--no-add-ons", "--no-install"),
        "Welcome to SvelteKit",
        Edit("src/routes/+page.svelte", "Welcome to SvelteKit"),
        Break("src/routes/+page.svelte", "<p>Visit", "<p>{#if}</p>"),
        Added({"src/routes/about/+page.svelte": "<p>All about it</p>\n"}, "All about it", path="/about", route=True),
        Dependency(
            (
                Swap(
                    "src/routes/+page.svelte",
                    "<h1>Welcome to SvelteKit</h1>",
                    "<script>\n\timport { clsx } from 'clsx';\n</script>\n<h1>{clsx('a new', 'dependency')}</h1>",
                ),
            ),
            "a new dependency",
        ),
        hot=True,
    ),
]
