"""What tests of several suites need: letting peers and servers poll each other, and certificates."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

import trustme

LIMIT = 30.0


class Pollable(Protocol):
    def poll(self) -> None: ...


def pump(*parties: Pollable, until: Callable[[], object], seconds: float = LIMIT) -> None:
    """Poll all of them until something is the case."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, parties
        for party in parties:
            party.poll()
        time.sleep(0.0005)


class Clock:
    """Stands in for `time.monotonic()`; time passes only when the program works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fast_clock() -> Callable[[], float]:
    """Return a clock on which 20 ms pass whenever somebody looks at it, to stand in for `time.monotonic`."""
    return count(time.monotonic(), 0.02).__next__


def open_descriptors() -> int:
    """Return how many file descriptors this process holds.

    Later there may be fewer: what earlier tests have left, in a thread or as garbage, ends when it does.
    """
    return len(os.listdir("/proc/self/fd"))


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return a server's context with a certificate for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return a client's context that trusts `authority`."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
