"""The control socket, by which a process is told of changes; its contract is in stacks/node/told/control.mjs."""

import json
import os
import socket
import sys
import threading
import time

ROOT = os.environ.get("PREVIEWD_PROJECT") or os.getcwd()


def listen(answer):
    """Has notices answered by a function of their changes, in a thread of their own."""
    if "PREVIEWD_CONTROL" in os.environ:
        threading.Thread(target=_listen, args=(answer,), name="previewd", daemon=True).start()


def _listen(answer):
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(os.environ["PREVIEWD_CONTROL"])
                for line in control.makefile("r", encoding="utf-8"):
                    control.sendall((json.dumps(answer(json.loads(line)["changes"])) + "\n").encode())
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.1)


def raised(lines):
    """Returns the answer of a script that ended with a traceback of these lines."""
    return {"ok": False, "error": {"message": lines[-1], "traceback": lines}}


def forget():
    """Forgets the project's own modules, so that a script imports them anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        own = file and file.startswith(ROOT + os.sep) and "site-packages" not in file
        if own and name != "__main__":
            del sys.modules[name]
    import importlib

    importlib.invalidate_caches()
