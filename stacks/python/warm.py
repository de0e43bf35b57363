"""Compiles what the base image left uncompiled, once, when the dependencies are installed.

The official Python images have no bytecode of the standard library, and their library folder is not writable for the
app's user: without this, every start of every app would compile some 300 modules anew. The bytecode goes to a folder of
its own, and with it that of the packages, since Python looks in one place only.
"""

import os
import sys

SERVER = os.path.expanduser("~/server")
BYTECODE = os.path.expanduser("~/pycache")

USUAL = ("uvicorn.server", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
         "uvicorn.protocols.websockets.auto", "a2wsgi", "fastapi", "starlette.testclient", "flask", "django",
         "django.core.management", "django.core.wsgi", "django.core.asgi", "pydantic", "sqlalchemy", "jinja2", "httpx",
         "requests", "http.server", "sqlite3", "runpy", "unittest.mock", "concurrent.futures.thread", "wsgiref.simple_server")


def main():
    import importlib
    import importlib.util

    compiled = importlib.util.cache_from_source(importlib.util.__file__)
    if os.path.exists(compiled) or os.access(os.path.dirname(importlib.util.__file__), os.W_OK):
        return
    sys.path.append(SERVER)
    link(sys.prefix)
    link(SERVER)
    sys.pycache_prefix = BYTECODE
    for name in USUAL:
        try:
            importlib.import_module(name)
        except BaseException:  # One that is not installed, or is broken, is no matter here.
            continue


def link(folder):
    """Makes the bytecode below a folder found under the other place as well."""
    for place, folders, files in os.walk(folder):
        if os.path.basename(place) != "__pycache__":
            continue
        target = BYTECODE + os.path.dirname(place)
        os.makedirs(target, exist_ok=True)
        for file in files:
            if not os.path.exists(os.path.join(target, file)):
                os.link(os.path.join(place, file), os.path.join(target, file))


if __name__ == "__main__":
    main()
