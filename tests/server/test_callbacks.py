"""What a function of the program raises while it serves one client is that client's trouble, and nobody else's."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pyws_browser import (
    HandshakeError,
    InvalidOptionError,
    InvalidStateError,
    Request,
    Response,
    Signal,
    State,
    WebSocketClient,
    WebSocketPeer,
    WebSocketServer,
)

from ..support import pump
from ..wire.raw import BINARY, frame
from .test_server import request

CLIENT_SIGNALS = ("client_connected", "data_received", "client_close_request", "client_disconnected")


class MistakeError(Exception):
    """What the program's functions raise here."""


class Hall:
    """A server that is not strict, its echo, and the peers that visit it."""

    def __init__(self) -> None:
        self.server = WebSocketServer()
        self.server.bind_ip = "127.0.0.1"
        self.server.data_received.connect(self.echo)
        self.peers: list[WebSocketPeer] = []
        self.gone: list[int] = []
        self.server.client_disconnected.connect(lambda id_, _: self.gone.append(id_))

    def echo(self, id_: int) -> None:
        message = self.server.get_peer(id_).receive()
        if message is not None and self.server.get_peer(id_).is_connected_to_host():
            self.server.get_peer(id_).send(message)

    def visit(self, *protocols: str, path: str = "/") -> WebSocketPeer:
        peer = WebSocketPeer(web_limits=False)
        self.peers.append(peer)
        peer.connect_to_url(f"ws://127.0.0.1:{self.server.port}{path}", protocols)
        return peer

    def enter(self) -> tuple[WebSocketPeer, int]:
        """Return a peer that is connected, and its id."""
        known = set(self.server.peer_ids)
        peer = self.visit()
        self.until(lambda: peer.ready_state is State.OPEN and len(self.server.peer_ids) > len(known))
        (id_,) = set(self.server.peer_ids) - known
        return peer, id_

    def until(self, condition: Callable[[], object]) -> None:
        pump(self.server, *self.peers, until=condition)

    def is_served(self, peer: WebSocketPeer) -> bool:
        """Tell whether an echo comes back."""
        peer.send("are you there?")
        self.until(lambda: peer.get_available_packet_count() or peer.ready_state is State.CLOSED)
        return peer.receive() == "are you there?"


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    hall.server.listen(0)
    yield hall
    for peer in hall.peers:
        peer.abort()
    hall.server.stop()


def errors(caplog: pytest.LogCaptureFixture) -> list[type[BaseException] | None]:
    """Return the kinds of exceptions that were logged with their tracebacks."""
    records = [record for record in caplog.records if record.name == "pyws_browser.server"]
    assert all(record.levelno == logging.ERROR for record in records)
    return [record.exc_info[0] if record.exc_info else None for record in records]


def fail_for(whom: list[int], id_: int, *_: object) -> None:
    if id_ in whom:
        raise MistakeError


