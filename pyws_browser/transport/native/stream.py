"""Byte streams over a non-blocking socket: plain TCP, and TLS on top of it.

Both have the same shape: `read()` gives bytes, b"" at the end of the stream, or None if nothing is there yet; `write()`
returns how many bytes it took. Failures raise OSError (ssl.SSLError is a subclass).

Reads begin with 64 KiB, and have 1 MiB once one was full, which is faster for every size. A read that returns less than
was asked for is the last one, which saves the call that would only return EAGAIN. TLS returns one record a read, so it
is asked again while its memory holds something, and not beyond: asking OpenSSL in vain raises an exception, which took
4 of the 30 µs of a round trip.
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
"""Bytes to read from the kernel in one call: while little comes, and in a flood."""

_RECORD_SIZE: Final = 16 * 1024
"""The most bytes in a TLS record (RFC 8446 §5.1)."""

_HEADER_SIZE: Final = 5

_RECORDS_IN_A_ROW: Final = 32
"""How many records the TLS engine gets at a time.

It goes on by itself until one of them contains data, and some contain none: a key update of TLS 1.3 (RFC 8446 §4.6.3)
has 27 bytes, and costs as much time as 100 KiB of data.
"""

_ROWS_WITHOUT_DATA: Final = 4
"""Rows of such records in one read, before the caller looks at the clock."""

SLOW_READ_SIZE: Final = 16 * 1024
"""Bytes to read from the kernel when every record is expensive, and in the first read of a connection."""

_MAX_UNSENT: Final = 1024 * 1024
"""The most bytes of answers to such records that wait for a peer."""

_WRITE_SIZE: Final = 256 * 1024
"""Plain bytes that are encrypted ahead of the kernel."""

_HAS_SENDMSG: Final = hasattr(socket.socket, "sendmsg")  # not on Windows

# The C library of Linux returns a freed block to the kernel at once if it is larger than any block that was freed
# before. The next read would go into memory that the kernel has to clear page by page. This block is freed here, so
# that no later one is larger. Reads of 200 KB take 0.09 ns a byte with it and 0.79 ns without it on CPython 3.11,
# 0.10 ns and 0.69 ns on 3.13, where each read has 50 page faults.
bytes(2 * READ_SIZES[1])


class TCPStream:
    """A connected TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with suppress(OSError):  # reset already: reading will tell
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.sock = sock
        self.has_more: bool = True
        """Whether the last read may have left data."""
        self.is_busy: bool = False
        """Never: what has arrived is data."""
        self._read_size = SLOW_READ_SIZE

    def handshake(self) -> bool:
        """Return True: TCP has no handshake of its own here."""
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

    def slow_down(self) -> None:
        """Make the next read small, so that the rest stays where the descriptor shows it."""
        self._read_size = SLOW_READ_SIZE

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
        """Always 0: bytes that `write()` took and the kernel did not."""
        return 0

    def read_memory(self) -> bytes | None:
        """Return None: the descriptor shows all unread data."""
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
        """Return True: nothing is buffered here."""
        return True

    def shut_down(self) -> None:
        """Tell the other side that nothing more comes."""
        with suppress(OSError):  # already ended, which is the goal
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Free the socket."""
        self.sock.close()


class TLSStream:
    """TLS over a `TCPStream`, by memory buffers: the engine never touches the socket, so nothing here can block."""

    def __init__(self, tcp: TCPStream | TLSStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self.sock: socket.socket = tcp.sock
        self._tcp = tcp
        self._arrived = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._unsent: bytes | memoryview = b""
        # Received data that the engine has not got yet, from `_position` on. `_missing` bytes of its last record are
        # still to come.
        self._fetched = b""
        self._position = 0
        self._missing = 0
        self.is_busy: bool = False
        """Whether the last `read()` or `handshake()` stopped to limit its time, with input left."""
        self._tls = context.wrap_bio(
            self._arrived, self._to_send, server_side=server_hostname is None, server_hostname=server_hostname
        )

    @property
    def session(self) -> ssl.SSLObject:
        """The TLS session: the other side's certificate, and the negotiated parameters."""
        return self._tls

    def handshake(self) -> bool:
        """Continue the TLS handshake; return whether it is done."""
        self.is_busy = False
        for _ in range(_RECORDS_IN_A_ROW):
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
        self.is_busy = True
        return False

    def read(self) -> bytes | None:
        """Return what has arrived, decrypted, b"" at the end, None if nothing has."""
        return self._read(self._tcp.read)

    def _read(self, read: Callable[[], bytes | None]) -> bytes | None:
        """Return the decrypted data of one read."""
        tls, arrived = self._tls, self._arrived
        self.is_busy = False
        rows = 0
        while True:
            # Asking the engine in vain would take longer than decrypting a message.
            if not arrived.pending and not tls.pending() and not arrived.eof and not self._fetch(read):
                return None
            try:
                return tls.read(_RECORD_SIZE)
            except ssl.SSLWantReadError:
                pass
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            if not self._missing:  # else it may be data, whose rest is still to come
                self._tcp.slow_down()
                self._answer()
            rows += 1
            if rows == _ROWS_WITHOUT_DATA:
                self.is_busy = True
                return None

    def _answer(self) -> None:
        """Send the engine's answers to records without data."""
        with suppress(OSError):  # reading shows the reason
            self.flush()
        if self.unsent_size > _MAX_UNSENT:
            raise OSError("the other side asks for TLS's answers and does not read them")

    def slow_down(self) -> None:
        """Make the next read from the socket small."""
        self._tcp.slow_down()

    @property
    def has_more(self) -> bool:
        """Whether the last read may have left data: it returns one record."""
        return (
            self._position < len(self._fetched)
            or self._arrived.pending > 0
            or self._tls.pending() > 0
            or self._tcp.has_more
        )

    def shows_more(self) -> bool:
        """Tell whether the descriptor is readable."""
        return self._tcp.shows_more()

    def read_memory(self) -> bytes | None:
        """Return decrypted data that has been read from the socket, None if it is not a whole record.

        No descriptor shows this data; the rest of an incomplete record will show.
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
        """Encrypted bytes that the kernel has not taken yet."""
        return len(self._unsent) + self._to_send.pending + self._tcp.unsent_size

    def flush(self) -> bool:
        """Send encrypted data; return whether all was sent."""
        while self._unsent or self._to_send.pending:
            unsent = self._unsent or self._to_send.read()
            sent = self._tcp.write([unsent])
            self._unsent = memoryview(unsent)[sent:] if sent < len(unsent) else b""
            if not sent:
                return False
        return self._tcp.flush()  # TLS to a proxy may be below this

    def shut_down(self) -> None:
        """Tell the other side that nothing more comes."""
        with suppress(ssl.SSLError):  # our alert is written; theirs need not be awaited
            self._tls.unwrap()
        with suppress(OSError):  # as for TCP
            self.flush()
        self._tcp.shut_down()

    def close(self) -> None:
        """Free the socket."""
        self._tcp.close()

    def _fetch(self, read: Callable[[], bytes | None]) -> bool:
        """Pass some records, or the end, to the engine; return whether there were any."""
        while True:
            data, start = self._fetched, self._position
            size = len(data)
            stop = self._end_of_row(data, start) if start < size else start
            if stop > start:
                break
            new = read()
            if new is None:
                return False
            if not new:
                self._arrived.write(data[start:])
                self._arrived.write_eof()
                self._fetched, self._position = b"", 0
                return True
            self._fetched, self._position = data[start:] + new if start < size else new, 0
        self._missing = max(stop - size, 0)
        stop = min(stop, size)
        self._arrived.write(data if stop - start == size else memoryview(data)[start:stop])
        if stop == size:
            self._fetched, self._position = b"", 0
        else:
            self._position = stop
        return True

    def _end_of_row(self, data: bytes, start: int) -> int:
        """Return where a row of records ends, possibly beyond `data`; `start` without a whole header."""
        size = len(data)
        end = start + self._missing
        limit = start + _RECORD_SIZE
        for _ in range(_RECORDS_IN_A_ROW):
            if end >= limit or end + _HEADER_SIZE > size:
                break
            end += _HEADER_SIZE + (data[end + 3] << 8 | data[end + 4])
        return end
