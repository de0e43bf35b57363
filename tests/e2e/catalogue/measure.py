"""What a preview's containers take: memory at rest and at its peak, and the processes in them."""

from __future__ import annotations

import threading
from pathlib import Path

from harness import daemon

EVERY = 0.25
#: Every so many looks at the memory the containers are listed anew.
LIST_EVERY = 6


class Memory:
    """Follows the memory of an instance's preview containers until the block ends.

    It is the working set, as `docker stats` has it: what is used, without the pages of files that nobody needs. Where
    the daemon is not on this machine nothing is seen, and both figures are 0.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self.last = 0
        self.peak = 0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(15)

    def _run(self) -> None:
        looks = 0
        containers: list[str] = []
        while not self._stop.wait(EVERY):
            if looks % LIST_EVERY == 0:
                containers = self._containers()
            looks += 1
            seen = [working_set(it) for it in containers]
            # Two at a time stand side by side while one replaces the other; each has a limit of its own.
            if any(seen):
                self.last = seen[0]
                self.peak = max(self.peak, *seen)

    def _containers(self) -> list[str]:
        labels = (f"label={daemon.INSTANCE}={self._instance}", f"label={daemon.ROLE}=preview")
        filters = [word for label in labels for word in ("--filter", label)]
        return daemon.docker("ps", "--quiet", "--no-trunc", *filters, check=False).split()


def working_set(container: str) -> int:
    """Returns the bytes that a container works with, or 0 where that cannot be seen."""
    places = (
        (Path("/sys/fs/cgroup/memory/docker") / container, "memory.usage_in_bytes", "total_inactive_file"),
        (Path("/sys/fs/cgroup/docker") / container, "memory.current", "inactive_file"),
        (Path(f"/sys/fs/cgroup/system.slice/docker-{container}.scope"), "memory.current", "inactive_file"),
    )
    for folder, used, idle in places:
        try:
            pairs = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
            stat = {name: int(value) for name, value in pairs}
            return max(0, int((folder / used).read_text()) - stat.get(idle, 0))
        except (OSError, ValueError):
            continue
    return 0


def processes(container: str) -> dict[str, str]:
    """Returns the processes of a container: what each runs, by its id."""
    lines = daemon.docker("top", container, "-eo", "pid,args", check=False).splitlines()[1:]
    pairs = (line.split(None, 1) for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
