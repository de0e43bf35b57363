"""Where things are in this tree."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "clients" / "python"

if str(CLIENT / "src") not in sys.path:
    sys.path.insert(0, str(CLIENT / "src"))


def binary() -> Path:
    """Returns the service's program: `PREVIEWD_BIN`, or the release build of this tree."""
    path = Path(os.environ.get("PREVIEWD_BIN", ROOT / "target" / "release" / "previewd")).resolve()
    assert path.is_file(), f"{path} is not there: build it, or set PREVIEWD_BIN"
    return path


def tool(name: str) -> str:
    """Returns the path of a program that set-up installed, or that the machine has."""
    found = shutil.which(name, path=f"{ROOT / '.cache' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is missing: run scripts/setup.sh --test"
    return found
