"""URLs mean what they mean in a browser."""

from __future__ import annotations

import pytest

from pyws_browser.errors import BlockedPortError, InvalidURLError
from pyws_browser.protocol import url as url_module
from pyws_browser.protocol.rules import BLOCKED_PORTS
from pyws_browser.protocol.url import ParsedURL, is_loopback, parse_host, parse_url, read_urls_by

NORMAL_FORMS = [
    ("ws://example.com", "ws://example.com/"),
    ("ws://example.com:80/", "ws://example.com/"),
    ("wss://example.com:443/", "wss://example.com/"),
    ("ws://example.com:443/", "ws://example.com:443/"),
    ("ws://example.com:/x", "ws://example.com/x"),
    ("ws://example.com:0080/", "ws://example.com/"),
    ("http://example.com/a", "ws://example.com/a"),
    ("https://example.com/a", "wss://example.com/a"),
    ("WS://EXAMPLE.COM/A", "ws://example.com/A"),
    (" \t\nws://example.com/ \r\n", "ws://example.com/"),
    ("ws://exa\nmple.com/\tx", "ws://example.com/x"),
    ("ws:example.com", "ws://example.com/"),
    ("ws:/example.com", "ws://example.com/"),
    ("ws:////example.com", "ws://example.com/"),
    ("ws:\\\\example.com\\a\\b", "ws://example.com/a/b"),
    ("ws://example.com?q", "ws://example.com/?q"),
    ("ws://example.com/?", "ws://example.com/?"),
    ("ws://example.com/a b?c d", "ws://example.com/a%20b?c%20d"),
    ("ws://example.com/%41%zz", "ws://example.com/%41%zz"),
    ("ws://example.com/é?é", "ws://example.com/%C3%A9?%C3%A9"),
    ('ws://example.com/"<>`{}^?"<>\'`', "ws://example.com/%22%3C%3E%60%7B%7D%5E?%22%3C%3E%27`"),
    ("ws://example.com/a/./b/../c", "ws://example.com/a/c"),
    ("ws://example.com/../../a/..", "ws://example.com/"),
    ("ws://example.com/a/%2e%2E/b/.", "ws://example.com/b/"),
    ("ws://example.com/a//b", "ws://example.com/a//b"),
    ("ws://user:pass@example.com/", "ws://user:pass@example.com/"),
    ("ws://us er:p@ss:w@example.com/", "ws://us%20er:p%40ss%3Aw@example.com/"),
    ("ws://user@example.com/", "ws://user@example.com/"),
    ("ws://@example.com/", "ws://example.com/"),
    ("ws://127.0.0.1:9000/", "ws://127.0.0.1:9000/"),
    ("ws://0x7f.1/", "ws://127.0.0.1/"),
    ("ws://017700000001/", "ws://127.0.0.1/"),
    ("ws://2130706433/", "ws://127.0.0.1/"),
    ("ws://127.0.1./", "ws://127.0.0.1/"),
    ("ws://0x/", "ws://0.0.0.0/"),
    ("ws://[::1]:9000/", "ws://[::1]:9000/"),
    ("ws://[0:0:0:0:0:0:0:1]/", "ws://[::1]/"),
    ("ws://[::FFFF:127.0.0.1]/", "ws://[::ffff:7f00:1]/"),
    ("ws://ex%41mple.com/", "ws://example.com/"),
    ("ws://münchen.example/", "ws://xn--mnchen-3ya.example/"),
    ("ws://MÜNCHEN.example/", "ws://xn--mnchen-3ya.example/"),
    ("ws://straße.example/", "ws://xn--strae-oqa.example/"),
    ("ws://ｅｘａｍｐｌｅ。com/", "ws://example.com/"),
    ("ws://m%C3%BCnchen.example/", "ws://xn--mnchen-3ya.example/"),
    ("ws://a_b-c.example./", "ws://a_b-c.example./"),
    ("ws://a．b｡c。d/", "ws://a.b.c.d/"),
    ("ws://ΟΔΟΣ.example/", "ws://xn--pxavbq.example/"),
    ("ws://a..b/", "ws://a..b/"),
    ("ws://.a/", "ws://.a/"),
    ("ws://אב.example/", "ws://xn--4dbc.example/"),
    ("ws://א1-ב.example./", "ws://xn--1--uldg.example./"),
    ("ws://א\u0300..com/", "ws://xn--ksa35l..com/"),
    ("ws://xn--4db.1a/", "ws://xn--4db.1a/"),
    ("ws://%41%40:%3A@example.com/", "ws://%41%40:%3A@example.com/"),
    ("ws://user:@example.com/", "ws://user@example.com/"),
    ("ws://xn--mnchen-3ya.example/", "ws://xn--mnchen-3ya.example/"),
    ("ws://a\u200bb.example/", "ws://ab.example/"),
    ("ws://example.com/\ud800?\udc00", "ws://example.com/%EF%BF%BD?%EF%BF%BD"),
    # UTS #46: joiners that a script needs stay, what has no shape goes, and ASCII is not looked into.
    ("ws://نامه\u200cای.com/", "ws://xn--mgba3gch31f060k.com/"),
    ("ws://xn--mgba3gch31f060k.com/", "ws://xn--mgba3gch31f060k.com/"),
    ("ws://ශ්\u200dරී.com/", "ws://xn--10cl1a0b660p.com/"),
    ("ws://葛\U000e0100城.jp/", "ws://xn--uisr05h.jp/"),
    ("ws://葛城.jp/", "ws://xn--uisr05h.jp/"),
    ("ws://look\u206bout.net/", "ws://lookout.net/"),
    ("ws://look\u180eout.net/", "ws://lookout.net/"),
    ("ws://\U0001e4d0.com/", "ws://xn--oh5h.com/"),  # a letter of Unicode 15
    ("ws://xn--a/", "ws://xn--a/"),
    ("ws://xn--/", "ws://xn--/"),
    ("ws://xn--0.com/", "ws://xn--0.com/"),
    ("ws://xn--abc-/", "ws://xn--abc-/"),
    ("ws://ab--c.example/", "ws://ab--c.example/"),
    ("ws://-a-.example/", "ws://-a-.example/"),
]


