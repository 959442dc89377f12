"""The CPU time of a browser's renderer processes, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


class Renderer:
    """The renderers of the browser that a driver started.

    Their threads' run time in /proc has nanoseconds, where the time of a process has hundredths of a second.
    """

    def __init__(self, driver_pid: int) -> None:
        children: dict[int, list[int]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            children.setdefault(parent, []).append(int(folder.name))
        self._pids = []
        waiting = [driver_pid]
        while waiting:
            pid = waiting.pop()
            waiting += children.get(pid, [])
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b" ", b"\0").split(b"\0"):
                self._pids.append(pid)
        if not self._pids:
            raise RuntimeError(f"process {driver_pid} has started no renderer")

    def cpu_milliseconds(self) -> float:
        """Return what all their threads have used so far."""
        total = 0
        for pid in self._pids:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                try:
                    total += int((thread / "schedstat").read_text().split()[0])
                except OSError:  # the thread has ended meanwhile
                    continue
        return total / 1e6
