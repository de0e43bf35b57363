"""Servers in Python."""

from __future__ import annotations

from catalogue.made import generated, shape
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

HUMANIZE = {"manifest": "requirements.txt", "name": "humanize", "version": "==4.15.0"}
WRONG = "def wrong(:"


POINTS = [
    Point(
        "flask",
        shape("flask"),
        "Hello, World!",
        Edit("app.py", "Hello, World!"),
        Break("app.py", "@app.route", WRONG),
        Added(
            {"about.py": "ABOUT = 'All about it'\n"},
            "All about it",
            (Swap("app.py", "from flask", "from about import ABOUT\nfrom flask"), Swap("app.py", '"<p>Hello, World!</p>"', "ABOUT")),
        ),
        Dependency(
            (Swap("app.py", "from flask", "import humanize\nfrom flask"), Swap("app.py", '"<p>Hello, World!</p>"', "humanize.intcomma(1234567)")),
            "1,234,567",
            **HUMANIZE,
        ),
        part=True,
    ),
    Point(
        "fastapi",
        shape("fastapi"),
        "Hello World",
        Edit("main.py", "Hello World"),
        Break("main.py", "@app.get", WRONG),
        Added(
            {
                "routers/__init__.py": "",
                "routers/about.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
                '@router.get("/about")\nasync def about():\n    return "All about it"\n',
            },
            "All about it",
            (
                Swap("main.py", "from fastapi", "from routers import about\nfrom fastapi"),
                Swap("main.py", "app = FastAPI()", "app = FastAPI()\napp.include_router(about.router)"),
            ),
            path="/about",
            route=True,
        ),
        Dependency(
            (Swap("main.py", "from fastapi", "import humanize\nfrom fastapi"), Swap("main.py", '"Hello World"', "humanize.intcomma(1234567)")),
            "1,234,567",
            **HUMANIZE,
        ),
    ),
]
