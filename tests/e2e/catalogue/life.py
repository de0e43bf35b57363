"""The life of one starting point, step by step; one step that fails does not hide the others."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from catalogue import measure
from catalogue.point import Files, Point
from harness import web
from harness.browser import Tab
from harness.figures import percentile
from harness.paths import ROOT
from harness.waiting import eventually
from harness.watching import READY, Watcher

from previewd import Client, File, Phase, Preview, ReloadStrategy

RESULTS = Path(os.environ.get("CATALOGUE_RESULTS") or ROOT / ".cache" / "catalogue" / "results")
#: How often the leaf is edited for the figures.
EDITS = int(os.environ.get("CATALOGUE_EDITS", "10"))
#: How long after an edit has shown the next one is made where that is compared with edits by hand. Those take so long, and a
#: server that has had no rest has used up its share of the processor.
EDIT_PAUSE_SECONDS = 0.5
CREATE_SECONDS = 600
CHANGE_SECONDS = 240
SHOW_SECONDS = 40

STEPS = ("create", "page", "edit", "processes", "broken", "mended", "added", "deleted", "dependency", "again")

#: What a page shows as text, also that of web components and of frames.
SHOWN = (
    "(document.body?.innerText ?? '') + [...document.querySelectorAll('*')]"
    ".map((it) => it.shadowRoot?.textContent ?? it.contentDocument?.body?.innerText ?? '').join('')"
)
#: What the browser itself says of this machine, or of what every browser asks for.
NOT_THE_PAGE = ("favicon", "ERR_NETWORK_CHANGED", "ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED")


@dataclass
class Outcome:
    """What was seen of one starting point."""

    name: str
    steps: dict[str, str] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    strategy: str = ""

    @property
    def failed(self) -> dict[str, str]:
        """Returns the steps that went wrong, and how."""
        return {name: said for name, said in self.steps.items() if said not in ("ok", "-")}

    def keep(self) -> None:
        """Writes it down for the table."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.__dict__, indent=1)
        (RESULTS / f"{self.name}.json").write_text(text)


