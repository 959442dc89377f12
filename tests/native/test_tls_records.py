"""TLS records that bring no data cost a read no more than others do."""

from __future__ import annotations

import _ssl
import ctypes
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trustme

from pyws_browser.transport.native.stream import TCPStream, TLSStream

from ..support import client_context, server_context

_openssl = ctypes.CDLL(_ssl.__file__)
_openssl.SSL_key_update.argtypes = [ctypes.c_void_p, ctypes.c_int]
_openssl.SSL_do_handshake.argtypes = [ctypes.c_void_p]
_POINTER_OFFSET = object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)


class Hostile:
    """A TLS client over a blocking socket that can do what Python's own `ssl` cannot: ask for new keys."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock = sock
        self.arrived, self.to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.arrived, self.to_send, server_hostname="127.0.0.1")

    def new_keys(self, count: int, *, asks_for_them: bool = False) -> bytes:
        """Return that many KeyUpdate records (RFC 8446 §4.6.3)."""
        pointer = ctypes.c_void_p.from_address(id(self.tls._sslobj) + _POINTER_OFFSET).value
        for _ in range(count):
            assert _openssl.SSL_key_update(pointer, int(asks_for_them)) == 1
            _openssl.SSL_do_handshake(pointer)
        return self.to_send.read()

    def data(self, payload: bytes) -> bytes:
        self.tls.write(payload)
        return self.to_send.read()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def sides(authority: trustme.CA) -> Iterator[tuple[Hostile, TLSStream]]:
    """A hostile client and a server's stream of ours, whose handshake is over."""
    theirs, ours = socket.socketpair()
    with theirs, ours:
        hostile = Hostile(theirs, client_context(authority))
        stream = TLSStream(TCPStream(ours), server_context(authority, "127.0.0.1"), None)
        is_done = False
        while not is_done:
            with suppress(ssl.SSLWantReadError):
                hostile.tls.do_handshake()
            theirs.sendall(hostile.to_send.read())
            is_done = stream.handshake()
            theirs.setblocking(False)
            with suppress(BlockingIOError):
                hostile.arrived.write(theirs.recv(65536))
            theirs.setblocking(True)
        yield hostile, stream


def read_all(stream: TLSStream) -> tuple[bytes, int]:
    """Read until nothing is left; return what came, and how many reads were stopped before."""
    content = b""
    stops = 0
    while (data := stream.read()) is not None or stream.is_busy:
        content += data or b""
        stops += data is None
    return content, stops


@pytest.mark.parametrize("asks_for_them", [False, True])
def test_new_keys_are_taken_a_few_at_a_time(sides: tuple[Hostile, TLSStream], asks_for_them: bool) -> None:
    hostile, stream = sides
    hostile.sock.sendall(hostile.new_keys(1000, asks_for_them=asks_for_them) + hostile.data(b"the end"))
    content, stops = read_all(stream)
    assert content == b"the end"
    assert stops >= 1000 // 128 - 1


def test_records_are_taken_wherever_they_are_cut(sides: tuple[Hostile, TLSStream]) -> None:
    hostile, stream = sides
    wire = hostile.data(b"a" * 3) + hostile.new_keys(40) + hostile.data(b"b" * 40_000)
    wire += hostile.new_keys(1) + hostile.data(b"c")
    content = b""
    for start in range(0, len(wire), 997):
        hostile.sock.sendall(wire[start : start + 997])
        content += read_all(stream)[0]
    assert content == b"aaa" + b"b" * 40_000 + b"c"


def test_data_before_the_end_is_read(sides: tuple[Hostile, TLSStream]) -> None:
    hostile, stream = sides
    hostile.sock.sendall(hostile.new_keys(200) + hostile.data(b"last words"))
    hostile.sock.shutdown(socket.SHUT_WR)
    content = b""
    while (data := stream.read()) != b"":
        content += data or b""
    assert content == b"last words"
    assert not stream.is_busy


def test_who_reads_no_answers_is_given_up(sides: tuple[Hostile, TLSStream]) -> None:
    hostile, stream = sides

    def ask_for_new_keys() -> None:
        for _ in range(10_000):
            hostile.sock.sendall(hostile.new_keys(500, asks_for_them=True))
            read_all(stream)

    with pytest.raises(OSError, match="does not read them"):
        ask_for_new_keys()
