"""The opening handshake of both sides (RFC 6455 §4), and what it agrees on about compression (RFC 7692 §5)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import traceback
from collections.abc import Iterator

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError

from pyws_browser.errors import HandshakeError
from pyws_browser.protocol.compression import Compression
from pyws_browser.protocol.url import parse_url
from pyws_browser.wire import negotiation
from pyws_browser.wire.deflate import DeflateTerms
from pyws_browser.wire.handshake import ClientHandshake, ServerHandshake, StreamedResponse
from pyws_browser.wire.head import MAX_HEAD_BYTES
from pyws_browser.wire.refusal import MAX_BODY_BYTES, Refusal

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
REQUEST = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
REFUSAL_HEADERS = {"Content-Type": "text/plain", "Content-Length": "11"}
ANY = Compression()


def http(first_line: str, headers: dict[str, str | None], body: bytes = b"") -> bytes:
    lines = [first_line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def request(**changes: str | None) -> bytes:
    """Return a client's request; underscores in names stand for hyphens, None leaves a header out."""
    return http("GET /chat?room=1 HTTP/1.1", REQUEST | {name.replace("_", "-"): v for name, v in changes.items()})


def headers_of(data: bytes) -> dict[str, str]:
    lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def client(url: str = "ws://server.example.com/chat?room=1", **settings: object) -> ClientHandshake:
    return ClientHandshake(parse_url(url), **settings)


def answer_to(handshake: ClientHandshake, body: bytes = b"", **changes: str | None) -> bytes:
    """Return the answer that agrees, with changes."""
    key = headers_of(handshake.request)["sec-websocket-key"]
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
    }
    return http(
        "HTTP/1.1 101 Switching Protocols", headers | {n.replace("_", "-"): v for n, v in changes.items()}, body
    )


class TestClientsRequest:
    def test_it_says_what_the_rfc_asks_for(self) -> None:
        data = client().request
        assert data.startswith(b"GET /chat?room=1 HTTP/1.1\r\n")
        headers = headers_of(data)
        assert len(base64.b64decode(headers.pop("sec-websocket-key"))) == 16
        assert headers == {
            "host": "server.example.com",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
        }

    def test_keys_are_not_used_twice(self) -> None:
        assert len({headers_of(client().request)["sec-websocket-key"] for _ in range(20)}) == 20

    @pytest.mark.parametrize(
        ("url", "host"),
        [
            ("ws://a.example:80/", "a.example"),
            ("ws://a.example:8080/", "a.example:8080"),
            ("wss://a.example:443/", "a.example"),
            ("wss://a.example:80/", "a.example:80"),
            ("ws://[::1]:9000/", "[::1]:9000"),
        ],
    )
    def test_the_host_names_the_port_if_it_is_not_the_usual_one(self, url: str, host: str) -> None:
        assert headers_of(client(url).request)["host"] == host

    def test_credentials_go_into_a_header(self) -> None:
        header = headers_of(client("ws://user:secret@a.example/").request)["authorization"]
        assert header == "Basic " + base64.b64encode(b"user:secret").decode()

    def test_subprotocols_and_further_headers_are_sent(self) -> None:
        headers = headers_of(client(subprotocols=("chat", "game"), headers=(("Cookie", "a=b"),)).request)
        assert headers["sec-websocket-protocol"] == "chat, game"
        assert headers["cookie"] == "a=b"

    def test_a_host_of_ones_own_stands_in_place_of_the_urls(self) -> None:
        request = client("ws://192.0.2.1/", headers=(("host", "game.example"), ("Connection", "keep-alive, Upgrade")))
        lines = request.request.lower().split(b"\r\n")
        assert [line for line in lines if line.startswith((b"host:", b"connection:"))] == [
            b"host: game.example",
            b"connection: keep-alive, upgrade",
        ]


