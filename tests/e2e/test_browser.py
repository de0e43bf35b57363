"""What a browser sees: reloads over grpc-web from another origin (acceptance 10), hot updates, WebSockets."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import projects, web
from harness.browser import Chromium, Origin
from harness.fixtures import maker
from harness.watching import COMMITTED, READY
from websockets.sync.client import connect

PAGES = Path(__file__).parent / "pages"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def commits_of(tab) -> list[str]:
    """Returns the commits that the page was told of, in order."""
    return tab.evaluate(
        f"messages.filter((it) => it.event === 'reload' && it.stage === {COMMITTED}).map((it) => it.commit)"
    )


def wait_ready(tab, commit: str) -> None:
    condition = f"messages.some((it) => it.event === 'reload' && it.stage === {READY} && it.commit === '{commit}')"
    tab.wait_for(condition, within=10)


def test_page_of_another_origin_watches_through_reload_and_reconnect(own_service, chromium):
    own = own_service(arguments=())
    with own.client() as client, Origin(PAGES) as origin:
        preview = maker(client, "watched")(projects.STATIC)
        tab = chromium.tab(reconnects=True)
        tab.open(f"{origin.url}/watch.html?address=http://{own.address}&preview={preview.preview_id}")
        tab.wait_for("messages.some((it) => it.event === 'hello')", within=10)
        assert tab.evaluate("messages[0]") == {
            "event": "hello",
            "head": preview.commit_id,
            "applied": preview.commit_id,
        }
        first = [client.commit("watched", projects.STATIC.change(n)) for n in (1, 2, 3)]
        wait_ready(tab, first[-1])
        assert commits_of(tab) == first
        tab.wait_for("messages.some((it) => it.event === 'heartbeat')", within=5)

        # The page is loaded anew: what is committed meanwhile comes once.
        tab.open("about:blank")
        tab.wait_for("location.href === 'about:blank'", within=10)
        second = [client.commit("watched", projects.STATIC.change(n)) for n in (4, 5)]
        tab.open(f"{origin.url}/watch.html?address=http://{own.address}&preview={preview.preview_id}")
        tab.wait_for(
            f"messages.filter((it) => it.event === 'reload' && it.stage === {COMMITTED}).length >= 2", within=10
        )
        tab.reload()
        third = client.commit("watched", projects.STATIC.change(6))
        wait_ready(tab, third)
        assert set(commits_of(tab)) <= {*second, third}
        assert commits_of(tab)[-1] == third

        # The service restarts under the open page.
        before = len(commits_of(tab))
        own.stop()
        tab.wait_for("messages.some((it) => it.event === 'goodbye' && it.reason === 3)", within=5)
        tab.wait_for("messages.some((it) => it.event === 'error')", within=5)
        own.start(arguments=("--remove-on-exit",))
        fourth = [client.commit("watched", projects.STATIC.change(n)) for n in (7, 8)]
        wait_ready(tab, fourth[-1])
        assert commits_of(tab)[before:] == fourth

        client.delete(preview.preview_id)
        tab.wait_for("messages.some((it) => it.event === 'goodbye' && it.reason === 1)", within=10)


def test_page_of_another_origin_can_read_the_status_of_a_refused_call(service, chromium):
    with Origin(PAGES) as origin:
        tab = chromium.tab(reconnects=True)
        tab.open(f"{origin.url}/watch.html?address=http://{service.address}&preview=aaaaaaaaaaaa")
        tab.wait_for("typeof messages !== 'undefined'", within=10)
        status = tab.evaluate(
            f"fetch('http://{service.address}/preview.v1.PreviewService/Get', {{ method: 'POST', headers: "
            "{ 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' }, body: new Uint8Array(5) })"
            ".then(async (it) => it.headers.get('grpc-status') ?? await it.text())"
        )
    assert status == "3" or "grpc-status:3" in status.replace(" ", "")


@pytest.mark.timeout(240)
def test_react_page_takes_a_commit_by_hot_update_and_keeps_its_state(client, create, chromium):
    preview = create(projects.REACT, timeout=180)
    tab = chromium.tab()
    tab.open(preview.url)
    tab.wait_for("document.querySelector('#shop')?.textContent === 'version-000 count 0'", within=30)
    tab.evaluate("window.sameDocument = true; document.querySelector('#shop').click()")
    tab.wait_for("document.querySelector('#shop').textContent === 'version-000 count 1'", within=5)
    for version in (1, 2, 3):
        client.update(preview.preview_id, projects.REACT.change(version))
        tab.wait_for(f"document.querySelector('#shop')?.textContent === 'version-{version:03d} count 1'", within=5)
    assert tab.evaluate("window.sameDocument") is True, "the page was loaded anew"


def test_websocket_passes_through_the_preview_s_port(create):
    preview = create(projects.PLAIN_NODE, version=4)
    with connect(f"ws://127.0.0.1:{preview.port}/any/path", proxy=None) as socket:
        assert socket.recv(timeout=5) == "version 004"
    assert web.get(preview.url).status == 200
