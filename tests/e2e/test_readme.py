"""The grpcurl lines of the README, each run as it is written (acceptance 2)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import web
from harness.paths import ROOT, tool
from harness.waiting import eventually

DEFAULT_ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):50051")
#: What the lines have to show, in words that each has.
SHOWN = ["list", "describe", "/Create", "/Get", "/Update", "/List", "/StreamLogs", "/WatchReloads", "/Delete"]


@dataclass
class Line:
    """One command of the README."""

    text: str
    process: subprocess.Popen[str] | None = None
    output: Path | None = None

    @property
    def follows(self) -> bool:
        """Returns whether it goes on until the preview ends."""
        return "/WatchReloads" in self.text or ("/StreamLogs" in self.text and "follow" in self.text)


def grpcurl_lines(markdown: str) -> list[Line]:
    """Returns the commands of the README's shell blocks that call grpcurl, with the lines that they continue on."""
    lines = []
    for block in re.findall(r"^```(?:sh|bash|shell|console)[^\n]*\n(.*?)^```", markdown, flags=re.M | re.S):
        joined = block.replace("\\\n", " ")
        for command in _commands(joined):
            if re.match(r"(\$ )?grpcurl\b", command):
                lines.append(Line(command.removeprefix("$ ")))
    return lines


def _commands(block: str) -> list[str]:
    """Splits a block at line ends that are not inside single quotes."""
    commands, current = [], ""
    for line in block.splitlines():
        current = f"{current}\n{line}" if current else line
        if current.count("'") % 2 == 0:
            commands.append(current.strip())
            current = ""
    return commands + ([current.strip()] if current else [])


def test_readme_shows_every_call():
    text = "\n".join(line.text for line in grpcurl_lines((ROOT / "README.md").read_text()))
    missing = [word for word in SHOWN if word not in text]
    assert not missing


@pytest.mark.timeout(180)
def test_each_grpcurl_line_works_as_written(own_service, tmp_path):
    own = own_service()
    path = f"{Path(tool('grpcurl')).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    lines = grpcurl_lines((ROOT / "README.md").read_text())
    following = []
    created = ""
    for number, line in enumerate(lines):
        # The one thing that is not as written: the address, as the default one may be somebody else's.
        command = DEFAULT_ADDRESS.sub(own.address, line.text)
        if line.follows:
            line.output = tmp_path / f"{number}.out"
            with line.output.open("w") as output:
                line.process = subprocess.Popen(
                    ["bash", "-c", command], cwd=ROOT, env=environment, stdout=output, stderr=output, text=True
                )
            following.append(line)
            eventually(lambda: line.output.read_text().strip(), within=10, what=f"an answer to {line.text}")
            continue
        result = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 0, f"{line.text}\n{result.stdout}{result.stderr}"
        assert result.stdout.strip() or "/Delete" in line.text, line.text
        if "/Create" in line.text:
            created = json.loads(result.stdout)["preview"]["url"]
            assert web.get(created).status == 200
    assert created
    for line in following:
        # The preview has been deleted: the streams end by themselves.
        assert line.process.wait(timeout=15) == 0, f"{line.text}\n{line.output.read_text()}"
        assert "goodbye" in line.output.read_text(), line.text
    watched = "".join(line.output.read_text() for line in following if "/WatchReloads" in line.text)
    assert '"hello"' in watched
