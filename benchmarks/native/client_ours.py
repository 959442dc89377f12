"""This package as a client: one peer, polled."""

from __future__ import annotations

import select
from time import perf_counter
from typing import TYPE_CHECKING

from pyws_browser import OutboundBufferFullError, State, WebSocketPeer

from .cases import batch_of

if TYPE_CHECKING:
    import ssl

_MIB = 1 << 20


class Ours:
    """Waits by `select.poll()` on the peer's descriptor when there is nothing to fetch."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        self._peer = peer = WebSocketPeer(web_limits=False)
        peer.inbound_buffer_size = 64 * _MIB
        peer.outbound_buffer_size = 4 * _MIB
        peer.compression = None
        peer.proxy = None
        peer.connect_to_url(url, tls=tls)
        while peer.ready_state is State.CONNECTING:
            peer.poll()
        assert peer.ready_state is State.OPEN, peer.close_cause
        self._readable = select.poll()
        self._readable.register(peer.fileno(), select.POLLIN)
        self._writable = select.poll()
        self._writable.register(peer.fileno(), select.POLLOUT)
        self._either = select.poll()
        self._either.register(peer.fileno(), select.POLLIN | select.POLLOUT)

    def receive(self, count: int) -> None:
        peer, wait = self._peer, self._readable.poll
        peer.send(b"go")
        while True:
            peer.poll()
            if not peer.get_available_packet_count():
                wait()
            for message in peer:
                assert type(message) is bytes
                count -= 1
            if count <= 0:
                return

    def send(self, payload: bytes, count: int) -> None:
        send = self._peer.send
        for _ in range(count):
            try:
                send(payload)
            except OutboundBufferFullError:
                self._drain()
                send(payload)
        self._wait_for_the_end()

    def send_batches(self, payload: bytes, count: int) -> None:
        peer, size = self._peer, batch_of(len(payload))
        send = peer.send
        for _ in range(count // size):
            with peer.batch():
                for _ in range(size):
                    send(payload)
            if peer.get_current_outbound_buffered_amount() > _MIB:
                self._drain()
        self._wait_for_the_end()

    def round_trips(self, payload: bytes, count: int) -> list[float]:
        peer, wait = self._peer, self._readable.poll
        laps = []
        for _ in range(count):
            start = perf_counter()
            peer.send(payload)
            while not peer.get_available_packet_count():
                wait() if not peer.get_current_outbound_buffered_amount() else self._either.poll()
                peer.poll()
            message = peer.receive()
            laps.append(perf_counter() - start)
            assert message == payload
        return laps

    def busy_round_trips(self, payload: bytes, count: int) -> list[float]:
        peer = self._peer
        laps = []
        for _ in range(count):
            start = perf_counter()
            peer.send(payload)
            while not peer.get_available_packet_count():
                peer.poll()
            message = peer.receive()
            laps.append(perf_counter() - start)
            assert message == payload
        return laps

    def close(self) -> None:
        self._peer.abort()

    def _drain(self) -> None:
        while self._peer.get_current_outbound_buffered_amount():
            self._writable.poll()
            self._peer.poll()

    def _wait_for_the_end(self) -> None:
        self._drain()
        while not self._peer.get_available_packet_count():
            self._readable.poll()
            self._peer.poll()
        assert self._peer.receive() == b"done"
