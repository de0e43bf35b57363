"""Which pages may call what, in a real browser: origins, hosts and calls, row by row.

Each row is a page, the name that it calls the service by, a call, and what comes of it: the status that the page can read,
or `-` where the browser lets it read none. What is refused must not have been carried out.
"""

from __future__ import annotations

import json
import uuid
from contextlib import closing

import pytest
from harness import projects
from harness.browser import Chromium, Origin
from harness.fixtures import maker

from previewd import preview_service_pb2, vfs_service_pb2

OK, REFUSED, UNREAD = "0", "7", "-"
#: A name that leads to this machine, as that of a page does which was bound anew once it was loaded.
FOREIGN = "editor.example"
REBOUND = "rebound.example"
#: One of PREVIEW_HOSTS.
KNOWN = "previews.example"
NAMES = (FOREIGN, REBOUND, KNOWN)

#: How a page asks: the status of the answer, `-` where it cannot be read, and of a stream the status `0` once it tells anything.
ASK = """(async (url, body) => {
  const end = new AbortController();
  setTimeout(() => end.abort(), 8000);
  try {
    const answer = await fetch(url, {
      method: 'POST', signal: end.signal, body: new Uint8Array(body),
      headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
    });
    const status = answer.headers.get('grpc-status');
    if (status !== null) return status;
    const { value } = await answer.body.getReader().read();
    end.abort();
    const text = new TextDecoder('latin1').decode(value ?? new Uint8Array());
    return value?.[0] === 0x80 ? /grpc-status: ?(\\d+)/.exec(text)[1] : '0';
  } catch { return '-'; }
})(URL, BODY)"""

#: Asks from a frame that has no origin of its own.
FRAMED = """new Promise((done) => {
  addEventListener('message', (event) => done(event.data), { once: true });
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  frame.srcdoc = '<script>' + SCRIPT + '.then((it) => parent.postMessage(it, "*"))<\\/script>';
  document.body.append(frame);
})"""

#: page, the host that is called, the call, what comes of it
LOCAL = [
    # Pages of this machine's own names, by each of its names.
    ("http://127.0.0.1", "127.0.0.1", "List", OK),
    ("http://127.0.0.1", "localhost", "List", OK),
    ("http://127.0.0.1", "app.localhost", "List", OK),
    ("http://localhost", "127.0.0.1", "List", OK),
    ("http://localhost", "localhost", "Get", OK),
    ("http://localhost", "localhost", "StreamLogs", OK),
    ("http://localhost", "localhost", "WatchReloads", OK),
    ("http://localhost", "localhost", "WatchReloads of another", OK),
    ("http://editor.localhost", "127.0.0.1", "List", OK),
    ("http://editor.localhost", "editor.localhost", "Commit", OK),
    # By a name that is not known it is nobody's page.
    ("http://localhost", FOREIGN, "List", UNREAD),
    ("http://localhost", FOREIGN, "Commit", UNREAD),
    ("http://localhost", KNOWN, "List", OK),
    # Pages of other names.
    (f"http://{FOREIGN}", "127.0.0.1", "List", UNREAD),
    (f"http://{FOREIGN}", "localhost", "Commit", UNREAD),
    (f"http://{FOREIGN}", "localhost", "WatchReloads", UNREAD),
    (f"http://{FOREIGN}", FOREIGN, "Commit", UNREAD),
    (f"http://{FOREIGN}", KNOWN, "Delete", UNREAD),
    # A name that was bound anew: to its page this service is its own server.
    ("rebound", REBOUND, "List", REFUSED),
    ("rebound", REBOUND, "Commit", REFUSED),
    ("rebound", REBOUND, "WatchReloads", REFUSED),
    ("rebound", "127.0.0.1", "Commit", UNREAD),
    # The service's own address.
    ("itself", "127.0.0.1", "List", OK),
    # Pages without an origin.
    ("frame of http://localhost", "127.0.0.1", "List", UNREAD),
    ("frame of http://localhost", "127.0.0.1", "Commit", UNREAD),
    ("frame of a preview", "127.0.0.1", "WatchReloads", UNREAD),
    ("file", "127.0.0.1", "List", UNREAD),
    ("file", "127.0.0.1", "Commit", UNREAD),
    ("data", "127.0.0.1", "Commit", UNREAD),
    # The page of a preview.
    ("preview", "127.0.0.1", "WatchReloads", OK),
    ("preview", "localhost", "WatchReloads", OK),
    ("preview", "127.0.0.1", "WatchReloads of another", REFUSED),
    ("preview", "127.0.0.1", "StreamLogs", UNREAD),
    ("preview", "127.0.0.1", "List", UNREAD),
    ("preview", "127.0.0.1", "Get", UNREAD),
    ("preview", "127.0.0.1", "Commit", UNREAD),
    ("preview", "127.0.0.1", "Delete", UNREAD),
    ("preview", "127.0.0.1", "ReadFile", UNREAD),
    ("preview by localhost", "127.0.0.1", "WatchReloads", OK),
    ("preview by localhost", "127.0.0.1", "Commit", UNREAD),
    ("preview by app.localhost", "127.0.0.1", "Commit", UNREAD),
    # One whose preview has ended is open still.
    ("ended preview", "127.0.0.1", "List", UNREAD),
    ("ended preview", "127.0.0.1", "WatchReloads", UNREAD),
]