@pytest.mark.parametrize(("url", "normal"), NORMAL_FORMS)
def test_the_normal_form(url: str, normal: str) -> None:
    assert str(parse_url(url)) == normal


@pytest.mark.parametrize("normal", sorted({normal for _, normal in NORMAL_FORMS}))
def test_the_normal_form_is_its_own(normal: str) -> None:
    assert str(parse_url(normal)) == normal


BAD_URLS = {
    "": "relative",
    "/echo": "relative",
    "//example.com": "relative",
    "example.com": "relative",
    "example.com:9000/x": "use ws:// or wss://",
    "ftp://example.com/": "use ws:// or wss://",
    "mailto:x@example.com": "use ws:// or wss://",
    "ws://example.com/#": "leave out the '#'",
    "ws://example.com/#x": "leave out the '#'",
    "ws://": "host name",
    "ws:///": "host name",
    "ws://?": "host name",
    "ws://:80/": "host name",
    "ws://u@/": "host name",
    "ws://foo bar/": "host name",
    "ws://אa.com/": "host name",
    "ws://א-.com/": "host name",
    "ws://א\u06611.com/": "host name",
    "ws://٣.com/": "host name",
    "ws://\u0301a.com/": "host name",
    "ws://ü.\u0301a/": "host name",
    "ws://⒈com/": "host name",
    "ws://㏂.com/": "host name",
    "ws://a․b/": "host name",
    "ws://foo%20bar/": "host name",
    "ws://a\u200cb.com/": "host name",
    "ws://xn--tešla/": "host name",
    "ws://look\u2ff0out.net/": "host name",
    "ws://\u0378.net/": "host name",
    "file:///x": "use ws:// or wss://",
    "ws://a<b/": "host name",
    "ws://a^b/": "host name",
    "ws://a|b/": "host name",
    "ws://a%00b/": "host name",
    "ws://a\x7fb/": "host name",
    "ws://\ud800/": "host name",
    "ws://h:x/": "a port is a number",
    "ws://h:-1/": "a port is a number",
    "ws://h:8 0/": "a port is a number",
    "ws://h:١/": "a port is a number",
    "ws://a:b:1/": "a port is a number",
    "ws://h:65536/": "end at 65535",
    "ws://::1/": "needs brackets",
    "ws://[::1/": "needs brackets",
    "ws://[::1]x/": "needs brackets",
    "ws://[::g]/": "is not an IPv6 address",
    "ws://[fe80::1%eth0]/": "is not an IPv6 address",
    "ftp://exa mple/": "ws",
    "ws://1.2.3.4.5/": "is not an IPv4 address",
    "ws://1.2.3.256/": "is not an IPv4 address",
    "ws://1.256.3.4/": "is not an IPv4 address",
    "ws://1..3/": "is not an IPv4 address",
    "ws://example.1/": "is not an IPv4 address",
    "ws://09/": "is not an IPv4 address",
    "ws://4294967296/": "is not an IPv4 address",
    None: "a URL is a str",
    b"ws://h/": "a URL is a str",
}


