"""Connecting: name look-up that no poll waits for, and Happy Eyeballs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pyws_browser import ConnectError, NameResolutionError
from pyws_browser.transport.native import dial
from pyws_browser.transport.native.dial import Dialler, _interleave

from ..support import LIMIT, open_descriptors

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def nothing() -> None:
    pass


def outcome(dialler: Dialler) -> socket.socket:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        sock = dialler.poll()
        if sock is not None:
            return sock
        time.sleep(0.001)
    raise AssertionError("nothing came of it")


def fake_lookup(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[tuple[socket.AddressFamily, str]]]) -> None:
    def getaddrinfo(host: str, port: int, family: int, type: int, flags: int) -> list[object]:  # noqa: A002
        return [(kind, type, 6, "", (address, port)) for kind, address in answer() if family in (0, kind)]

    monkeypatch.setattr(dial.socket, "getaddrinfo", getaddrinfo)


def test_an_address_needs_no_lookup(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(dial.socket, "getaddrinfo")
    with outcome(Dialler("127.0.0.1", port_of(listener), nothing)) as sock:
        assert sock.getpeername() == listener.getsockname()
        assert not sock.getblocking()


@pytest.mark.parametrize("name", ["localhost", "anything.localhost"])
def test_localhost_is_never_asked_of_the_network(
    name: str, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(dial.socket, "getaddrinfo")
    with outcome(Dialler(name, port_of(listener), nothing)) as sock:
        assert sock.getpeername() == listener.getsockname()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")
def test_ipv6() -> None:
    with (
        socket.create_server(("::1", 0), family=V6) as listener,
        outcome(Dialler("::1", port_of(listener), nothing)) as sock,
    ):
        assert sock.family == V6


def link_local() -> str:
    """Return an address of this machine with its zone, "" if it has none."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:  # another system
        return ""
    fields = next((line.split() for line in lines if line.startswith("fe80")), None)
    return f"{socket.inet_ntop(V6, bytes.fromhex(fields[0]))}%{fields[5]}" if fields else ""


@pytest.mark.skipif(not link_local(), reason="no link-local address on this machine")
def test_a_link_local_address_keeps_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    host = link_local()
    full = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][4]
    with socket.socket(V6) as listener:
        listener.bind(full)
        listener.listen()
        port = port_of(listener)
        with outcome(Dialler(host, port, nothing, local_addr=(host, 0))) as sock:
            assert sock.getpeername() == listener.getsockname()
        monkeypatch.setattr(dial, "_look_up", lambda name, port, *_: [(V6, (full[0], port, 0, full[3]))])
        with outcome(Dialler("name.local", port, nothing)) as sock:
            assert sock.getpeername() == listener.getsockname()


def test_a_zone_that_the_machine_lacks() -> None:
    with pytest.raises(NameResolutionError, match="fe80::1%nothere has no address"):
        outcome(Dialler("fe80::1%nothere", 80, nothing))


