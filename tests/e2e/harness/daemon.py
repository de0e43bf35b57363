"""The Docker daemon, through the `docker` command line, so that DOCKER_HOST decides which one it is."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Container

INSTANCE = "previewd.instance"
ROLE = "previewd.role"
#: What stays on the daemon on purpose: the volumes with the agent and with downloads, and the images of dependencies and of what is
#: bundled of them.
KEPT_VOLUMES = {"runtime", "cache"}
KEPT_IMAGES = {"dependencies", "prebundled"}


def docker(*arguments: str, check: bool = True, timeout: float = 60) -> str:
    """Runs `docker` and returns its standard output."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    if check and result.returncode != 0:
        raise AssertionError(f"docker {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout.strip()


def inspect(kind: str, name: str) -> dict | None:
    """Returns what `docker KIND inspect` says, or None where there is no such thing."""
    text = docker(kind, "inspect", name, check=False)
    found = json.loads(text or "[]")
    return found[0] if found else None


def container(name: str) -> dict | None:
    """Returns a container by name or id, or None."""
    return inspect("container", name)


def execute(name: str, *command: str, check: bool = True) -> str:
    """Runs a command in a container and returns its output."""
    return docker("exec", name, *command, check=check)


def environment(name: str) -> dict[str, str]:
    """Returns the environment that a container was made with."""
    found = container(name)
    assert found, f"no container {name}"
    return dict(entry.split("=", 1) for entry in found["Config"]["Env"])


def of_instance(kind: str, instance: str) -> list[dict]:
    """Returns the labels and names of all containers, networks, volumes or images of an instance."""
    label = f"{INSTANCE}={instance}"
    listing = {
        "container": ("ps", "--all", "--quiet", "--no-trunc"),
        "network": ("network", "ls", "--quiet", "--no-trunc"),
        "volume": ("volume", "ls", "--quiet"),
        "image": ("images", "--quiet", "--no-trunc"),
    }[kind]
    ids = sorted(set(docker(*listing, "--filter", f"label={label}").split()))
    return [found for found in (inspect(kind, one) for one in ids) if found]


def labels(kind: str, found: dict) -> dict[str, str]:
    """Returns the labels of an inspected thing."""
    holder = found["Config"] if kind in ("container", "image") else found
    return holder.get("Labels") or {}


def of_role(kind: str, instance: str, role: str) -> list[dict]:
    """Returns what an instance has of a kind, in one role."""
    return [it for it in of_instance(kind, instance) if labels(kind, it).get(ROLE) == role]


def bundles(instance: str) -> list[dict]:
    """Returns the images of an instance in which packages are bundled."""
    return of_role("image", instance, "prebundled")


def dependencies(instance: str) -> list[dict]:
    """Returns the images of an instance in which dependencies are installed."""
    return of_role("image", instance, "dependencies")


def installing(instance: str) -> bool:
    """Returns whether an instance has a container of an installation: its image is made after the first preview has it."""
    return bool(of_role("container", instance, "install"))


def unused_volumes(instance: str) -> list[str]:
    """Returns the names of an instance's volumes that no container has, and that are kept for none."""
    unused = set(docker("volume", "ls", "--quiet", "--filter", "dangling=true").split())
    passing = (it for it in of_instance("volume", instance) if labels("volume", it).get(ROLE) not in KEPT_VOLUMES)
    return [it["Name"] for it in passing if it["Name"] in unused]


def leftovers(instance: str) -> list[str]:
    """Returns what an instance has on the daemon and should not leave behind, in words."""
    left = []
    for kind, kept in (("container", set()), ("network", set()), ("volume", KEPT_VOLUMES), ("image", KEPT_IMAGES)):
        for found in of_instance(kind, instance):
            role = labels(kind, found).get(ROLE, "")
            if role not in kept:
                name = found.get("Name") or ", ".join(found.get("RepoTags") or []) or found.get("Id")
                left.append(f"{kind} {name} ({role or 'no role'})")
    return left


def remove_leftovers(instance: str) -> None:
    """Removes what `leftovers` names, so that a failed run does not stand in the way of the next one."""
    for found in of_instance("container", instance):
        docker("rm", "--force", "--volumes", found["Id"], check=False)
    for found in of_instance("network", instance):
        docker("network", "rm", found["Id"], check=False)
    for found in of_instance("volume", instance):
        if labels("volume", found).get(ROLE) not in KEPT_VOLUMES:
            docker("volume", "rm", found["Name"], check=False)
    for found in of_instance("image", instance):
        if labels("image", found).get(ROLE) not in KEPT_IMAGES:
            docker("image", "rm", "--force", found["Id"], check=False)


def remove_dependencies(instance: str) -> None:
    """Removes the images of an instance's dependencies that no container uses."""
    # The newest first: some lie on others.
    for found in sorted(of_instance("image", instance), key=lambda image: image["Created"], reverse=True):
        if labels("image", found).get(ROLE) in KEPT_IMAGES:
            docker("image", "rm", found["Id"], check=False)


class Events:
    """What the daemon says happened to one instance's things while the block ran."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self.all: list[dict] = []

    def __enter__(self) -> Events:
        self._since = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        # A daemon may write an event a moment after the thing itself was seen.
        until = time.time() + 0.5
        text = docker("events", "--since", f"{self._since:.6f}", "--until", f"{until:.6f}", "--format", "{{json .}}")
        events = [json.loads(line) for line in text.splitlines()]
        self.all = [event for event in events if event["Actor"]["Attributes"].get(INSTANCE) == self._instance]

    def _ended_before(self) -> set[str]:
        """Returns the containers of installations that had ended before: no longer listed, and their removal not yet said."""
        died = {event["Actor"]["ID"] for event in self.all if event["Action"] in ("create", "die")}
        installed = {e["Actor"]["ID"] for e in self.all if e["Actor"]["Attributes"].get(ROLE) == "install"}
        return installed - died

    def named(self, kind: str, *actions: str, but: Container[str] = ()) -> list[str]:
        """Returns the events of a kind with one of these actions, but for those of some ids, in words."""
        return [
            f"{event['Action']} {event['Actor']['Attributes'].get('name', event['Actor']['ID'])}"
            for event in self.all
            if event["Type"] == kind
            and event["Action"].split(":")[0] in actions
            and event["Actor"]["ID"] not in but
        ]

    def work(self) -> list[str]:
        """Returns every install, image build, and creation or start of a container."""
        return [
            *self.named("container", "create", "start", "restart", "commit", "die"),
            *self.named("container", "destroy", but=self._ended_before()),
            *self.named("image", "build", "tag", "import", "load", "pull", "delete", "untag"),
        ]
