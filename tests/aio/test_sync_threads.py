"""One blocking connection used by several threads, and the server that has a thread for each connection."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import connect as their_connect
from websockets.sync.server import serve as their_serve

from pyws_browser.aio import ConcurrencyError, ConnectionClosedError, ConnectionClosedOK, InvalidStatus, State
from pyws_browser.sync import connect, reconnect, serve
from pyws_browser.sync import server as server_module
from pyws_browser.sync.server import Server, broadcast


def echo(connection: Any) -> None:
    for message in connection:
        connection.send(message)


@contextmanager
def serving(handler: Any = echo, **arguments: Any) -> Iterator[tuple[Server, str]]:
    """Run a server with threads, and give it and its URL."""
    server = serve(handler, "127.0.0.1", 0, **arguments)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server, f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def often_switched() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often_switched")
def test_eight_threads_send_and_one_receives_each_message_once_and_in_order() -> None:
    count = 15_000
    with serving(compression=None) as (_, url), connect(url, compression=None) as connection:

        def send(sender: int) -> None:
            for number in range(count):
                connection.send(f"{sender} {number}")

        senders = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
        for thread in senders:
            thread.start()
        received: list[list[int]] = [[] for _ in senders]
        for _ in range(8 * count):
            sender, number = map(int, str(connection.recv(timeout=60)).split())
            received[sender].append(number)
        for thread in senders:
            thread.join()
    assert received == [list(range(count))] * 8


def test_one_thread_receives_while_another_closes() -> None:
    with serving() as (_, url):
        connection = connect(url)
        ended: list[BaseException] = []

        def receive() -> None:
            with pytest.raises(ConnectionClosedOK) as caught:
                connection.recv()
            ended.append(caught.value)

        receiving = threading.Thread(target=receive)
        receiving.start()
        connection.close()
        receiving.join()
        assert len(ended) == 1


def test_two_threads_that_receive_are_one_too_many() -> None:
    with serving() as (_, url), connect(url) as connection:
        receiving = threading.Thread(target=connection.recv)
        receiving.start()
        while not connection._is_receiving:
            time.sleep(0.001)
        with pytest.raises(ConcurrencyError):
            connection.recv(timeout=0)
        connection.send("for the first one")
        receiving.join()


def test_pings_are_answered_while_the_program_does_something_else() -> None:
    answered = threading.Event()

    def handler(connection: Any) -> None:
        if connection.ping().wait(30):
            answered.set()
        connection.recv()

    with serving(handler) as (_, url), connect(url) as connection:
        assert answered.wait(30)
        connection.send("x")


def test_the_end_of_the_server_is_seen_without_a_call() -> None:
    with serving(lambda connection: connection.close(4000, "bye")) as (_, url):
        connection = connect(url)
        while connection.state is not State.CLOSED:
            time.sleep(0.001)
        assert (connection.close_code, connection.close_reason) == (4000, "bye")
        with pytest.raises(ConnectionClosedError):
            connection.send("x")


def test_a_message_of_fragments_arrives_as_it_is_sent() -> None:
    seen: list[Any] = []

    def handler(connection: Any) -> None:
        seen.extend(connection.recv_streaming())
        connection.send(["a", "b"])

    with serving(handler) as (_, url), connect(url) as connection:
        connection.send(["one", "two", "three"])
        assert connection.recv() == "ab"
    assert "".join(seen) == "onetwothree"


def test_the_client_knows_what_that_of_websockets_knows() -> None:
    with serving() as (_, url), connect(url) as connection:
        assert connection.request.path == "/"  # type: ignore[union-attr]
        assert connection.response.status_code == 101  # type: ignore[union-attr]
        assert connection.remote_address[0] == "127.0.0.1"
        assert connection.socket.getpeername() == connection.remote_address
        assert connection.protocol.state is State.OPEN
        assert connection.ping(b"x").wait(30)
        assert connection.latency > 0


def test_it_serves_and_is_served_by_websockets() -> None:
    with serving() as (_, url), their_connect(url, proxy=None) as connection:
        connection.send("hello")
        assert connection.recv() == "hello"
    server = their_serve(echo, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with connect(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/") as ours:
            ours.send(b"hello")
            assert ours.recv() == b"hello"
    finally:
        server.shutdown()
        thread.join()


def test_broadcast_and_the_connections_of_a_server() -> None:
    with serving() as (server, url), connect(url) as one, connect(url) as two:
        for connection in (one, two):
            connection.send("is open")
            connection.recv()
        assert len(server.connections) == 2
        broadcast(server.connections, "to all")
        assert [one.recv(), two.recv()] == ["to all"] * 2


def test_a_handler_that_fails_closes_with_1011_and_the_others_go_on() -> None:
    def handler(connection: Any) -> None:
        if connection.request.path == "/fail":
            raise LookupError("no")
        echo(connection)

    with serving(handler) as (_, url):
        with connect(url + "fail") as failing, pytest.raises(ConnectionClosedError) as caught:
            failing.recv()
        with connect(url) as connection:
            connection.send("x")
            assert connection.recv() == "x"
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011


def test_process_request_may_refuse_and_basic_auth_does() -> None:
    check = server_module.basic_auth(credentials=("ann", "secret"))
    with serving(process_request=check) as (_, url):
        with pytest.raises(InvalidStatus) as caught:
            connect(url)
        assert caught.value.response.status_code == 401
        with connect(url, additional_headers={"Authorization": "Basic YW5uOnNlY3JldA=="}) as connection:
            connection.send("x")
            assert connection.recv() == "x"


def test_shutdown_answers_a_waiting_request_with_503() -> None:
    with serving(process_request=lambda connection, _: connection.server.socket_closed.wait() and None) as (
        server,
        url,
    ):
        stopping = threading.Timer(0.05, server.shutdown)
        stopping.start()
        with pytest.raises(InvalidStatus) as caught:
            connect(url)
        stopping.join()
    assert caught.value.response.status_code == 503


def test_reconnect_goes_on_after_each_end() -> None:
    visits = 0
    with serving(lambda connection: connection.close(1001)) as (_, url):
        for connection in reconnect(url, reconnect_delays=lambda: iter([0.001] * 9)):
            visits += 1
            if visits == 3:
                break
            with pytest.raises(ConnectionClosedOK):
                connection.recv()
    assert visits == 3


def test_importing_it_loads_no_asyncio() -> None:
    code = "import sys, pyws_browser.sync, pyws_browser.sync.server; print('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
