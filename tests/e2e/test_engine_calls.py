"""What the service asks of the daemon, counted at its socket."""

from __future__ import annotations

import pytest
from harness import daemon, projects, web
from harness.fixtures import maker
from harness.passage import to_the_daemon
from harness.waiting import eventually

#: Make a container, start it, dial its agent (two requests), and put down its CPU once it answers.
CREATE_REQUESTS = 5


@pytest.fixture(scope="module")
def passage():
    with to_the_daemon() as it:
        yield it


@pytest.mark.parametrize(
    "project", [projects.STATIC, projects.EXPRESS, projects.FASTAPI, projects.REACT], ids=lambda it: it.name
)
def test_commit_of_sources_asks_for_nothing_and_a_create_five_times(project, passage, own_service):
    own = own_service(DOCKER_HOST=passage.host)
    with own.client() as client:
        maker(client, "first")(project)
        # Waits for the image of what was installed.
        preview = maker(client, "second")(project)
        eventually(lambda: not daemon.installing(own.instance), within=60, what="nothing is installed any more")
        # They go one by one after the container that had them.
        eventually(lambda: not daemon.unused_volumes(own.instance), within=60, what="its volumes are gone")
        with passage.counting() as created:
            preview = maker(client, "third")(project)
        with passage.counting() as changed:
            for version in (1, 2, 3):
                updated = client.update(preview.preview_id, project.change(version)).preview
                assert not updated.HasField("failure"), updated.failure
                assert web.version_in(web.get(preview.url, project.path).text) == version
        assert changed == []
        assert len(created) <= CREATE_REQUESTS, created
