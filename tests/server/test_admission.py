"""Whom a WebSocketServer lets in: process_request, origins, subprotocols, limits, and what it answers."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator

import pytest
import trustme
from websockets import http11
from websockets.datastructures import Headers

from pyws_browser import (
    HandshakeError,
    InvalidHeaderError,
    InvalidOptionError,
    InvalidStateError,
    InvalidSubprotocolError,
    Request,
    Response,
    State,
    WebSocketPeer,
    WebSocketServer,
)

from ..support import LIMIT, client_context, open_descriptors, pump, server_context
from .test_server import ask, request


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        yield server


_peers: list[WebSocketPeer] = []


@pytest.fixture(autouse=True)
def no_peer_is_left() -> Iterator[None]:
    yield
    while _peers:
        _peers.pop().abort()


def attempt(server: WebSocketServer, path: str = "/", **settings: object) -> WebSocketPeer:
    """Connect, and return the peer once it is open or has failed."""
    peer = WebSocketPeer(web_limits=False)
    _peers.append(peer)
    for name, value in settings.items():
        setattr(peer, name, value)
    peer.connect_to_url(f"ws://127.0.0.1:{server.port}{path}")
    pump(peer, server, until=lambda: peer.ready_state is not State.CONNECTING)
    return peer


def refusal(peer: WebSocketPeer) -> HandshakeError:
    assert peer.ready_state is State.CLOSED
    assert type(peer.close_cause) is HandshakeError
    return peer.close_cause


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


class TestProcessRequest:
    def test_it_sees_what_the_client_asks_for(self, server: WebSocketServer) -> None:
        seen: list[Request] = []
        connected: list[int] = []
        server.process_request = seen.append  # type: ignore[assignment]
        server.client_connected.connect(lambda id_, protocol: connected.append(id_))
        peer = attempt(server, "/room?token=1", handshake_headers={"Cookie": "a=b"}, supported_protocols=())
        pump(server, until=lambda: connected)
        (asked,) = seen
        assert (asked.method, asked.path, asked.headers["cookie"]) == ("GET", "/room?token=1", "a=b")
        assert asked.remote_address[0] == "127.0.0.1"
        assert asked.tls is None
        assert [asked.id] == connected
        assert asked.is_answered
        peer.abort()

    def test_it_may_answer_a_health_check(self, server: WebSocketServer) -> None:
        server.process_request = lambda asked: Response(200, "OK\n") if asked.path == "/health" else None
        answer = ask(server, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nContent-Length: 3\r\n" in answer
        assert b"\r\nConnection: close\r\n" in answer
        assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in answer
        assert body_of(answer) == b"OK\n"
        assert attempt(server).ready_state is State.OPEN

    def test_the_answer_to_head_has_no_content(self, server: WebSocketServer) -> None:
        server.process_request = lambda asked: Response(200, "OK\n")
        answer = ask(server, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"\r\nContent-Length: 3\r\n" in answer
        assert body_of(answer) == b""

    @pytest.mark.parametrize(
        "response",
        [
            Response(401, "Who are you?\n", {"WWW-Authenticate": 'Basic realm="game"'}),
            Response(403, b"\x00not for you", {"Content-Type": "application/octet-stream"}),
            Response(404, "Nothing here.\n"),
            Response(302, "", ["Location: /elsewhere"]),
            Response(599),
        ],
        ids=repr,
    )
    def test_what_it_refuses_with_is_the_clients_cause(self, server: WebSocketServer, response: Response) -> None:
        server.process_request = lambda asked: response
        failure = refusal(attempt(server))
        assert (failure.status, failure.body) == (response.status, response.body)
        assert set(response.headers) <= set(failure.headers)
        assert f"HTTP {response.status} {response.reason}".rstrip() in str(failure)

    def test_a_refused_client_is_told_of_to_nobody(self, server: WebSocketServer) -> None:
        told: list[int] = []
        server.client_connected.connect(lambda id_, protocol: told.append(id_))
        server.client_disconnected.connect(lambda id_, clean: told.append(id_))
        server.process_request = lambda asked: Response(403)
        refusal(attempt(server))
        pump(server, until=lambda: not server._clients)
        assert told == []
        assert server.peer_ids == ()

    def test_a_failure_of_its_own_answers_500_and_comes_out_of_poll(self, server: WebSocketServer) -> None:
        def fail(asked: Request) -> Response | None:
            raise KeyError("the program's own mistake")

        server.process_request = fail
        peer = WebSocketPeer(web_limits=False)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        with pytest.raises(KeyError, match="own mistake"):
            pump(peer, server, until=lambda: peer.ready_state is State.CLOSED)
        pump(peer, server, until=lambda: peer.ready_state is State.CLOSED)
        assert refusal(peer).status == 500
        assert b"mistake" not in refusal(peer).body

    def test_the_rules_hold_behind_it(self, server: WebSocketServer) -> None:
        server.process_request = lambda asked: None
        assert status_of(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == 426
        assert status_of(ask(server, request().replace(b"GET", b"PUT"))) == 405

    @pytest.mark.parametrize("name", ["X-Token", "Cookie", "X-Forwarded-For"])
    def test_a_header_that_comes_twice_has_one_value(self, server: WebSocketServer, name: str) -> None:
        seen: list[str] = []
        server.process_request = lambda asked: seen.append(asked.headers.get(name, ""))  # type: ignore
        data = request().replace(b"\r\n\r\n", f"\r\n{name}: one\r\n{name}: two\r\n\r\n".encode())
        assert status_of(ask(server, data)) == 101
        assert seen == ["one; two" if name == "Cookie" else "one, two"]

    @pytest.mark.parametrize("name", ["Authorization", "Origin", "Host", "Sec-WebSocket-Key", "Content-Length"])
    def test_it_is_not_asked_where_a_header_comes_twice_that_may_come_once(
        self, server: WebSocketServer, name: str
    ) -> None:
        asked: list[Request] = []
        server.process_request = asked.append  # type: ignore[assignment]
        data = request().replace(b"\r\n\r\n", f"\r\n{name}: a\r\n{name}: b\r\n\r\n".encode())
        assert status_of(ask(server, data)) == 400
        assert asked == []

    def test_it_is_not_asked_about_connections_from_other_origins(self, server: WebSocketServer) -> None:
        paths: list[str] = []

        def answer(asked: Request) -> Response:
            paths.append(asked.path)
            return Response(200)

        server.process_request = answer
        server.origins = ["https://game.example"]
        assert status_of(ask(server, request("/one", Origin="https://evil.example"))) == 403
        assert status_of(ask(server, request("/two"))) == 403
        assert status_of(ask(server, request("/three", Origin="https://game.example"))) == 200
        assert status_of(ask(server, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")) == 200
        assert paths == ["/three", "/health"]

    def test_the_program_is_told_when_nothing_comes_of_a_request(self, server: WebSocketServer) -> None:
        asked: list[int] = []
        ended: list[tuple[str, int]] = []
        server.request_failed.connect(lambda id_: ended.append(("request", id_)))
        server.client_disconnected.connect(lambda id_, clean: ended.append(("client", id_)))

        def note(request: Request) -> Response | None:
            asked.append(request.id)
            if request.path == "/hold":
                request.hold()
            return Response(403) if request.path == "/refused" else None

        server.process_request = note
        server.select_subprotocol = lambda offered: "v1" if "v1" in offered else None
        peer = attempt(server, "/")
        ask(server, request("/refused"))
        ask(server, request("/no-key", Sec_WebSocket_Key=""))
        ask(server, b"GET /no-upgrade HTTP/1.1\r\nHost: a\r\n\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request("/hold"))
            pump(server, until=lambda: len(asked) == 5)
        pump(server, until=lambda: len(ended) == 4)
        peer.abort()
        pump(server, until=lambda: len(ended) == 5)
        assert ended == [*(("request", id_) for id_ in asked[1:]), ("client", asked[0])]

    def test_nothing_is_told_of_a_request_that_was_not_asked_about(self, server: WebSocketServer) -> None:
        ended: list[int] = []
        server.request_failed.connect(ended.append)
        server.process_request = lambda asked: None
        server.origins = ["https://game.example"]
        ask(server, b"no HTTP\r\n\r\n")
        ask(server, request("/", Origin="https://evil.example"))
        server.refuse_new_connections = True
        ask(server, request())
        pump(server, until=lambda: not server._clients)
        assert ended == []

    def test_it_sees_the_clients_certificate(self) -> None:
        authority = trustme.CA()
        context, trust = server_context(authority, "127.0.0.1"), client_context(authority)
        context.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
        context.verify_mode = ssl.CERT_REQUIRED
        authority.issue_cert("player@game.example").configure_cert(trust)
        seen: list[object] = []
        with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
            server.strict = True
            server.tls = context
            server.process_request = lambda asked: seen.append(asked.tls and asked.tls.getpeercert())  # type: ignore
            server.listen(0)
            peer.connect_to_url(f"wss://127.0.0.1:{server.port}/", tls=trust)
            pump(peer, server, until=lambda: peer.ready_state is State.OPEN)
        assert "player@game.example" in str(seen)


class TestHeldRequests:
    """A program may need time to decide."""

    @pytest.fixture
    def held(self, server: WebSocketServer) -> list[Request]:
        requests: list[Request] = []

        def hold(asked: Request) -> None:
            asked.hold()
            requests.append(asked)

        server.process_request = hold
        return requests

    @pytest.fixture
    def peer(self, server: WebSocketServer, held: list[Request]) -> Iterator[WebSocketPeer]:
        with WebSocketPeer(web_limits=False) as peer:
            peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            pump(peer, server, until=lambda: held)
            for _ in range(10):
                peer.poll()
                server.poll()
            assert peer.ready_state is State.CONNECTING
            assert not server.wait(0.01), "nothing to do until it is answered"
            yield peer

    def test_they_are_accepted_later(self, server: WebSocketServer, held: list[Request], peer: WebSocketPeer) -> None:
        assert not held[0].is_answered
        assert held[0].accept({"X-Player": "7"})
        assert held[0].is_answered
        assert server.wait(0)
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN)
        assert server.peer_ids == (held[0].id,)

    def test_they_are_rejected_later(self, server: WebSocketServer, held: list[Request], peer: WebSocketPeer) -> None:
        held[0].reject(Response(403, "no"))
        pump(peer, server, until=lambda: peer.ready_state is State.CLOSED)
        assert refusal(peer).status == 403

    @pytest.mark.parametrize("again", ["accept", "reject", "prepare"])
    def test_they_are_answered_once(self, held: list[Request], peer: WebSocketPeer, again: str) -> None:
        held[0].accept()
        with pytest.raises(InvalidStateError, match="answered already"):
            getattr(held[0], again)(*[Response(403)] * (again == "reject"))

    def test_what_would_be_answered_can_be_changed(
        self, server: WebSocketServer, held: list[Request], peer: WebSocketPeer
    ) -> None:
        response = held[0].prepare()
        assert response.status_code == 101
        response.headers["X-Player"] = "7"
        held[0].answer(response)
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN)

    def test_an_upgrade_that_was_not_prepared_is_refused(self, held: list[Request], peer: WebSocketPeer) -> None:
        response = held[0].prepare()
        held[0]._desk._handshake._agreed = None  # type: ignore[union-attr]
        with pytest.raises(InvalidStateError, match="prepare"):
            held[0].answer(response)
        assert not held[0].is_answered

    def test_a_bad_header_leaves_them_unanswered(self, held: list[Request], peer: WebSocketPeer) -> None:
        for headers in ({"X": "a\r\nb"}, {"Upgrade": "h2c"}):
            with pytest.raises(InvalidHeaderError):
                held[0].accept(headers)
        assert not held[0].is_answered

    def test_a_client_that_leaves_is_forgotten(self, server: WebSocketServer, held: list[Request]) -> None:
        before = open_descriptors()
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request())
            pump(server, until=lambda: held)
        assert not held[0].has_left
        pump(server, until=lambda: not server._clients)
        assert open_descriptors() <= before
        assert held[0].has_left
        assert held[0]._desk is None, "nothing of the connection is held"
        assert not held[0].is_answered
        assert not held[0].accept()
        held[0].reject(Response(403))
        content = iter(generator := (block for block in [b"never sent"]))
        held[0].reject(Response(403, content=content))
        assert generator.gi_frame is None, "it is closed"
        assert repr(held[0]).startswith("<Request GET / from 127.0.0.1:")
        for answer in (held[0].prepare, lambda: held[0].answer(http11.Response(403, "", Headers()))):
            with pytest.raises(InvalidStateError, match="has left"):
                answer()
        server.poll()
        assert server.peer_ids == ()

    def test_a_client_that_sends_on_keeps_what_it_sent(self, server: WebSocketServer, held: list[Request]) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request() + b"\x81\x82\0\0\0\0")
            pump(server, until=lambda: held)
            sock.sendall(b"hi")
            time.sleep(0.01)
            server.poll()
            held[0].accept()
            pump(server, until=lambda: server.peer_ids)
            peer = server.get_peer(held[0].id)
            pump(server, until=peer.get_available_packet_count)
            assert peer.receive() == "hi"

    def test_a_client_that_floods_is_refused(self, server: WebSocketServer, held: list[Request]) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request())
            pump(server, until=lambda: held)
            sock.sendall(b"\x82" * 20_000)
            pump(server, until=lambda: select.select([sock], [], [], 0)[0])
            answer = sock.recv(4096)
        assert status_of(answer) == 400
        assert b"wait" in body_of(answer)
        assert held[0].is_answered

    def test_too_late_is_503(self, server: WebSocketServer, held: list[Request]) -> None:
        server.handshake_timeout = 0.1
        answer = ask(server, request())
        assert status_of(answer) == 503
        with pytest.raises(InvalidStateError, match="handshake_timeout"):
            held[0].accept()

    def test_a_server_may_stop_while_it_is_asked(self, server: WebSocketServer) -> None:
        server.process_request = lambda asked: server.stop()  # type: ignore[func-returns-value]
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request())
            pump(server, until=lambda: not server.is_listening())
        assert server.peer_ids == ()


class TestOrigins:
    ALLOWED = ("https://game.example", re.compile(r"https://.*\.game\.example"), None)

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://game.example", 101),
            ("https://eu.game.example", 101),
            ("", 101),
            ("http://game.example", 403),
            ("https://eu.game.example.evil.example", 403),
            ("https://game.example.evil.example", 403),
            ("null", 403),
        ],
    )
    def test_a_page_from_elsewhere_is_forbidden(self, server: WebSocketServer, origin: str, status: int) -> None:
        server.origins = self.ALLOWED
        answer = ask(server, request(Origin=origin))
        assert status_of(answer) == status
        if status == 403:
            assert b"origin" in body_of(answer).lower()

    def test_without_none_a_client_has_to_name_one(self, server: WebSocketServer) -> None:
        server.origins = "https://game.example"  # type: ignore[assignment]
        assert status_of(ask(server, request())) == 403
        assert status_of(ask(server, request(Origin="https://game.example"))) == 101

    def test_any_is_let_in_at_first(self, server: WebSocketServer) -> None:
        assert server.origins is None
        assert status_of(ask(server, request(Origin="https://anywhere.example"))) == 101

    def test_they_are_checked(self, server: WebSocketServer) -> None:
        with pytest.raises(InvalidOptionError, match="origin"):
            server.origins = [5]  # type: ignore[list-item]
        assert server.origins is None


class TestSubprotocols:
    def test_the_program_chooses(self, server: WebSocketServer) -> None:
        offers: list[list[str]] = []

        def choose(offered: list[str]) -> str | None:
            offers.append(list(offered))
            return offered[-1] if offered else None

        server.select_subprotocol = choose  # type: ignore[assignment]
        answer = ask(server, request(Sec_WebSocket_Protocol="a, b"))
        assert b"\r\nSec-WebSocket-Protocol: b\r\n" in answer
        assert b"Sec-WebSocket-Protocol" not in ask(server, request())
        assert offers == [["a", "b"], []]

    def test_it_may_choose_none_of_them(self, server: WebSocketServer) -> None:
        server.select_subprotocol = lambda offered: None
        answer = ask(server, request(Sec_WebSocket_Protocol="a, b"))
        assert status_of(answer) == 101
        assert b"Sec-WebSocket-Protocol" not in answer

    @pytest.mark.parametrize(
        ("choose", "error"),
        [(lambda offered: "c", InvalidSubprotocolError), (lambda offered: offered[99], IndexError)],
    )
    def test_a_mistake_answers_500_and_comes_out_of_poll(
        self, server: WebSocketServer, choose: Callable[..., str], error: type[Exception]
    ) -> None:
        server.select_subprotocol = choose
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request(Sec_WebSocket_Protocol="a, b"))
            with pytest.raises(error):
                pump(server, until=lambda: select.select([sock], [], [], 0)[0])
            pump(server, until=lambda: select.select([sock], [], [], 0)[0])
            assert status_of(sock.recv(4096)) == 500

    def test_it_is_not_asked_about_what_is_no_websocket(self, server: WebSocketServer) -> None:
        server.select_subprotocol = lambda offered: pytest.fail("asked")
        assert status_of(ask(server, request(Upgrade="h2c"))) == 426


class TestHeaders:
    def test_there_is_a_server_header_if_one_is_set(self, server: WebSocketServer) -> None:
        assert b"\r\nServer:" not in ask(server, request())
        server.server_header = "game/1.0"
        server.process_request = lambda asked: Response(204) if asked.path == "/health" else None
        for data in (request(), request(Upgrade="h2c"), request("/health"), b"x\r\n\r\n"):
            assert b"\r\nServer: game/1.0\r\n" in ask(server, data)
        with pytest.raises(InvalidHeaderError):
            server.server_header = "game\r\nX: y"

    def test_an_answer_is_checked_when_it_is_made(self) -> None:
        for status in (99, 101, 199, 600, "200"):
            with pytest.raises(InvalidOptionError, match="from 200 to 599"):
                Response(status)  # type: ignore[arg-type]
        with pytest.raises(InvalidHeaderError):
            Response(200, "", {"X": "a\r\nb"})

    def test_its_length_is_counted_here(self, server: WebSocketServer) -> None:
        server.process_request = lambda asked: Response(200, "grün", {"content-length": "99", "connection": "open"})
        answer = ask(server, request())
        assert answer.lower().count(b"content-length") == answer.lower().count(b"connection: ") == 1
        assert b"\r\nContent-Length: 5\r\n" in answer


class TestLimits:
    def test_one_too_many_gets_503(self, server: WebSocketServer) -> None:
        server.max_connections = 2
        peers = [attempt(server), attempt(server)]
        failure = refusal(attempt(server))
        assert failure.status == 503
        assert ("Retry-After", "5") in failure.headers
        assert b"as many connections as it may have" in failure.body
        assert [peer.ready_state for peer in peers] == [State.OPEN] * 2
        peers[0].abort()
        pump(server, until=lambda: len(server._clients) == 1)
        assert attempt(server).ready_state is State.OPEN
        for peer in peers:
            peer.abort()

    def test_those_who_are_refused_count_for_nothing(self, server: WebSocketServer) -> None:
        server.max_connections = 1
        server.refuse_new_connections = True
        refused = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        pump(server, until=lambda: len(server._clients) == 5)
        server.refuse_new_connections = False
        peer = attempt(server)
        assert peer.ready_state is State.OPEN
        for sock in refused:
            sock.close()
        pump(server, until=lambda: len(server._clients) == 1)
        assert server._acceptor._refused == 0
        peer.abort()

    def test_more_of_them_than_can_be_told_are_dropped(
        self, server: WebSocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pyws_browser.server.acceptor._MAX_REFUSED", 3)
        server.refuse_new_connections = True
        before = open_descriptors()
        crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
        pump(server, until=lambda: open_descriptors() == before + 10 + 3)
        for sock in crowd:
            sock.close()
        pump(server, until=lambda: open_descriptors() <= before)

    def test_refusing_new_connections_says_503(self, server: WebSocketServer) -> None:
        server.refuse_new_connections = True
        failure = refusal(attempt(server))
        assert failure.status == 503
        assert b"no new connections now" in failure.body

    @pytest.mark.parametrize("count", [0, -1, 2.5, "many"])
    def test_the_limit_is_a_whole_number(self, server: WebSocketServer, count: object) -> None:
        with pytest.raises(InvalidOptionError, match="max_connections"):
            server.max_connections = count  # type: ignore[assignment]

    def test_a_client_that_does_not_take_its_refusal_is_dropped(self, server: WebSocketServer) -> None:
        server.handshake_timeout = 1.0
        server.process_request = lambda asked: Response(200, bytes(30_000_000))
        before = open_descriptors()
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(request())
            start = time.monotonic()
            pump(server, until=lambda: select.select([sock], [], [], 0)[0])
            server.poll()
            assert not server.wait(0) or not server._clients, "nothing to do until the client reads or its time is over"
            pump(server, until=lambda: not server._clients)
            assert time.monotonic() - start < LIMIT / 2
        assert open_descriptors() <= before


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request().replace(b"Upgrade: websocket", b"Upgrade:\r\n websocket"), 101),
        (request(Connection="keep-alive, Upgrade", X_Empty=" "), 101),
        (request().replace(b"Connection: Upgrade", b"Connection: keep-alive\r\nConnection: Upgrade"), 101),
        (request().replace(b"Connection: Upgrade", b"Connection: keep-alive,\r\n\tUpgrade"), 101),
        (request().replace(b"Host: test", b"Host: test\r\nHost: other"), 400),
        (request().replace(b"Host: test\r\n", b""), 400),
        (request().replace(b"Sec-WebSocket-Key", b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Key"), 400),
        (request().replace(b"Host: test", b"Host : test"), 400),
        (request().replace(b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n X: y\r\n"), 400),
        (request("/" + "x" * 9000), 414),
        (request(X="x" * 9000), 431),
        (request().replace(b"\r\n\r\n", b"\r\nX: y" * 200 + b"\r\n\r\n"), 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
        (request().replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
    ],
)
def test_requests_are_read_as_http_has_it(server: WebSocketServer, data: bytes, status: int) -> None:
    answer = ask(server, data)
    assert status_of(answer) == status, answer
    if status != 101:
        assert body_of(answer)
        assert b"Connection: close\r\n" in answer
    if status == 405:
        assert b"\r\nAllow: GET\r\n" in answer
