"""What every contestant talks to: one process of plain blocking sockets that does as little as can be done.

The path says what is wanted: `/flood/SIZE/COUNT` sends messages, `/sink/BYTES` reads so many bytes of frames and then
sends one message, `/echo/SIZE` sends binary messages of that size back.
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


@contextmanager
def counterpart() -> Iterator[str]:
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
        _, kind, *numbers = handshake.path.split("/")
        try:
            {"flood": _flood, "sink": _sink, "echo": _echo}[kind](sock, *map(int, numbers))
            sock.recv(65536)  # the Close frame, or the end
        except ConnectionError:
            return  # a contestant may leave without a word


def frame(payload: bytes) -> bytes:
    return Frame(Opcode.BINARY, payload).serialize(mask=False)


def frame_size(size: int, *, masked: bool) -> int:
    return size + 2 + (0 if size < 126 else 2 if size < 65536 else 8) + 4 * masked


def _flood(sock: socket.socket, size: int, count: int) -> None:
    one = frame(bytes(size))
    per_chunk = max(1, _CHUNK // len(one))
    chunk = one * per_chunk
    for _ in range(count // per_chunk):
        sock.sendall(chunk)
    sock.sendall(one * (count % per_chunk))


def _sink(sock: socket.socket, size: int) -> None:
    buffer = bytearray(1 << 20)
    while size > 0:
        size -= sock.recv_into(buffer) or size
    sock.sendall(frame(b"done"))


def _echo(sock: socket.socket, size: int) -> None:
    total = frame_size(size, masked=True)
    start = frame(bytes(size))[: total - size - 4]
    while True:
        data = b""
        while len(data) < total:
            part = sock.recv(total - len(data))
            if not part:
                return
            data += part
        at = total - size
        sock.sendall(start + apply_mask(data[at:], data[at - 4 : at]))
