"""Every starting point of the catalogue runs unchanged and takes what is done to it."""

from __future__ import annotations

from contextlib import closing

import pytest
from catalogue.families import POINTS
from catalogue.life import Life
from catalogue.point import Point
from harness import daemon
from harness.fixtures import remove_previews

from previewd import Client


def marked(point: Point):
    marks = [pytest.mark.catalogue, pytest.mark.xdist_group(f"catalogue-{'part' if point.part else point.name}")]
    return pytest.param(point, id=point.name, marks=[*marks, pytest.mark.catalogue_part] if point.part else marks)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", [marked(point) for point in POINTS])
def test_starting_point_lives_through_what_a_project_does(point, service, client: Client, chromium, project_id):
    try:
        with closing(chromium.watched_tab()) as tab:
            outcome = Life(point, client, tab, project_id).run(service.instance)
    finally:
        remove_previews(client, project_id)
        if not point.part:
            # All of them together would fill a disk, and the next one is to find nothing of it.
            daemon.remove_dependencies(service.instance)
    if outcome.failed and point.exception:
        pytest.xfail(f"{point.exception}: {outcome.failed}")
    assert not outcome.failed


@pytest.mark.catalogue
def test_at_most_two_starting_points_are_excepted():
    assert len({point.name for point in POINTS}) == len(POINTS)
    assert [point.name for point in POINTS if point.exception][2:] == []
