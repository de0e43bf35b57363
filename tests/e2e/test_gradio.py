"""Gradio: a script runs again in the process that serves, and shows what it launches."""

from __future__ import annotations

import pytest
from harness import daemon, web

pytestmark = [pytest.mark.timeout(400), pytest.mark.once]

SCRIPT = """import gradio as gr

from says import text

with gr.Blocks() as demo:
    gr.Markdown(text())

if __name__ == "__main__":
    demo.launch()
"""


def says(text: str) -> dict[str, str]:
    return {"says.py": f"def text():\n    return {text!r}\n"}


def test_a_change_shows_without_a_new_process_and_what_throws_changes_nothing(client, create):
    preview = create({"app.py": SCRIPT, "requirements.txt": "gradio\n", **says("version 0")}, timeout=300)
    assert "version 0" in web.get(preview.url, "/config").text
    processes = daemon.docker("top", preview.container_id, "-eo", "pid").split()
    for version in (1, 2):
        updated = client.update(preview.preview_id, says(f"version {version}")).preview
        assert not updated.HasField("failure"), updated.failure
        assert f"version {version}" in web.get(preview.url, "/config").text
    failure = client.update(preview.preview_id, {"says.py": "def text():\n    return 1 / 0\n"}).preview.failure
    assert (failure.file, failure.line) == ("says.py", 2) and "ZeroDivisionError" in failure.message, failure
    assert "version 2" in web.get(preview.url, "/config").text
    mended = client.update(preview.preview_id, says("version 3")).preview
    assert not mended.HasField("failure"), mended.failure
    assert "version 3" in web.get(preview.url, "/config").text
    assert daemon.docker("top", preview.container_id, "-eo", "pid").split() == processes
    # What the server was launched with is fixed.
    other = SCRIPT.replace("launch()", "launch(root_path='/other')")
    assert not client.update(preview.preview_id, {"app.py": other}).preview.HasField("failure")
    assert "/other" in web.get(preview.url, "/config").text
    assert daemon.docker("top", preview.container_id, "-eo", "pid").split() != processes