@pytest.mark.parametrize(("url", "advice"), BAD_URLS.items())
def test_what_is_no_websocket_url(url: object, advice: str) -> None:
    with pytest.raises(InvalidURLError, match=advice):
        parse_url(url)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        *("ws://user:secret@h:99999/", "ws://user:secret@[::1/", "ws://user:secret@h/#f", "ftp://user:secret@h/"),
        *("ws://user:secret@h:22/", "ws://user:secret@a b/", "ws://user:secret@1.2.3.999/", "//user:secret@h/"),
        *("ws://user:secret@[::x]/", "ws://user:a/secret@h:1/", "user:secret@h", "ws://secret@h:99999/"),
    ],
)
def test_an_error_shows_no_password(url: str) -> None:
    with pytest.raises(InvalidURLError) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_an_error_about_a_relative_url_shows_no_password() -> None:
    with pytest.raises(InvalidURLError, match="cannot be resolved") as caught:
        parse_url("//user:secret@h/", "about:blank")
    assert "secret" not in str(caught.value)


def test_its_repr_hides_the_password_and_its_str_is_the_url() -> None:
    url = parse_url("wss://user:secret@h:1234/p?q")
    assert repr(url) == "<WebSocketURL wss://user:****@h:1234/p?q>"
    assert url.shown == "wss://user:****@h:1234/p?q"
    assert str(url) == "wss://user:secret@h:1234/p?q"


@pytest.mark.parametrize(
    ("host", "is_this_machine"),
    [
        *((host, True) for host in ("localhost", "localhost.", "a.localhost", "127.0.0.1", "127.255.255.254", "::1")),
        *((host, True) for host in ("::ffff:7f00:1", "::ffff:7fff:ffff")),
        *((host, False) for host in ("127.evil.example", "127.0.0.1.example", "alocalhost", "localhost.example")),
        *((host, False) for host in ("128.0.0.1", "1127.0.0.1", "::2", "::1:1", "::ffff:8000:1", "127", "127.")),
        *((host, False) for host in ("a\nlocalhost", "::ffff:7f00:1:1", "", "0.0.0.0")),
    ],
)
def test_which_hosts_are_this_machine(host: str, is_this_machine: bool) -> None:
    assert is_loopback(host) == is_this_machine


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("Game.Example", "game.example"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("0x7f.1", "127.0.0.1"),
        ("::1", "::1"),
        ("0:0::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("FE80::1%3", "fe80::1%3"),
    ],
)
def test_a_host_of_its_own_reads_as_that_of_a_url(host: str, normal: str) -> None:
    assert parse_host(host) == normal