class TestServersAnswer:
    @pytest.mark.parametrize(
        "rest",
        [{f"X-{number}": "x" for number in range(1000)}, {"X-Long": "x" * 200_000}],
        ids=["many fields", "a long field"],
    )
    def test_one_with_more_than_the_parser_takes_opens_the_connection_and_loses_no_field(
        self, rest: dict[str, str]
    ) -> None:
        handshake = client(subprotocols=("chat",))
        answer = answer_to(handshake, Sec_WebSocket_Protocol="chat", **rest)
        assert handshake.receive(answer + b"behind") == b"behind"
        assert handshake.subprotocol == "chat"
        _, response = handshake.messages
        assert {name: response.headers[name] for name in rest} == rest

    def test_one_that_is_longer_still_is_refused(self) -> None:
        handshake = client()
        with pytest.raises(HandshakeError, match="longer than 262144 bytes"):
            handshake.receive(answer_to(handshake, X="x" * 300_000))

    @pytest.mark.parametrize("before", ["", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"])
    def test_one_whose_lines_end_with_lf_is_refused_at_once(self, before: str) -> None:
        handshake = client()
        answer = answer_to(handshake).decode().replace("\r\n", "\n")
        with pytest.raises(HandshakeError, match="CR LF"):
            handshake.receive((before or answer).encode() + answer.encode())

    def test_102_is_not_waited_behind(self) -> None:
        with pytest.raises(HandshakeError, match="102"):
            client().receive(b"HTTP/1.1 102 Processing\r\n\r\n")

    def test_one_that_agrees_opens_the_connection(self) -> None:
        handshake = client()
        assert handshake.receive(answer_to(handshake)) == b""
        assert handshake.subprotocol == ""
        assert handshake.deflate is None

    def test_what_follows_its_blank_line_is_given_back(self) -> None:
        handshake = client()
        assert handshake.receive(answer_to(handshake, b"\x81\x00")) == b"\x81\x00"

    def test_it_may_come_byte_by_byte(self) -> None:
        handshake = client(subprotocols=("game",))
        data = answer_to(handshake, Sec_WebSocket_Protocol="game")
        assert [handshake.receive(bytes([byte])) for byte in data] == [None] * (len(data) - 1) + [b""]
        assert handshake.subprotocol == "game"

    @pytest.mark.parametrize(
        "interim", [b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", b"HTTP/1.1 100 \r\n\r\n" * 2]
    )
    @pytest.mark.parametrize("size", [1, 1000])
    def test_interim_ones_before_it_are_passed_over(self, interim: bytes, size: int) -> None:
        handshake = client()
        data = interim + answer_to(handshake, b"\x81\x00")
        received = [handshake.receive(data[at : at + size]) for at in range(0, len(data) - 2, size)]
        assert received[-1] == (b"" if size == 1 else b"\x81\x00")
        assert handshake.messages[1].status_code == 101

    def test_interim_ones_without_end_are_refused(self) -> None:
        with pytest.raises(HandshakeError, match="interim answers are longer than 16384 bytes"):
            client().receive(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)

    @pytest.mark.parametrize("status", ["0404", "40", "+40", "4_04", "-404", "\u0664\u0660\u0664", ""])
    def test_a_status_that_is_not_three_digits_is_no_http(self, status: str) -> None:
        with pytest.raises(HandshakeError, match="invalid HTTP status line") as caught:
            client().receive(http(f"HTTP/1.1 {status} Not Found", {"Content-Length": "9"}))
        assert caught.value.status == 0

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"Sec_WebSocket_Accept": ACCEPT}, "accept"),
            ({"Sec_WebSocket_Accept": None}, "accept"),
            ({"Upgrade": None}, "upgrade"),
            ({"Connection": "close"}, "connection"),
            ({"Sec_WebSocket_Protocol": "other"}, "subprotocol"),
            ({"Sec_WebSocket_Extensions": "permessage-deflate"}, "extension"),
        ],
    )
    def test_one_that_is_wrong_is_refused(self, changes: dict[str, str | None], words: str) -> None:
        handshake = client()
        with pytest.raises(HandshakeError, match=f"(?i)the server's answer is wrong.*{words}") as caught:
            handshake.receive(answer_to(handshake, **changes))
        assert caught.value.status == 101

    @pytest.mark.parametrize("data", [b"220 mail.example ESMTP\r\n\r\n", b"HTTP/2 101\r\n\r\n"])
    def test_one_that_is_no_http_is_refused(self, data: bytes) -> None:
        with pytest.raises(HandshakeError, match="the server's answer is wrong") as caught:
            client().receive(data)
        assert caught.value.status == 0

    def test_choosing_none_of_the_subprotocols_is_refused(self) -> None:
        handshake = client(subprotocols=("chat", "game"))
        with pytest.raises(HandshakeError, match="none of the subprotocols chat, game"):
            handshake.receive(answer_to(handshake))

    def test_a_head_without_an_end_is_refused(self) -> None:
        handshake = client()
        assert handshake.receive(b"HTTP/1.1 101 Switching Protocols\r\n") is None
        with pytest.raises(HandshakeError, match="longer than"):
            handshake.receive(b"A: b\r\n" * 50_000)

    def test_an_end_comes_too_early(self) -> None:
        handshake = client()
        handshake.receive(b"HTTP/1.1 101 Swit")
        assert "before its answer was complete" in str(handshake.receive_eof())


