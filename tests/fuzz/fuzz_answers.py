"""Answers of servers and proxies, over sockets: a connection, or a documented error for each."""

from __future__ import annotations

import random
import socket
import struct
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["pyws_browser.wire", "pyws_browser.transport.native"]):
    from pyws_browser.compat.openings import opening_error
    from pyws_browser.protocol.options import Options
    from pyws_browser.protocol.vocabulary import State
    from pyws_browser.transport.base import Transport
    from pyws_browser.transport.native import connect

from tests.fuzz.answers import KINDS, answer_of, check_cause, check_error, filled_in
from tests.fuzz.target import cut, run

TURNS = 10_000


def outcome(kind: str, answer: bytes, sizes: bytes) -> object:
    """Have a client connect to what gives this answer, in pieces, and return what came of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        authority = f"127.0.0.1:{listener.getsockname()[1]}"
        proxy = None if kind == "server" else f"{kind}://{authority}"
        client = connect(f"ws://{authority}/", Options(subprotocols=("chat",), proxy=proxy))
        try:
            client.poll()
            server, _ = listener.accept()
            with server:
                # Reset at the end, or each connection would stay in the kernel for a minute.
                server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                converse(server, client, answer, sizes)
        finally:
            client.abort()
    if client.has_opened:
        return "open"
    assert client.close_status is not None
    cause = client.close_status.cause
    check_cause(cause)
    check_error(opening_error(cause, "ws://game.example/", 10))
    return type(cause).__name__, getattr(cause, "status", 0)


def converse(server: socket.socket, client: Transport, answer: bytes, sizes: bytes) -> None:
    client.poll()
    request = server.recv(65536)
    with suppress(OSError):  # the client has given up
        for piece in cut(filled_in(answer, request), sizes):
            server.sendall(piece)
            client.poll()
        server.shutdown(socket.SHUT_WR)
    for _ in range(TURNS):
        client.poll()
        if client.ready_state is not State.CONNECTING:
            return
    raise RuntimeError("neither a connection nor an error came")


def fuzz_one_input(data: bytes) -> None:
    if len(data) < 4:
        return
    kind, sizes, answer = KINDS[data[0] % len(KINDS)], data[1:4], data[4:]
    whole, parts = outcome(kind, answer, b""), outcome(kind, answer, sizes)
    if whole != parts:
        raise RuntimeError(f"{whole} as one, {parts} in pieces")


def seeds() -> list[bytes]:
    source = random.Random(1)
    answers = [answer_of(source) for _ in range(100)]
    return [bytes((KINDS.index(kind), 20, 100, 255)) + answer for kind, answer in answers]


SEEDS = seeds()

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
