"""What clients are measured at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .counterpart import frame_size

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZES = (16, 256, 8 << 10, 64 << 10, 1 << 20)
MIXED = 0
_QUICK_SIZES = (256, 64 << 10)
_TLS_SIZES = (256, 64 << 10)
_BATCHED_BELOW = 64 << 10
_POLLED_SIZES = (256, 64 << 10)

_METHODS = {
    "receive": "receive {}",
    "send": "send {}",
    "send_batches": "send {} in batches",
    "round_trips": "round trip {}, waiting",
    "busy_round_trips": "round trip {}, polling",
}


class Case(NamedTuple):
    """One measurement: what a client does (`method`), with messages of how many bytes, MIXED for any up to 256."""

    method: str
    size: int
    tls: bool = False

    @property
    def name(self) -> str:
        """What it is called in tables, and chosen by."""
        return _METHODS[self.method].format(size_name(self.size)) + (", TLS" if self.tls else "")

    @property
    def is_latency(self) -> bool:
        """Whether single messages are timed."""
        return "round" in self.method

    @property
    def step(self) -> int:
        """What the number of messages is a multiple of."""
        return batch_of(self.size) if self.method == "send_batches" else 1

    def path(self, count: int) -> str:
        """Return what is asked of the counterpart."""
        if self.method == "receive":
            return f"/flood/{self.size}/{count}"
        if self.is_latency:
            return f"/echo/{self.size}"
        return f"/sink/{count * frame_size(self.size, masked=True)}"


def batch_of(size: int) -> int:
    """Return how many messages are put in one batch: a thousand, or a megabyte of them."""
    return max(1, min(1000, (1 << 20) // size))


def size_name(size: int) -> str:
    """Return 16 B, 64 KiB, 1 MiB."""
    if size == MIXED:
        return "16–256 B mixed"
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def choose(words: Iterable[str], *, quick: bool) -> list[Case]:
    """Return the cases whose names have one of the words, all of them if there are no words; `quick` is fewer sizes."""
    wanted = list(words)
    return [
        case
        for case in _all()
        if (not wanted or any(word in case.name for word in wanted)) and (not quick or case.size in _QUICK_SIZES)
    ]


def _all() -> Iterable[Case]:
    for size in (*SIZES[:2], MIXED, *SIZES[2:]):
        yield Case("receive", size)
    for size in SIZES:
        yield Case("send", size)
    for size in SIZES:
        if size < _BATCHED_BELOW:
            yield Case("send_batches", size)
    for size in SIZES:
        yield Case("round_trips", size)
    for size in _POLLED_SIZES:
        yield Case("busy_round_trips", size)
    for method in ("receive", "send", "round_trips"):
        for size in _TLS_SIZES:
            yield Case(method, size, tls=True)
