"""A commit that breaks a project is FAILED with the project's own file and line, and its mend is READY."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from catalogue.families import POINTS
from catalogue.life import CHANGE_SECONDS, CREATE_SECONDS, in_words
from catalogue.point import Break, Files, Point
from catalogue.wrong import WRONG
from harness import daemon, figures
from harness.fixtures import remove_previews

from previewd import Client, Phase, Preview

#: What is in `make test` too.
PART = [
    ("flask", kind) for kind in ("syntax", "missing module", "missing import", "runtime error", "missing variable")
]
#: How much longer than the good commit before it one takes at most that fails.
MORE_SECONDS = 5
BY_NAME = {point.name: point for point in POINTS}


class Held:
    """The preview of one starting point at a time, since those of one point come after one another."""

    def __init__(self, client: Client, instance: str) -> None:
        self._client = client
        self._instance = instance
        self._name = ""
        self._preview = Preview()
        self._files: Files = {}
        #: How long the last commit took that was good.
        self.good_seconds = 0.0

    def of(self, point: Point) -> tuple[Preview, Files]:
        """Returns the point's preview and its files, made where there is none."""
        if self._name != point.name:
            self.drop()
            self._files = point.make()
            project = f"broken-{point.name}"
            preview = self._client.create(project, self._files, timeout=CREATE_SECONDS, **point.options)
            assert preview.phase == Phase.PHASE_RUNNING, in_words(preview)
            self._name, self._preview = point.name, preview
            began = time.monotonic()
            edited = self._client.update(preview.preview_id, point.edit.of(self._files, 1), timeout=CHANGE_SECONDS).preview
            assert not edited.HasField("failure"), in_words(edited)
            self.good_seconds = time.monotonic() - began
        return self._preview, self._files

    def drop(self) -> None:
        """Removes the preview; the next one that asks gets a new one."""
        if self._name:
            remove_previews(self._client, f"broken-{self._name}")
            if self._name != PART[0][0]:
                daemon.remove_dependencies(self._instance)
        self._name = ""


@pytest.fixture(scope="module")
def held(client: Client, service) -> Iterator[Held]:
    it = Held(client, service.instance)
    yield it
    it.drop()


def case(name: str, kind: str, broken: Break):
    part = (name, kind) in PART
    # Those of one point stay together, as they share its preview.
    group = pytest.mark.xdist_group("catalogue-part" if name == PART[0][0] else f"catalogue-broken-{name}")
    marks = [pytest.mark.catalogue, group, *([pytest.mark.catalogue_part] if part else [])]
    return pytest.param(BY_NAME[name], broken, id=f"{name}-{kind.replace(' ', '-')}", marks=marks)


CASES = [case(name, kind, broken) for name, wrongs in WRONG.items() for kind, broken in wrongs]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point, broken", CASES)
def test_broken_commit_fails_at_its_line_and_its_mend_is_ready(point, broken, held, client, request):
    preview, files = held.of(point)
    began = time.monotonic()
    changed = client.update(preview.preview_id, broken.of(files), timeout=CHANGE_SECONDS).preview
    failing = time.monotonic() - began
    began = time.monotonic()
    mended = client.update(preview.preview_id, {broken.path: files[broken.path]}, timeout=CHANGE_SECONDS).preview
    mending, good = time.monotonic() - began, held.good_seconds
    figures.remark(request.node.callspec.id, f"FAILED in {failing:.1f} s, mended in {mending:.1f} s")
    if mended.HasField("failure"):
        # The next one begins with what works.
        held.drop()
    assert changed.HasField("failure"), "READY, and nothing said"
    place = f"{changed.failure.file}:{changed.failure.line}"
    assert place == "{}:{}".format(*broken.place(files)), in_words(changed)
    assert not mended.HasField("failure"), f"not mended: {in_words(mended)}"
    held.good_seconds = mending
    assert failing <= good + MORE_SECONDS, f"the good commit before took {good:.1f} s"


@pytest.mark.catalogue
def test_there_are_40_broken_commits():
    assert sum(len(it) for it in WRONG.values()) >= 40