ANY = [
    (f"http://{FOREIGN}", "127.0.0.1", "List", OK),
    (f"http://{FOREIGN}", "127.0.0.1", "Commit", OK),
    (f"http://{FOREIGN}", REBOUND, "Commit", UNREAD),
    ("rebound", REBOUND, "Commit", REFUSED),
    ("preview", "127.0.0.1", "WatchReloads", OK),
    ("preview", "127.0.0.1", "WatchReloads of another", REFUSED),
    ("preview", "127.0.0.1", "Commit", UNREAD),
    ("frame of http://localhost", "127.0.0.1", "Commit", UNREAD),
]

LISTED = [
    (f"http://{FOREIGN}", "127.0.0.1", "List", OK),
    (f"http://{FOREIGN}", KNOWN, "Commit", OK),
    (f"http://{FOREIGN}", REBOUND, "Commit", UNREAD),
    ("http://localhost", "127.0.0.1", "List", UNREAD),
    ("http://127.0.0.1", "127.0.0.1", "Commit", UNREAD),
    ("preview", "127.0.0.1", "Commit", UNREAD),
    ("rebound", REBOUND, "List", REFUSED),
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium"), names=NAMES) as browser:
        yield browser


class Table:
    """A service with two previews, and the pages that call it."""

    def __init__(self, service, client, chromium, origin: str, folder) -> None:
        self.service, self.client, self._chromium = service, client, chromium
        self._port, self._own_port = (int(address.rpartition(":")[2]) for address in (origin, service.address))
        make = maker(client, "p")
        self.own, self.other, ended = (make(projects.STATIC, suffix=it) for it in ("own", "other", "ended"))
        self._tabs = {"ended preview": self._open(ended.url)}
        client.delete(ended.preview_id)
        self._folder = folder

    def _open(self, url: str):
        tab = self._chromium.tab()
        tab.open(url)
        tab.wait_for("document.readyState === 'complete'", within=10)
        return tab

    def _address(self, page: str) -> str:
        if page == "file":
            path = self._folder / "page.html"
            path.write_text("<p>a file</p>")
            return path.as_uri()
        if page.startswith("http://"):
            return f"{page}:{self._port}/watch.html"
        own = self.own.url.rstrip("/")
        return {
            "rebound": f"http://{REBOUND}:{self._own_port}/healthz",
            "itself": f"http://127.0.0.1:{self._own_port}/healthz",
            "data": "data:text/html,<p>data</p>",
            "preview": own,
            "preview by localhost": f"http://localhost:{self.own.port}",
            "preview by app.localhost": f"http://app.localhost:{self.own.port}",
        }[page]

    def _request(self, call: str):
        own = self.own.preview_id
        commit = vfs_service_pb2.CommitRequest(project_id="pown")
        commit.files.add(path=f"{uuid.uuid4().hex}.txt", text="by a page")
        return {
            "List": preview_service_pb2.ListRequest(),
            "Get": preview_service_pb2.GetRequest(preview_id=own),
            "Delete": preview_service_pb2.DeleteRequest(preview_id=own),
            "StreamLogs": preview_service_pb2.StreamLogsRequest(preview_id=own),
            "WatchReloads": preview_service_pb2.WatchReloadsRequest(preview_id=own),
            "WatchReloads of another": preview_service_pb2.WatchReloadsRequest(preview_id=self.other.preview_id),
            "Commit": commit,
            "ReadFile": vfs_service_pb2.ReadFileRequest(project_id="pown", path="index.html"),
        }[call]

    def ask(self, page: str, host: str, call: str) -> str:
        """Returns what a page is answered."""
        message = self._request(call).SerializeToString()
        service = "VfsService" if call in ("Commit", "ReadFile") else "PreviewService"
        url = f"http://{host}:{self._own_port}/preview.v1.{service}/{call.partition(' ')[0]}"
        body = list(bytes(1) + len(message).to_bytes(4, "big") + message)
        script = ASK.replace("URL", json.dumps(url)).replace("BODY", json.dumps(body))
        framed = page.startswith("frame of ")
        at = {"frame of a preview": "preview"}.get(page, page.removeprefix("frame of "))
        if at not in self._tabs:
            self._tabs[at] = self._open(self._address(at))
        return self._tabs[at].evaluate(FRAMED.replace("SCRIPT", json.dumps(script)) if framed else script)

    def close(self) -> None:
        for tab in self._tabs.values():
            tab.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("origins", "rows"),
    [("local", LOCAL), ("*", ANY), (f"http://{FOREIGN}:PORT", LISTED)],
    ids=["local", "any", "listed"],
)
def test_pages_may_call_what_the_settings_say(origins, rows, own_service, chromium, tmp_path):
    with Origin(projects_page(tmp_path)) as origin:
        port = origin.url.rpartition(":")[2]
        own = own_service(PREVIEW_CORS_ORIGINS=origins.replace("PORT", port), PREVIEW_HOSTS=KNOWN)
        with own.client() as client, closing(Table(own, client, chromium, origin.url, tmp_path)) as table:
            wrong = []
            for page, host, call, wanted in rows:
                before = len(list(client.list_commits("pown")))
                got = table.ask(page, host, call)
                carried_out = len(list(client.list_commits("pown"))) - before
                if got != wanted or carried_out != (call == "Commit" and wanted == OK):
                    wrong.append((page, host, call, f"wanted {wanted}, got {got}, {carried_out} commits"))
            assert not wrong
            assert client.get(table.own.preview_id).phase == table.own.phase, "a page has ended it"


def projects_page(folder):
    """Returns a folder with a page that does nothing by itself."""
    pages = folder / "pages"
    pages.mkdir()
    (pages / "watch.html").write_text("<!doctype html><title>page</title><body>")
    return pages
