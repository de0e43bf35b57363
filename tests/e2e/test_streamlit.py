"""Scripts of Streamlit are run again in their process, and what they throw is the failure of their commit."""

from __future__ import annotations

import pytest
from harness import daemon
from harness.browser import Chromium
from harness.projects import Files
from harness.watching import READY, Watcher

from previewd import Phase, ReloadStrategy

pytestmark = [pytest.mark.timeout(300), pytest.mark.once]

SHOWN = "document.body.innerText.includes"


def app(text: str, more: str = "") -> Files:
    """Returns a script that shows a text of its own and one of a module beside it."""
    return {
        "requirements.txt": "streamlit\n",
        "streamlit_app.py": f'import streamlit as st\n\nfrom words import WORD\n\nst.title("{text}")\nst.write(WORD)\n{more}',
        "words.py": 'WORD = "first word"\n',
    }


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def servers(container: str) -> list[str]:
    lines = daemon.docker("top", container, "-eo", "pid,args").splitlines()[1:]
    return sorted(line.split(None, 1)[0] for line in lines if "streamlit" in line)


def test_edits_run_the_script_again_and_what_it_throws_is_said(client, create, project_id, chromium):
    preview = create(app("version one"), timeout=240)
    tab = chromium.tab()
    tab.open(preview.url)
    tab.wait_for(f"{SHOWN}('version one') && {SHOWN}('first word')", within=60)
    tab.evaluate("window.sameDocument = true")
    before = servers(preview.container_id)
    assert before
    with Watcher(client, preview.preview_id) as watcher:
        commit = client.commit(project_id, {"streamlit_app.py": app("version two")["streamlit_app.py"]})
        _, reload = watcher.wait_stage(READY, commit, within=60)
        assert reload.strategy == ReloadStrategy.RELOAD_STRATEGY_HOT_UPDATE
        tab.wait_for(f"{SHOWN}('version two')", within=20)
        commit = client.commit(project_id, {"words.py": 'WORD = "second word"\n'})
        watcher.wait_stage(READY, commit, within=60)
        tab.wait_for(f"{SHOWN}('second word')", within=20)

    thrown = app("version three", "st.write(1 / 0)\n")["streamlit_app.py"]
    updated = client.update(preview.preview_id, {"streamlit_app.py": thrown}, timeout=60).preview
    failure = updated.failure
    assert (updated.phase, failure.reason) == (Phase.PHASE_RUNNING, "EXCEPTION"), failure
    assert (failure.file, failure.line) == ("streamlit_app.py", 7) and "ZeroDivisionError" in failure.message, failure
    broken = client.update(preview.preview_id, {"words.py": "WORD = = 1\n"}, timeout=60).preview.failure
    assert (broken.reason, broken.file, broken.line) == ("SYNTAX_ERROR", "words.py", 1), broken
    # The open page and the one that is tried import it at the same time, and what it throws is said all the same.
    slow = {"words.py": 'import time\n\ntime.sleep(1)\nraise ValueError("no words")\n'}
    broken = client.update(preview.preview_id, slow, timeout=60).preview.failure
    assert (broken.reason, broken.file, broken.line) == ("EXCEPTION", "words.py", 4), broken
    files = {**app("version four"), "words.py": 'WORD = "third word"\n'}
    mended = client.update(preview.preview_id, files, timeout=60).preview
    assert not mended.HasField("failure"), mended.failure
    tab.wait_for(f"{SHOWN}('version four') && {SHOWN}('third word')", within=20)
    assert tab.evaluate("window.sameDocument") is True, "the page was loaded anew"
    assert servers(preview.container_id) == before, "another process was started"


def test_a_script_that_throws_at_once_is_shown_with_its_failure(client, project_id):
    files = app("version one", "undefined_name\n")
    preview = client.create(project_id, files, timeout=240)
    place = (preview.failure.reason, preview.failure.file, preview.failure.line)
    assert (preview.phase, *place) == (Phase.PHASE_RUNNING, "EXCEPTION", "streamlit_app.py", 7), preview.failure
    mended = client.update(preview.preview_id, app("version two"), timeout=60).preview
    assert (mended.phase, mended.HasField("failure")) == (Phase.PHASE_RUNNING, False), mended.failure
