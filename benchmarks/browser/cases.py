"""What is measured: what is done, with what kind of message, of which size."""

from __future__ import annotations

from typing import Any, NamedTuple

JS = "js"
PEERS = (JS, "polled", "woken", "stream", "aio", "library", "bridge", "shim", "niquests", "pyscript")
EXERCISES = ("echo", "flood_in", "flood_out")
SIZES = (16, 256, 4096, 65536, 1 << 20)
KINDS = ("binary", "text")


class Case(NamedTuple):
    exercise: str
    kind: str
    size: int

    @classmethod
    def of(cls, row: dict[str, Any]) -> Case:
        """Return what a row of a run's JSON is about."""
        return cls(row["exercise"], row["kind"], row["size"])

    @property
    def message(self) -> str:
        """What is sent, in words."""
        size = f"{self.size} B" if self.size < 1024 else f"{self.size >> 10} KiB"
        return f"{size} {self.kind}"

    def path(self, count: int) -> str:
        """Return what to ask the server for."""
        return {
            "echo": "/echo",
            "flood_in": f"/flood/{self.kind}/{self.size}/{count}",
            "flood_out": f"/sink/{self.size * count}",
        }[self.exercise]

    def __str__(self) -> str:
        return f"{self.exercise} {self.message}"
