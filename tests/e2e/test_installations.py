"""Installations that are mended on the way: what was done otherwise than asked for is told, by whoever comes next too."""

from __future__ import annotations

import json

import pytest
from harness import projects, web
from harness.projects import Files

from previewd import Client, Preview

pytestmark = [pytest.mark.timeout(300), pytest.mark.once]

LOCK = {"name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": {"": {"name": "app"}}}


def app(dependencies: dict[str, str], **lockfiles: str) -> Files:
    """Returns a server that needs some packages, with lockfiles beside its manifest."""
    files = projects.plain_node(0)
    package = {**json.loads(files["package.json"]), "name": "app", "version": "1.0.0", "dependencies": dependencies}
    return {**files, "package.json": json.dumps(package), **lockfiles}


MENDED = {
    "peers": (app({"react": "19.0.0", "use-sync-external-store": "1.2.0"}), ("use-sync-external-store", "react@19.0.0")),
    "lockfile": (app({"is-odd": "3.0.1"}, **{"package-lock.json": json.dumps(LOCK)}), ("by the manifest", "lockfile")),
    "yarn": (app({"is-odd": "3.0.1"}, **{"yarn.lock": '{ "is-odd": '}), ("yarn.lock", "cannot be read")),
    "berry": (
        app({"is-odd": "3.0.1"}, **{"yarn.lock": "__metadata:\n  version: 8\n }{\n", ".yarnrc.yml": "nodeLinker: node-modules\n"}),
        ("yarn.lock", "cannot be read"),
    ),
}


def told(preview: Preview, words: tuple[str, ...]) -> bool:
    return any(all(word in note for word in words) for note in preview.notes)


@pytest.mark.parametrize("name", MENDED)
def test_what_an_installation_did_otherwise_is_in_the_notes(name: str, client: Client, create):
    files, words = MENDED[name]
    preview = create(files, timeout=120)
    assert web.version_in(web.get(preview.url).text) == 0
    assert told(preview, words), preview.notes
    later = client.update(preview.preview_id, {"server.js": projects.plain_node(1)["server.js"]}).preview
    assert told(later, words), later.notes
    assert web.version_in(web.get(preview.url).text) == 1
    again = client.create(f"{preview.project_id}-again", files, timeout=60)
    try:
        assert told(again, words), again.notes
    finally:
        client.delete(again.preview_id)


def test_a_package_in_a_folder_of_the_project_is_linked_and_its_edits_count(client: Client, create):
    files = {
        **app({"lib": "file:./lib"}),
        "lib/package.json": '{"name": "lib", "version": "1.0.0", "main": "lib.js"}',
        "lib/lib.js": "module.exports = 'version 000';\n",
        "server.js": "require('http').createServer((_, it) => it.end(require('lib'))).listen(process.env.PORT);\n",
    }
    preview = create(files, timeout=120)
    assert web.version_in(web.get(preview.url).text) == 0
    client.update(preview.preview_id, {"lib/lib.js": "module.exports = 'version 001';\n"})
    assert web.version_in(web.get(preview.url).text) == 1


def test_a_package_that_is_not_what_the_lockfile_says_is_not_installed(client: Client, project_id):
    """The manifest alone would have it: that is what the lockfile is there against."""
    changed = "sha512-" + "A" * 86 + "=="
    packages = {
        "": {"name": "app", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}},
        "node_modules/ms": {"version": "2.1.3", "integrity": changed},
    }
    preview = client.create(project_id, app({"ms": "2.1.3"}, **{"package-lock.json": json.dumps({**LOCK, "packages": packages})}))
    message = preview.failure.message
    assert preview.failure.reason == "INSTALL_FAILED" and message.startswith("ms is not what the lockfile says"), preview.failure
    assert changed in message


@pytest.mark.parametrize("release", ["yarn@1.22.22", "yarn@3.8.7", "yarn@4.5.3", "pnpm@8.15.9", "pnpm@10.12.1"])
def test_the_package_manager_that_a_project_names_installs_from_an_index_behind_an_authority_of_ours(release: str, create):
    """Each knows an operator's authorities by variables, and some end at those of others."""
    files = app({"is-odd": "3.0.1"}, **{".yarnrc.yml": "nodeLinker: node-modules\n"})
    package = {**json.loads(files["package.json"]), "packageManager": release}
    preview = create({**files, "package.json": json.dumps(package)}, timeout=120)
    assert not preview.HasField("failure"), preview.failure
    assert web.version_in(web.get(preview.url).text) == 0
