"""What the page's contestants talk to: a process of plain blocking sockets that does as little as can be done.

The path says what is wanted. `/echo` sends every message back. `/flood/KIND/SIZE/COUNT` answers each message with COUNT
messages of SIZE bytes, KIND being "text" or "binary". `/sink/BYTES` takes so many bytes of payload, sends one message,
and begins again.
"""

from __future__ import annotations

import multiprocessing
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode
from websockets.speedups import apply_mask

from pyws_browser.wire.handshake import ServerHandshake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_CHUNK = 256 * 1024
_FIN, _OPCODE = 0x80, 0x0F
_OPCODES = {"text": Opcode.TEXT, "binary": Opcode.BINARY}


@contextmanager
def bench_server() -> Iterator[str]:
    """Run it in a process of its own; give its URL, without a path."""
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_listen, args=(its,), daemon=True)
    process.start()
    try:
        yield f"ws://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


def _listen(pipe: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pipe.send(listener.getsockname()[1])
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            threading.Thread(target=_serve, args=(sock,), daemon=True).start()


def _serve(sock: socket.socket) -> None:
    with sock:
        handshake = ServerHandshake()
        while handshake.receive(sock.recv(65536)) is None:
            pass
        sock.sendall(handshake.response)
        _, kind, *rest = handshake.path.split("/")
        try:
            {"echo": _echo, "flood": _flood, "sink": _sink}[kind](_Frames(sock), *rest)
        except ConnectionError:
            return  # a page may leave without a word


class _Frames:
    """The frames that a page sends: masked, and a large message is several."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._data = bytearray()

    def next(self) -> tuple[int, bytes, bytes] | None:
        """Return the first byte of the next data frame, its mask and its masked payload; None for a Close frame."""
        self._need(2)
        length = self._data[1] & 127
        start = {126: 4, 127: 10}.get(length, 2)
        if start > 2:
            self._need(start)
            length = int.from_bytes(self._data[2:start])
        end = start + 4 + length
        self._need(end)
        frame = bytes(memoryview(self._data)[:end])
        del self._data[:end]
        return None if frame[0] & _OPCODE == Opcode.CLOSE else (frame[0], frame[start : start + 4], frame[start + 4 :])

    def skip(self, payload_bytes: int) -> None:
        """Take in frames until their payload adds up."""
        while payload_bytes > 0:
            frame = self.next()
            if frame is None:
                raise ConnectionError("the page closed in the middle")
            payload_bytes -= len(frame[2])

    def _need(self, size: int) -> None:
        while len(self._data) < size:
            part = self.sock.recv(max(_CHUNK, size - len(self._data)))
            if not part:
                raise ConnectionError("the page has gone")
            self._data += part


def _echo(frames: _Frames) -> None:
    while (frame := frames.next()) is not None:
        first, mask, masked = frame
        answer = Frame(Opcode(first & _OPCODE), apply_mask(masked, mask), fin=bool(first & _FIN))
        frames.sock.sendall(answer.serialize(mask=False))


def _flood(frames: _Frames, kind: str, size: str, count: str) -> None:
    one = Frame(_OPCODES[kind], b"x" * int(size)).serialize(mask=False)
    per_chunk = max(1, _CHUNK // len(one))
    chunk, last = one * per_chunk, one * (int(count) % per_chunk)
    while frames.next() is not None:
        for _ in range(int(count) // per_chunk):
            frames.sock.sendall(chunk)
        frames.sock.sendall(last)


def _sink(frames: _Frames, size: str) -> None:
    done = Frame(Opcode.BINARY, b"done").serialize(mask=False)
    while True:
        frames.skip(int(size))
        frames.sock.sendall(done)
