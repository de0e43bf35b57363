"""What the same takes by hand, for the table: machines differ, so it is printed and nothing is asserted of times."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from catalogue import by_hand
from catalogue.families import POINTS
from catalogue.life import EDITS, RESULTS, SHOW_SECONDS, SHOWN
from catalogue.point import Point
from harness.figures import percentile

from previewd import Limits

BY_NAME = {point.name: point for point in POINTS}
#: The limits of a preview by default.
LIMITS = Limits(memory_bytes=512 * 2**20, cpus=0.5)


def marked(name: str):
    marks = [pytest.mark.catalogue, pytest.mark.xdist_group(f"catalogue-by-hand-{name}")]
    return pytest.param(BY_NAME[name], id=name, marks=marks)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point", [marked(name) for name in by_hand.HANDS])
def test_starting_point_by_hand(point: Point, chromium, tmp_path):
    with by_hand.Container(by_hand.HANDS[point.name], tmp_path) as container:
        took, url = by_hand.create(point, container)
        found = {"name": point.name, "created": took}
        if point.hot:
            container.limit(LIMITS.memory_bytes, LIMITS.cpus)
            with closing(chromium.tab()) as tab:
                found["p50"] = percentile(edits(point, container, url, tab), 0.5)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"by-hand-{point.name}.json").write_text(json.dumps(found))


def edits(point: Point, container: by_hand.Container, url: str, tab) -> list[float]:
    """Returns how long each edit takes from the file's rename to the open tab."""
    files = point.make()
    tab.open(f"{url}{point.path}")
    tab.wait_for(f"({SHOWN}).includes({json.dumps(point.shows)})", within=SHOW_SECONDS)
    took = []
    for number in range(1, EDITS + 1):
        ((path, text),) = point.edit.of(files, number).items()
        with container.edit(path, text) as renamed:
            tab.wait_for(f"({SHOWN}).includes({json.dumps(point.edit.seen(number))})", within=SHOW_SECONDS)
            seen = time.time()
            took.append(seen - int(renamed.communicate(timeout=30)[0]) / 1e9)
    return took