def test_a_slow_lookup_holds_no_poll_up(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, resolved = threading.Event(), threading.Event()

    def answer() -> list[tuple[socket.AddressFamily, str]]:
        assert answered.wait(LIMIT)
        return [(V4, "127.0.0.1")]

    fake_lookup(monkeypatch, answer)
    dialler = Dialler("slow.example", port_of(listener), resolved.set)
    assert dialler.poll() is None
    assert not resolved.is_set()
    answered.set()
    assert resolved.wait(LIMIT), "whoever waits is woken"
    outcome(dialler).close()


def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> list[tuple[socket.AddressFamily, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    fake_lookup(monkeypatch, answer)
    with pytest.raises(NameResolutionError, match=r"nowhere\.example has no address: no such name"):
        outcome(Dialler("nowhere.example", 80, nothing))


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example"])
def test_a_name_that_cannot_be_one(host: str) -> None:
    with pytest.raises(NameResolutionError, match=rf"{host} has no address: .*label"):
        outcome(Dialler(host, 80, nothing))


def test_refused_everywhere_tells_every_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = port_of(sock)
    with pytest.raises(ConnectError, match=f"localhost:{port}: Connection refused$"):
        outcome(Dialler("localhost", port, nothing))


def test_a_family_that_the_machine_lacks_is_passed_over(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = socket.socket

    def no_ipv6(family: int, type: int) -> socket.socket:  # noqa: A002
        if family == V6:
            raise OSError(97, "Address family not supported")
        return make(family, type)

    monkeypatch.setattr(dial.socket, "socket", no_ipv6)
    outcome(Dialler("localhost", port_of(listener), nothing)).close()


def test_an_unreachable_address_is_passed_over(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_lookup(monkeypatch, lambda: [(V4, "255.255.255.255"), (V4, "127.0.0.1")])
    outcome(Dialler("two.example", port_of(listener), nothing)).close()


@contextmanager
def deaf_listener(port: int) -> Iterator[None]:
    """Listen at 127.0.0.2 with a backlog that is full, so that another connection gets no answer at all."""
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.2", port), backlog=0))
        for _ in range(4):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.2", port))
        yield


def test_the_next_address_is_tried_beside_one_that_hangs(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "ATTEMPT_DELAY", 0.01)
    fake_lookup(monkeypatch, lambda: [(V4, "127.0.0.2"), (V4, "127.0.0.1")])
    with deaf_listener(port_of(listener)):
        before = open_descriptors()
        with outcome(Dialler("two.example", port_of(listener), nothing)) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"
        assert open_descriptors() <= before, "the hanging attempt was closed too"


def test_giving_up_closes_every_attempt(listener: socket.socket) -> None:
    with deaf_listener(port_of(listener)):
        before = open_descriptors()
        dialler = Dialler("127.0.0.2", port_of(listener), nothing)
        assert dialler.poll() is None
        assert open_descriptors() <= before + 1
        dialler.close()
        dialler.close()
        assert open_descriptors() <= before


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ([], []),
        ([(V4, "1")], [(V4, "1")]),
        (
            [(V6, "a"), (V6, "b"), (V4, "1"), (V4, "2"), (V4, "3")],
            [(V6, "a"), (V4, "1"), (V6, "b"), (V4, "2"), (V4, "3")],
        ),
        ([(V4, "1"), (V4, "2"), (V6, "a")], [(V4, "1"), (V6, "a"), (V4, "2")]),
        ([(V4, "1"), (V4, "1")], [(V4, "1")]),
    ],
)
def test_the_families_take_turns(
    found: list[tuple[socket.AddressFamily, str]], order: list[tuple[socket.AddressFamily, str]]
) -> None:
    assert _interleave([(family, (name, 0)) for family, name in found]) == [(f, (name, 0)) for f, name in order]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")
def test_a_family_leaves_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_lookup(monkeypatch, lambda: [(V6, "::1"), (V4, "127.0.0.1")])
    with socket.create_server(("", 0), family=V6, dualstack_ipv6=True) as both:
        for host in ("localhost", "two.example"):
            for family in (V4, V6):
                with outcome(Dialler(host, port_of(both), nothing, family=family)) as sock:
                    assert sock.family == family
    with pytest.raises(ConnectError, match="no address of the family"):
        outcome(Dialler("127.0.0.1", 80, nothing, family=V6))


def test_it_connects_from_the_address_that_it_is_given(listener: socket.socket) -> None:
    with outcome(Dialler("127.0.0.1", port_of(listener), nothing, local_addr=("127.0.0.5", 0))) as sock:
        assert sock.getsockname()[0] == "127.0.0.5"
    with pytest.raises(ConnectError, match=r"192\.0\.2\.1: Cannot assign"):
        outcome(Dialler("127.0.0.1", port_of(listener), nothing, local_addr=("192.0.2.1", 0)))
    with pytest.raises(ConnectError, match=r"::1: Cannot assign"):
        outcome(Dialler("127.0.0.1", port_of(listener), nothing, local_addr=("::1", 0)))
    with outcome(Dialler("127.0.0.1", port_of(listener), nothing, local_addr=("", 0))) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_the_name_to_connect_from_is_looked_up_without_holding_a_poll_up(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def answer() -> list[tuple[socket.AddressFamily, str]]:
        assert answered.wait(LIMIT)
        return [(V4, "127.0.0.1")]

    fake_lookup(monkeypatch, answer)
    dialler = Dialler("127.0.0.1", port_of(listener), nothing, local_addr=("here.example", 0))
    assert dialler.poll() is None
    answered.set()
    outcome(dialler).close()


def test_an_unknown_name_to_connect_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> list[tuple[socket.AddressFamily, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    fake_lookup(monkeypatch, answer)
    with pytest.raises(NameResolutionError, match=r"(there|here)\.example has no address"):
        outcome(Dialler("there.example", 80, nothing, local_addr=("here.example", 0)))
