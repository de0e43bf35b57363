"""Settings: the environment wins over `.env`, and what reaches installs and apps."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from harness import daemon, projects, web
from harness.fixtures import maker
from harness.paths import binary
from harness.service import Service


def environment_of(preview) -> dict[str, str]:
    """Returns the environment of the app, as the app sees it."""
    return json.loads(web.get(preview.url, "/env").text)


def test_variables_of_the_request_reach_the_app(create):
    preview = create(projects.PLAIN_NODE, environment={"COLOUR": "teal", "EMPTY": "", "QUOTED": "a 'b' \"c\"\nd"})
    seen = environment_of(preview)
    assert (seen["COLOUR"], seen["EMPTY"], seen["QUOTED"]) == ("teal", "", "a 'b' \"c\"\nd")
    assert seen["PORT"] == "3000"


def test_secrets_of_the_service_do_not_reach_the_app(own_service):
    own = own_service(SECRET_OF_THE_SERVICE="hidden")
    with own.client() as client:
        seen = environment_of(maker(client, "secret")(projects.PLAIN_NODE))
    assert "SECRET_OF_THE_SERVICE" not in seen
    assert not [name for name in seen if name.startswith(("PREVIEW_", "DOCKER_"))]


CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_CERT")


def own_authority(folder: Path) -> tuple[Path, str]:
    """Makes a certificate authority, and returns its file and a line of it."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / "authority.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=Test authority", "-keyout", str(folder / "key.pem"), "-out", str(certificate)],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return certificate, certificate.read_text().splitlines()[3]


def test_extra_authorities_reach_apps_beside_the_usual_ones(own_service, tmp_path):
    certificate, line = own_authority(tmp_path / "ca")
    own = own_service(PREVIEW_EXTRA_CA_CERTS=str(certificate))
    with own.client() as client:
        preview = maker(client, "trusting")(projects.PLAIN_NODE)
        seen = environment_of(preview)
        for name in CA_VARIABLES:
            assert name in seen, f"{name} is not set"
            bundle = daemon.execute(preview.container_name, "cat", seen[name])
            assert line in bundle, f"{name} names a bundle without the extra authority"
        assert daemon.execute(preview.container_name, "cat", seen["SSL_CERT_FILE"]).count("BEGIN CERTIFICATE") > 1


def test_proxy_variables_reach_apps(own_service):
    own = own_service(HTTPS_PROXY="http://proxy.example:3128", NO_PROXY="localhost,127.0.0.1")
    with own.client() as client:
        seen = environment_of(maker(client, "proxied")(projects.PLAIN_NODE))
    assert seen["HTTPS_PROXY"] == seen["https_proxy"] == "http://proxy.example:3128"
    assert "localhost" in seen["NO_PROXY"]


def test_env_file_of_the_working_folder_stands_below_the_environment(own_service, tmp_path, nothing_left):
    own = Service(tmp_path / "own", PREVIEW_STATIC_MEM="200m")
    own.folder.mkdir(parents=True)
    (own.folder / ".env").write_text("PREVIEW_STATIC_MEM=100m\nPREVIEW_STATIC_CPU=0.2\n# a comment\n")
    with own, own.client() as client:
        preview = maker(client, "settings")(projects.STATIC)
    assert preview.limits.memory_bytes == 200 * 1024 * 1024
    assert preview.limits.cpus == 0.2


def test_limits_are_settings(own_service):
    own = own_service(PREVIEW_BACKEND_MEM="300m", PREVIEW_BACKEND_CPU="0.4", PREVIEW_PIDS="100")
    with own.client() as client:
        limits = maker(client, "limits")(projects.PLAIN_NODE).limits
    assert (limits.memory_bytes, limits.cpus, limits.pids) == (300 * 1024 * 1024, 0.4, 100)


def test_wrong_settings_are_all_reported_at_once_and_the_service_does_not_start(tmp_path):
    wrong = {
        "PREVIEW_PORT_RANGE_START": "many",
        "PREVIEW_STATIC_MEM": "lots",
        "PREVIEW_EXPIRY_HOURS": "-1",
        "PREVIEW_LISTN": "1",
    }
    result = subprocess.run(
        [str(binary()), "serve"],
        cwd=tmp_path,
        env={**os.environ, **wrong, "PREVIEW_DATA_DIR": str(tmp_path / "data"), "PREVIEW_LISTEN": "127.0.0.1:0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode != 0
    for name, value in wrong.items():
        assert name in result.stderr, result.stderr
        assert value in result.stderr


def test_second_service_on_the_same_data_is_refused(own_service):
    own = own_service()
    result = subprocess.run(
        [str(binary()), "serve"],
        cwd=own.folder,
        env={**os.environ, **own.settings, "PREVIEW_LISTEN": "127.0.0.1:0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode != 0
    with own.client() as client:
        assert list(client.list()) == []


@pytest.mark.timeout(240)
def test_extra_authorities_reach_installs(own_service, tmp_path):
    # What the project's own settings say works; with the test's authority alone an install of a package fails where
    # the network needs the project's, so the installation itself is asked.
    certificate, line = own_authority(tmp_path / "ca")
    own = own_service(PREVIEW_EXTRA_CA_CERTS=str(certificate))
    files = projects.plain_node(0)
    files["previewd.toml"] = (
        "install = 'cat $NODE_EXTRA_CA_CERTS > bundle.pem; grep -c CERTIFICATE bundle.pem; cat bundle.pem'\n"
    )
    with own.client() as client:
        preview = client.create("installing", files)
        log = [entry.line for entry in client.logs(preview.preview_id)]
    assert line in log, log[-20:]


def test_variable_of_others_that_is_called_like_a_setting_is_ignored_and_said(own_service):
    own = own_service(PREVIEW_SERVICE_HOST="10.11.12.13")
    with own.client() as client:
        assert list(client.list()) == []
    log = own.log.read_text()
    assert "PREVIEW_SERVICE_HOST" in log
    assert "10.11.12.13" not in log, "it may be a secret"
