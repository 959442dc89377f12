"""serve ends at the first signal, however much its clients send."""

from __future__ import annotations

import signal
import socket
import ssl
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from ..native.test_key_updates import REQUEST, flooding
from ..support import client_context
from .command import LIMIT, serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that can be handled")

DEFLATE = REQUEST.replace(
    b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n"
)
BLOCK = 1_000_000


def frame(size: int, *, compressed: bool) -> bytes:
    """Return a message of that many zeros, masked with zeros."""
    payload = bytes(size)
    if compressed:
        deflate = zlib.compressobj(wbits=-15)
        payload = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = b"\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\xff" + size.to_bytes(8, "big")
    return bytes([0xC2 if compressed else 0x82]) + length + bytes(4) + payload


class Flooder:
    """Sends the same message without end, and throws away what comes; each in a thread of its own."""

    def __init__(self, port: int, message: bytes, request: bytes, context: ssl.SSLContext | None) -> None:
        sock = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.sock = sock if context is None else context.wrap_socket(sock, server_hostname="127.0.0.1")
        self.sock.sendall(request)
        self.has_begun = threading.Event()
        self._block = message * (BLOCK // len(message) + 1)
        self._threads = [threading.Thread(target=self._send)]
        if context is None:  # two threads may not use the same TLS
            self._threads.append(threading.Thread(target=self._receive))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with suppress(OSError):  # the server has ended it
            self.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT)
        self.sock.close()

    def _send(self) -> None:
        with suppress(OSError):
            while True:
                self.sock.sendall(self._block)
                self.has_begun.set()

    def _receive(self) -> None:
        with suppress(OSError):
            while self.sock.recv(BLOCK):
                pass


@contextmanager
def flooded(
    count: int, port: int, size: int, authority: trustme.CA | None = None, *, compressed: bool = False
) -> Iterator[None]:
    context = None if authority is None else client_context(authority)
    message, request = frame(size, compressed=compressed), DEFLATE if compressed else REQUEST
    with ExitStack() as stack:
        flooders = [Flooder(port, message, request, context) for _ in range(count)]
        for flooder in flooders:
            stack.callback(flooder.stop)
        for flooder in flooders:
            assert flooder.has_begun.wait(LIMIT)
        yield


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].strip("/"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("mode", "size", "compressed", "count"),
    [
        ("--echo", 8, False, 3),
        ("--echo", 1_000, True, 1),
        ("--relay", 8, True, 3),
        ("--relay", 65_536, False, 3),
    ],
)
def test_a_signal_ends_it_in_a_flood(mode: str, size: int, compressed: bool, count: int, told: signal.Signals) -> None:
    with serving(mode) as (url, server), flooded(count, port_of(url), size, compressed=compressed):
        server.send_signal(told)
        assert server.wait(LIMIT) == 0


@pytest.mark.parametrize("mode", ["--echo", "--relay"])
def test_a_signal_ends_it_in_a_flood_over_tls(mode: str, authority: trustme.CA, certificate: str) -> None:
    with (
        serving(mode, "--certificate", certificate) as (url, server),
        flooded(2, port_of(url), 8, authority),
    ):
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0


@pytest.mark.parametrize("is_open", [False, True], ids=["before the request", "after it"])
def test_a_signal_ends_it_in_a_flood_of_new_keys(is_open: bool, authority: trustme.CA, certificate: str) -> None:
    with (
        serving("--echo", "--certificate", certificate) as (url, server),
        flooding(2, port_of(url), authority, is_open=is_open) as flooders,
    ):
        assert all(flooder.has_begun.wait(LIMIT) for flooder in flooders)
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0
        for flooder in flooders:
            assert flooder.was_cut.wait(LIMIT)
