#!/usr/bin/env python3
"""Writes the stubs of proto/preview/v1 to src/previewd/_generated.

The stubs are checked in, so that users of the package need no compiler; a test compares them with what this writes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"
PACKAGE = "previewd._generated"
TARGET = HERE / "src" / "previewd" / "_generated"


def render() -> dict[str, str]:
    """Returns the text of every generated file by its path below the target folder."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            "protoc",
            f"-I{PROTO}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            f"--python_out={folder}",
            f"--pyi_out={folder}",
            f"--grpc_python_out={folder}",
            *sorted(str(path) for path in (PROTO / "preview" / "v1").glob("*.proto")),
        ]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed")
        files = {"__init__.py": "", "preview/__init__.py": "", "preview/v1/__init__.py": ""}
        for path in sorted(Path(folder).rglob("*.py*")):
            if path.name == "preview_pb2_grpc.py":
                continue  # preview.proto has no service
            # protoc knows no Python package above the proto's own, so its absolute imports are moved below ours.
            text = re.sub(
                r"^from preview\.v1 import", f"from {PACKAGE}.preview.v1 import", path.read_text(), flags=re.M
            )
            files[str(path.relative_to(folder))] = text
        return files


def main() -> None:
    """Writes the files, and removes those that are no longer generated."""
    files = render()
    for old in TARGET.rglob("*.py*"):
        if str(old.relative_to(TARGET)) not in files and "__pycache__" not in old.parts:
            old.unlink()
    for name, text in files.items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"wrote {len(files)} files to {TARGET.relative_to(HERE)}", file=sys.stderr)


if __name__ == "__main__":
    main()
