"""Pages without a build."""

from __future__ import annotations

from catalogue.made import generated, shape
from catalogue.point import Added, Edit, Point

PAGE = "<!doctype html>\n<title>About</title>\n<p>All about it</p>\n"


def page(name: str, make, shows: str, **more) -> Point:
    """Returns a static starting point: nothing of it can fail, and it has no dependencies."""
    leaf = more.pop("leaf", "index.html")
    folder = leaf.rsplit("/", 1)[0] + "/" if "/" in leaf else ""
    added = Added({f"{folder}about.html": PAGE}, "All about it", path="/about.html", route=True)
    return Point(name, make, shows, Edit(leaf, shows), added=added, **more)


POINTS = [
    page(
        "html5-boilerplate",
        generated("sh", "-c", "npm pack html5-boilerplate@9.0.1 && tar -xzf *.tgz", folder="package/dist"),
        "Hello world! This is HTML5 Boilerplate.",
        part=True,
    ),
    page("static-one-file", shape("static-one-file"), "One file"),
    page("static-several-pages", shape("static-several-pages"), "Several pages"),
    page("static-public-folder", shape("static-public-folder"), "In a folder", leaf="public/index.html"),
    page("static-script-modules", shape("static-script-modules"), "With modules"),
]
