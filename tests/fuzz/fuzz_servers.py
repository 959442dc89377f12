"""The polled server and the asyncio one, over sockets: a client's frames come to the same on both, however cut."""

from __future__ import annotations

import asyncio
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["pyws_browser.aio", "pyws_browser.transport", "pyws_browser.wire"]):
    from pyws_browser import WebSocketServer
    from pyws_browser.aio import ConnectionClosed, serve
    from pyws_browser.aio.server import ServerConnection
    from pyws_browser.protocol.vocabulary import CloseStatus

from tests.fuzz.target import cut, run
from tests.wire.raw import CLOSE, CONTINUATION, MASK, RSV1, close_frame, frame

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
OPCODES = (0, 1, 2, 8, 9, 10, 1, 2, 0, 2, 1, 9, 3, 2, 1, 0)
LIMIT = 4000
"""Bytes that a message may have on both servers."""
LONGEST = 20.0
"""Seconds that one side may take."""

Outcome = tuple[list[str | bytes], object]


def frames_of(data: bytes) -> Iterator[bytes]:
    """Return what a client sends: frames, most of them as they should be; `data` says which."""
    while len(data) > 1:
        head, size = data[0], data[1] & 0x3F
        payload, data = data[2 : 2 + size], data[2 + size :]
        opcode = OPCODES[head & 0x0F]
        if head & 0x10 and opcode < CLOSE:
            payload *= 100
        if head & 0x20:
            compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
            payload = (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
            yield frame(opcode, payload, fin=not head & 0x40, rsv=0 if opcode == CONTINUATION else RSV1, mask=MASK)
        elif head & 0x80:
            yield payload  # raw bytes: a broken frame, in most cases
        else:
            yield frame(opcode, payload, fin=not head & 0x40, mask=MASK)
    yield close_frame(1000, b"over", mask=MASK)


def end_of(status: CloseStatus | None) -> object:
    """Return what has to be the same; the reason of a failure names the broken rule that was seen first."""
    if status is None:
        return None
    reason = status.reason if status.cause is None else ""
    return int(status.code), reason, status.was_clean, type(status.cause).__name__


def of_polled(pieces: list[bytes], settings: int) -> Outcome:
    """Return what a program with a polled server gets of it."""
    messages: list[str | bytes] = []
    ends: list[object] = []
    with WebSocketServer() as server, socket.socket() as client:

        def note_end(id_: int, was_clean: bool) -> None:
            ends.append(end_of(server.get_peer(id_)._transport.close_status))

        server.bind_ip = "127.0.0.1"
        server.inbound_buffer_size = LIMIT
        server.data_received.connect(lambda id_: messages.extend(server.get_peer(id_)))
        server.client_disconnected.connect(note_end)
        server.listen(0)
        client.connect(("127.0.0.1", server.port))
        client.sendall(REQUEST % (DEFLATE if settings & 1 else b""))
        client.setblocking(False)
        end = time.monotonic() + LONGEST

        def turn() -> bytes:
            """Poll, and return what has come."""
            if time.monotonic() > end:
                raise RuntimeError(f"the polled server goes on for more than {LONGEST} s")
            server.wait(0.001)
            server.poll()
            with suppress(OSError):
                return client.recv(65536)
            return b""

        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += turn()
        for piece in pieces:
            while piece and not ends:
                with suppress(BlockingIOError):
                    try:
                        piece = piece[client.send(piece) :]
                    except ConnectionError:
                        break
                turn()
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        while not ends:
            turn()
    return messages, ends[0]


async def of_asyncio(pieces: list[bytes], settings: int) -> Outcome:
    """Return what a program with an asyncio server gets of it."""
    messages: list[str | bytes] = []
    end: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                messages.append(message)
        await connection.wait_closed()
        end.set_result(end_of(connection._transport.close_status))

    async with serve(handler, "127.0.0.1", 0, max_size=LIMIT, ping_interval=None) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(REQUEST % (DEFLATE if settings & 1 else b""))
        await reader.readuntil(b"\r\n\r\n")
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
                await writer.drain()
            writer.write_eof()
        outcome = await asyncio.wait_for(end, LONGEST)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return messages, outcome


def fuzz_one_input(data: bytes) -> None:
    if len(data) < 6:
        return
    settings, sizes, program = data[0], data[1:6], data[6:]
    wire = b"".join(frames_of(program))
    pieces = [piece for piece in cut(wire, sizes) if piece]
    polled, by_asyncio = of_polled(pieces, settings), asyncio.run(of_asyncio(pieces, settings))
    if polled != by_asyncio:
        raise RuntimeError(f"{polled} on the polled server, {by_asyncio} on the asyncio one, of {wire!r}")


SEEDS = [
    bytes((settings, 0, 1, 2, 30, 200)) + program
    for settings in (0, 1)
    for program in (
        b"",
        b"\x01\x05hello\x02\x03abc",
        b"\x41\x02gr\x40\x02\xc3\xbc\x00\x01n",
        b"\x04\x01x\x05\x00\x01\x02ok",
        b"\x41\x01a\x04\x01p\x01\x01b",
        b"\x01\x01\xff",
        b"\x12\x3f" + bytes(63),
        b"\x03\x02\x03\xe8\x01\x01x",
        b"\x03\x01x",
        b"\x03\x02\x03\xed",
        b"\x0c\x01x",
        b"\x21\x05hello\x22\x3f" + bytes(63),
        b"\x32\x3f" + bytes(63),
        b"\x80\x04\x81\x85ab\x01\x02hi",
        b"\x80\x0a\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
    )
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
