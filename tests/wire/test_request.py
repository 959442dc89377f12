"""A client's request (RFC 9112 §3): what is judged, and what is refused before anybody judges it."""

from __future__ import annotations

import pytest
from websockets.datastructures import Headers

from pyws_browser.wire.request import Asked, Problem, RequestHeaders, parse_host, parse_request


def parse(target: str = "/", *fields: str, method: str = "GET", version: str = "HTTP/1.1") -> Asked | Problem:
    lines = [f"{method} {target} {version}", *(fields or ("Host: game.example",)), "", ""]
    return parse_request("\r\n".join(lines).encode("latin-1"))


def status_of(parsed: Asked | Problem) -> int:
    return parsed.status if isinstance(parsed, Problem) else 0


def asked(parsed: Asked | Problem) -> Asked:
    assert isinstance(parsed, Asked), parsed
    return parsed


class TestTarget:
    @pytest.mark.parametrize(
        "target",
        [
            "/",
            "/play?room=1",
            "/x/../admin",
            "/.%2e/admin",
            "//other.example/path",
            "/a%00b",
            "/?|^`{}[]\\<>\"'",
            "/a;b=c/@d:e",
        ],
    )
    def test_a_path_is_judged_as_it_came(self, target: str) -> None:
        assert asked(parse(target)).request.path == target

    @pytest.mark.parametrize(
        ("target", "path", "host"),
        [
            ("http://game.example/play?a=b", "/play?a=b", ("game.example", None)),
            ("WSS://GAME.example:8000/", "/", ("game.example", 8000)),
            ("ws://[::1]:8000", "/", ("::1", 8000)),
            ("https://game.example?a", "/?a", ("game.example", None)),
        ],
    )
    def test_a_whole_url_gives_path_and_host(self, target: str, path: str, host: tuple[str, int | None]) -> None:
        authority = target.split("/")[2].partition("?")[0]
        request, *found = asked(parse(target, f"Host: {authority}"))
        assert request.path == path
        assert tuple(found) == host

    @pytest.mark.parametrize("host", ["other.example", "game.example:81", ""])
    def test_a_whole_url_and_the_host_have_to_agree(self, host: str) -> None:
        assert status_of(parse("http://game.example/", f"Host: {host}")) == 400

    @pytest.mark.parametrize(
        "target",
        [
            "admin",
            "d/admin",
            r"\admin",
            r"/x\..\admin",
            "/ad\tmin",
            "/admin\x00",
            "/admin\x7f",
            "/admin\x1b[2J",
            "/gr\xfcn",
            "/public#/admin",
            "/public?a#b",
            "?a",
            "*",
            "game.example:80",
            "ftp://game.example/",
            "ws:/admin",
            "http:///admin",
            "http://user@game.example/",
            "http://game.example:x/",
            "/a b",
            "",
        ],
    )
    def test_what_is_no_path_is_refused(self, target: str) -> None:
        assert status_of(parse(target)) == 400


class TestHost:
    @pytest.mark.parametrize(
        ("value", "host", "port"),
        [
            ("game.example", "game.example", None),
            ("GAME.Example:8000", "game.example", 8000),
            ("game.example:", "game.example", None),
            ("game_1-a.example:0", "game_1-a.example", 0),
            ("10.0.0.1:80", "10.0.0.1", 80),
            ("[::1]:65535", "::1", 65535),
            ("[0:0:0:0:0:0:0:1]", "::1", None),
            ("[::ffff:10.0.0.1]", "::ffff:a00:1", None),
            ("[fe80::1%eth0]:80", "fe80::1", 80),
            ("[fe80::1%25eth0]", "fe80::1", None),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ],
    )
    def test_one_that_is_valid(self, value: str, host: str, port: int | None) -> None:
        assert parse_host(value) == (host, port)
        assert asked(parse("/", f"Host: {value}"))[1:] == (host, port)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "a/admin?",
            "a/admin",
            "a?",
            "a#",
            r"a\admin",
            "user@game.example",
            "user:word@game.example",
            "game.example:80:80",
            "game.example:65536",
            "game.example:" + "1" * 5000,
            "game.example:x",
            ":80",
            "::1",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            "[v1.x]",
            "[]",
            "[::1%]",
            "[::g]",
            "a%2fadmin",
            "a%00",
            "a b",
            "a, b",
            "a\tb",
            "b\xfccher.example",
            "<script>",
        ],
    )
    def test_one_that_is_not_valid_is_refused(self, value: str) -> None:
        assert parse_host(value) is None
        assert status_of(parse("/", f"Host: {value}")) == 400

    def test_a_request_has_one(self) -> None:
        assert status_of(parse("/", "X: y")) == 400
        assert status_of(parse("/", "Host: a", "Host: a")) == 400
        assert status_of(parse("/", "Host: a", "hOST: b")) == 400

    def test_http_1_0_need_not_have_one(self) -> None:
        assert asked(parse("/health", "X: y", version="HTTP/1.0"))[1:] == ("", None)


