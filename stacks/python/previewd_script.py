"""What a module does as a script: the block of `if __name__ == "__main__":`."""

import ast
import importlib
import os
import re
import sys
import tokenize
import traceback

GUARD = re.compile(r"""^if\s+(?:__name__\s*==\s*["']__main__["']|["']__main__["']\s*==\s*__name__)\s*:""", re.MULTILINE)
"""Where that block begins."""

SERVERS = ("uvicorn", "bottle")
"""Modules with a `run` that serves an app."""

MADE = ("app", "application")
"""What an app is called that is made by a function of the script."""

FRAMEWORKS = ("flask", "quart", "dash")
"""Those whose apps serve themselves by a method that is replaced here."""


def serves(module, apps, serve):
    """Does what a module does as a script, if that serves an app: its tables are made there, its workers started. `apps` are
    the names of the module's own; `serve` is called with the app in place of its development server. Returns whether it
    was, and has returned."""
    text = source(module)
    # Not parsed where that will do: this is on the way of every commit.
    body = guarded(text) if calls_a_server(text, apps) else []
    if not body:
        return False
    served = []

    def instead(app, factory=False):
        served.append(app)
        serve(resolved(app, factory))

    replaced = replace_servers(text, instead)
    for name, value in list(vars(module).items()):
        for real, ours in replaced:
            if value is real:
                setattr(module, name, ours)
    without_reloaders()
    try:
        run(module, body)
    except (Exception, SystemExit) as error:
        # A command line that wants words, or what is not as it is where the script was written: the app is there all the same.
        if served:
            raise
        if not isinstance(error, SystemExit):
            traceback.print_exc()
    return bool(served)


def calls_a_server(text, apps):
    """Returns whether a module calls something that serves an app, from the names."""
    made = MADE if any(name in text for name in FRAMEWORKS) else ()
    names = "|".join(map(re.escape, {*apps, *made, *SERVERS}))
    plain = r"|(?:waitress\.)?serve" if "waitress" in text else ""
    calls = rf"(?<![\w.])(?:(?:{names})\.(?:run|run_server){plain}|run_simple)\("
    return re.search(calls, text) is not None


def replace_servers(text, instead):
    """Has everything that would serve an app call a function instead. Returns what was replaced, and by what."""
    replaced = []

    def put(place, path, ours):
        if place in text:
            # Perhaps only where the script needs it.
            try:
                importlib.import_module(place)
            except ImportError:
                return
        owner = sys.modules.get(place)
        *classes, name = path.split(".")
        for part in classes:
            owner = getattr(owner, part, None)
        real = getattr(owner, name, None)
        if real is not None:
            setattr(owner, name, ours)
            replaced.append((real, ours))

    put("flask", "Flask.run", lambda app, *_, **__: instead(app))
    put("quart", "Quart.run", lambda app, *_, **__: instead(app))
    put("dash", "Dash.run", lambda app, *_, **__: instead(app.server))
    put("dash", "Dash.run_server", lambda app, *_, **__: instead(app.server))
    put("bottle", "run", lambda app=None, *_, **__: instead(app or sys.modules["bottle"].default_app()))
    put("uvicorn", "run", lambda app, *_, factory=False, **__: instead(app, factory))
    put("waitress", "serve", lambda app, *_, **__: instead(app))
    put("werkzeug.serving", "run_simple", lambda _, __, application, *___, **____: instead(application))
    return replaced


def resolved(app, factory):
    """Returns an app that may be named by its module, or None where there is no such."""
    if isinstance(app, str):
        name, _, path = app.partition(":")
        try:
            app = importlib.import_module(name)
            for part in path.split("."):
                app = getattr(app, part)
        except ModuleNotFoundError as error:
            # As when it is named from another folder; what is wrong inside it is the app's own.
            if error.name is None or not (name + ".").startswith(error.name + "."):
                raise
            return None
    return app() if factory else app


def finish(module):
    """Runs what a module does as a script alone, now that all else of it has run: twice would register things twice."""
    path = os.path.relpath(module.__file__)
    print(f"previewd: {path} has no app object; running it as a script", file=sys.stderr, flush=True)
    without_reloaders()
    run(module, guarded(source(module)))


def run(module, body):
    """Runs statements in a module that takes itself for the script."""
    path = module.__file__
    sys.argv = [path]
    sys.modules["__main__"] = module
    module.__name__ = "__main__"
    exec(compile(ast.Module(body, []), path, "exec"), vars(module))


def source(module):
    """Returns a module's text; an empty one of what has none."""
    path = getattr(module, "__file__", None) or ""
    if not path.endswith(".py"):
        return ""
    with tokenize.open(path) as file:
        return file.read()


def guarded(text):
    """Returns what is done in a script alone. Only what follows the first such block is parsed."""
    found = GUARD.search(text)
    if found is None:
        return []
    # What looks like one may stand in a string.
    begin = 0 if '"""' in text or "'''" in text else found.start()
    tree = ast.parse(text[begin:])
    ast.increment_lineno(tree, text.count("\n", 0, begin))
    return [line for statement in tree.body if is_guard(statement) for line in statement.body]


def is_guard(statement):
    """Returns whether a statement is `if __name__ == "__main__":`."""
    test = getattr(statement, "test", None)
    if not isinstance(statement, ast.If) or not isinstance(test, ast.Compare) or len(test.comparators) != 1:
        return False
    sides = {ast.unparse(test.left), ast.unparse(test.comparators[0])}
    return isinstance(test.ops[0], ast.Eq) and sides == {"__name__", "'__main__'"}


def without_reloaders():
    """Has development servers serve in this process: we start it anew, and know when."""
    for name, function, option in (("werkzeug.serving", "run_simple", "use_reloader"), ("uvicorn", "run", "reload")):
        module = sys.modules.get(name)
        real = getattr(module, function, None)
        if real is not None:
            setattr(module, function, without(option, real))


def without(option, function):
    """Returns a function with an option turned off, whoever turns it on."""
    import functools
    import inspect

    signature = inspect.signature(function)

    @functools.wraps(function)
    def instead(*arguments, **options):
        bound = signature.bind(*arguments, **options)
        if option in signature.parameters:
            bound.arguments[option] = False
        return function(*bound.args, **bound.kwargs)

    return instead
