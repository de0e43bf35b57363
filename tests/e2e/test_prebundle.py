"""Packages that pages import: bundled once, apart from any project, for all with the same dependencies and configuration."""

from __future__ import annotations

import pytest
from harness import daemon, web
from harness.fixtures import maker
from harness.projects import react
from harness.waiting import eventually

pytestmark = [pytest.mark.timeout(400), pytest.mark.once]

BUNDLE = "/app/node_modules/.vite/deps"
#: What a program in the preview can do to its own bundle.
SPOIL = f"echo 'alert(\"spoilt\")' >> {BUNDLE}/react-dom_client.js"


def test_what_one_preview_imports_is_bundled_for_the_next_without_what_it_did_to_its_own(own_service):
    own = own_service(PREVIEW_PREBUNDLE_AFTER="1")
    with own.client() as client:
        first = maker(client, "first")(react(1))
        daemon.execute(first.container_id, "sh", "-c", SPOIL)
        eventually(lambda: daemon.bundles(own.instance), within=120, what="there is a bundle for others")
        again = maker(client, "again")(react(2))
        assert daemon.container(again.container_id)["Image"] == daemon.bundles(own.instance)[0]["Id"]
        page = web.get(again.url, "/node_modules/.vite/deps/react-dom_client.js")
        assert page.status == 200 and "spoilt" not in page.text
        said = [getattr(it, "line", "") for it in client.logs(again.preview_id, timeout=30)]
        assert not any("bundling" in line or "optimiz" in line for line in said), said

        # Of other dependencies or of another configuration it is of no use, and does no harm.
        other = dict(react(3))
        other["vite.config.js"] = other["vite.config.js"].replace("plugins:", "resolve: { dedupe: ['react'] }, plugins:")
        different = maker(client, "other")(other)
        assert daemon.container(different.container_id)["Image"] != daemon.bundles(own.instance)[0]["Id"]
        assert "003" in web.get(different.url, "/src/App.jsx").text
    own.stop()
    assert daemon.leftovers(own.instance) == []