class TestRefusals:
    """A server that refuses is asked why: its status, headers and content are in the exception."""

    @pytest.mark.parametrize("size", [1, 7, 1000])
    def test_status_headers_and_content_are_kept(self, size: int) -> None:
        handshake = client()
        data = http("HTTP/1.1 403 Forbidden", REFUSAL_HEADERS, b"not for you")
        last = (len(data) - 1) // size * size
        for start in range(0, last, size):
            assert handshake.receive(data[start : start + size]) is None
        with pytest.raises(HandshakeError, match="HTTP 403 Forbidden") as caught:
            handshake.receive(data[last:])
        assert caught.value.status == 403
        assert ("Content-Type", "text/plain") in caught.value.headers
        assert caught.value.body == b"not for you"

    def test_content_may_end_with_the_connection(self) -> None:
        handshake = client()
        assert handshake.receive(http("HTTP/1.1 503 Busy", {}, b"come back")) is None
        refusal = handshake.receive_eof()
        assert (refusal.status, refusal.body) == (503, b"come back")

    def test_content_may_be_cut_off(self) -> None:
        handshake = client()
        assert handshake.refusal is None
        assert handshake.receive(http("HTTP/1.1 403 Forbidden", REFUSAL_HEADERS, b"not")) is None
        for refusal in (handshake.refusal, handshake.receive_eof()):
            assert refusal is not None
            assert "HTTP 403 Forbidden (not all of its content came)" in str(refusal)
            assert (refusal.status, refusal.body) == (403, b"not")
            assert ("Content-Type", "text/plain") in refusal.headers

    def test_the_end_of_the_connection_changes_nothing_once_all_has_come(self) -> None:
        refusal = Refusal(http("HTTP/1.1 403 Forbidden", REFUSAL_HEADERS))
        assert refusal.receive(b"not for you")
        before = str(refusal.error)
        refusal.receive_eof()
        assert str(refusal.error) == before

    def test_content_that_is_sent_block_by_block_is_closed_if_it_can_be(self) -> None:
        closed = []

        class Content:
            def __iter__(self) -> Iterator[bytes]:
                return iter([b"block"])

            def close(self) -> None:
                closed.append(self)

        content = Content()
        StreamedResponse(200, "OK", Headers(), content=content).close()
        assert closed == [content]
        StreamedResponse(200, "OK", Headers(), content=[b"block"]).close()
        assert closed == [content]

    @pytest.mark.parametrize(
        ("answer", "body"),
        [
            (b"3\r\nnot\r\n", b"not"),
            (b"9\r\nnot", b"not"),
            (b"3\r\nnotthis", b"not"),
            (b"3\r\nnotthis\r\n", b"not"),
            (b"many\r\n", b""),
            (b"-1\r\n", b""),
            (b"1" * 17 + b"\r\n", b""),
            (b"1" * 9000, b""),
            (b"0\r\nX: " + b"y" * 20_000 + b"\r\n", b""),
            (b"0\r\nX: y\r\n", b""),
        ],
    )
    def test_chunks_may_be_cut_off_or_wrong(self, answer: bytes, body: bytes) -> None:
        handshake = client()
        head = http("HTTP/1.1 404 Nothing Here", {"Transfer-Encoding": "chunked"})
        assert handshake.receive(head) is None
        try:
            assert handshake.receive(answer) is None
        except HandshakeError as exc:
            refusal = exc
        else:
            refusal = handshake.receive_eof()
        assert (refusal.status, refusal.body) == (404, body)
        assert "not all of its content came" in str(refusal)

    def test_chunks_are_put_together(self) -> None:
        handshake = client()
        assert handshake.receive(http("HTTP/1.1 404 No", {"Transfer-Encoding": "chunked"}, b"3\r\nnot")) is None
        with pytest.raises(HandshakeError) as caught:
            handshake.receive(b"\r\n5\r\n here\r\n0\r\n\r\n")
        assert caught.value.body == b"not here"

    @pytest.mark.parametrize("size", [1, 5, 1000])
    def test_chunks_may_have_extensions_and_a_trailer(self, size: int) -> None:
        handshake = client()
        head = http("HTTP/1.1 404 No", {"Transfer-Encoding": "gzip, Chunked"})
        data = head + b"3;a=b\r\nnot\r\n5 \r\n here\r\n000\r\nX: y\r\nZ: w\r\n\r\n"
        last = (len(data) - 1) // size * size
        for start in range(0, last, size):
            assert handshake.receive(data[start : start + size]) is None
        with pytest.raises(HandshakeError) as caught:
            handshake.receive(data[last:])
        assert str(caught.value).startswith("the server refused: HTTP 404 No: ")
        assert caught.value.body == b"not here"

    def test_many_small_chunks_are_read_up_to_a_limit(self) -> None:
        handshake = client()
        with pytest.raises(HandshakeError) as caught:
            handshake.receive(http("HTTP/1.1 404 No", {"Transfer-Encoding": "chunked"}) + b"1\r\na\r\n" * 70_000)
        assert set(caught.value.body) == {ord("a")}
        assert 10_000 < len(caught.value.body) < MAX_BODY_BYTES

    def test_what_stands_between_chunks_is_limited(self) -> None:
        handshake = client()
        assert handshake.receive(http("HTTP/1.1 404 No", {"Transfer-Encoding": "chunked"})) is None
        with pytest.raises(HandshakeError) as caught:
            handshake.receive((b"1;" + b"x" * 8000 + b"\r\na\r\n") * 20)
        assert caught.value.body == b"a" * 8

    @pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1", "HTTP/1.9"])
    @pytest.mark.parametrize("size", [1, 1000])
    def test_an_error_page_of_any_http_1_is_a_refusal(self, version: str, size: int) -> None:
        handshake = client()
        headers = {"Cache-Control": "no-cache", "Connection": "close", "Content-Type": "text/html"}
        data = http(f"{version} 503 Service Unavailable", headers, b"<html>No server is available.</html>\n")
        for start in range(0, len(data), size):
            assert handshake.receive(data[start : start + size]) is None
        refusal = handshake.receive_eof()
        assert str(refusal) == "the server refused: HTTP 503 Service Unavailable"
        assert (refusal.status, refusal.body) == (503, b"<html>No server is available.</html>\n")
        assert refusal.headers == tuple(headers.items())

    @pytest.mark.parametrize(
        ("lines", "body", "is_whole"),
        [
            (["Content-Length: 3"], b"abc", True),
            (["Content-Length: 3", "Content-Length: 3"], b"abc", True),
            (["Content-Length: 3, 3"], b"abc", True),
            (["Content-Length: 0"], b"", True),
            (["Content-Length: 3", "Content-Length: 4"], b"", False),
            (["Content-Length: many"], b"", False),
            (["Content-Length: -3"], b"", False),
            (["Content-Length: " + "9" * 5000], b"", False),
            (["Content-Length: 3", "Transfer-Encoding: chunked"], b"", False),
            (["no field", ": no name", "a b: c"], b"abcdef", True),
        ],
    )
    def test_what_is_wrong_with_it_does_not_hide_its_status(
        self, lines: list[str], body: bytes, is_whole: bool
    ) -> None:
        handshake = client()
        data = "\r\n".join(["HTTP/1.1 503 Busy", *lines, "Retry-After: 5", "", ""]).encode() + b"abcdef"
        try:
            assert handshake.receive(data) is None
        except HandshakeError as exc:
            refusal = exc
        else:
            refusal = handshake.receive_eof()
        assert (refusal.status, refusal.body) == (503, body)
        assert refusal.headers[-1] == ("Retry-After", "5")
        assert ("not all" not in str(refusal)) == is_whole

    @pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, 2**20 + 1, 10**17])
    def test_of_content_that_is_too_long_the_beginning_is_told(self, length: int) -> None:
        handshake = client()
        head = http("HTTP/1.1 503 Busy", {"Content-Length": str(length)})
        assert handshake.receive(head + b"x" * MAX_BODY_BYTES) is None
        with pytest.raises(HandshakeError, match=r"503 Busy \(not all of its content came\)") as caught:
            handshake.receive(b"x")
        assert (caught.value.status, caught.value.body) == (503, b"x" * MAX_BODY_BYTES)

    @pytest.mark.parametrize("status", [204, 304])
    def test_an_answer_that_has_no_content_is_not_waited_for(self, status: int) -> None:
        with pytest.raises(HandshakeError) as caught:
            client().receive(http(f"HTTP/1.1 {status} No", {"Content-Length": "9"}))
        assert caught.value.status == status

    def test_compressed_content_is_kept_as_it_came(self) -> None:
        content = gzip.compress(b"come back later")
        with pytest.raises(HandshakeError) as caught:
            client().receive(
                http("HTTP/1.1 503 Busy", {"Content-Encoding": "gzip", "Content-Length": str(len(content))}, content)
            )
        assert gzip.decompress(caught.value.body) == b"come back later"

    def test_what_a_stranger_wrote_is_shown_escaped(self) -> None:
        for data in (
            b"HTTP/1.1 503 \x1b[2J\x9b31m\nBusy\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 101 \x1b[2J\r\n\r\n",
            b"HTTP/1.1 101 Ok\r\nUpgrade: \x9b31m\r\nConnection: Upgrade\r\n\r\n",
            b"\x1b[2J HTTP/1.1\r\n\r\n",
            b"HTTP/1.1\x9b \x07\r\n\r\n",
            b"HTTP/1.1 101 Ok\r\nX: \x1b[2J\r\n\r\n",
            b"HTTP/1.1 101 Ok\r\n\x1b[2J\r\n\r\n",
            b"HTTP/1.0 101 \x1b[2J\r\n\r\n",
        ):
            with pytest.raises(HandshakeError) as caught:
                client().receive(data)
            shown = "".join(traceback.format_exception(caught.value)) + str(caught.value)
            assert shown.replace("\n", "").isprintable()

    def test_a_field_has_no_control_characters(self) -> None:
        with pytest.raises(HandshakeError) as caught:
            client().receive(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nX: a\rb\0c\nd\x1be\x7f\r\n\r\n")
        assert caught.value.headers == (("Content-Length", "0"), ("X", "a b c d e "[:-1]))

    def test_the_libraries_below_log_no_password(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("DEBUG"):
            ClientHandshake(parse_url("ws://user:secret@game.example/"), (), [("Cookie", "secret")])
        assert caplog.text == ""

    def test_content_without_an_end_is_not_waited_for(self) -> None:
        handshake = client()
        assert handshake.receive(http("HTTP/1.1 503 Busy", {}, bytes(MAX_BODY_BYTES))) is None
        with pytest.raises(HandshakeError) as caught:
            handshake.receive(b"..")
        assert (caught.value.status, len(caught.value.body)) == (503, MAX_BODY_BYTES)

    def test_of_much_content_the_beginning_is_kept(self) -> None:
        handshake = client()
        headers = {"Content-Length": str(2 * MAX_BODY_BYTES)}
        with pytest.raises(HandshakeError) as caught:
            handshake.receive(http("HTTP/1.1 500 No", headers, bytes(2 * MAX_BODY_BYTES)))
        assert len(caught.value.body) == MAX_BODY_BYTES

    @pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail\n", b"\x15\x03\x01\x00\x02\x02\x16"])
    def test_another_protocol_is_not_waited_for(self, greeting: bytes) -> None:
        with pytest.raises(HandshakeError) as caught:
            client().receive(greeting)
        assert caught.value.status == 0


class TestClientsRequestAtTheServer:
    @pytest.mark.parametrize("beginning", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"EHLO me\r\n", b"\r\n"])
    def test_another_protocol_is_not_waited_for(self, beginning: bytes) -> None:
        server = ServerHandshake()
        assert server.receive(beginning) == b""
        assert server.failure is not None
        assert server.response.startswith(b"HTTP/1.1 400 ")

    @pytest.mark.parametrize(
        "beginning",
        [b"\0GET / HTTP/1.1\r\nHost: a", b"\r\n" + request(), b"\x10" * 9000],
        ids=["a byte before it", "a line before it", "a long line"],
    )
    @pytest.mark.parametrize("size", [1, 10_000])
    def test_what_begins_as_no_http_does_is_none_however_much_comes_at_once(self, beginning: bytes, size: int) -> None:
        server = ServerHandshake()
        assert server.receive(beginning[:size]) == b""
        assert server.response.startswith(b"HTTP/1.1 400 ")

    def test_one_as_in_the_rfc_is_accepted(self) -> None:
        server = ServerHandshake()
        assert server.receive(request()) == b""
        assert server.failure is None
        assert server.response.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert headers_of(server.response)["sec-websocket-accept"] == ACCEPT
        assert (server.path, server.host, server.subprotocol) == ("/chat?room=1", "server.example.com", "")
        assert server.request is not None
        assert server.request.headers["Upgrade"] == "websocket"

    def test_it_may_come_byte_by_byte_with_a_frame_behind_it(self) -> None:
        server = ServerHandshake()
        data = request()
        assert [server.receive(bytes([byte])) for byte in data[:-1]] == [None] * (len(data) - 1)
        assert server.receive(data[-1:] + b"\x81\x80") == b"\x81\x80"

    def test_connection_may_name_more_than_the_upgrade(self) -> None:
        server = ServerHandshake()
        server.receive(request(Connection="keep-alive, Upgrade", X_Empty=""))
        assert server.failure is None

    def test_further_headers_are_answered(self) -> None:
        server = ServerHandshake(headers=(("X-Game", "chess"),))
        server.receive(request())
        assert headers_of(server.response)["x-game"] == "chess"

    @pytest.mark.parametrize(
        ("known", "offered", "chosen"),
        [((), None, ""), (("a", "b"), "b, a", "b"), (("a",), "x, a", "a")],
    )
    def test_the_first_subprotocol_of_the_client_that_is_known_is_chosen(
        self, known: tuple[str, ...], offered: str | None, chosen: str
    ) -> None:
        server = ServerHandshake(known)
        server.receive(request(Sec_WebSocket_Protocol=offered))
        assert server.failure is None
        assert server.subprotocol == headers_of(server.response).get("sec-websocket-protocol", "") == chosen

    @pytest.mark.parametrize(("known", "offered"), [(("a",), None), (("a",), "x"), ((), "x")])
    def test_where_none_is_known_to_both_the_client_is_refused(
        self, known: tuple[str, ...], offered: str | None
    ) -> None:
        server = ServerHandshake(known)
        assert server.receive(request(Sec_WebSocket_Protocol=offered)) == b""
        assert server.failure is not None
        assert server.failure.status == 400
        assert server.response.startswith(b"HTTP/1.1 400 ")

    @pytest.mark.parametrize(
        ("data", "statuses"),
        [
            (request(Upgrade=None), {426}),
            (request(Connection="close"), {426}),
            (request(Sec_WebSocket_Version="8"), {400}),
            (request(Sec_WebSocket_Key=None), {400}),
            (request(Sec_WebSocket_Key="short"), {400}),
            (b"GET / HTTP/1.0\r\n\r\n", {400, 505}),
            (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", {400, 405}),
            (b"\x16\x03\x01 TLS \r\n\r\n", {400}),
            (b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES, {431}),
            (b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n", {431}),
        ],
    )
    def test_one_that_is_wrong_gets_a_proper_answer(self, data: bytes, statuses: set[int]) -> None:
        server = ServerHandshake()
        assert server.receive(data) == b""
        assert server.failure is not None
        version, status, _ = server.response.split(b" ", 2)
        assert version == b"HTTP/1.1"
        assert int(status) in statuses

    def test_an_end_comes_too_early(self) -> None:
        assert "before its request was complete" in str(ServerHandshake().receive_eof())


BROWSER = "permessage-deflate; client_max_window_bits"
NEGOTIATIONS = {  # what a server is asked for, what its settings are, what it answers, what is agreed on
    "what browsers ask for": (
        BROWSER,
        ANY,
        "permessage-deflate; server_max_window_bits=12",
        DeflateTerms(12, True, 15, True),
    ),
    "nothing in particular": (
        "permessage-deflate",
        Compression(window_bits=15, peer_window_bits=10),
        "permessage-deflate; server_max_window_bits=15",
        DeflateTerms(15, True, 15, True),
    ),
    "a small window": (
        "permessage-deflate; server_max_window_bits=9",
        ANY,
        "permessage-deflate; server_max_window_bits=9",
        DeflateTerms(9, True, 15, True),
    ),
    "a small window of the client's, which knows how": (
        BROWSER,
        Compression(peer_window_bits=10),
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10",
        DeflateTerms(12, True, 10, True),
    ),
    "no context takeover": (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ANY,
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
        DeflateTerms(12, False, 15, False),
    ),
    "no context takeover by setting": (
        BROWSER,
        Compression(no_context_takeover=True),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
        DeflateTerms(12, False, 15, False),
    ),
    "a window that zlib cannot do, or else any": (
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        ANY,
        "permessage-deflate; server_max_window_bits=12",
        DeflateTerms(12, True, 15, True),
    ),
    "something unknown": ("permessage-bzip2, x-webkit-deflate-frame", ANY, None, None),
    "an unknown parameter": ("permessage-deflate; level=9", ANY, None, None),
    "nothing": (None, ANY, None, None),
    "compression, which is off": (BROWSER, None, None, None),
}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 \x9b2J\xadNo\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 \x9b2JNo\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\nUpgrade: \x9b2J\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \x9b2J\r\n\r\n",
        b"HTTP/1.1 101 \x1b[2J\r\n\r\n",
        b"HTTP/1.1 \x1b[2J\r\n\r\n",
        b"HTTP/1.1 403 No\r\nX: a\nforged: line\r\n\r\n",
        b"\x1b]0;title\x07\r\n\r\n",
    ],
)
def test_errors_show_nothing_of_an_answer_that_a_terminal_would_obey(answer: bytes) -> None:
    handshake = client()
    try:
        assert handshake.receive(answer) is None
        failure = handshake.receive_eof()
    except HandshakeError as exc:
        failure = exc
    assert str(failure).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[2J\r\n\r\n",
        b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n",
        request(Origin="\x1b[2J"),
        request(Origin="http://evil.example\x9b2J"),
        request(Sec_WebSocket_Key="\x9b"),
        request(Sec_WebSocket_Protocol="\x9b"),
        request(Sec_WebSocket_Extensions="\x9b"),
        request(Upgrade="\x9b"),
    ],
)
def test_errors_show_nothing_of_a_request_that_a_terminal_would_obey(data: bytes) -> None:
    server = ServerHandshake(("game",), compression=ANY, origins=("https://game.example", None))
    assert server.receive(data) == b""
    assert server.failure is not None
    assert str(server.failure).isprintable()
    assert b"\x1b" not in server.response