@pytest.mark.parametrize(
    "name", ["Authorization", "Content-Length", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "User-Agent"]
)
def test_a_field_that_may_come_once_is_refused_when_it_comes_twice(name: str) -> None:
    assert isinstance(parse("/", "Host: a", f"{name}: 0"), Asked)
    assert status_of(parse("/", "Host: a", f"{name}: 0", f"{name.lower()}: 0")) == 400


@pytest.mark.parametrize(
    ("name", "combined"),
    [("X-Token", "one, two"), ("Upgrade", "one, two"), ("X-Forwarded-For", "one, two"), ("cookie", "one; two")],
)
def test_other_fields_that_come_twice_are_given_as_one_value(name: str, combined: str) -> None:
    headers = asked(parse("/", "Host: a", f"{name}: one", f"{name.upper()}: two")).request.headers
    assert headers[name] == headers.get(name, "") == combined
    assert headers.get_all(name) == ["one", "two"]
    assert dict(headers)[name.lower()] == combined


def test_headers_are_those_of_websockets_otherwise() -> None:
    headers = RequestHeaders([("Host", "a")])
    assert isinstance(headers, Headers)
    assert headers.get("X") is None
    assert headers.copy() == headers
    with pytest.raises(KeyError):
        headers["X"]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("no colon", 400),
        (": no name", 400),
        ("Na me: x", 400),
        ("Name : x", 400),
        ("N\xe4me: x", 400),
        ("Name: a\x00b", 400),
        ("Name: a\x1bb", 400),
        ("Name: a\rb", 400),
        ("Name: a\nb", 400),
        ("Name: gr\xfcn", 0),
        ("Name:", 0),
        ("Name:\t a \t", 0),
    ],
)
def test_fields_are_valid_http(line: str, status: int) -> None:
    assert status_of(parse("/", "Host: a", line)) == status


def test_a_field_of_spaces_takes_no_time_to_read() -> None:
    value = "x" + " " * 8000 + "x"
    assert asked(parse("/", "Host: a", f"Name: {value}")).request.headers["Name"] == value


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET / HTTP/1.1", 0),
        ("HEAD / HTTP/1.0", 0),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/0.9", 505),
        ("GET  / HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET /\tHTTP/1.1", 400),
        ("GET / HTTP/1.x", 400),
        ("GET / http/1.1", 400),
        ("G\xc4T / HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 405),
        ("CONNECT game.example:80 HTTP/1.1", 405),
    ],
)
def test_the_request_line_is_valid_http(line: str, status: int) -> None:
    assert status_of(parse_request(f"{line}\r\nHost: a\r\n\r\n".encode("latin-1"))) == status


@pytest.mark.parametrize(
    ("method", "field", "status"),
    [
        ("GET", "Content-Length: 0", 0),
        ("GET", "Content-Length: 1", 400),
        ("GET", "Content-Length: 00", 400),
        ("GET", "Transfer-Encoding: chunked", 400),
        ("POST", "Content-Length: 1", 405),
        ("POST", "Transfer-Encoding: chunked", 405),
        ("POST", "Content-Length: 0", 0),
    ],
)
def test_a_request_has_no_content(method: str, field: str, status: int) -> None:
    assert status_of(parse("/", "Host: a", field, method=method)) == status


def test_what_a_program_reads_of_the_request_is_all_there() -> None:
    request = asked(parse("/a?b", "Host: a", "Name: value", method="HEAD", version="HTTP/1.0")).request
    assert (request.method, request.path, request.protocol) == ("HEAD", "/a?b", "HTTP/1.0")
    assert list(request.headers.raw_items()) == [("Host", "a"), ("Name", "value")]
