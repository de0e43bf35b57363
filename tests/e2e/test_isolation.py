"""What holds a preview in, and what two of one dependency set share (acceptance 8)."""

from __future__ import annotations

import time

import pytest
from harness import daemon, projects, web
from harness.projects import Project
from harness.waiting import eventually

from previewd import Limits, LogSource, Phase

MEBIBYTE = 1024 * 1024
LIMITS = [
    pytest.param(projects.STATIC, 256 * MEBIBYTE, 0.25, id="static"),
    pytest.param(projects.PLAIN_NODE, 512 * MEBIBYTE, 0.5, id="node"),
    pytest.param(projects.FLASK, 512 * MEBIBYTE, 0.5, id="python"),
    pytest.param(projects.REACT, 512 * MEBIBYTE, 0.5, id="react"),
    pytest.param(projects.DOCKERFILE, 512 * MEBIBYTE, 0.5, id="dockerfile"),
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("project", "memory", "cpus"), LIMITS)
def test_docker_inspect_shows_every_limit(project: Project, memory, cpus, create, service):
    preview = create(project, timeout=180)
    assert (preview.limits.memory_bytes, preview.limits.cpus, preview.limits.pids) == (memory, cpus, 256)
    found = daemon.container(preview.container_name)
    host = found["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (memory, memory), "swap comes on top"
    assert host["NanoCpus"] == cpus * 1e9
    assert host["PidsLimit"] == 256
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert any(
        option.startswith("no-new-privileges") and not option.endswith("false") for option in host["SecurityOpt"]
    )
    assert found["Config"]["User"].split(":")[0] == "1000"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
    assert host["NetworkMode"] == service.network
    assert list(found["NetworkSettings"]["Networks"]) == [service.network]
    assert not any(found["NetworkSettings"]["Ports"].values()), "the engine publishes a port beside the gateway"
    assert (host["PidMode"], host["UTSMode"], host["UsernsMode"]) == ("", "", "")
    assert host["IpcMode"] in ("private", "none")
    assert not host["Binds"]
    assert not host["Devices"]
    mounts = {mount["Destination"]: (mount["Type"], mount["RW"]) for mount in found["Mounts"]}
    assert mounts.pop("/previewd") == ("volume", False)
    # What was installed for it, and what it changes of that.
    handed = {f"/handover/{place}{kind}": ("volume", False) for place in ("app", "home") for kind in ("", "-changes")}
    handed |= dict.fromkeys(("/app", "/home/preview"), ("volume", True))
    assert mounts in ({}, handed), "a folder is shared"


def test_network_lets_no_container_reach_another(create, service):
    create(projects.STATIC)
    network = daemon.inspect("network", service.network)
    assert network["Driver"] == "bridge"
    assert network["Options"]["com.docker.network.bridge.enable_icc"] == "false"


def test_overridden_limits_are_those_of_the_container(create):
    preview = create(projects.STATIC, limits=Limits(memory_bytes=100 * MEBIBYTE, cpus=0.3, pids=64))
    host = daemon.container(preview.container_name)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (100 * MEBIBYTE, 100 * MEBIBYTE)
    assert (host["NanoCpus"], host["PidsLimit"]) == (300_000_000, 64)
    assert (preview.limits.memory_bytes, preview.limits.cpus, preview.limits.pids) == (100 * MEBIBYTE, 0.3, 64)


def test_installation_has_limits_of_its_own_whatever_those_of_the_preview(client, project_id):
    groups = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true"
    files = {**projects.PLAIN_NODE.files(0), "previewd.toml": f"install = '{groups}'\n"}
    preview = client.create(project_id, files, limits=Limits(memory_bytes=200 * MEBIBYTE))
    assert preview.phase == Phase.PHASE_RUNNING, preview.failure
    assert daemon.container(preview.container_name)["HostConfig"]["Memory"] == 200 * MEBIBYTE
    printed = [entry.line for entry in client.logs(preview.preview_id, sources=[LogSource.LOG_SOURCE_INSTALL])]
    assert str(2048 * MEBIBYTE) in printed
    client.delete(preview.preview_id)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "project", [projects.STATIC, projects.PLAIN_NODE, projects.FLASK, projects.DOCKERFILE], ids=lambda p: p.name
)
def test_no_process_has_a_capability_or_can_gain_one(project: Project, create):
    preview = create(project, timeout=180)
    text = daemon.execute(preview.container_name, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null; true")
    wanted = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Seccomp"}
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    seen = {(name, tuple(value.split())) for name, value in pairs if name in wanted}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert {value for key, value in seen if key == name} == {("0000000000000000",)}, name
    assert {value for key, value in seen if key == "NoNewPrivs"} == {("1",)}
    assert {value for key, value in seen if key == "Uid"} == {("1000",) * 4}
    assert {value for key, value in seen if key == "Seccomp"} == {("2",)}


def test_preview_cannot_write_what_the_service_put_into_it(create):
    preview = create(projects.PLAIN_NODE)
    answer = daemon.execute(preview.container_name, "sh", "-c", "echo x > /previewd/agent && echo written", check=False)
    assert "written" not in answer


CONNECT = """
const socket = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]) });
socket.setTimeout(3000, () => { console.log('timed out'); process.exit(); });
socket.on('connect', () => { console.log('connected'); process.exit(); });
socket.on('error', (error) => { console.log(error.code); process.exit(); });
"""


def test_app_cannot_read_the_agent_nor_trace_what_the_engine_starts_of_it(create):
    preview = create(projects.PLAIN_NODE)
    name = preview.container_name
    assert "agent" in daemon.execute(name, "ls", "/previewd")
    assert daemon.execute(name, "/previewd/agent", "--version")
    assert "denied" in daemon.docker("exec", name, "sh", "-c", "cat /previewd/agent 2>&1 >/dev/null; true")
    # What a process that cannot be traced has open is nobody's to see.
    look = "for it in /proc/[0-9]*; do case $(cat $it/cmdline | tr '\\0' ' ') in '/previewd/agent dial'*) ls $it/fd 2>&1;; esac; done; true"
    said = daemon.execute(name, "sh", "-c", look)
    assert said and all("denied" in line for line in said.splitlines()), said


def test_one_preview_cannot_connect_to_another(create, service):
    one = create(projects.PLAIN_NODE, suffix="-one")
    other = create(projects.PLAIN_NODE, suffix="-other")

    def address(preview) -> str:
        return daemon.container(preview.container_name)["NetworkSettings"]["Networks"][service.network]["IPAddress"]

    def attempt(host: str, port: int) -> str:
        return daemon.execute(one.container_name, "node", "-e", CONNECT, host, str(port))

    assert attempt(address(one), 3000) == "connected", "the probe itself does not work"
    assert attempt(address(other), 3000) != "connected"
    assert attempt(address(other), 3000) in ("timed out", "EHOSTUNREACH", "ECONNREFUSED")
    gateway = daemon.inspect("network", service.network)["IPAM"]["Config"][0]["Gateway"]
    assert attempt(gateway, other.port) != "connected", "another preview's port, through the host"
    assert attempt(gateway, int(service.address.rpartition(":")[2])) != "connected", "the service itself"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("project", [projects.FLASK, projects.EXPRESS], ids=lambda project: project.name)
def test_second_preview_with_the_same_dependencies_installs_nothing(project: Project, client, create, service):
    create(project, suffix="-first", timeout=project.create_seconds)
    eventually(lambda: not daemon.installing(service.instance), within=60)
    with daemon.Events(service.instance) as events:
        second = create(project, suffix="-second", version=5)
    assert web.version_in(web.get(second.url, project.path).text) == 5
    assert events.named("container", "commit") == []
    assert events.named("image", "tag", "build", "pull") == []
    assert len(events.named("container", "create")) == 1
    installs = [entry.line for entry in client.logs(second.preview_id, sources=[LogSource.LOG_SOURCE_INSTALL])]
    assert installs == []


@pytest.mark.timeout(240)
def test_fork_bomb_is_held_in_and_the_preview_survives(create):
    preview = create(projects.PLAIN_NODE, limits=Limits(pids=48))
    bomb = "for i in $(seq 200); do sleep 5 & done; wait"
    daemon.execute(preview.container_name, "sh", "-c", bomb, check=False)
    assert web.version_in(web.get(preview.url).text) == 0


def test_app_that_ends_every_process_it_may_is_started_again(client, create):
    preview = create(projects.PLAIN_NODE)
    for _ in range(2):
        daemon.execute(preview.container_name, "sh", "-c", "kill -9 -1", check=False)
        # A request that was on its way is lost with the process.
        eventually(lambda: web.version_in(web.get(preview.url).text) == 0, within=20)
    updated = client.update(preview.preview_id, projects.PLAIN_NODE.change(1))
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert web.version_in(web.get(preview.url).text) == 1


@pytest.mark.timeout(120)
def test_app_that_ends_the_stream_to_its_agent_again_and_again_is_not_taken_over_each_time(client, create):
    preview = create(projects.PLAIN_NODE)
    dials = "for p in /proc/[0-9]*; do grep -qs dial $p/cmdline && kill -9 ${p#/proc/}; done; true"
    end = time.monotonic() + 8
    while time.monotonic() < end:
        daemon.execute(preview.container_name, "sh", "-c", dials, check=False)
        # A container that is lost while it is taken over is made anew.
        eventually(lambda: web.version_in(web.get(preview.url).text) == 0, within=10)
    lifecycle = [entry.line for entry in client.logs(preview.preview_id, sources=[LogSource.LOG_SOURCE_LIFECYCLE])]
    assert len([line for line in lifecycle if "taken over" in line]) <= 6
    updated = client.update(preview.preview_id, projects.PLAIN_NODE.change(1))
    assert updated.preview.phase == Phase.PHASE_RUNNING, updated.preview.failure
    assert web.version_in(web.get(preview.url).text) == 1
