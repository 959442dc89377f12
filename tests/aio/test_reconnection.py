"""Connecting again: the arithmetic, `async for ... in connect()`, and the polled twin."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import Any

import pytest
from websockets.exceptions import InvalidMessage, InvalidProxyStatus, InvalidStatus

from pyws_browser import (
    AlreadyConnectedError,
    Backoff,
    InvalidMessageTypeError,
    InvalidOptionError,
    InvalidSubprotocolError,
    InvalidURLError,
    MemoryNetwork,
    NotConnectedError,
    OutboundBufferFullError,
    ReconnectingPeer,
    Reconnection,
    ReconnectState,
    State,
)
from pyws_browser.aio import ConnectionClosed, ConnectionClosedError, connect
from pyws_browser.peer import reconnecting_peer

from ..support import pump
from .parties import served

QUICK = Backoff(first_delay=0.001, max_delay=0.005)
IDLE, CONNECTING, CONNECTED, WAITING, STOPPED = ReconnectState


async def no_connection(connector: connect) -> None:
    async for connection in connector:
        raise AssertionError(connection)


async def each_until_its_end(connector: connect) -> None:
    async for connection in connector:
        await connection.wait_closed()


class TestArithmetic:
    def test_delays_are_a_random_part_of_a_span_that_grows_to_a_limit(self) -> None:
        backoff = Backoff(first_delay=1.0, factor=2.0, max_delay=10.0)
        rows = [list(islice(backoff.delays(), 7)) for _ in range(300)]
        for spans, longest in zip(zip(*rows, strict=True), [1, 2, 4, 8, 10, 10, 10], strict=True):
            assert 0 <= min(spans) < 0.1 * longest
            assert 0.9 * longest < max(spans) <= longest

    @pytest.mark.parametrize(
        "backoff",
        [
            Backoff(first_delay=0),
            Backoff(first_delay=2, max_delay=1),
            Backoff(factor=0.5),
            Backoff(max_attempts=0),
            Backoff(stable_after=-1),
            Backoff(max_delay=float("inf")),
        ],
    )
    def test_numbers_out_of_range(self, backoff: Backoff) -> None:
        with pytest.raises(InvalidOptionError):
            Reconnection(backoff)

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            *(("final_codes", value) for value in (1000, "1000", ["1000"], None)),
            *(("first_delay", value) for value in ("1", None)),
            ("factor", "2"),
            ("max_delay", None),
            ("stable_after", "5"),
            ("max_attempts", "3"),
            ("max_attempts", 1.5),
        ],
    )
    def test_a_setting_of_the_wrong_type_is_refused_at_once_and_named(self, setting: str, value: Any) -> None:
        backoff = Backoff()._replace(**{setting: value})
        with pytest.raises(InvalidOptionError, match=setting):
            ReconnectingPeer(backoff=backoff)

    @pytest.mark.parametrize("backoff", [5, (1.0, 2.0), "fast", False])
    def test_what_is_no_backoff_is_refused_at_once(self, backoff: Any) -> None:
        with pytest.raises(InvalidOptionError, match="backoff is a Backoff"):
            ReconnectingPeer(backoff=backoff)

    @pytest.mark.parametrize("code", [1000, 4003])
    def test_a_final_code_ends_it(self, code: int) -> None:
        reconnection = Reconnection(Backoff(final_codes={1000, 4003}))
        reconnection.is_connecting()
        reconnection.has_opened(10.0)
        assert reconnection.has_ended(11.0, code, None) is None
        assert reconnection.state is STOPPED

    @pytest.mark.parametrize("code", [None, 1000, 1001, 1005, 1006, 1011, 1012, 4000])
    def test_no_close_code_ends_it_by_itself(self, code: int | None) -> None:
        reconnection = Reconnection(Backoff())
        reconnection.is_connecting()
        assert reconnection.has_ended(11.0, code, None) is not None
        assert reconnection.state is WAITING

    def test_final_codes_end_it(self) -> None:
        reconnection = Reconnection(Backoff(final_codes=frozenset({4001})))
        reconnection.is_connecting()
        assert reconnection.has_ended(1.0, 1001, None) is not None
        assert reconnection.has_ended(1.0, 4001, None) is None

    def test_after_so_many_attempts_it_gives_up(self) -> None:
        reconnection = Reconnection(Backoff(max_attempts=3))
        for _ in range(2):
            reconnection.is_connecting()
            assert reconnection.has_ended(0.0, None, None) is not None
        reconnection.is_connecting()
        assert reconnection.has_ended(0.0, None, OSError("no")) is None
        assert (reconnection.state, reconnection.attempts) == (STOPPED, 3)
        assert isinstance(reconnection.error, OSError)

    @pytest.mark.parametrize(("seconds", "attempts"), [(4.9, 3), (5.0, 1)])
    def test_only_a_connection_that_held_begins_anew(self, seconds: float, attempts: int) -> None:
        reconnection = Reconnection(Backoff(stable_after=5.0), delays=lambda: iter([1.0, 2.0, 3.0]))
        reconnection.is_connecting()
        reconnection.has_ended(0.0, None, None)
        reconnection.is_connecting()
        reconnection.has_opened(100.0)
        delay = reconnection.has_ended(100.0 + seconds, 1006, None)
        reconnection.is_connecting()
        assert reconnection.attempts == attempts
        assert delay == (1.0 if attempts == 1 else 2.0)


class TestAwaited:
    async def test_it_connects_again_after_every_close_but_one_with_a_final_code(self) -> None:
        codes = iter([1011, 1000, 1001, 4000, 4001])

        async def handler(connection: Any) -> None:
            await connection.send("hello")
            await connection.close(next(codes))

        states: list[ReconnectState] = []
        received: list[Any] = []
        async with served(handler) as url:
            connector = connect(url, backoff=QUICK._replace(final_codes=frozenset({4001})))
            connector.reconnection.changed.connect(states.append)
            async for connection in connector:
                try:
                    async for message in connection:
                        received.append(message)
                except ConnectionClosed:
                    continue
        assert received == ["hello"] * 5
        assert states == [*(CONNECTING, CONNECTED, WAITING) * 4, CONNECTING, CONNECTED, STOPPED]
        assert isinstance(connector.reconnection.error, ConnectionClosed)

    async def test_what_the_program_closed_is_opened_again_at_once(self) -> None:
        visits = 0
        async with served() as url:
            async for connection in connect(url, backoff=Backoff(first_delay=1000, max_delay=1000)):
                visits += 1
                if visits == 3:
                    break
                await connection.close(1000)
        assert visits == 3

    @pytest.mark.parametrize("answer", [b"220 mail.example ESMTP\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
    async def test_an_answer_that_is_not_http_is_final(self, answer: bytes) -> None:
        async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(speak, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            with pytest.raises(InvalidMessage) as caught:
                await no_connection(connect(f"ws://127.0.0.1:{port}/", backoff=QUICK))
        assert isinstance(caught.value.__cause__, ValueError)

    @pytest.mark.parametrize("status", [403, 407, 502])
    async def test_a_refusal_by_the_proxy_is_final(self, status: int) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status} No\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
            proxy = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            with pytest.raises(InvalidProxyStatus) as caught:
                await no_connection(connect("ws://game.test/", proxy=proxy, backoff=QUICK))
        assert caught.value.response.status_code == status

    async def test_what_cannot_be_reached_is_tried_so_many_times(self, unused_url: str) -> None:
        with pytest.raises(ConnectionRefusedError):
            await no_connection(connect(unused_url, backoff=QUICK._replace(max_attempts=3)))

    async def test_a_server_that_drops_everybody_is_given_up_too(self) -> None:
        visits = 0

        async def handler(connection: Any) -> None:
            nonlocal visits
            visits += 1
            connection.transport.abort()

        async with served(handler) as url:
            with pytest.raises(ConnectionClosedError):
                await each_until_its_end(connect(url, backoff=QUICK._replace(max_attempts=3)))
        assert visits == 3

    async def test_a_connection_that_the_program_gives_up_is_replaced_at_once(self) -> None:
        count = 0
        async with served() as url:
            async for connection in connect(url, backoff=Backoff(first_delay=1000, max_delay=1000)):
                await connection.send("x")
                assert await connection.recv() == "x"
                count += 1
                if count == 3:
                    break

    async def test_url_subprotocols_and_headers_are_asked_for_at_each_attempt(self) -> None:
        seen: list[Any] = []

        async def handler(connection: Any) -> None:
            seen.append((connection.request.path, connection.subprotocol, connection.request.headers["X-Token"]))
            await connection.close(4001 if len(seen) == 2 else 1011)

        tokens = iter("1234")

        async with served(handler, select_subprotocol=lambda _, offered: offered[0]) as url:

            async def current_url() -> str:
                await asyncio.sleep(0)
                return f"{url}?token={next(tokens)}"

            async for connection in connect(
                current_url,
                subprotocols=lambda: [f"token.{next(tokens)}"],
                additional_headers=lambda: {"X-Token": "t"},
                backoff=QUICK._replace(final_codes=frozenset({4001})),
            ):
                await connection.wait_closed()
        # The headers and the subprotocols are asked for after the URL.
        assert seen == [("/?token=1", "token.2", "t"), ("/?token=3", "token.4", "t")]

    @pytest.mark.parametrize(("status", "is_final"), [(403, True), (404, True), (500, False), (503, False)])
    async def test_a_refusal_is_final_unless_it_is_the_servers_own_trouble(self, status: int, is_final: bool) -> None:
        asked = 0

        def process_request(connection: Any, request: Any) -> Any:
            nonlocal asked
            asked += 1
            return connection.respond(status, "no")

        async with served(process_request=process_request) as url:
            with pytest.raises(InvalidStatus):
                await no_connection(connect(url, backoff=QUICK._replace(max_attempts=3)))
        assert asked == (1 if is_final else 3)

    async def test_process_exception_decides(self, unused_url: str) -> None:
        def process_exception(error: Exception) -> Exception:
            return LookupError("give up")

        with pytest.raises(LookupError, match="give up"):
            await no_connection(connect(unused_url, process_exception=process_exception))

    async def test_reconnect_delays_replace_the_backoff(self, unused_url: str) -> None:
        given: list[float] = []

        def delays() -> Any:
            for delay in (0.001, 0.002):
                given.append(delay)
                yield delay

        with pytest.raises(OSError, match="Connection refused"):
            await no_connection(connect(unused_url, reconnect_delays=delays, backoff=Backoff(max_attempts=3)))
        assert given == [0.001, 0.002]

    async def test_reconnect_delays_that_end_end_it(self, unused_url: str) -> None:
        connector = connect(unused_url, reconnect_delays=lambda: iter([0.001, 0.002]))
        with pytest.raises(OSError, match="Connection refused"):
            await no_connection(connector)
        assert connector.reconnection.attempts == 3
        assert connector.reconnection.state is ReconnectState.STOPPED

    async def test_a_callback_that_raises_ends_the_loop_and_closes_the_connection(self) -> None:
        left = asyncio.Event()

        async def handler(connection: Any) -> None:
            await connection.wait_closed()
            left.set()

        def changed(state: ReconnectState) -> None:
            if state is CONNECTED:
                raise LookupError("no")

        async with served(handler) as url:
            connector = connect(url)
            connector.reconnection.changed.connect(changed)
            with pytest.raises(LookupError):
                await each_until_its_end(connector)
            await left.wait()
        assert connector.reconnection.state is STOPPED

    async def test_leaving_the_loop_closes_the_connection(self) -> None:
        async with served() as url:
            iterator = aiter(connect(url))
            connection = await anext(iterator)
            await iterator.aclose()
            assert connection.close_code == 1000

    async def test_a_waiting_reconnection_can_be_cancelled(self, unused_url: str) -> None:
        connector = connect(unused_url, backoff=Backoff(first_delay=1000, max_delay=1000))

        iterating = asyncio.create_task(no_connection(connector))
        while connector.reconnection.state is not WAITING:
            await asyncio.sleep(0.001)
        iterating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await iterating
        assert connector.reconnection.state is STOPPED


class TestPolled:
    URL = "ws://game.test/"

    def peer(self, network: MemoryNetwork, backoff: Backoff = QUICK) -> ReconnectingPeer:
        return ReconnectingPeer(backoff=backoff, connector=network.connect)

    def connected(self, backoff: Backoff = QUICK) -> tuple[ReconnectingPeer, Any, Any]:
        """Return a peer, the server's end of its connection, and where others of its connections arrive."""
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network, backoff)
        peer.connect_to_url(self.URL)
        return peer, listener.accept(), listener

    def test_it_connects_again_after_a_loss(self) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        states: list[ReconnectState] = []
        peer.reconnection.changed.connect(states.append)
        peer.connect_to_url(self.URL)
        for _ in range(3):
            pump(peer, until=lambda: listener.waiting)
            server = listener.accept()
            pump(peer, until=lambda: peer.reconnection.state is CONNECTED)
            server.abort()
            pump(peer, until=lambda: peer.reconnection.state is WAITING)
        assert states == [CONNECTING, CONNECTED, WAITING] * 3

    def test_packets_of_the_lost_connection_are_fetched_first(self) -> None:
        peer, server, listener = self.connected()
        server.send("last words")
        peer.poll()
        server.abort()
        pump(peer, until=lambda: peer.reconnection.state is WAITING)
        time.sleep(0.01)
        peer.poll()
        assert peer.receive() == "last words"
        pump(peer, until=lambda: listener.waiting)

    def test_it_connects_at_once_when_the_network_comes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        peer, server, listener = self.connected(Backoff(first_delay=3600.0, max_delay=3600.0))
        peer.poll()
        server.abort()
        pump(peer, until=lambda: peer.reconnection.state is WAITING)
        peer.reconnection.next_attempt = time.monotonic() + 3600.0  # the random delay may be any part of an hour
        peer.poll()
        assert peer.reconnection.state is WAITING
        monkeypatch.setattr(reconnecting_peer, "count_returns", lambda: 1)
        peer.poll()
        assert peer.reconnection.state is CONNECTING
        assert listener.waiting
        peer.abort()

    @pytest.mark.parametrize("how", ["close", "abort"])
    def test_after_close_or_abort_it_stays_closed(self, how: str) -> None:
        peer, server, listener = self.connected()
        peer.poll()
        getattr(peer, how)()
        pump(peer, server, until=lambda: peer.get_ready_state() is State.CLOSED)
        time.sleep(0.01)
        peer.poll()
        assert peer.reconnection.state is STOPPED
        assert not listener.waiting

    @pytest.mark.parametrize("code", [1000, 1001])
    def test_it_connects_again_after_a_close_by_the_server(self, code: int) -> None:
        peer, server, listener = self.connected()
        server.close(code)
        pump(peer, server, until=lambda: listener.waiting)

    def test_after_a_final_code_it_stays_closed(self) -> None:
        peer, server, _ = self.connected(QUICK._replace(final_codes=frozenset({4001})))
        server.close(4001)
        pump(peer, server, until=lambda: peer.reconnection.state is STOPPED)

    def test_it_gives_up_after_so_many_attempts(self) -> None:
        peer = self.peer(MemoryNetwork(), QUICK._replace(max_attempts=3))
        peer.connect_to_url(self.URL)
        pump(peer, until=lambda: peer.reconnection.state is STOPPED)
        assert peer.reconnection.attempts == 3
        assert "nobody listens" in str(peer.reconnection.error)

    def test_the_url_is_asked_for_at_each_attempt_and_its_errors_come_out(self) -> None:
        network = MemoryNetwork()
        listener = network.listen("ws://game.test/?2")
        urls = iter(["ws://game.test/?1", "no url", "ws://game.test/?2"])
        peer = self.peer(network)
        peer.connect_to_url(lambda: next(urls), list)
        with pytest.raises(InvalidURLError):
            pump(peer, until=lambda: False)
        pump(peer, until=lambda: listener.waiting)

    @pytest.mark.parametrize(("url", "protocols"), [("ws://[", None), (URL, ["no token"])])
    def test_what_is_wrong_for_good_is_tried_once(self, url: str, protocols: list[str] | None) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network, QUICK._replace(max_attempts=1))
        with pytest.raises((InvalidURLError, InvalidSubprotocolError)):
            peer.connect_to_url(url, protocols)
        assert (peer.reconnection.state, peer.reconnection.attempts) == (STOPPED, 0)
        peer.poll()
        assert peer.reconnection.state is STOPPED
        peer.connect_to_url(self.URL)
        assert listener.waiting

    def test_connecting_twice_changes_nothing(self) -> None:
        peer, server, listener = self.connected()
        peer.poll()
        with pytest.raises(AlreadyConnectedError):
            peer.connect_to_url("ws://other.test/")
        assert (peer.reconnection.state, peer.reconnection.attempts) == (CONNECTED, 1)
        server.abort()
        pump(peer, until=lambda: listener.waiting)

    @pytest.mark.parametrize("how", ["close", "abort"])
    @pytest.mark.parametrize("state", [CONNECTING, CONNECTED, WAITING])
    def test_closing_in_a_callback_stops_it(self, state: ReconnectState, how: str) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        states: list[ReconnectState] = []
        peer.reconnection.changed.connect(lambda new: getattr(peer, how)() if new is state else None)
        peer.reconnection.changed.connect(states.append)
        peer.connect_to_url(self.URL)
        server = listener.accept()
        if server is not None:
            pump(peer, server, until=lambda: states[-1] in (CONNECTED, STOPPED))
            server.abort()
        pump(peer, until=lambda: peer.reconnection.state is STOPPED)
        time.sleep(0.01)
        peer.poll()
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
        assert not listener.waiting
        in_order = [CONNECTING, CONNECTED, WAITING]
        assert states == [*in_order[: in_order.index(state) + 1], STOPPED]

    @pytest.mark.parametrize("how", ["close", "abort"])
    @pytest.mark.parametrize("attempt", [1, 2])
    @pytest.mark.parametrize("what", ["url", "protocols"])
    def test_closing_in_the_function_that_gives_the_url_stops_it(self, what: str, attempt: int, how: str) -> None:
        network = MemoryNetwork()
        peer = self.peer(network)
        states: list[ReconnectState] = []
        peer.reconnection.changed.connect(states.append)
        asked = 0

        def ask() -> Any:
            nonlocal asked
            asked += 1
            if asked == attempt:
                listener = network.listen(self.URL)
                getattr(peer, how)()
                listener.close()
            return self.URL if what == "url" else []

        peer.connect_to_url(*((ask, None) if what == "url" else (self.URL, ask)))
        pump(peer, until=lambda: peer.reconnection.state is STOPPED)
        time.sleep(0.01)
        peer.poll()
        assert peer.ready_state is State.CLOSED
        assert asked == attempt
        assert states == [*(CONNECTING, WAITING) * (attempt - 1), STOPPED]

    @pytest.mark.parametrize("number", range(1, 7))
    def test_a_callback_that_raises_once_changes_nothing(self, number: int) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        seen: list[tuple[ReconnectState, State]] = []

        def changed(state: ReconnectState) -> None:
            seen.append((state, peer.ready_state))
            if len(seen) == number:
                raise LookupError("once")

        def go_on(until: Any) -> None:
            try:
                pump(peer, until=until)
            except LookupError:
                pump(peer, until=until)

        peer.reconnection.changed.connect(changed)
        try:
            peer.connect_to_url(self.URL)
        except LookupError:
            assert number == 1
        for _ in range(2):
            go_on(lambda: listener.waiting)
            server = listener.accept()
            go_on(lambda: peer.reconnection.state is CONNECTED)
            assert server is not None
            server.abort()
            go_on(lambda: peer.reconnection.state is WAITING)
        assert [state for state, _ in seen] == [CONNECTING, CONNECTED, WAITING] * 2
        assert {ready for state, ready in seen if state is CONNECTED} == {State.OPEN}
        assert {ready for state, ready in seen if state is WAITING} == {State.CONNECTING}

    def test_polling_in_a_callback_and_in_the_function_that_gives_the_url(self) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        states: list[ReconnectState] = []
        peer.reconnection.changed.connect(lambda _: peer.poll())
        peer.reconnection.changed.connect(states.append)

        def url() -> str:
            peer.poll()
            return self.URL

        peer.connect_to_url(url)
        for _ in range(2):
            pump(peer, until=lambda: listener.waiting)
            server = listener.accept()
            pump(peer, until=lambda: peer.reconnection.state is CONNECTED)
            assert server is not None
            server.abort()
            pump(peer, until=lambda: peer.reconnection.state in (WAITING, CONNECTING))
        assert states[:6] == [CONNECTING, CONNECTED, WAITING] * 2

    def test_connecting_elsewhere_in_a_callback(self) -> None:
        network = MemoryNetwork()
        first, second = network.listen(self.URL), network.listen("ws://other.test/")
        peer = self.peer(network)
        states: list[ReconnectState] = []

        def changed(state: ReconnectState) -> None:
            states.append(state)
            if state is WAITING:
                peer.connect_to_url("ws://other.test/")

        peer.reconnection.changed.connect(changed)
        peer.connect_to_url(self.URL)
        server = first.accept()
        assert server is not None
        pump(peer, until=lambda: peer.reconnection.state is CONNECTED)
        server.abort()
        pump(peer, until=lambda: second.waiting)
        assert second.accept() is not None
        pump(peer, until=lambda: len(states) == 6)
        assert not first.waiting
        assert states == [CONNECTING, CONNECTED, WAITING, STOPPED, CONNECTING, CONNECTED]

    def test_an_interrupt_while_the_url_is_asked_for_is_a_failed_attempt(self) -> None:
        peer = self.peer(MemoryNetwork())

        def url() -> str:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            peer.connect_to_url(url)
        assert (peer.reconnection.state, peer.ready_state) == (WAITING, State.CONNECTING)

    def test_a_socket_would_serve_only_once(self) -> None:
        with pytest.raises(InvalidOptionError):
            self.peer(MemoryNetwork()).connect_to_url(self.URL, sock=object())

    def test_connecting_elsewhere_begins_anew(self) -> None:
        network = MemoryNetwork()
        listener = network.listen("ws://other.test/")
        peer = self.peer(network, Backoff(first_delay=1000, max_delay=1000))
        peer.connect_to_url(self.URL)
        pump(peer, until=lambda: peer.reconnection.state is WAITING)
        peer.connect_to_url("ws://other.test/")
        assert listener.accept() is not None
        pump(peer, until=lambda: peer.reconnection.state is CONNECTED)

    def test_the_loop_of_the_docs_outlives_a_loss(self) -> None:
        peer, server, listener = self.connected()
        heard: list[Any] = []
        while peer.ready_state is not State.CLOSED:
            peer.poll()
            if listener.waiting:
                server = listener.accept()
                server.send("welcome back")
            elif peer.reconnection.attempts == 1 and peer.is_connected_to_host():
                server.close(1000)
            for message in peer:
                heard.append(message)
                peer.close()
            server.poll()
        assert heard == ["welcome back"]

    def test_while_it_waits_it_says_how_the_connection_before_ended(self) -> None:
        peer, server, _ = self.connected()
        server.close(4001, "come again")
        pump(peer, server, until=lambda: peer.reconnection.state is WAITING)
        assert (peer.ready_state, peer.close_code, peer.close_reason) == (State.CONNECTING, 4001, "come again")
        assert not peer.is_connected_to_host()

    @pytest.mark.parametrize("call", ["send", "send_text", "put_packet", "put_var", "batch", "ping"])
    def test_a_call_while_it_waits_says_why_and_until_when(self, call: str) -> None:
        peer, server, _ = self.connected()
        pump(peer, server, until=peer.is_connected_to_host)
        peer.reconnection.backoff = Backoff(first_delay=1000, max_delay=1000)
        server.abort()
        pump(peer, until=lambda: peer.reconnection.state is WAITING)
        calls: dict[str, Any] = {
            "put_packet": lambda: peer.put_packet(b""),
            "batch": peer.batch().__enter__,
            "ping": peer.ping,
        }
        with pytest.raises(NotConnectedError, match=r"the next attempt comes in .* s: .*waiting_buffer_size") as caught:
            calls.get(call, lambda: getattr(peer, call)("x"))()
        assert caught.value.__cause__ is peer.close_cause

    def test_messages_may_wait_for_the_first_connection_and_for_the_next(self) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        peer.waiting_buffer_size = 1000
        peer.reconnection.changed.connect(lambda state: state is CONNECTED and peer.send("login"))
        peer.connect_to_url(self.URL)
        heard: list[list[Any]] = []
        for number in range(2):
            peer.send(f"text {number}")
            peer.put_packet(b"bytes")
            pump(peer, until=lambda: listener.waiting)
            server = listener.accept()
            received: list[Any] = []
            pump(
                peer,
                server,
                until=lambda received=received, server=server: received.extend(server) or len(received) == 3,
            )
            heard.append(received)
            server.abort()
            pump(peer, until=lambda: peer.reconnection.state is WAITING)
        assert heard == [["login", "text 0", b"bytes"], ["login", "text 1", b"bytes"]]
        assert peer.waiting_messages == ()

    def test_no_more_waits_than_may_and_what_is_refused_is_not_sent(self) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        peer.waiting_buffer_size = 3 * 64 + 5
        peer.connect_to_url(self.URL)
        for message in ("12345", b"", ""):
            peer.send(message)
        with pytest.raises(OutboundBufferFullError, match="3 messages wait"):
            peer.send("")
        with pytest.raises(InvalidMessageTypeError):
            peer.send(5)  # type: ignore[arg-type]
        assert peer.waiting_messages == ("12345", b"", "")
        server = listener.accept()
        pump(peer, server, until=lambda: server.get_available_packet_count() == 3)
        assert list(server) == ["12345", b"", ""]

    def test_what_waits_goes_out_bit_by_bit_if_the_outbound_buffer_is_small(self) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        peer.outbound_buffer_size = 10
        peer.waiting_buffer_size = 10_000
        peer.connect_to_url(self.URL)
        with pytest.raises(OutboundBufferFullError, match="never fit"):
            peer.send(b"x" * 11)
        sent = [str(number) * 8 for number in range(5)]
        for text in sent:
            peer.send(text)
        server = listener.accept()
        heard: list[Any] = []
        pump(peer, server, until=lambda: heard.extend(server) or len(heard) == 5)
        assert heard == sent

    @pytest.mark.parametrize("how", ["close", "abort"])
    def test_closing_discards_what_waits(self, how: str) -> None:
        peer = self.peer(MemoryNetwork())
        peer.waiting_buffer_size = 1000
        peer.connect_to_url(self.URL)
        peer.send("x")
        getattr(peer, how)()
        assert peer.waiting_messages == ()

    def test_what_waits_stays_to_be_looked_at_once_it_has_given_up(self) -> None:
        peer = self.peer(MemoryNetwork(), QUICK._replace(max_attempts=2))
        peer.waiting_buffer_size = 1000
        peer.connect_to_url(self.URL)
        peer.send("x")
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
        assert peer.waiting_messages == ("x",)
        with pytest.raises(NotConnectedError, match="connect_to_url"):
            peer.send("y")

    @pytest.mark.parametrize("size", [-1, 1.5, None, "1"])
    def test_a_size_that_is_none_is_refused(self, size: Any) -> None:
        peer = self.peer(MemoryNetwork())
        with pytest.raises(InvalidOptionError, match="waiting_buffer_size"):
            peer.waiting_buffer_size = size

    def test_a_function_that_closes_and_raises_has_its_error_come_out_and_stops_it(self) -> None:
        peer = self.peer(MemoryNetwork())

        def ask() -> str:
            peer.close()
            raise LookupError("no token")

        with pytest.raises(LookupError):
            peer.connect_to_url(ask)
        assert peer.reconnection.state is STOPPED

    def test_closing_when_a_failed_attempt_is_told_stops_it(self) -> None:
        peer = self.peer(MemoryNetwork())

        def ask() -> str:
            raise LookupError("no token")

        peer.reconnection.changed.connect(lambda state: peer.close() if state is CONNECTING else None)
        with pytest.raises(LookupError):
            peer.connect_to_url(ask)
        assert peer.reconnection.state is STOPPED

    def test_packets_go_out_at_once_while_it_is_connected(self) -> None:
        peer, server, _ = self.connected()
        peer.waiting_buffer_size = 1000
        assert peer.waiting_buffer_size == 1000
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN)
        peer.put_packet(b"now")
        assert peer.waiting_messages == ()
        pump(peer, server, until=server.get_available_packet_count)
        assert server.get_packet() == b"now"

    def test_what_waits_and_no_longer_fits_is_discarded_and_told(self) -> None:
        network = MemoryNetwork()
        listener = network.listen(self.URL)
        peer = self.peer(network)
        peer.waiting_buffer_size = 1000
        peer.connect_to_url(self.URL)
        peer.send("x" * 100)
        peer.send("small")
        server = listener.accept()
        peer._transport.options = peer._transport.options._replace(outbound_buffer_size=10)  # type: ignore[union-attr]
        with pytest.raises(OutboundBufferFullError):
            pump(peer, server, until=lambda: not peer.waiting_messages)
        pump(peer, server, until=lambda: not peer.waiting_messages)
        pump(peer, server, until=server.get_available_packet_count)
        assert list(server) == ["small"]

    def test_while_the_first_connection_is_under_way_a_call_says_so_and_names_no_time(self) -> None:
        peer = self.peer(MemoryNetwork())
        peer.connect_to_url(self.URL)
        with pytest.raises(NotConnectedError, match="there is no connection now: poll"):
            peer.set_no_delay(True)
        with pytest.raises(NotConnectedError, match="there is no connection now: poll"):
            peer.send("x")

    def test_several_functions_that_raise_have_all_their_errors_come_out(self) -> None:
        network = MemoryNetwork()
        network.listen(self.URL)
        peer = self.peer(network)

        def fail(state: ReconnectState) -> None:
            raise LookupError(state.name)

        peer.reconnection.changed.connect(fail)
        peer.reconnection.changed.connect(lambda _: peer.close())
        with pytest.raises(ExceptionGroup) as caught:
            peer.connect_to_url(self.URL)
        assert [str(error) for error in caught.value.exceptions] == ["CONNECTING", "STOPPED"]