class TestCompression:
    @pytest.mark.parametrize(("asked", "setting", "answer", "terms"), NEGOTIATIONS.values(), ids=NEGOTIATIONS)
    def test_a_server_is_asked_for(
        self, asked: str | None, setting: Compression | None, answer: str | None, terms: DeflateTerms | None
    ) -> None:
        server = ServerHandshake(compression=setting)
        server.receive(request(Sec_WebSocket_Extensions=asked))
        assert server.failure is None
        assert headers_of(server.response).get("sec-websocket-extensions") == answer
        assert server.deflate == terms

    @pytest.mark.parametrize(
        ("setting", "offer"),
        [
            (None, None),
            (ANY, BROWSER),
            (Compression(window_bits=9), BROWSER),
            (Compression(peer_window_bits=9), "permessage-deflate; server_max_window_bits=9; client_max_window_bits"),
            (
                Compression(no_context_takeover=True),
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
            ),
        ],
    )
    def test_a_client_offers(self, setting: Compression | None, offer: str | None) -> None:
        assert headers_of(client(compression=setting).request).get("sec-websocket-extensions") == offer

    @pytest.mark.parametrize(
        ("answer", "terms"),
        [
            (None, None),
            ("permessage-deflate", DeflateTerms(15, True, 15, True)),
            ("permessage-deflate; client_max_window_bits=9", DeflateTerms(9, True, 15, True)),
            ("permessage-deflate; client_max_window_bits=8", DeflateTerms(8, True, 15, True)),
            ("permessage-deflate; server_max_window_bits=8", DeflateTerms(15, True, 8, True)),
            ("permessage-deflate; server_no_context_takeover", DeflateTerms(15, True, 15, False)),
            ("permessage-deflate; client_no_context_takeover", DeflateTerms(15, False, 15, True)),
        ],
    )
    def test_a_client_takes_what_the_server_answers(self, answer: str | None, terms: DeflateTerms | None) -> None:
        handshake = client(compression=ANY)
        assert handshake.receive(answer_to(handshake, Sec_WebSocket_Extensions=answer)) == b""
        assert handshake.deflate == terms

    @pytest.mark.parametrize(
        "answer",
        [
            "permessage-deflate; level=9",
            "permessage-deflate, permessage-deflate",
            "permessage-bzip2",
            "permessage-deflate; client_max_window_bits=7",
        ],
    )
    def test_a_client_refuses_what_it_did_not_offer(self, answer: str) -> None:
        handshake = client(compression=ANY)
        with pytest.raises(HandshakeError, match="the server's answer is wrong"):
            handshake.receive(answer_to(handshake, Sec_WebSocket_Extensions=answer))

    @pytest.mark.parametrize("kind", ["_ClientFactory", "_ServerFactory"])
    def test_a_window_that_zlib_refuses_is_no_agreement(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As with `websockets` 15 and 16, which let the ValueError through."""

        def refuse(*_: object) -> None:
            raise ValueError("Invalid initialization option")

        factory = getattr(negotiation, kind)
        name = "process_response_params" if kind == "_ClientFactory" else "process_request_params"
        monkeypatch.setattr(factory.__bases__[0], name, refuse)
        with pytest.raises(NegotiationError, match="window of 8 bits"):
            getattr(factory(), name)([], [])

    def test_both_sides_of_ours_agree(self) -> None:
        ours = client(compression=Compression(peer_window_bits=11))
        server = ServerHandshake(compression=Compression(peer_window_bits=13))
        server.receive(ours.request)
        assert ours.receive(server.response) == b""
        assert ours.deflate == DeflateTerms(13, True, 11, True)
        assert server.deflate == DeflateTerms(11, True, 13, True)


def test_a_request_whose_lines_end_with_lf_is_refused_at_once() -> None:
    server = ServerHandshake()
    assert server.receive(request().replace(b"\r\n", b"\n")) == b""
    assert server.response.startswith(b"HTTP/1.1 400 ")
