"""A slow network is not a dead one: whatever sends, and whichever side it is on, with TLS and without."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

import pytest
import trustme
import websockets.sync.client
import websockets.sync.server
from websockets.exceptions import ConnectionClosed

from pyws_browser import (
    CloseTimeoutError,
    HeartbeatTimeoutError,
    State,
    WebSocketError,
    WebSocketPeer,
    WebSocketServer,
    aio,
    sync,
)
from pyws_browser.transport import connect as open_transport

from ..support import LIMIT, client_context, pump, server_context
from .slow_link import SlowLink, small_socket

SIZE = 1_000_000
RATE = 400_000
"""Bytes of the message, and bytes a second: it takes 2.5 s."""

LIMITS = 1.0
"""Seconds of every time limit: of the heartbeat, after a ping each second, and of the closing handshake."""

DEAD_AT = 200_000
"""Bytes that have gone when a link dies."""


class Contexts(NamedTuple):
    """TLS contexts of both sides, or None."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext | None


class Party:
    """The other side, of `websockets`, in a thread: it takes in what comes, and answers pings and the Close frame."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.close_code: int | None = None
        self.has_ended = threading.Event()

    def handle(self, connection: Any) -> None:
        with suppress(ConnectionClosed):
            for message in connection:
                self.sizes.append(len(message))
        self.close_code = connection.protocol.close_code
        self.has_ended.set()


@contextmanager
def link_to_websockets(party: Party, tls: Contexts) -> Iterator[tuple[SlowLink, str, socket.socket]]:
    """Run a server of `websockets` behind a link that is slow upwards; give the link, its URL and a socket to use."""
    server = websockets.sync.server.serve(
        party.handle, "127.0.0.1", 0, ssl=tls.server, compression=None, max_size=None, ping_interval=None
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with SlowLink(server.socket.getsockname()[1], "up", RATE) as link:
            sock = small_socket()
            sock.connect(("127.0.0.1", link.port))
            scheme = "ws" if tls.client is None else "wss"
            yield link, f"{scheme}://localhost:{link.port}/", sock
    finally:
        server.shutdown()
        thread.join(10)


@contextmanager
def link_from_websockets(party: Party, tls: Contexts, port: int) -> Iterator[SlowLink]:
    """Have a client of `websockets` connect to `port` over a link that is slow downwards."""

    def run() -> None:
        scheme = "ws" if tls.client is None else "wss"
        with (
            ExitStack() as ends,
            websockets.sync.client.connect(
                f"{scheme}://localhost:{link.port}/",
                sock=ends.enter_context(socket.create_connection(("127.0.0.1", link.port))),
                ssl=tls.client,
                compression=None,
                max_size=None,
                ping_interval=None,
                close_timeout=1,
                proxy=None,
            ) as connection,
        ):
            party.handle(connection)

    with SlowLink(port, "down", RATE) as link:
        thread = threading.Thread(target=run)
        thread.start()
        yield link
    thread.join(10)


def see_it_off(peer: WebSocketPeer, party: Party, link: SlowLink, closes: bool, dies: bool, *more: Any) -> None:
    """Send the message, and poll until the connection has ended."""

    def is_to_be_closed() -> bool:
        if dies and peer.get_current_outbound_buffered_amount() < SIZE - DEAD_AT:
            link.is_dead.set()
        return closes or bool(party.sizes) or peer.ready_state is State.CLOSED

    peer.send(os.urandom(SIZE))
    pump(peer, *more, until=is_to_be_closed)
    if dies:
        pump(peer, *more, until=lambda: peer.get_current_outbound_buffered_amount() < SIZE - DEAD_AT)
        link.is_dead.set()
    peer.close(4000)
    pump(peer, *more, until=lambda: peer.ready_state is State.CLOSED)


def by_peer(party: Party, tls: Contexts, closes: bool, dies: bool) -> WebSocketError | None:
    with link_to_websockets(party, tls) as (link, url, sock), WebSocketPeer(web_limits=False) as peer:
        peer.compression = None
        peer.heartbeat_interval = peer.close_timeout = LIMITS
        peer.connect_to_url(url, tls=tls.client, sock=sock)
        pump(peer, until=peer.is_connected_to_host)
        see_it_off(peer, party, link, closes, dies)
        return peer.close_cause


def by_server(party: Party, tls: Contexts, closes: bool, dies: bool) -> WebSocketError | None:
    with WebSocketServer() as server:
        server.compression = None
        server.heartbeat_interval = server.close_timeout = LIMITS
        server.tls = tls.server
        listener = small_socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server.listen(0, sock=listener)
        with link_from_websockets(party, tls, server.port) as link:
            pump(server, until=lambda: server.peer_ids)
            peer = server.get_peer(server.peer_ids[0])
            see_it_off(peer, party, link, closes, dies, server)
            return peer.close_cause


async def see_off(connection: Any, party: Party, link: SlowLink, closes: bool, dies: bool) -> WebSocketError | None:
    await connection.send(os.urandom(SIZE))
    waiting = connection._transport
    while not (closes or party.sizes or connection.state is aio.State.CLOSED):
        if dies and waiting.buffered_amount < SIZE - DEAD_AT:
            link.is_dead.set()
        await asyncio.sleep(0.005)
    while dies and waiting.buffered_amount >= SIZE - DEAD_AT:
        await asyncio.sleep(0.005)
    if dies:
        link.is_dead.set()
    await connection.close(4000)
    cause = connection.closed_error().__cause__
    assert isinstance(cause, WebSocketError | None)
    return cause


TIMES: dict[str, Any] = {
    "ping_interval": LIMITS,
    "ping_timeout": LIMITS,
    "close_timeout": LIMITS,
    "compression": None,
    "write_limit": None,  # send() does not wait, so that close() finds all of it
}


def by_aio_client(party: Party, tls: Contexts, closes: bool, dies: bool) -> WebSocketError | None:
    async def run() -> WebSocketError | None:
        with link_to_websockets(party, tls) as (link, url, sock):
            connection = await aio.connect(url, sock=sock, ssl=tls.client, **TIMES)
            return await see_off(connection, party, link, closes, dies)

    return asyncio.run(asyncio.wait_for(run(), LIMIT))


def by_aio_server(party: Party, tls: Contexts, closes: bool, dies: bool) -> WebSocketError | None:
    async def run() -> WebSocketError | None:
        accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def handler(connection: Any) -> None:
            accepted.set_result(connection)
            await connection.wait_closed()

        listener = small_socket()
        listener.bind(("127.0.0.1", 0))
        async with aio.serve(handler, sock=listener, ssl=tls.server, **TIMES):
            with link_from_websockets(party, tls, listener.getsockname()[1]) as link:
                return await see_off(await accepted, party, link, closes, dies)

    return asyncio.run(asyncio.wait_for(run(), LIMIT))


def send_all(connection: sync.ClientConnection) -> None:
    with suppress(ConnectionClosed):  # of the library, whose subclass ours is
        connection.send(os.urandom(SIZE))


def by_sync_client(party: Party, tls: Contexts, closes: bool, dies: bool) -> WebSocketError | None:
    with link_to_websockets(party, tls) as (link, url, sock):
        connection = sync.connect(
            url,
            ssl=tls.client,
            connector=lambda url, options: open_transport(url, options._replace(sock=sock)),
            **TIMES,
        )
        # `send()` waits until the kernel has all of it, so another thread than the one that closes calls it.
        sender = threading.Thread(target=send_all, args=(connection,))
        sender.start()
        end = threading.Timer(0.5, link.is_dead.set) if dies else None
        if end is not None:
            end.start()
        while not (closes or party.sizes or connection.state is State.CLOSED):
            time.sleep(0.005)
        while closes and not connection._transport.buffered_amount:
            time.sleep(0.001)
        connection.close(4000)
        sender.join()
        if end is not None:
            end.join()
        status = connection._transport.close_status
        assert status is not None
        return status.cause


SENDERS = {
    "WebSocketPeer": by_peer,
    "WebSocketServer": by_server,
    "aio client": by_aio_client,
    "aio server": by_aio_server,
    "sync client": by_sync_client,
}

over_senders = pytest.mark.parametrize("sender", SENDERS)
over_tls = pytest.mark.parametrize("tls", ["ws", "wss"], indirect=True)


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    authority = trustme.CA()
    return Contexts(server_context(authority, "localhost"), client_context(authority))


@pytest.fixture
def tls(request: pytest.FixtureRequest, contexts: Contexts) -> Contexts:
    return contexts if request.param == "wss" else Contexts(None, None)


@over_tls
@over_senders
def test_a_message_that_takes_longer_than_the_heartbeat_arrives(sender: str, tls: Contexts) -> None:
    party = Party()
    cause = SENDERS[sender](party, tls, False, False)
    assert (party.sizes, cause) == ([SIZE], None)


@over_tls
@over_senders
def test_what_was_sent_right_before_close_arrives_however_long_it_takes(sender: str, tls: Contexts) -> None:
    party = Party()
    cause = SENDERS[sender](party, tls, True, False)
    assert cause is None
    assert party.has_ended.wait(LIMIT)
    assert (party.sizes, party.close_code) == ([SIZE], 4000)


@over_tls
@over_senders
def test_a_network_that_dies_while_it_sends_is_seen_by_the_heartbeat(sender: str, tls: Contexts) -> None:
    cause = SENDERS[sender](Party(), tls, False, True)
    assert isinstance(cause, HeartbeatTimeoutError)


@over_tls
@over_senders
def test_a_network_that_dies_before_the_close_frame_has_left_is_given_up(sender: str, tls: Contexts) -> None:
    cause = SENDERS[sender](Party(), tls, True, True)
    assert isinstance(cause, CloseTimeoutError)
    assert cause.unsent > 0
    assert "read nothing" in str(cause)
