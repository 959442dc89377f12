"""Byte streams over a non-blocking socket: plain TCP, and TLS on top of it.

Both have the same shape: `read()` gives bytes, b"" at the end of the stream, or None if nothing is there yet; `write()`
says how many bytes it took. What fails raises OSError (of which ssl.SSLError is one).
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...wire.frames import Buffer

READ_SIZES: Final = (64 * 1024, 1024 * 1024)
"""Bytes asked of the kernel in one call: at first and while little comes, and in a flood (`benchmarks/README.md`)."""

_RECORD_SIZE: Final = 16 * 1024
"""The most that a TLS record brings (RFC 8446 §5.1)."""

_WRITE_SIZE: Final = 256 * 1024
"""Plain bytes that are encrypted ahead of what the kernel takes."""

_HAS_SENDMSG: Final = hasattr(socket.socket, "sendmsg")  # not on Windows

# The C library of Linux gives blocks larger than any that was ever freed back to the kernel at once, so that the next
# read would be into memory that the kernel has to clear page by page, which takes longer than the read. This block is
# never touched, and freed at once.
bytes(2 * READ_SIZES[1])


class TCPStream:
    """A connected TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with suppress(OSError):  # reset already: reading will tell
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.sock = sock
        self.has_more: bool = True
        """Whether the last read may have left something."""
        self._read_size = READ_SIZES[0]

    def handshake(self) -> bool:
        """There is none."""
        return True

    def read(self) -> bytes | None:
        """Return what has arrived, b"" at the end, None if nothing has."""
        size = self._read_size
        try:
            data = self.sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return None
        self.has_more = len(data) == size
        if self.has_more:
            self._read_size = READ_SIZES[1]
        elif len(data) < READ_SIZES[0]:
            self._read_size = READ_SIZES[0]
        return data

    def shows_more(self) -> bool:
        """Tell whether the descriptor is readable."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:  # reading will tell, and is due
            return True
        return True

    @property
    def unsent_size(self) -> int:
        """Bytes that `write()` took and the kernel did not: none."""
        return 0

    def read_memory(self) -> bytes | None:
        """Return None: all that has arrived and was not read shows at the descriptor."""
        return None

    def write(self, buffers: list[Buffer]) -> int:
        """Return how many bytes the kernel took."""
        try:
            if len(buffers) == 1 or not _HAS_SENDMSG:
                return self.sock.send(buffers[0])
            return self.sock.sendmsg(buffers)
        except (BlockingIOError, InterruptedError):
            return 0

    def flush(self) -> bool:
        """Nothing is kept back here."""
        return True

    def shut_down(self) -> None:
        """Tell the other side that nothing more comes."""
        with suppress(OSError):  # it is gone already, which is what this was for
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Free the socket."""
        self.sock.close()


class TLSStream:
    """TLS over a `TCPStream`, by way of memory: the engine never touches the socket, so nothing here can wait."""

    def __init__(self, tcp: TCPStream | TLSStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self.sock: socket.socket = tcp.sock
        self._tcp = tcp
        self._arrived = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._unsent: bytes | memoryview = b""
        self._tls = context.wrap_bio(
            self._arrived, self._to_send, server_side=server_hostname is None, server_hostname=server_hostname
        )

    @property
    def session(self) -> ssl.SSLObject:
        """What tells of the other side's certificate and what was agreed on."""
        return self._tls

    def handshake(self) -> bool:
        """Go on with the TLS handshake; return whether it is done."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                if not self._fetch(self._tcp.read):
                    return False
            except ssl.SSLError:
                self.flush()  # the alert that tells the other side why
                raise
            else:
                self.flush()
                return True

    def read(self) -> bytes | None:
        """Return what has arrived, decrypted, b"" at the end, None if nothing has."""
        return self._read(self._tcp.read)

    def _read(self, read: Callable[[], bytes | None]) -> bytes | None:
        """Return what `read` has fetched and will, decrypted."""
        tls, arrived = self._tls, self._arrived
        while True:
            # To ask the engine for what it cannot have would take longer than to decrypt a message.
            if not arrived.pending and not tls.pending() and not arrived.eof and not self._fetch(read):
                return None
            try:
                return tls.read(_RECORD_SIZE)
            except ssl.SSLWantReadError:
                continue
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    @property
    def has_more(self) -> bool:
        """Whether the last read may have left something: it gives one record."""
        return self._arrived.pending > 0 or self._tls.pending() > 0 or self._tcp.has_more

    def shows_more(self) -> bool:
        """Tell whether the descriptor is readable."""
        return self._tcp.shows_more()

    def read_memory(self) -> bytes | None:
        """Return what has been fetched from the socket, decrypted, None if that is no whole record.

        No descriptor shows it; what a record still wants will show.
        """
        return self._read(self._tcp.read_memory)

    def write(self, buffers: list[Buffer]) -> int:
        """Return how many bytes were encrypted; not all of those may have gone to the kernel."""
        if not self.flush():
            return 0
        taken = 0
        for buffer in buffers:
            room = _WRITE_SIZE - taken
            taken += self._tls.write(buffer if len(buffer) <= room else memoryview(buffer)[:room])
            if taken >= _WRITE_SIZE:
                break
        self.flush()
        return taken

    @property
    def unsent_size(self) -> int:
        """Bytes that are encrypted and that the kernel did not take yet."""
        return len(self._unsent) + self._to_send.pending + self._tcp.unsent_size

    def flush(self) -> bool:
        """Hand on what is encrypted; return whether nothing of it is left."""
        while self._unsent or self._to_send.pending:
            unsent = self._unsent or self._to_send.read()
            sent = self._tcp.write([unsent])
            self._unsent = memoryview(unsent)[sent:] if sent < len(unsent) else b""
            if not sent:
                return False
        return self._tcp.flush()  # TLS to a proxy may be below this

    def shut_down(self) -> None:
        """Tell the other side that nothing more comes."""
        with suppress(ssl.SSLError):  # our alert is written; theirs is not waited for
            self._tls.unwrap()
        with suppress(OSError):  # as for TCP
            self.flush()
        self._tcp.shut_down()

    def close(self) -> None:
        """Free the socket."""
        self._tcp.close()

    def _fetch(self, read: Callable[[], bytes | None]) -> bool:
        """Take encrypted bytes from below; return whether there were any, or the end."""
        data = read()
        if data is None:
            return False
        if data:
            self._arrived.write(data)
        else:
            self._arrived.write_eof()
        return True