class Life:
    """Takes one starting point through its steps."""

    def __init__(self, point: Point, client: Client, tab: Tab, project: str) -> None:
        self.point = point
        self.client = client
        self.tab = tab
        self.project = project
        self.files: Files = {}
        self.preview = Preview()
        self.outcome = Outcome(point.name, dict.fromkeys(STEPS, "not tried"))

    def run(self, instance: str) -> Outcome:
        """Takes every step, and returns what was seen."""
        with measure.Memory(instance) as memory:
            self._created()
            if self.outcome.steps["create"] == "ok":
                self._steps()
                self.outcome.figures["rest"] = memory.last
                with self._step("again"):
                    self.client.delete(self.preview.preview_id)
                    self._create("created again", f"{self.project}-again")
            self.outcome.figures["peak"] = memory.peak
        self.outcome.keep()
        return self.outcome

    def compared(self, *, edited: bool) -> Outcome:
        """Takes those steps alone whose times are compared with others, with edits or without."""
        self._created()
        if self.outcome.steps["create"] == "ok":
            with self._step("page"):
                self._page()
            if edited and self.point.hot:
                with self._step("edit"):
                    self._edit(EDIT_PAUSE_SECONDS)
            if self.point.dependency:
                with self._step("dependency"):
                    self._dependency()
        return self.outcome

    def _created(self) -> None:
        with self._step("create"):
            self._create("created", self.project)

    def _steps(self) -> None:
        point = self.point
        with self._step("page"):
            self._page()
        with self._step("edit"):
            self._edit()
        if point.broken:
            with self._step("broken"):
                self._broken()
            with self._step("mended"):
                self._mended()
        if point.added:
            with self._step("added"):
                self._update(point.added.of(self.files))
                self._look(point.added.shows, point.added.path, anew=bool(point.added.path))
            with self._step("deleted"):
                self._deleted()
        if point.dependency:
            with self._step("dependency"):
                self._dependency()
        absent = {"broken": point.broken, "mended": point.broken, "added": point.added, "deleted": point.added}
        for name, there in {**absent, "dependency": point.dependency}.items():
            if not there:
                self.outcome.steps[name] = "-"

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        try:
            yield
            self.outcome.steps[name] = "ok"
        # Whatever goes wrong is what was seen of this step, and the others are still to be taken.
        except Exception as error:  # noqa: BLE001
            self.outcome.steps[name] = " ".join(f"{type(error).__name__}: {error}".split())[:1500]

    def _create(self, figure: str, project: str) -> None:
        self.files = self.files or self.point.make()
        began = time.monotonic()
        self.preview = self.client.create(project, self.files, timeout=CREATE_SECONDS, **self.point.options)
        self.outcome.figures[figure] = time.monotonic() - began
        if self.preview.phase != Phase.PHASE_RUNNING or self.preview.HasField("failure"):
            last = [getattr(it, "line", "") for it in self.client.logs(self.preview.preview_id, tail_lines=12, timeout=30)]
            raise AssertionError(f"{Phase.Name(self.preview.phase)} {in_words(self.preview)}; its log ends {last}")

    def _page(self) -> None:
        self._look(self.point.shows, "", anew=True)
        # What a page does after its first paint belongs to it, so it is given the time that it says it needs.
        self.tab.wait_for("document.readyState === 'complete'", within=SHOW_SECONDS)
        ignored = (*NOT_THE_PAGE, *self.point.own_problems)
        problems = [it for it in self.tab.problems if not any(word in it for word in ignored)]
        assert not problems, f"console: {problems}"

    def _edit(self, pause: float = 0) -> None:
        """Edits the leaf again and again, and takes the time of each from before the commit to what is seen."""
        edit = self.point.edit
        before = measure.processes(self.preview.container_id)
        took = []
        with Watcher(self.client, self.preview.preview_id) as watcher:
            for number in range(1, EDITS + 1):
                time.sleep(pause)
                began = time.monotonic()
                commit = self.client.commit(self.project, edit.of(self.files, number))
                if not self._is_seen_early(edit.seen(number)):
                    watcher.wait_stage(READY, commit, within=CHANGE_SECONDS)
                    self._look(edit.seen(number), "", anew=True)
                took.append(time.monotonic() - began)
                _, reload = watcher.wait_stage(READY, commit, within=CHANGE_SECONDS)
                self.outcome.strategy = ReloadStrategy.Name(reload.strategy).removeprefix("RELOAD_STRATEGY_")
        self._look(edit.seen(EDITS), "", anew=not self.point.hot)
        self.outcome.figures["p50"] = percentile(took, 0.5)
        self.outcome.figures["p95"] = percentile(took, 0.95)
        after = measure.processes(self.client.get(self.preview.preview_id).container_id)
        started = [command for number, command in after.items() if number not in before]
        self.outcome.figures["processes"] = len(started)
        self.outcome.steps["processes"] = f"started: {started}"[:300] if self.point.hot and started else "ok"

    def _is_seen_early(self, text: str) -> bool:
        """Returns once a text is seen without asking for READY, or at once where that cannot be."""
        if self.point.hot:
            self._wait_shown(text)
        elif self.point.in_html:
            address = (self.preview.url, self.point.path)
            eventually(lambda: text in web.get(*address).text, within=CHANGE_SECONDS, what=f"{text!r} in the answer")
        return self.point.hot or self.point.in_html

    def _broken(self) -> None:
        broken = self.point.broken
        assert broken is not None
        files = broken.of(self.files)
        preview = self.client.update(self.preview.preview_id, files, timeout=CHANGE_SECONDS).preview
        assert preview.HasField("failure"), "READY, and nothing said"
        place = (preview.failure.file, preview.failure.line)
        expected = broken.place(self.files)
        assert place == expected, f"{place[0]}:{place[1]}, not {expected[0]}:{expected[1]}; {in_words(preview)}"

    def _mended(self) -> None:
        edit = self.point.edit
        restored = {path: self.files[path] for path in self.point.broken.of(self.files)} if self.point.broken else {}
        self._update({**restored, **edit.of(self.files, 100)})
        self._look(edit.seen(100), "", anew=True)

    def _dependency(self) -> None:
        dependency = self.point.dependency
        assert dependency is not None
        began = time.monotonic()
        self._update(dependency.of(self.files))
        self.outcome.figures["dependency"] = time.monotonic() - began
        self._look(dependency.shows, dependency.path, anew=True)

    def _deleted(self) -> None:
        added, files = self.point.added, self.files
        assert added is not None
        restored = {swap.path: files[swap.path] for swap in added.swaps}
        gone = [path for path in added.files if path not in files]
        self._update(restored, gone)
        if not added.route:
            edited = self.outcome.steps["mended"] == "ok" and self.point.edit.path not in restored
            shown = self.point.edit.seen(100) if edited else self.point.shows
            self._look(shown, "", anew=True)
            # A page that loads itself anew has neither for a moment.
            has = [f"({SHOWN}).includes({json.dumps(text)})" for text in (shown, added.shows)]
            self.tab.wait_for(f"{has[0]} && !{has[1]}", within=SHOW_SECONDS)
            return
        answer = web.get(self.preview.url, added.path)
        assert answer.status >= 400 or added.shows not in answer.text, f"{added.path} still answers {answer.status}"
        if answer.status < 400:
            self.tab.open(self._url(added.path))
            gone = f"!({SHOWN}).includes({json.dumps(added.shows)})"
            self.tab.wait_for(f"document.readyState === 'complete' && {gone}", within=SHOW_SECONDS)

    def _update(self, files: dict[str, str | File], delete_paths: list[str] | None = None) -> None:
        """Makes a change that has to become READY."""
        preview = self.client.update(
            self.preview.preview_id, files, delete_paths=delete_paths or [], timeout=CREATE_SECONDS
        ).preview
        running = preview.phase == Phase.PHASE_RUNNING and not preview.HasField("failure")
        assert running, f"{Phase.Name(preview.phase)} {in_words(preview)}"

    def _url(self, path: str) -> str:
        return f"{self.preview.url.rstrip('/')}{path or self.point.path}"

    def _look(self, text: str, path: str, *, anew: bool) -> None:
        """Returns when the page shows a text: in the tab as it is open, or in one that is opened at the address."""
        if anew or not self.point.hot:
            # A page that is there may just load itself anew, in the place of the one that is opened.
            self.tab.open("about:blank")
            self.tab.open(self._url(path))
        self._wait_shown(text)

    def _wait_shown(self, text: str) -> None:
        try:
            self.tab.wait_for(f"({SHOWN}).includes({json.dumps(text)})", within=SHOW_SECONDS)
        except AssertionError:
            shown = str(self.tab.evaluate(SHOWN))[:200]
            raise AssertionError(
                f"{text!r} is not shown within {SHOW_SECONDS} s, but {shown!r}; console {self.tab.problems[-3:]}"
            ) from None


def in_words(preview: Preview) -> str:
    """Returns a preview's failure in one line."""
    failure = preview.failure
    where = f"{failure.file}:{failure.line}" if failure.file else "nowhere"
    return f"{failure.reason} at {where}: {failure.message} {list(failure.log_excerpt)[-4:]}"
