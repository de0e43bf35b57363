"""The checked-in stubs are those of the contract, and the package is typed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parent.parent


def load_generator():
    spec = importlib.util.spec_from_file_location("previewd_generate", CLIENT / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_are_what_the_generator_writes():
    generator = load_generator()
    expected = generator.render()
    found = {
        str(path.relative_to(generator.TARGET)): path.read_text()
        for path in generator.TARGET.rglob("*.py*")
        if "__pycache__" not in path.parts
    }
    assert sorted(found) == sorted(expected)
    differing = [name for name, text in expected.items() if found[name] != text]
    assert not differing, "run clients/python/generate.py"


def test_client_and_example_pass_the_strict_type_check():
    result = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=CLIENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_call_of_the_contract_has_a_method():
    from previewd import Client, preview_service_pb2, vfs_service_pb2

    renamed = {"StreamLogs": "logs"}
    for module, service in ((preview_service_pb2, "PreviewService"), (vfs_service_pb2, "VfsService")):
        for method in module.DESCRIPTOR.services_by_name[service].methods:
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in method.name).lstrip("_")
            assert hasattr(Client, renamed.get(method.name, snake)), method.name
