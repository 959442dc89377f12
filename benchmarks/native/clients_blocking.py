"""Clients that block: the bare socket, which shows what there is to be had, and libraries for blocking code."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .cases import batch_of
from .counterpart import flood_frames, frame, frame_size

if TYPE_CHECKING:
    import ssl

_READ_SIZE = 256 * 1024


def _connect(url: str, tls: ssl.SSLContext | None) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname or "", parts.port or 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return sock if tls is None else tls.wrap_socket(sock, server_hostname=parts.hostname)


class BareSocket:
    """No client: it sends frames made beforehand, and counts the bytes that come."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        self._sock = sock = _connect(url, tls)
        sock.sendall(
            f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += sock.recv(1)
        self._size = int(urlsplit(url).path.split("/")[2])
        self._buffer = bytearray(_READ_SIZE)

    def receive(self, count: int) -> None:
        self._sock.sendall(frame(b"go", os.urandom(4)))
        frames = flood_frames(self._size)
        self._read(count // len(frames) * sum(map(len, frames)) + sum(map(len, frames[: count % len(frames)])))

    def send(self, payload: bytes, count: int) -> None:
        one = frame(payload, os.urandom(4))
        for _ in range(count):
            self._sock.sendall(one)
        self._read(frame_size(4, masked=False))

    def send_batches(self, payload: bytes, count: int) -> None:
        size = batch_of(len(payload))
        batch = frame(payload, os.urandom(4)) * size
        for _ in range(count // size):
            self._sock.sendall(batch)
        self._read(frame_size(4, masked=False))

    def round_trips(self, payload: bytes, count: int) -> list[float]:
        one = frame(payload, os.urandom(4))
        answer_size = frame_size(len(payload), masked=False)
        laps = []
        for _ in range(count):
            start = perf_counter()
            self._sock.sendall(one)
            self._read(answer_size)
            laps.append(perf_counter() - start)
        return laps

    def busy_round_trips(self, payload: bytes, count: int) -> list[float]:
        sock = self._sock
        one = frame(payload, os.urandom(4))
        answer_size = frame_size(len(payload), masked=False)
        laps = []
        for _ in range(count):
            start = perf_counter()
            sock.sendall(one)
            missing = answer_size
            sock.setblocking(False)
            while missing:
                with suppress(BlockingIOError):
                    missing -= sock.recv_into(self._buffer)
            sock.setblocking(True)
            laps.append(perf_counter() - start)
        return laps

    def close(self) -> None:
        self._sock.close()

    def _read(self, size: int) -> None:
        while size > 0:
            got = self._sock.recv_into(self._buffer)
            assert got
            size -= got


class _Blocking:
    """What they share: everything but how a message is sent and received."""

    _send: Any
    _receive: Any

    def receive(self, count: int) -> None:
        self._send(b"go")
        for _ in range(count):
            self._receive()

    def send(self, payload: bytes, count: int) -> None:
        for _ in range(count):
            self._send(payload)
        self._receive()

    def send_batches(self, payload: bytes, count: int) -> None:
        self.send(payload, count)

    def round_trips(self, payload: bytes, count: int) -> list[float]:
        laps = []
        for _ in range(count):
            start = perf_counter()
            self._send(payload)
            message = self._receive()
            laps.append(perf_counter() - start)
            assert message == payload
        return laps

    busy_round_trips = round_trips


class WebsocketsSync(_Blocking):
    """The threads of `websockets.sync`."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        from websockets.sync.client import connect

        self._ws = connect(url, ssl=tls, compression=None, max_size=None, ping_interval=None, proxy=None)
        self._send = self._ws.send
        self._receive = self._ws.recv

    def close(self) -> None:
        self._ws.socket.shutdown(socket.SHUT_RDWR)
        self._ws.recv_events_thread.join()
        self._ws.socket.close()


class WebsocketClient(_Blocking):
    """The package `websocket-client`."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        import websocket

        self._ws: Any = websocket.create_connection(
            url,
            sslopt={} if tls is None else {"context": tls},
            sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            skip_utf8_validation=True,
            enable_multithread=False,
            http_no_proxy="*",
        )
        self._send = self._ws.send_binary
        self._receive = self._ws.recv

    def close(self) -> None:
        self._ws.shutdown()


class Wsproto(_Blocking):
    """Sans-I/O `wsproto`, on a blocking socket."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        from wsproto import ConnectionType, WSConnection, events

        self._sock = _connect(url, tls)
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._message = events.BytesMessage
        self._events = self._ws.events()
        parts = urlsplit(url)
        self._sock.sendall(self._ws.send(events.Request(host=parts.netloc, target=parts.path)))
        assert isinstance(self._next_event(), events.AcceptConnection)

    def send_batches(self, payload: bytes, count: int) -> None:
        size = batch_of(len(payload))
        make, message = self._ws.send, self._message
        for _ in range(count // size):
            self._sock.sendall(b"".join([make(message(payload)) for _ in range(size)]))
        self._receive()

    def close(self) -> None:
        self._sock.close()

    def _send(self, payload: bytes) -> None:
        self._sock.sendall(self._ws.send(self._message(payload)))

    def _receive(self) -> bytes:
        event = self._next_event()
        if event.message_finished:
            return bytes(event.data)
        parts = [event.data]
        while not event.message_finished:
            event = self._next_event()
            parts.append(event.data)
        return b"".join(parts)

    def _next_event(self) -> Any:
        while True:
            for event in self._events:
                return event
            data = self._sock.recv(_READ_SIZE)
            assert data
            self._ws.receive_data(data)
            self._events = self._ws.events()
