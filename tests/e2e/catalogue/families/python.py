"""Servers in Python."""

from __future__ import annotations

from catalogue.made import generated, over, shape
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

WRONG = "def wrong(:"
ABOUT_TEXT = "All about it"
MODULE = {"about.py": "ABOUT = 'All about it'\n"}


def humanize(leaf: str, old: str, before: str, manifest: str = "requirements.txt", **more) -> Dependency:
    """Returns a dependency of which the number replaces an expression; it is imported before a line."""
    return Dependency(
        (Swap(leaf, before, f"import humanize\n{before}"), Swap(leaf, old, "humanize.intcomma(1234567)")),
        "1,234,567",
        manifest,
        "humanize",
        "==4.15.0",
        **more,
    )


def module(leaf: str, old: str, before: str) -> Added:
    """Returns a new module of which the text replaces an expression; it is imported before a line."""
    return Added(MODULE, ABOUT_TEXT, (Swap(leaf, before, f"from about import ABOUT\n{before}"), Swap(leaf, old, "ABOUT")))


FLASK = [
    Point(
        "flask",
        shape("flask"),
        "Hello, World!",
        Edit("app.py", "Hello, World!"),
        Break("app.py", "@app.route", WRONG),
        module("app.py", '"<p>Hello, World!</p>"', "from flask"),
        humanize("app.py", '"<p>Hello, World!</p>"', "from flask"),
        part=True,
    ),
    Point(
        "flask-blueprints",
        shape("flask-blueprints"),
        "A post",
        Edit("flaskr/templates/blog/index.html", "That is all"),
        Break("flaskr/blog.py", '@bp.route("/")', WRONG),
        Added(
            {"flaskr/templates/about.html": "{% extends 'base.html' %}\n{% block content %}All about it{% endblock %}\n"},
            ABOUT_TEXT,
            (
                Swap(
                    "flaskr/blog.py",
                    '@bp.route("/")',
                    '@bp.route("/about")\ndef about():\n    return render_template("about.html")\n\n\n@bp.route("/")',
                ),
            ),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                Swap("flaskr/blog.py", "from flask", "import humanize\nfrom flask"),
                Swap("flaskr/blog.py", '"A post"', "humanize.intcomma(1234567)"),
                Swap("pyproject.toml", '    "flask",\n', '    "flask",\n    "humanize==4.15.0",\n'),
            ),
            "1,234,567",
            manifest="",
        ),
    ),
]

FASTAPI = [
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
            ABOUT_TEXT,
            (
                Swap("main.py", "from fastapi", "from routers import about\nfrom fastapi"),
                Swap("main.py", "app = FastAPI()", "app = FastAPI()\napp.include_router(about.router)"),
            ),
            path="/about",
            route=True,
        ),
        humanize("main.py", '"Hello World"', "from fastapi"),
    ),
    Point(
        "fastapi-sqlmodel",
        shape("fastapi-sqlmodel"),
        "Heroes",
        Edit("app/main.py", "Heroes"),
        Break("app/models.py", "class Hero", WRONG),
        Added(
            {"app/about.py": "ABOUT = 'All about it'\n"},
            ABOUT_TEXT,
            (
                Swap("app/main.py", "from .database", "from .about import ABOUT\nfrom .database"),
                Swap("app/main.py", '"Heroes"', "ABOUT"),
            ),
        ),
        humanize("app/main.py", '"Heroes"', "from contextlib"),
    ),
    Point(
        "fastapi-jinja",
        shape("fastapi-jinja"),
        "A page from a template",
        Edit("templates/index.html", "A page from a template"),
        Break("templates/index.html", "<h1>{{ title", "{% if %}"),
        Added(
            {"templates/part.html": "<p>All about it</p>\n"},
            ABOUT_TEXT,
            (Swap("templates/index.html", "a template</p>", 'a template</p>{% include "part.html" %}'),),
        ),
        humanize("main.py", '"Items"', "from fastapi import"),
    ),
    Point(
        "fastapi-websockets",
        shape("fastapi-websockets"),
        "Message text was: first",
        Edit("main.py", "Message text was: ", "Edited {n}: ", "Edited {n}: first"),
        Break("main.py", '@app.get("/")', WRONG),
        Added(
            MODULE,
            ABOUT_TEXT,
            (
                Swap("main.py", "from fastapi import", "from about import ABOUT\nfrom fastapi import"),
                Swap("main.py", "Message text was: {data}", "{ABOUT} {data}"),
            ),
        ),
        Dependency(
            (
                Swap("main.py", "from fastapi import", "import humanize\nfrom fastapi import"),
                Swap("main.py", "Message text was: {data}", "{humanize.intcomma(1234567)}"),
            ),
            "1,234,567",
            "requirements.txt",
            "humanize",
            "==4.15.0",
        ),
        in_html=False,
    ),
]

