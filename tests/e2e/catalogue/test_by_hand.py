"""What the same takes by hand, in turns, for the table: machines differ, and nothing is asserted of times."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from catalogue import by_hand
from catalogue.families import POINTS
from catalogue.life import EDIT_PAUSE_SECONDS, EDITS, RESULTS, SHOW_SECONDS, SHOWN, Life
from catalogue.point import Point
from harness import daemon
from harness.figures import percentile
from harness.fixtures import remove_previews
from harness.waiting import eventually

from previewd import Client, Limits

BY_NAME = {point.name: point for point in POINTS}
#: The limits of a preview by default; one that needs more memory is given it.
LIMITS = Limits(memory_bytes=512 * 2**20, cpus=0.5)


#: How often both are created, in turns: the registry and the machine are not always as fast.
ROUNDS = 9

#: After that an edit by hand is taken to be lost.
LOST_SECONDS = 10


@pytest.mark.catalogue
@pytest.mark.alone
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("name", by_hand.HANDS)
def test_starting_point_by_hand(name: str, service, client: Client, chromium, project_id, tmp_path):
    point = BY_NAME[name]
    took: dict[str, list[float]] = {"ours": [], "by hand": []}
    one_more: list[float] = []
    figures: dict[str, dict[str, float]] = {"ours": {}, "by hand": {}}
    memory_bytes = LIMITS.memory_bytes
    try:
        for last in (number == ROUNDS for number in range(1, ROUNDS + 1)):
            with by_hand.Container(by_hand.HANDS[name], tmp_path) as container:
                seconds, url = by_hand.create(point, container)
                took["by hand"].append(seconds)
                if last and point.hot:
                    container.limit(memory_bytes, LIMITS.cpus)
                    with closing(chromium.tab()) as tab:
                        figures["by hand"]["p50"] = percentile(edits(point, container, url, tab), 0.5)
            daemon.remove_dependencies(service.instance)
            try:
                with closing(chromium.watched_tab()) as tab:
                    life = Life(point, client, tab, project_id)
                    ours = life.compared(edited=last)
                    memory_bytes = max(memory_bytes, life.preview.limits.memory_bytes)
            finally:
                remove_previews(client, project_id)
                eventually(lambda: not daemon.installing(service.instance), within=60, what="its image is made")
                daemon.remove_dependencies(service.instance)
            figures["ours"] = ours.figures
            assert {step: said for step, said in ours.failed.items() if said != "not tried"} == {}
            took["ours"].append(ours.figures["created"])
            one_more.extend(seconds for step, seconds in ours.figures.items() if step == "dependency")
    finally:
        # What was measured is told, whatever came after it.
        for whose, seconds in took.items():
            if seconds:
                figures[whose]["created"] = percentile(seconds, 0.5)
        if one_more:
            figures["ours"]["dependency"] = percentile(one_more, 0.5)
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"by-hand-{name}.json").write_text(json.dumps(figures))


def edits(point: Point, container: by_hand.Container, url: str, tab) -> list[float]:
    """Returns how long each edit takes from the file's rename to the open tab, of those that come to it by themselves."""
    files = point.make()
    tab.open(f"{url}{point.path}")
    tab.wait_for(f"({SHOWN}).includes({json.dumps(point.shows)})", within=SHOW_SECONDS)
    took = []
    for number in range(1, EDITS + 1):
        time.sleep(EDIT_PAUSE_SECONDS)
        ((path, text),) = point.edit.of(files, number).items()
        with container.edit(path, text) as renamed:
            shown = f"({SHOWN}).includes({json.dumps(point.edit.seen(number))})"
            try:
                tab.wait_for(shown, within=LOST_SECONDS)
                seen = time.time()
                took.append(seen - int(renamed.communicate(timeout=30)[0]) / 1e9)
            except AssertionError:
                # A development server that has just begun loses one now and then, as people know who press refresh.
                tab.open(f"{url}{point.path}")
                tab.wait_for(shown, within=SHOW_SECONDS)
    assert took, "no edit came to the tab by itself"
    return took
