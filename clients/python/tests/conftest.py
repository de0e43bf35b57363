"""Gives the client's tests the client of this tree, and the live service of the end-to-end tests."""

import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CLIENT / "src"))
