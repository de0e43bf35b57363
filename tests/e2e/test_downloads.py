"""What npm has downloaded for one set of dependencies, it takes from there for another: by its hash, and nothing else."""

from __future__ import annotations

import hashlib
import json

import pytest
from harness import daemon, projects
from harness.fixtures import maker
from harness.projects import Files
from harness.waiting import eventually

from previewd import Client, LogSource, Preview

pytestmark = [pytest.mark.timeout(240), pytest.mark.once]

KEPT = "/handover/downloads"
CONTENT = "/tmp/previewd-packages/npm/_cacache/content-v2/sha512"


def app(dependencies: dict[str, str], **more: str) -> Files:
    """Returns a server that needs some packages."""
    files = projects.plain_node(0)
    return {**files, "package.json": json.dumps({**json.loads(files["package.json"]), "dependencies": dependencies}), **more}


def install(own, client: Client, project: str, files: Files) -> list[str]:
    """Creates a preview and returns what npm said, once nothing is being installed or kept any more."""
    preview = maker(client, project)(files)
    assert not preview.HasField("failure"), preview.failure
    log = [entry.line for entry in client.logs(preview.preview_id, sources=[LogSource.LOG_SOURCE_INSTALL])]
    leave(own, client, preview)
    return log


def leave(own, client: Client, preview: Preview) -> None:
    """Deletes a preview and waits until nothing is being installed or kept any more."""
    client.delete(preview.preview_id)
    eventually(lambda: not daemon.installing(own.instance), within=60, what="its image is made, and its downloads are kept")


def addresses(log: list[str]) -> list[str]:
    """Returns the addresses of the archives that npm has fetched."""
    return [word for line in log for word in line.split() if word.endswith(".tgz")]


def archives(log: list[str]) -> set[str]:
    """Returns the names of the archives that npm has fetched."""
    return {address.rsplit("/", 1)[1].removesuffix(".tgz") for address in addresses(log)}


def container_of_installation(instance: str) -> str:
    """Returns the container in which packages were installed last, which waits for its image to be made."""
    found = daemon.of_role("container", instance, "install")
    return next(it["Id"] for it in found if "previewd-install-" in it["Name"])


def test_packages_that_another_installation_has_downloaded_are_not_fetched_again(own_service):
    own = own_service()
    with own.client() as client:
        private = app({"nanoid": "3.3.8"}, **{".npmrc": "fund=false\n"})
        assert archives(install(own, client, "private", private)) == {"nanoid-3.3.8"}
        first = app({"is-odd": "3.0.1", "ms": "2.1.3"})
        assert archives(install(own, client, "first", first)) == {"is-odd-3.0.1", "is-number-6.0.0", "ms-2.1.3"}
        own_package = app({"own": "file:./own", "noop": "0.2.2"}, **{"own/package.json": '{"name": "own", "version": "1.0.0"}'})
        assert archives(install(own, client, "with-own", own_package)) == {"noop-0.2.2"}
        # Who says how to get more than everybody may have, or has packages of their own, gives nothing.
        second = app({"is-odd": "3.0.1", "nanoid": "3.3.8", "noop": "0.2.2"})
        assert archives(install(own, client, "second", second)) == {"nanoid-3.3.8", "noop-0.2.2"}
    own.stop()
    assert daemon.leftovers(own.instance) == [] and daemon.of_role("volume", own.instance, "cache") == []


def test_what_is_kept_is_what_its_name_says_and_no_code_of_a_project_writes_it(own_service):
    own = own_service()
    with own.client() as client:
        preview = maker(client, "project")(app({"ms": "2.1.3"}))
        there = container_of_installation(own.instance)
        assert "Read-only" in daemon.execute(there, "sh", "-c", f"touch {KEPT}/x 2>&1 || true")

        # What code of the project may leave in its own cache, beside what npm has put there.
        packed = b"\x1f\x8b an archive of its own"
        own_name = hashlib.sha512(packed).hexdigest()
        false, index = "0" * 128, hashlib.sha512(b"{}").hexdigest()
        places = {name: f"{CONTENT}/{name[:2]}/{name[2:4]}/{name[4:]}" for name in (own_name, false, index, "1" * 128, "2" * 128)}
        script = [f"mkdir -p {' '.join(path.rsplit('/', 1)[0] for path in places.values())}"]
        script += [f"printf '\\037\\213 an archive of its own' > {places[name]}" for name in (own_name, false)]
        script += [f"printf '{{}}' > {places[index]}", f"ln -s /etc/passwd {places['1' * 128]}", f"mkfifo {places['2' * 128]}"]
        script += [f"ln -s / {CONTENT}/ff", f"mkdir {CONTENT}/{'x' * 200}"]
        daemon.execute(there, "sh", "-c", " && ".join(script))
        leave(own, client, preview)

        maker(client, "later")(app({"is-odd": "3.0.1"}))
        there = container_of_installation(own.instance)
        kept = daemon.execute(there, "sh", "-c", f"cd {KEPT} && sha512sum *").split("\n")
        assert all(line.split() == [line.split()[0]] * 2 for line in kept), kept
        names = {line.split()[0] for line in kept}
        assert own_name in names and len(names) == 2, names
    own.stop()


def test_a_package_that_is_asked_for_by_no_hash_is_installed_though_it_is_kept(own_service):
    """npm fetches it again, and cannot put it where a link to what is kept is."""
    own = own_service()
    with own.client() as client:
        (address,) = addresses(install(own, client, "asking", app({"ms": "2.1.3"})))
        log = install(own, client, "first", app({"ms": address}))
        assert any("without what others have downloaded" in line for line in log), log
        install(own, client, "second", app({"ms": address, "is-odd": "3.0.1"}))
    own.stop()


PACKAGES = """
mkdir -p /tmp/content /tmp/kept /tmp/nothing && cd /tmp/content
for number in 1 2 3 4 5; do
  head -c 1000 /dev/urandom | gzip > file && name=$(sha512sum file | cut -c1-128)
  folder=$(echo "$name" | cut -c1-2)/$(echo "$name" | cut -c3-4)
  mkdir -p "$folder" && mv file "$folder/$(echo "$name" | cut -c5-)"
done
"""


def test_the_oldest_go_once_no_installation_can_have_a_link_to_them(create):
    preview = create(projects.PLAIN_NODE)

    def kept(content: str, most_bytes: int, longest_seconds: int) -> tuple[int, int]:
        """Keeps what is in a folder, and returns how many files there are then, and how many of them are to go."""
        program = f"node /previewd/node/downloads.cjs {content} /tmp/kept {most_bytes} {longest_seconds} && ls /tmp/kept"
        names = [it for it in daemon.execute(preview.container_id, "sh", "-c", program).split() if len(it) >= 128]
        going = [it for it in names if it.startswith("going-")]
        return len(names) - len(going), len(going)

    daemon.execute(preview.container_id, "sh", "-c", PACKAGES)
    assert kept("/tmp/content", 100_000, 60) == (5, 0)
    assert kept("/tmp/nothing", 3000, 60) == (5, 3)
    # What is fetched again stays, and counts as new.
    assert kept("/tmp/content", 100_000, 60) == (5, 0)
    assert kept("/tmp/nothing", 3000, 60) == (5, 3)
    assert kept("/tmp/nothing", 3000, 60) == (5, 3)
    assert kept("/tmp/nothing", 3000, 0) == (2, 0)
