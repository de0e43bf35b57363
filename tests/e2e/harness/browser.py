"""A real Chromium, driven over its own debugging protocol."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from harness.waiting import eventually


#: A browser on the machine of the daemon sees interfaces come and go with containers, and then gives up what it is loading.
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"


class Tab:
    """One page of the browser."""

    def __init__(self, connection: ClientConnection, *, reconnects: bool = False) -> None:
        """A page that `reconnects` asks again by itself for what the browser gives up; another is loaded anew for it."""
        self._connection = connection
        self._reconnects = reconnects
        self._ids = itertools.count(1)
        # Whether the browser has given up something of the page that is open.
        self._network_changed = False
        #: What the page has put into the console as an error, and what it has thrown, since it was opened.
        self.problems: list[str] = []

    def send(self, method: str, *, patience: float = 30, **parameters):
        """Sends one command and returns its result, which comes within so many seconds, whatever else the page does."""
        until = time.monotonic() + patience
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=max(0, until - time.monotonic())))
            if message.get("method") == "Network.loadingFailed" and not self._reconnects:
                self._network_changed |= message["params"]["errorText"] == NETWORK_CHANGED
            self.problems += problems_of(message)
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]

    def close(self) -> None:
        """Closes the page: an open one goes on to ask for what it showed, and loads what comes to its address next."""
        self.send("Page.close")

    def open(self, url: str) -> None:
        """Goes to an address."""
        problem = self._navigate(url)
        if problem == NETWORK_CHANGED:
            problem = self._navigate(url)
        assert not problem, problem

    def _navigate(self, url: str) -> str | None:
        self._network_changed = False
        self.problems.clear()
        try:
            result = self.send("Page.navigate", patience=10, url=url)
        except TimeoutError:
            # A page that loads itself anew at this moment has ended it, and nobody says so.
            result = self.send("Page.navigate", url=url)
        return result.get("errorText")

    def reload(self) -> None:
        """Loads the page anew, as F5 does, and returns when the page before is gone."""
        self.evaluate("window.beforeReload = true")
        self.send("Page.reload")
        self.wait_for("window.beforeReload === undefined", within=15)

    def evaluate(self, expression: str):
        """Returns the JSON value of an expression in the page."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression: str, *, within: float):
        """Returns the first true value of an expression in the page."""

        def value():
            if self._network_changed:
                self._network_changed = False
                self.problems.clear()
                self.send("Page.reload")
            try:
                return self.evaluate(expression)
            except AssertionError as error:
                # While a page is being exchanged there is nothing to evaluate in, or no body yet.
                early = ("context", "not defined", "properties of null")
                return None if any(words in str(error) for words in early) else self._raise(error)

        try:
            return eventually(value, within=within, what=expression)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page: {self._state()}") from None

    def _state(self) -> str:
        """Returns what there is to say of the page when it does not do what it should."""
        said = None
        # What was waited for is to be told even where the page is being exchanged, or does not answer.
        with suppress(AssertionError, TimeoutError):
            said = self.evaluate(
                "[Math.round(performance.now()), location.href, document.visibilityState, document.body?.innerText.slice(0, 300)]"
            )
        return f"{said}, problems: {self.problems[-5:]}"

    @staticmethod
    def _raise(error: AssertionError):
        raise RuntimeError(str(error)) from error


def problems_of(message: dict) -> list[str]:
    """Returns what a message of the browser says is wrong with the page; most say nothing of that kind."""
    name, content = message.get("method"), message.get("params", {})
    if name == "Runtime.exceptionThrown":
        details = content["exceptionDetails"]
        return [f"{details.get('exception', {}).get('description', details['text'])}"]
    if name == "Runtime.consoleAPICalled" and content["type"] == "error":
        return [" ".join(str(it.get("value", it.get("description", ""))) for it in content["args"])]
    if name == "Log.entryAdded" and content["entry"]["level"] == "error":
        return [f"{content['entry']['text']} {content['entry'].get('url', '')}"]
    return []


class Chromium:
    """A headless browser with a profile of its own, until the block ends."""

    def __init__(self, folder: Path, *, names: tuple[str, ...] = ()) -> None:
        """`names` lead to this machine."""
        self._folder = folder
        self._names = names
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        assert program, "no Chromium is installed: run scripts/setup.sh --test"
        self._program = program

    def __enter__(self) -> Chromium:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--no-proxy-server",
                    # Fonts and the like from elsewhere are given up at once where there is no way there. Containers have addresses.
                    "--host-resolver-rules="
                    + "".join(f"MAP {it} 127.0.0.1, " for it in self._names)
                    + "MAP * ~NOTFOUND, "
                    + ", ".join(f"EXCLUDE {it}" for it in ("127.0.0.1", "localhost", "*.localhost", "172.*", "192.168.*", "10.*")),
                    "--remote-debugging-port=0",
                    f"--user-data-dir={self._folder / 'profile'}",
                    "about:blank",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        port_file = self._folder / "profile" / "DevToolsActivePort"
        eventually(lambda: port_file.is_file() and port_file.read_text().count("\n"), within=60, what="Chromium starts")
        self._port = int(port_file.read_text().splitlines()[0])
        self._connections = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=15)

    def tab(self, *, reconnects: bool = False) -> Tab:
        """Returns a new, empty page; see `Tab`."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=15) as response:
            target = json.load(response)
        connection = self._connections.enter_context(connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None, ping_interval=None))
        tab = Tab(connection, reconnects=reconnects)
        tab.send("Page.enable")
        tab.send("Network.enable")
        return tab

    def watched_tab(self) -> Tab:
        """Returns a new, empty page of which the console is read too."""
        tab = self.tab()
        tab.send("Runtime.enable")
        tab.send("Log.enable")
        return tab


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Origin:
    """A web server with the files of a folder, at an origin of its own, until the block ends."""

    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Origin:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