OTHERS = [
    Point(
        "django",
        over(
            generated(
                "sh",
                "-c",
                "python3 -m venv venv && venv/bin/pip install --quiet 'django==5.2.6' && mkdir app && "
                "venv/bin/django-admin startproject mysite app",
            ),
            files={"requirements.txt": "django==5.2.6\n"},
        ),
        "The install worked successfully",
        Edit(
            "mysite/urls.py",
            "urlpatterns = [",
            "from django.http import HttpResponse\nurlpatterns = [\n"
            "    path('', lambda request: HttpResponse('<p>Edited {n}</p>')),",
            "Edited {n}",
        ),
        Break("mysite/urls.py", "urlpatterns = [", WRONG),
        Added(
            {
                "pages/__init__.py": "",
                "pages/views.py": "from django.http import HttpResponse\n\n\ndef about(request):\n"
                "    return HttpResponse('All about it')\n",
            },
            ABOUT_TEXT,
            (
                Swap("mysite/urls.py", "import path\n", "import path\nfrom pages.views import about\n"),
                Swap("mysite/urls.py", "urlpatterns = [", "urlpatterns = [\n    path('about/', about),"),
            ),
            path="/about/",
            route=True,
        ),
        Dependency(
            (
                Swap(
                    "mysite/urls.py",
                    "urlpatterns = [",
                    "import humanize\nfrom django.http import HttpResponse\nurlpatterns = [\n"
                    "    path('', lambda request: HttpResponse(humanize.intcomma(1234567))),",
                ),
            ),
            "1,234,567",
            "requirements.txt",
            "humanize",
            "==4.15.0",
        ),
    ),
    Point(
        "litestar",
        shape("litestar"),
        "Hello, world!",
        Edit("app.py", "Hello, world!"),
        Break("app.py", '@get("/")', WRONG),
        module("app.py", '"Hello, world!"', "from litestar"),
        humanize("app.py", '"Hello, world!"', "from litestar"),
    ),
    Point(
        "streamlit",
        shape("streamlit"),
        "My first app",
        Edit("streamlit_app.py", "Here is a paragraph"),
        Break("streamlit_app.py", "number = ", WRONG),
        module("streamlit_app.py", '"Here is a paragraph"', "import streamlit"),
        humanize("streamlit_app.py", '"Here is a paragraph"', "import streamlit"),
        in_html=False,
    ),
    Point(
        "gradio",
        shape("gradio"),
        "Greeter",
        Edit("app.py", "# Greeter", "# Edited {n}", "Edited {n}"),
        Break("app.py", "with gr.Blocks", WRONG),
        module("app.py", '"# Greeter"', "import gradio"),
        humanize("app.py", '"# Greeter"', "import gradio"),
        in_html=False,
    ),
    Point(
        "dash",
        shape("dash"),
        "Title of Dash App",
        Edit("app.py", "Title of Dash App"),
        Break("app.py", "@callback", WRONG),
        module("app.py", '"Title of Dash App"', "from dash"),
        humanize("app.py", '"Title of Dash App"', "from dash"),
        in_html=False,
    ),
    Point(
        "fasthtml",
        shape("fasthtml"),
        "Let us do this!",
        Edit("main.py", "Let us do this!"),
        Break("main.py", '@rt("/")', WRONG),
        module("main.py", '"Let us do this!"', "app, rt = fast_app()"),
        humanize("main.py", '"Let us do this!"', "app, rt = fast_app()"),
    ),
    Point(
        "nicegui",
        shape("nicegui"),
        "Hello NiceGUI!",
        Edit("main.py", "Hello NiceGUI!"),
        Break("main.py", "ui.button", WRONG),
        module("main.py", '"Hello NiceGUI!"', "from nicegui"),
        humanize("main.py", '"Hello NiceGUI!"', "from nicegui"),
        in_html=False,
    ),
]

POINTS = [*FLASK, *FASTAPI, *OTHERS]
