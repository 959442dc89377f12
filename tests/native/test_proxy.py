"""Connecting through proxies, of both kinds, in every state of health."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

import pytest
import trustme

from pyws_browser import (
    ConnectTimeoutError,
    InvalidOptionError,
    ProxyError,
    State,
    UnsupportedInBrowserError,
    UntrustedCertificateError,
    WebSocketClient,
    WebSocketPeer,
    WebSocketServer,
)
from pyws_browser.protocol.options import Options
from pyws_browser.protocol.url import WebSocketURL, parse_url
from pyws_browser.transport.native import client_opening
from pyws_browser.transport.native.transport import ClientTransport
from pyws_browser.wire.proxy import Proxy as ProxyURL
from pyws_browser.wire.proxy import parse_proxy, proxy_for

from ..support import client_context, open_descriptors, pump, server_context
from .proxies import Conversation, Proxy, http_connect, script, socks5

SECRET = ("al ice", "p:ss%wörd@")
USERINFO = "al%20ice:p%3Ass%25w%C3%B6rd%40"
Start = Callable[..., Proxy]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def start() -> Iterator[Start]:
    before = open_descriptors()
    proxies: list[Proxy] = []

    def start(converse: Conversation, **settings: object) -> Proxy:
        proxies.append(Proxy(converse, **settings))  # type: ignore[arg-type]
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()
    assert open_descriptors() <= before


@pytest.fixture
def server(start: Start) -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.data_received.connect(lambda id_: [server.get_peer(id_).send(m) for m in server.get_peer(id_)])
        server.listen(0)
        yield server


@pytest.fixture
def peer(start: Start) -> Iterator[WebSocketPeer]:
    peer = WebSocketPeer(web_limits=False)
    yield peer
    peer.abort()


def outcome(peer: WebSocketPeer, *others: WebSocketServer) -> object:
    """Poll until it is open or has failed; return the cause if it has."""
    pump(peer, *others, until=lambda: peer.ready_state is not State.CONNECTING)
    return peer.close_cause


def echo(peer: WebSocketPeer, server: WebSocketServer) -> None:
    for message in ("hello", b"x" * 300_000):
        peer.send(message)
        pump(peer, server, until=peer.get_available_packet_count)
        assert peer.receive() == message


KINDS = {"http": http_connect, "socks5": socks5}


@pytest.mark.parametrize("scheme", KINDS)
class TestThroughEither:
    def test_a_name_that_only_the_proxy_knows(
        self, scheme: str, start: Start, server: WebSocketServer, peer: WebSocketPeer
    ) -> None:
        proxy = start(KINDS[scheme](), names={"only.the.proxy.knows.example": "127.0.0.1"})
        peer.proxy = f"{scheme}://{proxy.authority}"
        peer.connect_to_url(f"ws://only.the.proxy.knows.example:{server.port}/")
        assert outcome(peer, server) is None
        assert proxy.asked == [("only.the.proxy.knows.example", server.port)]
        echo(peer, server)
        assert peer.get_connected_port() == int(proxy.authority.rpartition(":")[2])

    @pytest.mark.parametrize("url", ["ws://127.0.0.1", "ws://[::1]"])
    def test_an_address(
        self, scheme: str, url: str, start: Start, server: WebSocketServer, peer: WebSocketPeer
    ) -> None:
        proxy = start(KINDS[scheme](), names={"::1": "127.0.0.1"})
        peer.proxy = f"{scheme}://{proxy.authority}"
        peer.connect_to_url(f"{url}:{server.port}/")
        assert outcome(peer, server) is None
        assert proxy.asked == [(url[5:].strip("[]"), server.port)]

    def test_tls_goes_through_it_to_the_server(
        self, scheme: str, start: Start, server: WebSocketServer, peer: WebSocketPeer, authority: trustme.CA
    ) -> None:
        server.tls = server_context(authority, "game.example")
        proxy = start(KINDS[scheme](), names={"game.example": "127.0.0.1"})
        peer.proxy = f"{scheme}://{proxy.authority}"
        peer.connect_to_url(f"wss://game.example:{server.port}/", tls=client_context(authority))
        assert outcome(peer, server) is None
        echo(peer, server)

    def test_a_user_and_a_password(
        self, scheme: str, start: Start, server: WebSocketServer, peer: WebSocketPeer
    ) -> None:
        proxy = start(KINDS[scheme](*SECRET))
        peer.proxy = f"{scheme}://{USERINFO}@{proxy.authority}"
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        assert outcome(peer, server) is None
        assert proxy.credentials == [SECRET]
        echo(peer, server)

    @pytest.mark.parametrize("userinfo", ["", "alice:wrong@"])
    def test_a_wrong_password(
        self, scheme: str, userinfo: str, start: Start, server: WebSocketServer, peer: WebSocketPeer
    ) -> None:
        proxy = start(KINDS[scheme](*SECRET))
        peer.proxy = f"{scheme}://{userinfo}{proxy.authority}"
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        cause = outcome(peer, server)
        assert type(cause) is ProxyError
        assert "password" in str(cause)
        assert "wrong" not in str(cause), "no secret in a message"
        assert proxy.asked == []
        if scheme == "http":
            assert cause.status == 407
            assert ("Proxy-Authenticate", "Basic") in cause.headers

    def test_a_server_that_it_cannot_reach(self, scheme: str, start: Start, peer: WebSocketPeer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
        peer.proxy = f"{scheme}://{start(KINDS[scheme]()).authority}"
        peer.connect_to_url(f"ws://127.0.0.1:{port}/")
        cause = outcome(peer)
        assert type(cause) is ProxyError
        assert cause.status == (502 if scheme == "http" else 0)
        assert peer.get_close_code() == 1006

    def test_one_that_is_dead(self, scheme: str, peer: WebSocketPeer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
        peer.proxy = f"{scheme}://127.0.0.1:{port}"
        peer.connect_to_url("ws://game.example/")
        cause = outcome(peer)
        assert type(cause) is ProxyError
        assert "cannot be reached" in str(cause)
        assert "Connection refused" in str(cause)

    @pytest.mark.parametrize("answers", [[], [b"\x05"], [b"HTTP/1.1 200 "]])
    def test_one_that_hangs_up(self, scheme: str, answers: list[bytes], start: Start, peer: WebSocketPeer) -> None:
        proxy = start(script(*answers))
        peer.proxy = f"{scheme}://{proxy.authority}"
        peer.connect_to_url("ws://game.example/")
        assert type(outcome(peer)) is ProxyError

    @pytest.mark.parametrize("answers", [[], [b"\x05\x00", b"\x05\x00\x00"], [b"HTTP/1.1 20"]])
    def test_one_that_stalls(self, scheme: str, answers: list[bytes], start: Start, peer: WebSocketPeer) -> None:
        if (scheme == "http") != (b"HTTP" in b"".join(answers)) and answers:
            answers = []
        peer.handshake_timeout = 0.2
        proxy = start(script(*answers, hang=True))
        peer.proxy = f"{scheme}://{proxy.authority}"
        peer.connect_to_url("ws://game.example/")
        cause = outcome(peer)
        assert type(cause) is ConnectTimeoutError
        assert f"the proxy {scheme}://{proxy.authority} had not connected" in str(cause)

    def test_one_that_speaks_before_it_is_asked(self, scheme: str, start: Start, peer: WebSocketPeer) -> None:
        replies = [b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6) + b"more"]
        proxy = start(script(*(replies if scheme == "socks5" else [b"HTTP/1.0 200\r\n\r\nmore"])))
        peer.proxy = f"{scheme}://{proxy.authority}"
        peer.connect_to_url("ws://game.example/")
        cause = outcome(peer)
        assert type(cause) is ProxyError
        assert "before it is asked" in str(cause)


MALFORMED = {
    "http": [
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [b"\x05\x00"],
        [b"HTTP/2 200\r\n\r\n"],
        [b"HTTP/1.1 2000 OK\r\n\r\n"],
        [b"HTTP/1.1 OK\r\n\r\n"],
        [b"HTTP/1.1 103 Early\r\n\r\n" * 1000],
        [b"HTTP/1.1 103 Early\r\n\r\nSSH-2.0"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000],
    ],
    "socks5": [
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b"\x04\x00"],
        [b"\x05\x02"],
        [b"\x05\xff"],
        [b"\x05\x00", b"\x04\x00\x00\x01"],
        [b"\x05\x00", b"\x05\x00\x00\x07\x00"],
        [b"\x05\x00", b"\x05\x63"],
    ],
}


def test_what_a_proxy_wrote_is_told_without_its_control_characters(start: Start, peer: WebSocketPeer) -> None:
    answer = b"HTTP/1.1 503 \x1b[2J\x9b31m\n\x07\r\nX: a\x1b[2J\rb\0\nc\r\nno field\r\nProxy-Status: ok\r\n\r\n"
    proxy = start(script(answer))
    peer.proxy = f"http://{proxy.authority}"
    peer.connect_to_url("ws://game.example/")
    cause = outcome(peer)
    assert type(cause) is ProxyError
    assert str(cause).isprintable()
    assert cause.status == 503
    assert cause.headers == (("X", "a [2J b  c"), ("Proxy-Status", "ok"))


def test_interim_answers_of_a_proxy_are_passed_over(start: Start, server: WebSocketServer, peer: WebSocketPeer) -> None:
    def converse(proxy: Proxy, client: socket.socket) -> socket.socket | None:
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n")
        return http_connect()(proxy, client)

    proxy = start(converse, names={"game.example": "127.0.0.1"})
    peer.proxy = f"http://{proxy.authority}"
    peer.connect_to_url(f"ws://game.example:{server.port}/")
    assert outcome(peer, server) is None
    echo(peer, server)


def test_a_zone_of_this_machine_means_nothing_to_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    url, options = parse_url("ws://pi.local/"), Options(dial=("fe80::1%lo", 80))
    with pytest.raises(InvalidOptionError, match="set proxy to None"):
        ClientTransport(url, options._replace(proxy="http://proxy.example:3128"))
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert proxy_for(True, url._replace(host="fe80::1%lo")) is None


@pytest.mark.parametrize(("scheme", "answers"), [(s, a) for s, many in MALFORMED.items() for a in many])
def test_a_malformed_answer(scheme: str, answers: list[bytes], start: Start, peer: WebSocketPeer) -> None:
    proxy = start(script(*answers, hang=True))
    peer.proxy = f"{scheme}://{proxy.authority}"
    peer.connect_to_url("ws://game.example/")
    cause = outcome(peer)
    assert type(cause) is ProxyError
    assert cause.status == 0


def test_a_name_that_is_too_long_for_socks_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        proxy = f"socks5://127.0.0.1:{sock.getsockname()[1]}"
        transport = ClientTransport(WebSocketURL("ws", "a." * 128 + "b", 80), Options(proxy=proxy))
        pump(transport, until=lambda: transport.close_status)
    assert transport.close_status is not None
    assert type(transport.close_status.cause) is ProxyError
    assert "255 bytes" in str(transport.close_status.cause)


@pytest.mark.parametrize(("number", "words"), [(2, "rules"), (4, "host cannot be reached"), (5, "was refused")])
def test_what_a_socks_proxy_says_is_told(number: int, words: str, start: Start, peer: WebSocketPeer) -> None:
    proxy = start(script(b"\x05\x00", bytes((5, number, 0, 1)) + bytes(6)))
    peer.proxy = f"socks5h://{proxy.authority}"
    peer.connect_to_url("ws://game.example/")
    assert words in str(outcome(peer))


class TestTLSToTheProxy:
    @pytest.mark.parametrize("scheme", ["ws", "wss"])
    def test_and_to_the_server_inside_of_it(
        self,
        scheme: str,
        start: Start,
        server: WebSocketServer,
        peer: WebSocketPeer,
        authority: trustme.CA,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(client_opening, "_default_context", lambda: client_context(authority))
        proxy = start(http_connect(), tls=server_context(authority, "127.0.0.1"), names={"game.example": "127.0.0.1"})
        if scheme == "wss":
            server.tls = server_context(authority, "game.example")
        peer.proxy = f"https://{proxy.authority}"
        peer.connect_to_url(f"{scheme}://game.example:{server.port}/")
        assert outcome(peer, server) is None
        echo(peer, server)
        peer.close(4000)
        pump(peer, server, until=lambda: peer.ready_state is State.CLOSED)
        assert (peer.get_close_code(), peer.was_clean_close) == (4000, True)

    def test_the_proxys_certificate_is_checked(self, start: Start, peer: WebSocketPeer, authority: trustme.CA) -> None:
        proxy = start(http_connect(), tls=server_context(authority, "127.0.0.1"))
        peer.proxy = f"https://{proxy.authority}"
        peer.connect_to_url("ws://game.example/")
        cause = outcome(peer)
        assert type(cause) is UntrustedCertificateError
        assert "certificate of 127.0.0.1" in str(cause)


class TestWhichProxy:
    @pytest.mark.parametrize(
        ("url", "proxy"),
        [
            ("http://a.example:3128", ProxyURL("http", "a.example", 3128)),
            ("a.example:3128", ProxyURL("http", "a.example", 3128)),
            ("http://a.example", ProxyURL("http", "a.example", 80)),
            ("https://a.example/", ProxyURL("https", "a.example", 443)),
            ("socks5://[::1]", ProxyURL("socks5", "::1", 1080)),
            ("SOCKS5H://u%40:p%3a@a.example:9", ProxyURL("socks5", "a.example", 9, "u@", "p:")),
        ],
    )
    def test_its_url_says(self, url: str, proxy: ProxyURL) -> None:
        assert parse_proxy(url) == proxy

    @pytest.mark.parametrize(
        "url",
        [
            *("socks4://a.example", "ftp://a.example", "http://", "http://a:b", "http://a:99999", "http://a/path"),
            *("http://a b", "http://us:er/secret@a.example", "http://u:sec:ret@a.example:secret"),
            *(
                "http://u:secret\udc9b@a",
                "http://a\udc9b",
                "http://u:secret[@a",
                "http://u:secret@[::1%]",
                "http://u:secret@a%00b",
                "http://secret/x@a.example",
            ),
            *("", "http://a?b", "http://[::1", "socks5://" + "u" * 256 + ":secret@a.example"),
        ],
    )
    def test_a_url_that_is_none_is_refused_where_it_is_set(self, url: str, peer: WebSocketPeer) -> None:
        with pytest.raises(InvalidOptionError, match=r"(?i)prox") as caught:
            peer.proxy = url
        assert "secret" not in str(caught.value)
        assert peer.proxy is True

    def test_its_password_is_not_shown(self) -> None:
        proxy = parse_proxy("http://user:secret@a.example")
        assert str(proxy) == "http://a.example:80"
        assert repr(proxy) == "<Proxy http://a.example:80>"

    def test_it_is_a_url_or_none_or_true(self, peer: WebSocketPeer) -> None:
        with pytest.raises(InvalidOptionError, match="URL, None or True"):
            peer.proxy = 5  # type: ignore[assignment]
        for none in (None, False):
            peer.proxy = none
            assert peer.proxy is None

    @pytest.mark.parametrize(
        ("environment", "url", "host"),
        [
            ({}, "ws://a.example/", None),
            ({"http_proxy": "http://p1"}, "ws://a.example/", "p1"),
            ({"http_proxy": "http://p1"}, "wss://a.example/", None),
            ({"https_proxy": "http://p1"}, "wss://a.example/", "p1"),
            ({"HTTPS_PROXY": "http://p1"}, "ws://a.example/", "p1"),
            ({"https_proxy": "http://p1", "wss_proxy": "http://p2"}, "wss://a.example/", "p2"),
            ({"http_proxy": "http://p1", "socks_proxy": "socks5://p2"}, "ws://a.example/", "p2"),
            ({"socks_proxy": "http://p2:1080"}, "ws://a.example/", "p2"),
            ({"all_proxy": "socks5h://p3"}, "wss://a.example/", "p3"),
            ({"https_proxy": "http://p1", "no_proxy": "a.example"}, "wss://a.example/", None),
            ({"https_proxy": "http://p1", "no_proxy": "example"}, "wss://a.example/", None),
            ({"https_proxy": "http://p1", "no_proxy": "b.example"}, "wss://a.example/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": "*"}, "wss://a.example/", None),
            ({"https_proxy": ""}, "wss://a.example/", None),
            ({"http_proxy": "http://p1"}, "ws://127.0.0.1:8000/", None),
            ({"http_proxy": "http://p1"}, "ws://localhost:8000/", None),
            ({"http_proxy": "http://p1"}, "ws://[::1]:8000/", None),
            ({"http_proxy": "http://p1"}, "ws://127.255.0.1/", None),
            ({"http_proxy": "http://p1"}, "ws://a.localhost/", None),
            ({"http_proxy": "http://p1"}, "ws://127.evil.example/", "p1"),
            ({"http_proxy": "http://p1"}, "ws://127.0.0.1.example/", "p1"),
            ({"http_proxy": "http://p1"}, "ws://alocalhost/", "p1"),
            ({"http_proxy": "http://p1"}, "ws://localhost.example/", "p1"),
            ({"http_proxy": "http://p1"}, "ws://128.0.0.1/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": "a.example"}, "wss://evil-a.example/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": "a.example"}, "wss://a.example.evil/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": ".a.example, b"}, "wss://www.A.example./", None),
            ({"https_proxy": "http://p1", "no_proxy": "a.example."}, "wss://a.example/", None),
            ({"https_proxy": "http://p1", "no_proxy": "b, *"}, "wss://a.example/", None),
            ({"https_proxy": "http://p1", "no_proxy": "a.example:8443"}, "wss://a.example:8443/", None),
            ({"https_proxy": "http://p1", "no_proxy": "a.example:8443"}, "wss://a.example/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": "10.0.0.0/8"}, "wss://10.1.2.3/", None),
            ({"https_proxy": "http://p1", "no_proxy": "10.0.0.0/8"}, "wss://11.1.2.3/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": "10.0.0.0/8"}, "wss://10.example/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": "[fd00::5]"}, "wss://[fd00::5]:9000/", None),
            ({"https_proxy": "http://p1", "no_proxy": "fd00:0::/16"}, "wss://[fd00::5]/", None),
            ({"https_proxy": "http://p1", "no_proxy": "fd00::5"}, "wss://[fd00::6]/", "p1"),
            ({"https_proxy": "http://p1", "no_proxy": ", .,,"}, "wss://a.example/", "p1"),
        ],
    )
    def test_the_environment_says(
        self, environment: dict[str, str], url: str, host: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        found = proxy_for(True, parse_url(url))
        assert (found and found.host) == host
        assert proxy_for(None, parse_url(url)) is None

    def test_socks_from_the_system_is_socks_whatever_it_calls_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("socks_proxy", "http://p:1080")
        assert proxy_for(True, parse_url("ws://a.example/")) == ProxyURL("socks5", "p", 1080)

    def test_an_environment_that_names_none_begins_nothing(
        self, peer: WebSocketPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("https_proxy", "socks4://p")
        with pytest.raises(InvalidOptionError, match="None for no proxy"):
            peer.connect_to_url("ws://a.example/")
        assert peer.ready_state is State.CLOSED

    def test_the_environment_is_used_by_default(
        self, start: Start, server: WebSocketServer, peer: WebSocketPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = start(http_connect(), names={"game.example": "127.0.0.1"})
        monkeypatch.setenv("http_proxy", f"http://{proxy.authority}")
        peer.connect_to_url(f"ws://game.example:{server.port}/")
        assert outcome(peer, server) is None

    def test_godots_client_has_it_too(self, start: Start, server: WebSocketServer) -> None:
        proxy = start(socks5(), names={"game.example": "127.0.0.1"})
        with WebSocketClient(web_limits=False) as client:
            client.proxy = f"socks5://{proxy.authority}"
            client.connect_to_url(f"ws://game.example:{server.port}/")
            pump(client, server, until=lambda: client.get_peer(1).is_connected_to_host())

    def test_a_page_has_no_say(self) -> None:
        with pytest.raises(UnsupportedInBrowserError, match="proxy is not available"):
            WebSocketPeer(web_limits=True).proxy = "http://proxy.example:3128"