@pytest.mark.parametrize(
    "host",
    [
        *("", "a b", "a\r\nX: 1", "a\0", "a/b", "a@b", "a#b", "a:1", "[::1]", "1.2.3.999", "fe80::1%", "fe80::1%a%b"),
        *("fe80::1%a\r\nX: 1", "::1%a b", "\u202ea", "a%00b", "a%0d%0ab", "a\udc9b"),
    ],
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(InvalidURLError) as caught:
        parse_host(host)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("url", ["ws://h:{}/", "ws://{}/", "ws://{}.1/", "ws://0x{}/"])
def test_no_number_is_too_long_to_be_refused(url: str) -> None:
    with pytest.raises(InvalidURLError, match=r"end at 65535|not an IPv4 address"):
        parse_url(url.format("9" * 5000))


@pytest.mark.parametrize(("url", "normal"), [("ws://h:{}80/", "ws://h/"), ("ws://{}177/", "ws://0.0.0.127/")])
def test_a_number_may_have_many_leading_zeros(url: str, normal: str) -> None:
    assert str(parse_url(url.format("0" * 5000))) == normal


@pytest.mark.parametrize("host", ["ü" * 30_000, "ü." * 30_000, "xn--" + "a" * 30_000], ids=lambda host: host[:6])
def test_a_host_has_an_end(host: str) -> None:
    assert str(parse_url(f"ws://{'ü' * 1000}/")).startswith("ws://xn--")
    with pytest.raises(InvalidURLError, match="host name"):
        parse_url(f"ws://{host}/")


def test_a_url_has_an_end() -> None:
    longest = "ws://h/".ljust(64 * 1024, "a")
    assert str(parse_url(longest)) == longest
    with pytest.raises(InvalidURLError, match="at most 65536 characters, not 65537"):
        parse_url(longest + "a")


@pytest.mark.parametrize("port", sorted(BLOCKED_PORTS))
def test_blocked_ports(port: int) -> None:
    with pytest.raises(BlockedPortError, match=f"port {port}"):
        parse_url(f"wss://example.com:{port}/")


REFERENCES = [
    ("/echo?x", "ws://page.example:8000/echo?x"),
    ("echo", "ws://page.example:8000/dir/echo"),
    ("../echo", "ws://page.example:8000/echo"),
    ("?x", "ws://page.example:8000/dir/page.html?x"),
    ("", "ws://page.example:8000/dir/page.html?y"),
    ("//other.example/x", "ws://other.example/x"),
    ("\\echo", "ws://page.example:8000/echo"),
    ("\\echo?a\\b", "ws://page.example:8000/echo?a\\b"),
    ("/\\other.example/x?y", "ws://other.example/x?y"),
    ("\\\\other.example?y", "ws://other.example/?y"),
    ("a\\..\\echo?y", "ws://page.example:8000/dir/echo?y"),
    ("http:echo", "ws://page.example:8000/dir/echo"),
    ("http://other.example", "ws://other.example/"),
    ("ws:other.example", "ws://other.example/"),
]


@pytest.mark.parametrize(("reference", "resolved"), REFERENCES)
def test_relative_to_a_page(reference: str, resolved: str) -> None:
    assert str(parse_url(reference, "http://page.example:8000/dir/page.html?y#z")) == resolved


def test_relative_to_the_root_of_a_secure_page() -> None:
    assert str(parse_url("echo", "https://page.example")) == "wss://page.example/echo"


@pytest.mark.parametrize("base", ["blob:http://page.example/uuid", "file:///page.html", "about:blank"])
def test_no_relative_url_where_the_page_has_none(base: str) -> None:
    with pytest.raises(InvalidURLError, match="begin it with ws://"):
        parse_url("/echo", base)
    assert str(parse_url("ws://h/", base)) == "ws://h/"


def test_the_parts() -> None:
    url = parse_url("wss://u%40:p%3A@[::1]:9000/a?b")
    assert url.secure
    assert (url.host, url.port, url.resource) == ("::1", 9000, "/a?b")
    assert (url.username, url.password) == ("u@", "p:")
    assert url.authority == "[::1]:9000"
    assert not parse_url("ws://h/").secure


def test_a_host_that_another_parser_encodes_is_none() -> None:
    """Chromium encodes a space in a host, which the standard forbids there."""
    read = url_module._read
    read_urls_by(lambda text, base: ParsedURL("ws://a%20b/", "ws:", "", "", "a%20b", "", "/", ""))
    try:
        with pytest.raises(InvalidURLError, match="host"):
            parse_url("ws://a b/")
    finally:
        read_urls_by(read)
    assert parse_url("ws://h/").host == "h"
