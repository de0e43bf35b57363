"""Serves a project's Python app: ASGI, WSGI, Django, or a script that serves by itself.

    serve.py <module> <object>      imports the module and serves the object; "auto" finds it
    serve.py <manage.py> django     serves the project whose settings manage.py names
    serve.py <file> nicegui         runs the script, which serves by itself
    serve.py <file> gradio          runs the script, which serves by itself and is told of changes
    serve.py <file> streamlit       looks through the script, and hands it to Streamlit

The port is in PORT. Three steps, so that a parent process can later do the first in advance and fork for the rest:
`prepare` loads what every app needs, `load` runs the project's code, `serve` answers until the process is told to end.
"""

import os
import sys

# Bytecode of what the base image left uncompiled; see warm.py.
_BYTECODE = os.path.expanduser("~/pycache")
if os.path.isdir(_BYTECODE):
    sys.pycache_prefix = _BYTECODE

SERVER = os.path.expanduser("~/server")
"""The server's own packages; after everything else, so that the project's versions win."""

NAMES = ("app", "application", "api", "asgi", "wsgi", "server", "asgi_app", "wsgi_app")
"""What an app object is called, the likeliest first."""

FACTORIES = ("create_app", "make_app", "get_app", "build_app", "create_application", "get_application")
"""What a function is called that makes an app object."""

FRAMEWORKS = {"fastapi", "starlette", "flask", "quart", "litestar", "sanic", "bottle", "falcon", "blacksheep", "django"}
"""The packages whose instances are taken for the app under any name."""


def main():
    prepare()
    try:
        app = load(*sys.argv[1:3])
    except Exception as error:
        name_variables(error)
        raise
    if app is not None:
        serve(app, port())


def port():
    """Returns the port to answer at."""
    return int(os.environ.get("PORT", "8000"))


def prepare():
    """Sets the module path and imports what every app needs."""
    # The folder of this script is nobody's module path; PYTHONPATH has the project's.
    del sys.path[0]
    sys.path.append(SERVER)
    binaries = os.path.dirname(sys.executable)
    os.environ["PATH"] = binaries + os.pathsep + os.environ.get("PATH", os.defpath)
    os.environ["VIRTUAL_ENV"] = os.path.dirname(binaries)
    uvicorn()


def uvicorn():
    """Returns uvicorn's two classes, wherever the version that is found has them."""
    from uvicorn.config import Config

    try:
        from uvicorn.server import Server
    except ImportError:
        from uvicorn.main import Server
    return Config, Server


def load(target, name):
    """Runs the project's code and returns the app object; None when a script has served and ended by itself."""
    if name == "django":
        return django(target)
    if name == "nicegui":
        return nicegui(target)
    if name == "streamlit":
        return streamlit(target)
    if name == "gradio":
        return gradio(target)
    import importlib

    module = importlib.import_module(target)
    if name != "auto":
        app = module
        for part in name.split("."):
            app = getattr(app, part)
        return app
    script = ours("previewd_script")
    package = lambda value: type(value).__module__.partition(".")[0]
    apps = [name for name, value in vars(module).items() if package(value) in script.FRAMEWORKS]
    if script.serves(module, apps, lambda app: serve(app if interface(app) else find(module), port())):
        return None
    app = find(module)
    if app is None:
        script.finish(module)
    return app


def find(module):
    """Returns a module's app object, made by its factory if it has no other, or None."""
    values = vars(module)
    for name in NAMES:
        if name in values and interface(values[name]):
            return values[name]
    for value in values.values():
        package = type(value).__module__.partition(".")[0]
        if package == "dash" and interface(getattr(value, "server", None)):
            return value.server
        if package in FRAMEWORKS and interface(value):
            return value
    for name in FACTORIES:
        factory = values.get(name)
        if callable(factory) and not required(factory):
            app = factory()
            if interface(app):
                return app
    return None


def interface(app):
    """Returns "asgi3", "asgi2" or "wsgi", or None for what is no app."""
    import inspect

    if not callable(app):
        return None
    needed = required(app)
    if inspect.isclass(app):
        return "asgi2" if needed == ["scope"] else None
    if inspect.isroutine(app):
        # Any function may have two arguments: what they are called decides.
        if needed[:1] == ["scope"]:
            return {1: "asgi2", 3: "asgi3"}.get(len(needed))
        return "wsgi" if len(needed) == 2 and needed[0].startswith("env") else None
    if inspect.iscoroutinefunction(type(app).__call__):
        return "asgi3"
    if needed[:1] == ["scope"]:
        return {1: "asgi2", 3: "asgi3"}.get(len(needed))
    return "wsgi" if hasattr(app, "wsgi_app") or len(needed) == 2 else None


def required(function):
    """Returns the names of the arguments that a call must have."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind in positional]


def known(function, options):
    """Returns the options that a function has. The project's own uvicorn wins over ours, and may be years older."""
    import inspect

    parameters = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in parameters}


def nicegui(file):
    """Runs a script of NiceGUI at our port, without the second process that looks for changes."""
    from nicegui import ui

    run = ui.run

    def run_once(*arguments, **options):
        options.setdefault("port", port())
        return run(*arguments, **{**options, "reload": False, "show": False})

    ui.run = run_once
    import runpy

    sys.argv = [file]
    runpy.run_path(file, run_name="__main__")


