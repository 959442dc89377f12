"""What every client talks to: plain blocking sockets that do as little as can be done, in a process of their own.

The path says what is wanted. `/flood/SIZE/COUNT` waits for anything to come, then sends messages made beforehand, of
all sizes from 16 to 256 bytes if SIZE is 0; `/deflated/SIZE/COUNT` does the same compressed; `/sink/BYTES` reads so
many bytes of frames, then sends one message; `/echo/SIZE` sends binary messages of that size back.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import sys
import threading
import zlib
from struct import pack
from typing import TYPE_CHECKING, Final

from websockets.speedups import apply_mask

from .processes import questions, reply
from .processors import place_counterpart

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 256 * 1024
_PATIENCE = 60.0
_BINARY = 0x82
_COMPRESSED = 0x40
_CLOSE = b"\x88\x02\x03\xe8"
_DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(payload: bytes, key: bytes = b"", *, first: int = _BINARY) -> bytes:
    """Return a binary message, masked if there is a key; `first` is the first byte of its head."""
    size = len(payload)
    mask_bit = 0x80 if key else 0
    if size < 126:
        head = pack("!BB", first, mask_bit | size)
    elif size < 65536:
        head = pack("!BBH", first, mask_bit | 126, size)
    else:
        head = pack("!BBQ", first, mask_bit | 127, size)
    return head + (key + apply_mask(payload, key) if key else payload)


def deflated_frame(size: int, key: bytes = b"") -> bytes:
    """Return a compressed message that inflates to `size` bytes and refers to no message before it."""
    deflater = zlib.compressobj(wbits=-15)
    payload = deflater.compress(bytes(number * 7 % 64 for number in range(size))) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return frame(payload.removesuffix(b"\0\0\xff\xff"), key, first=_BINARY | _COMPRESSED)


def frame_size(size: int, *, masked: bool) -> int:
    """Return the bytes that a message of `size` takes on the wire."""
    return size + 2 + (0 if size < 126 else 2 if size < 65536 else 8) + 4 * masked


def flood_frames(size: int) -> list[bytes]:
    """Return the messages that a flood repeats: one, or for size 0 one of each size from 16 to 256, in no order."""
    sizes = [size] if size else [16 + number * 89 % 241 for number in range(241)]
    return [frame(bytes(size)) for size in sizes]


def accept_of(key: bytes) -> str:
    """Return the `Sec-WebSocket-Accept` to a key (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()


def main() -> None:
    """Listen at two ports, with TLS at the second by the certificate that the arguments name."""
    place_counterpart()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as secure:
        for listener, tls in ((plain, None), (secure, context)):
            threading.Thread(target=_listen, args=(listener, tls), daemon=True).start()
        reply(ws=plain.getsockname()[1], wss=secure.getsockname()[1])
        for _ in questions():
            pass


def _listen(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_serve, args=(sock, context), daemon=True).start()


def _serve(sock: socket.socket, context: ssl.SSLContext | None) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    sock.settimeout(_PATIENCE)
    try:
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True)
        with sock:
            _, kind, *numbers = _shake_hands(sock).split("/")
            _KINDS[kind](sock, *map(int, numbers))
            sock.sendall(_CLOSE)
    except OSError:
        return  # a contestant may leave without a word


def _shake_hands(sock: socket.socket) -> str:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += sock.recv(65536)
    lines = request.split(b"\r\n")
    fields = dict(line.lower().partition(b":")[::2] for line in lines[1:])
    key = next(line for line in lines if line.lower().startswith(b"sec-websocket-key"))
    assert fields[b"upgrade"].strip() == b"websocket"
    accept = accept_of(key.partition(b":")[2].strip())
    path = lines[0].split()[1].decode()
    sock.sendall(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{_DEFLATE if path.startswith('/deflated') else ''}\r\n".encode()
    )
    return path


def _flood(sock: socket.socket, size: int, count: int) -> None:
    _repeat(sock, flood_frames(size), count)


def _deflated(sock: socket.socket, size: int, count: int) -> None:
    _repeat(sock, [deflated_frame(size)], count)


def _repeat(sock: socket.socket, frames: list[bytes], count: int) -> None:
    frames *= max(1, _CHUNK // sum(map(len, frames)))
    per_chunk = len(frames)
    chunk = b"".join(frames)
    last = b"".join(frames[: count % per_chunk])
    sock.recv(65536)
    for _ in range(count // per_chunk):
        sock.sendall(chunk)
    sock.sendall(last)
    sock.recv(65536)  # the Close frame, or the end


def _sink(sock: socket.socket, size: int) -> None:
    buffer = bytearray(1 << 20)
    while size > 0:
        got = sock.recv_into(buffer)
        if not got:
            return
        size -= got
    sock.sendall(frame(b"done"))
    sock.recv(65536)


def _echo(sock: socket.socket, size: int) -> None:
    total = frame_size(size, masked=True)
    at = total - size
    start = frame(bytes(size))[: at - 4]
    buffer = bytearray(total)
    view = memoryview(buffer)
    while True:
        filled = 0
        while filled < total:
            got = sock.recv_into(view[filled:])
            if not got:
                return
            filled += got
            if buffer[0] == _CLOSE[0]:
                return
        sock.sendall(start + apply_mask(buffer[at:], buffer[at - 4 : at]))


_KINDS: Final[dict[str, Callable[..., None]]] = {
    "flood": _flood,
    "deflated": _deflated,
    "sink": _sink,
    "echo": _echo,
}