@pytest.mark.parametrize("name", CLIENT_SIGNALS)
def test_a_function_that_fails_for_one_client_ends_at_most_that_one(
    hall: Hall, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bystander, bystander_id = hall.enter()
    getattr(hall.server, name).connect(
        lambda id_, *_: fail_for([id_] if id_ != bystander_id else [], id_)  # whoever else comes
    )
    victim = hall.visit()
    hall.until(lambda: victim.ready_state is not State.CONNECTING)
    if victim.is_connected_to_host():
        victim.send("hello")
        if name in ("client_close_request", "client_disconnected"):
            victim.close(4000, "bye")
    hall.until(lambda: victim.ready_state is State.CLOSED and len(hall.gone) == 1)
    assert victim.close_code == (1011 if name in ("client_connected", "data_received") else 4000)
    assert errors(caplog) == [MistakeError]
    assert hall.server.peer_ids == (bystander_id,)
    assert hall.is_served(bystander)


@pytest.mark.parametrize("hook", ["process_request", "select_subprotocol"])
@pytest.mark.parametrize("answer", [MistakeError, 5, "v3", "a coroutine"])
def test_a_hook_that_fails_for_one_client_answers_it_500(
    hall: Hall, hook: str, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    bystander, _ = hall.enter()

    async def think() -> None: ...

    def decide(asked: object) -> Any:
        if answer is MistakeError:
            raise MistakeError
        return think() if answer == "a coroutine" else answer

    setattr(hall.server, hook, decide)
    victim = hall.visit("v1")
    hall.until(lambda: victim.ready_state is State.CLOSED)
    assert isinstance(victim.close_cause, HandshakeError)
    assert victim.close_cause.status == 500
    (logged,) = errors(caplog)
    assert logged is not None
    assert issubclass(logged, MistakeError if answer is MistakeError else ValueError)
    assert hall.gone == []
    assert hall.is_served(bystander)


def test_a_hook_that_answers_and_then_fails_has_its_answer_stand(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    def decide(asked: Request) -> None:
        asked.reject(Response(418, "teapot"))
        raise MistakeError

    hall.server.process_request = decide
    victim = hall.visit()
    hall.until(lambda: victim.ready_state is State.CLOSED)
    assert isinstance(victim.close_cause, HandshakeError)
    assert victim.close_cause.status == 418
    assert errors(caplog) == [MistakeError]


def test_what_is_refused_by_name_says_what_to_return(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    hall.server.process_request = lambda asked: 5  # type: ignore[assignment, return-value]
    victim = hall.visit()
    hall.until(lambda: victim.ready_state is State.CLOSED)
    assert "process_request returned 5: return a Response" in caplog.text


def test_a_client_is_told_no_more_messages_once_a_function_failed_for_it(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    hall.server.data_received.disconnect(hall.echo)
    bystander, _ = hall.enter()
    victim, victim_id = hall.enter()
    told: list[int] = []
    hall.server.data_received.connect(told.append)
    hall.server.data_received.connect(lambda id_: fail_for([victim_id], id_))
    with victim.batch():
        for number in range(100):
            victim.send(str(number))
    hall.until(lambda: victim.ready_state is State.CLOSED)
    bystander.send("hello")
    hall.until(lambda: len(told) > 1)
    assert told[0] == victim_id
    assert victim_id not in told[1:]
    assert errors(caplog) == [MistakeError]


def test_a_client_that_reads_nothing_ends_only_its_own_echo(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    hall.server.outbound_buffer_size = 1 << 16
    hall.server.close_timeout = 0.2
    bystander, bystander_id = hall.enter()
    with socket.create_connection(("127.0.0.1", hall.server.port)) as deaf:
        deaf.sendall(request())
        hall.until(lambda: len(hall.server.peer_ids) == 2)
        deaf.setblocking(False)
        message = frame(BINARY, bytes(60_000), mask=bytes(4))
        unsent = message

        def send_on() -> bool:
            nonlocal unsent
            try:
                unsent = unsent[deaf.send(unsent) :] or message
            except BlockingIOError:
                pass
            except OSError:  # the server has given it up
                return True
            return hall.server.peer_ids == (bystander_id,)

        hall.until(send_on)
        hall.until(lambda: hall.server.peer_ids == (bystander_id,))
    assert [kind.__name__ for kind in errors(caplog) if kind] == ["OutboundBufferFullError"]
    assert hall.is_served(bystander)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
@pytest.mark.parametrize("name", ["client_connected", "process_request"])
def test_what_ends_a_program_comes_out_of_poll(hall: Hall, kind: type[BaseException], name: str) -> None:
    def interrupt(*_: object) -> None:
        raise kind

    if name == "process_request":
        hall.server.process_request = interrupt
    else:
        hall.server.client_connected.connect(interrupt)
    hall.visit()
    with pytest.raises(kind):
        hall.until(lambda: False)


def test_a_strict_server_raises_it_and_serves_on(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    hall.server.strict = True
    peer, id_ = hall.enter()
    hall.server.data_received.connect(lambda id_: fail_for([id_], id_))
    peer.send("hello")
    with pytest.raises(MistakeError):
        hall.until(lambda: False)
    assert errors(caplog) == []
    assert hall.server.peer_ids == (id_,)
    hall.until(peer.get_available_packet_count)
    assert peer.receive() == "hello"


def test_a_function_may_stop_the_server_and_fail(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    def stop(id_: int, _: str) -> None:
        hall.server.stop()
        raise MistakeError

    hall.server.client_connected.connect(stop)
    hall.visit()
    hall.until(lambda: not hall.server.is_listening())
    assert errors(caplog) == [MistakeError]
    assert not hall.server.wait(0)


def test_several_functions_that_fail_are_logged_as_one(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        hall.server.client_connected.connect(partial(lambda id_, _: fail_for([id_], id_)))
    victim = hall.visit()
    hall.until(lambda: victim.ready_state is State.CLOSED)
    assert errors(caplog) == [ExceptionGroup]


class TestMultiplayer:
    @pytest.fixture
    def clients(self, hall: Hall) -> Iterator[list[WebSocketClient]]:
        hall.server.stop()
        hall.server.listen(0, gd_mp_api=True)
        clients = [WebSocketClient(web_limits=False) for _ in range(2)]
        for client in clients:
            client.connect_to_url(f"ws://127.0.0.1:{hall.server.port}/", gd_mp_api=True)
        pump(hall.server, *clients, until=lambda: all(client.get_unique_id() for client in clients))
        yield clients
        for client in clients:
            client.get_peer(1).abort()

    @pytest.mark.parametrize("fetches_first", [True, False])
    def test_packets_of_others_stay_with_their_senders(
        self, hall: Hall, clients: list[WebSocketClient], fetches_first: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        bystander, victim = clients
        taken: list[tuple[int, int, bytes]] = []

        def take(source: int) -> None:
            if fetches_first:
                taken.append((source, hall.server.get_packet_peer(), hall.server.get_packet()))
            if source == victim.get_unique_id():
                raise MistakeError
            if not fetches_first:
                taken.append((source, hall.server.get_packet_peer(), hall.server.get_packet()))

        hall.server.peer_packet.connect(take)
        for number in range(3):
            for client in (victim, bystander):
                client.set_target_peer(1)
                client.put_packet(bytes([number]))
        pump(hall.server, *clients, until=lambda: len(hall.server.peer_ids) == 1 and len(taken) >= 3)
        id_ = bystander.get_unique_id()
        assert [entry for entry in taken if entry[0] == id_] == [(id_, id_, bytes([number])) for number in range(3)]
        assert hall.server.get_available_packet_count() == 0
        assert victim.get_peer(1).close_code == 1011
        assert errors(caplog) == [MistakeError]

    def test_whoever_comes_when_a_function_fails_is_sent_away(
        self, hall: Hall, clients: list[WebSocketClient], caplog: pytest.LogCaptureFixture
    ) -> None:
        hall.server.peer_connected.connect(lambda id_: fail_for([id_], id_))
        late = WebSocketClient(web_limits=False)
        late.connect_to_url(f"ws://127.0.0.1:{hall.server.port}/", gd_mp_api=True)
        pump(hall.server, *clients, late, until=lambda: late.get_peer(1).ready_state is State.CLOSED)
        assert late.get_peer(1).close_code == 1011
        pump(hall.server, until=lambda: len(hall.server.peer_ids) == 2)
        assert errors(caplog) == [MistakeError]

    def test_a_clients_own_mistakes_come_out_of_its_poll(self, hall: Hall, clients: list[WebSocketClient]) -> None:
        def fail(source: int) -> None:
            raise MistakeError

        clients[0].peer_packet.connect(fail)
        hall.server.put_packet(b"to all")
        with pytest.raises(MistakeError):
            pump(hall.server, *clients, until=lambda: False)
        assert clients[0].get_peer(1).is_connected_to_host()


class TestCoroutineFunctions:
    def test_one_is_refused_where_no_loop_runs_it(self) -> None:
        async def think(number: int) -> None: ...

        class Thinker:
            async def __call__(self, number: int) -> None: ...

            async def think(self, number: int) -> None: ...

        signal: Signal[int] = Signal()
        for callback in (think, Thinker(), Thinker().think, partial(think, 1), partial(partial(Thinker().think), 1)):
            with pytest.raises(InvalidOptionError, match="no event loop runs it"):
                signal.connect(callback)
        assert not signal.has_connections()

    def test_what_does_nothing_when_it_is_called_is_refused(self) -> None:
        def generate(number: int) -> Iterator[int]:
            yield number

        signal: Signal[int] = Signal()
        with pytest.raises(InvalidOptionError, match="generator"):
            signal.connect(generate)
        with pytest.raises(InvalidOptionError, match="takes a function, not 5"):
            signal.connect(5)  # type: ignore[arg-type]

    def test_a_function_that_returns_a_coroutine_is_told_that_no_loop_runs_it(self) -> None:
        async def think(number: int) -> None: ...

        signal: Signal[int] = Signal()
        signal.connect(lambda number: think(number))
        with pytest.raises(InvalidStateError, match="no event loop runs here"):
            signal.emit(1)

    def test_a_loop_runs_it_and_keeps_it(self, hall: Hall) -> None:
        done: list[int] = []

        async def think(id_: int) -> None:
            await asyncio.sleep(0)
            done.append(id_)

        async def main() -> None:
            hall.server.data_received.connect(think)
            peer = hall.visit()
            while not done:
                hall.server.poll()
                peer.poll()
                if peer.is_connected_to_host() and not peer.get_current_outbound_buffered_amount():
                    peer.send("x")
                await asyncio.sleep(0)

        asyncio.run(main())
        assert set(done) == set(hall.server.peer_ids)

    def test_what_it_raises_ends_the_client_that_it_served(self, hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
        bystander, bystander_id = hall.enter()

        async def think(id_: int, _: str) -> None:
            await asyncio.sleep(0)
            raise MistakeError

        async def main() -> None:
            hall.server.client_connected.connect(think)
            victim = hall.visit()
            while victim.ready_state is not State.CLOSED:
                hall.server.poll()
                victim.poll()
                await asyncio.sleep(0)
            assert victim.close_code == 1011

        asyncio.run(main())
        assert errors(caplog) == [MistakeError]
        hall.until(lambda: hall.server.peer_ids == (bystander_id,))
        assert hall.is_served(bystander)

    def test_what_it_raises_comes_out_of_a_strict_servers_next_poll(self, hall: Hall) -> None:
        hall.server.strict = True

        async def think(id_: int, _: str) -> None:
            raise MistakeError

        async def main() -> None:
            hall.server.client_connected.connect(think)
            hall.visit()
            while True:
                hall.server.poll()
                hall.peers[0].poll()
                await asyncio.sleep(0)

        with pytest.raises(MistakeError):
            asyncio.run(main())

    def test_what_one_of_a_signal_of_the_programs_own_raises_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        async def think() -> None:
            raise MistakeError

        async def main() -> None:
            signal: Signal[()] = Signal()
            signal.connect(think)
            signal.emit()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        asyncio.run(main())
        assert [record.name for record in caplog.records] == ["pyws_browser"]
        assert caplog.records[0].exc_info is not None


def test_a_held_request_is_answered_503_when_the_server_stops(hall: Hall) -> None:
    held: list[Request] = []

    def hold(asked: Request) -> Response | None:
        asked.hold()
        held.append(asked)
        return None

    hall.server.process_request = hold
    peer = hall.visit()
    hall.until(lambda: held)
    hall.server.stop()
    with pytest.raises(InvalidStateError, match="before the server stops"):
        held[0].accept()
    pump(peer, until=lambda: peer.ready_state is State.CLOSED)
    assert isinstance(peer.close_cause, HandshakeError)
    assert peer.close_cause.status == 503