def streamlit(file):
    """Hands a script to Streamlit's own server, which answers whatever the script is: what is surely wrong is said first."""
    examine(os.path.abspath(file), set())
    options = {
        "server.port": os.environ.get("PORT", "8000"),
        "server.address": "0.0.0.0",
        "server.headless": "true",
        # It is told of changes, and then open pages run the script again.
        "server.fileWatcherType": "none",
        "server.runOnSave": "true",
        "browser.gatherUsageStats": "false",
    }
    words = [word for name, value in options.items() for word in ("--" + name, value)]
    told = ours("streamlit_told")
    # As `python -m streamlit` has it.
    sys.path.insert(0, os.getcwd())
    told.run(file, words)


def gradio(file):
    """Runs a script of Gradio, which serves by itself and is told of changes."""
    ours("gradio_told").run(file)


def ours(name):
    """Returns a module that lies beside this script, whose folder is on nobody's path."""
    import importlib

    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


def examine(path, seen):
    """Compiles a module of the project and those that it imports at its top, and ends where one is not there."""
    import ast
    import importlib.util

    seen.add(path)
    with open(path, "rb") as file:
        tree = compile(file.read(), path, "exec", flags=ast.PyCF_ONLY_AST)
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            names = [statement.module]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            # Streamlit puts the script's own folder first.
            beside = os.path.join(os.path.dirname(path), top)
            local = next((it for it in (beside + ".py", os.path.join(beside, "__init__.py")) if os.path.isfile(it)), None)
            spec = None if local or top in sys.modules else importlib.util.find_spec(top)
            if local is None and spec is not None and (spec.origin or "").startswith(os.getcwd() + os.sep):
                local = spec.origin
            if local is not None:
                if local not in seen and len(seen) < 500:
                    examine(local, seen)
            elif spec is None and top not in sys.modules and not os.path.isdir(beside):
                text = ast.unparse(statement)
                sys.exit(
                    f'Traceback (most recent call last):\n  File "{path}", line {statement.lineno}, in <module>\n'
                    f"    {text}\nModuleNotFoundError: No module named '{top}'"
                )


def django(manage):
    """Sets a Django project up as its development server would, and returns its app object."""
    import re

    folder = os.path.dirname(os.path.abspath(manage))
    with open(manage, encoding="utf-8") as file:
        named = re.search(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""", file.read())
    if named:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", named.group(1))
    os.chdir(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)

    import django
    from django.conf import settings
    from django.utils.module_loading import import_string

    # Only the preview's own address leads here, whatever its name is.
    settings.ALLOWED_HOSTS = ["*"]
    django.setup()
    migrate(settings)
    if getattr(settings, "ROOT_URLCONF", None):
        from django.urls import get_resolver

        # It would be imported with the first request, and what is wrong with it or its views be known no sooner.
        get_resolver().url_patterns
    asgi = getattr(settings, "ASGI_APPLICATION", None)
    wsgi = getattr(settings, "WSGI_APPLICATION", None)
    if asgi:
        app = import_string(asgi)
    elif wsgi:
        app = import_string(wsgi)
    else:
        from django.core.wsgi import get_wsgi_application

        app = get_wsgi_application()
    if settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler, StaticFilesHandler

        app = (ASGIStaticFilesHandler if interface(app) == "asgi3" else StaticFilesHandler)(app)
    return app


def name_variables(error):
    """Says which variables of the environment settings of pydantic lack, whose error names their fields alone."""
    base = getattr(sys.modules.get("pydantic_settings"), "BaseSettings", None)
    if base is None or not hasattr(error, "errors"):
        return
    frame, settings = error.__traceback__, None
    while frame is not None and settings is None:
        settings = next((value for value in frame.tb_frame.f_locals.values() if isinstance(value, base)), None)
        frame = frame.tb_next
    if settings is None:
        return
    prefix = settings.model_config.get("env_prefix") or ""
    fields = type(settings).model_fields
    names = []
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        if item["type"] == "missing" and path:
            # An alias is the name of the variable itself.
            path[0] = prefix + path[0] if path[0] in fields else path[0]
            names.append((settings.model_config.get("env_nested_delimiter") or "__").join(path).upper())
    if names:
        print("previewd: not set in the environment: " + ", ".join(names), file=sys.stderr, flush=True)


def migrate(settings):
    """Brings a database that is a file of this container up to date, since nobody else can."""
    if "sqlite" not in settings.DATABASES.get("default", {}).get("ENGINE", ""):
        return
    import traceback

    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=1)
    except Exception:
        # As with the development server, pages without the database go on working.
        traceback.print_exc()


def serve(app, port):
    """Answers on every address until the process is told to end. An app that does not start ends it with status 3."""
    Config, Server = uvicorn()
    kind = interface(app) or "asgi3"
    if kind == "wsgi":
        from a2wsgi import WSGIMiddleware

        app, kind = WSGIMiddleware(app, workers=10), "asgi3"
    options = {
        "interface": kind,
        # The gateway is the only client.
        "proxy_headers": True,
        "forwarded_allow_ips": "*",
        # A restart must not wait for streams that never end.
        "timeout_graceful_shutdown": 1,
    }
    server = Server(Config(app, host="0.0.0.0", port=port, **known(Config, options)))
    server.run()
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
