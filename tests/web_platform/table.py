"""The rules of the web as rows: what the WHATWG WebSockets standard says, asked of three sides.

The sides are `new WebSocket()` in an engine ("raw"), the package there ("page"), and the package on CPython under
`web_limits` ("desktop"). Every side gives what the row expects, or the row says in a sentence why one does not, and
what a program can rely on. A key of `but` is a side, or a side "on" an engine.
"""

from __future__ import annotations

import array
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pyws_browser.protocol.rules import BLOCKED_PORTS

DEFLATE_ANSWERS = [
    ("", True),
    *((f"; client_max_window_bits={bits}", True) for bits in (8, 9, 12, 15)),
    *((f"; server_max_window_bits={bits}", True) for bits in (8, 9, 12, 15)),
    ("; server_no_context_takeover", True),
    ("; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=10", True),
    *((f"; client_max_window_bits={bits}", False) for bits in (0, 7, 16, "x", "08")),
    *((f"; server_max_window_bits={bits}", False) for bits in (7, 16, "x", "08")),
    ("; client_max_window_bits", False),
    ("; server_no_context_takeover=1", False),
    ("; server_no_context_takeover; server_no_context_takeover", False),
    ("; level=9", False),
    (", permessage-deflate", False),
]
"""Parameters of an answer that agrees to compress, and whether a client may take them (RFC 7692 §7.1)."""

_UNLIKE_CHROMIUM = ("firefox", "webkit", "node")
But = Mapping[str, tuple[Any, str]]


class Row(NamedTuple):
    """One rule: `program` (`programs.py`), given `arguments`, has the outcome `expected`."""

    sentence: str
    program: str
    arguments: tuple[Any, ...]
    expected: Any
    but: But = MappingProxyType({})

    def expected_of(self, side: str, engine: str) -> Any:
        """Return what this side is to give in this engine."""
        for key in (f"{side} on {engine}", side):
            if key in self.but:
                return self.but[key][0]
        return self.expected


SYNTAX, ACCESS, STATE, TYPE = "SyntaxError", "InvalidAccessError", "InvalidStateError", "TypeError"
LOST = (1006, "", False)
UNTESTED = "untested"
"""The outcome where one cannot be told, because it is now this and now that."""

_NO_PAGE = (SYNTAX, "There is no page to complete the URL: rely on absolute URLs where the desktop matters.")
_COMPLETED: But = {"desktop": _NO_PAGE, "raw on node": _NO_PAGE, "page on node": _NO_PAGE}


def _like_javascript(outcome: Any) -> But:
    return {"raw": (outcome, "JavaScript converts what it is given; the package refuses it on both sides.")}


_URLS = {
    "ws://127.0.0.1:9999": "ws://127.0.0.1:9999/",
    "wss://127.0.0.1:9999/x": "wss://127.0.0.1:9999/x",
    "ws://127.0.0.1:80/": "ws://127.0.0.1/",
    "wss://127.0.0.1:443/": "wss://127.0.0.1/",
    "ws://127.0.0.1:/": "ws://127.0.0.1/",
    "ws://127.0.0.1:00080/": "ws://127.0.0.1/",
    "http://127.0.0.1:9999/a": "ws://127.0.0.1:9999/a",
    "https://127.0.0.1:9999/a": "wss://127.0.0.1:9999/a",
    "WS://LOCALHOST:9999/A": "ws://localhost:9999/A",
    "  ws://127.0.0.1:9999/ ": "ws://127.0.0.1:9999/",
    "ws://127.0.0.1:9999/a\tb\n": "ws://127.0.0.1:9999/ab",
    "ws:/127.0.0.1:9999/": "ws://127.0.0.1:9999/",
    "ws:127.0.0.1:9999": "ws://127.0.0.1:9999/",
    "ws:\\\\127.0.0.1:9999\\a": "ws://127.0.0.1:9999/a",
    "ws://127.0.0.1:9999/a/../b/./c": "ws://127.0.0.1:9999/b/c",
    "ws://127.0.0.1:9999/%2e%2E/b": "ws://127.0.0.1:9999/b",
    "ws://127.0.0.1:9999/a b?c d": "ws://127.0.0.1:9999/a%20b?c%20d",
    "ws://127.0.0.1:9999/å?å": "ws://127.0.0.1:9999/%C3%A5?%C3%A5",
    "ws://127.0.0.1:9999/?\ud800": "ws://127.0.0.1:9999/?%EF%BF%BD",
    "ws://127.0.0.1:9999?q=1?2": "ws://127.0.0.1:9999/?q=1?2",
    "ws://127.0.0.1:9999/?": "ws://127.0.0.1:9999/?",
    "ws://127.1:9999/": "ws://127.0.0.1:9999/",
    "ws://0x7f000001:9999/": "ws://127.0.0.1:9999/",
    "ws://[::1]:9999/": "ws://[::1]:9999/",
    "ws://[0:0::0:1]:9999/": "ws://[::1]:9999/",
    "ws://user:pass@127.0.0.1:9999/": "ws://user:pass@127.0.0.1:9999/",
    "ws://us%20er@127.0.0.1:9999/": "ws://us%20er@127.0.0.1:9999/",
    "ws://127.0.0.1:65535/": "ws://127.0.0.1:65535/",
}

_BAD_URLS = (
    *("ftp://127.0.0.1/", "mailto:a@example.com", "about:blank", "data:text/plain,x", "javascript:0", "wsx://h/"),
    *("ws://127.0.0.1:9999/#", "ws://127.0.0.1:9999/#x", "http://127.0.0.1:9999/a?b#c"),
    *("ws://", "ws:///", "ws://:9999/", "ws://@/", "ws://?q"),
    *("ws://127.0.0.1:65536/", "ws://127.0.0.1:x/", "ws://127.0.0.1:-1/"),
    *("ws://[::1/", "ws://[1::2::3]/", "ws://::1/", "ws://1.2.3.4.5/", "ws://256.1.1.1/", "ws://a<b/", "ws://a^b/"),
    "ws://a%00b/",
)

_TRIED_PORTS = (1, 22, 25, 80 + 30, 443 + 22, 6000, 6667, 10080)

_SEPARATORS = '()<>@,;:\\"/[]?={} \t'


def _urls() -> Iterator[Row]:
    for url, normal in _URLS.items():
        yield Row(f"the URL {url!r} is {normal!r}", "url", (url,), normal)
    for url in _BAD_URLS:
        yield Row(f"the URL {url!r} is refused", "url", (url,), SYNTAX)
    stricter = (SYNTAX, "The engine still refuses it; the standard passes labels that are ASCII, valid or not.")
    yield Row(
        "an empty internationalised label passes, as all that is ASCII",
        "url",
        ("ws://xn--/",),
        "ws://xn--/",
        {f"{side} on {engine}": stricter for side in ("raw", "page") for engine in ("firefox", "webkit")},
    )
    for url in ("/echo?x", "//127.0.0.1:9999/y", "../../echo", "./?x"):
        normal = {"/echo?x": "{site}/echo?x", "../../echo": "{site}/echo", "./?x": "{site}/tests/?x"}.get(
            url, "ws://127.0.0.1:9999/y"
        )
        yield Row(f"the relative URL {url!r} is completed by the page's", "url", (url,), normal, _COMPLETED)
    yield Row("a relative URL with a fragment is refused", "url", ("/echo#",), SYNTAX)
    late = "The standard fails the connection and does not say why; the package names the port."
    waits = "An engine lets a page wait after so many failures; a few ports show what it does."
    for port in sorted(BLOCKED_PORTS):
        raw = ("later", late) if port in _TRIED_PORTS else (UNTESTED, waits)
        yield Row(f"port {port} is blocked", "blocked", (f"ws://127.0.0.1:{port}/",), SYNTAX, {"raw": raw})
    converted = ("accepted", "JavaScript makes a relative URL of anything; the package refuses it on both sides.")
    for url in (None, 5, b"ws://127.0.0.1:9999/"):
        but = {f"raw on {engine}": converted for engine in ("chromium", "firefox", "webkit")}
        yield Row(f"{url!r} is no URL", "any_url", (url,), SYNTAX, but)


_PROTOCOLS = {
    "none": ((), None),
    "one": (("chat",), None),
    "two": (("chat", "game"), None),
    "every token character": (("!#$%&'*+-.^_`|~09AZaz",), None),
    "an empty one": (("",), SYNTAX),
    "the same twice": (("chat", "chat"), SYNTAX),
    "the same twice, apart": (("chat", "game", "chat"), SYNTAX),
    "one beyond ASCII": (("fööbar",), SYNTAX),
    "one with a control character": (("a\x1fb",), SYNTAX),
    "one with DEL": (("a\x7fb",), SYNTAX),
    "one with NUL": (("\0",), SYNTAX),
    "one with a line end": (("a\r\nb",), SYNTAX),
    "one with U+0080": (("\x80",), SYNTAX),
    "a string": ("chat", None),
    "a string with a comma": ("chat,game", SYNTAX),
    "an empty string": ("", SYNTAX),
}


def _protocols() -> Iterator[Row]:
    for what, (offered, error) in _PROTOCOLS.items():
        yield Row(f"offering {what} {'is fine' if error is None else 'is refused'}", "protocols", (offered,), error)
    case = (SYNTAX, "Node takes names that differ in case for the same: offer names that differ otherwise, too.")
    yield Row(
        "offering two that differ in case is fine",
        "protocols",
        (("chat", "CHAT"),),
        None,
        {"raw on node": case, "page on node": case},
    )
    for separator in _SEPARATORS:
        yield Row(f"{separator!r} may not stand in a subprotocol", "protocols", ((f"a{separator}b",),), SYNTAX)
    lenient = {
        f"raw on {engine}": (("OPEN", ""), "The engine takes what the server forgot; the package does not.")
        for engine in ("firefox", "webkit")
    }
    yield Row("the server's choice is told", "chosen", ("protocols:/echo", ("game",)), ("OPEN", "game"))
    yield Row("the server chooses the second", "chosen", ("raw:/choose-game", ("chat", "game")), ("OPEN", "game"))
    yield Row("nothing offered, nothing chosen", "chosen", ("server:echo", ()), ("OPEN", ""))
    yield Row("a server that chooses none", "chosen", ("raw:/mute", ("chat",)), ("CLOSED", ""), lenient)
    yield Row("a server that chooses another", "chosen", ("raw:/unoffered-protocol", ("chat",)), ("CLOSED", ""))
    ignored = (("OPEN", ""), "Firefox ignores a choice that nobody offered: do not rely on its failing.")
    yield Row(
        "a choice without an offer",
        "chosen",
        ("raw:/unoffered-protocol", ()),
        ("CLOSED", ""),
        {"raw on firefox": ignored, "page on firefox": ignored},
    )
    yield Row("a server that chooses two", "chosen", ("raw:/two-protocols", ("chat", "game")), ("CLOSED", ""))


def _handshakes() -> Iterator[Row]:
    followed = ("OPEN", "WebKit follows a redirect: do not rely on its failing.")
    stricter = (LOST, "Node takes a Connection header only if it is one word: let servers answer with `Upgrade` alone.")
    shorter = (LOST, "WebKit and Node take no answer with so long a header: let servers keep theirs short.")
    buts: dict[str, But] = {
        "long-field": {f"{side} on {engine}": shorter for side in ("raw", "page") for engine in ("webkit", "node")},
        "redirect": {"raw on webkit": followed, "page on webkit": followed},
        "mixed-case": {"raw on node": stricter, "page on node": stricter},
    }
    for place, outcome in {
        "wrong-accept": LOST,
        "no-accept": LOST,
        "no-upgrade": LOST,
        "no-connection": LOST,
        "other-upgrade": LOST,
        "mixed-case": "OPEN",
        "plain-200": LOST,
        "not-found": LOST,
        "forbidden": LOST,
        "redirect": LOST,
        "unoffered-extension": LOST,
        "set-cookie": "OPEN",
        "many-fields": "OPEN",
        "long-field": "OPEN",
    }.items():
        but = buts.get(place, {})
        yield Row(f"an answer to the handshake: {place}", "handshake", (f"raw:/{place}",), outcome, but)
    unlike = "Engines differ in which parameters they offered; rely on permessage-deflate alone."
    for number, (parameters, is_good) in enumerate(DEFLATE_ANSWERS):
        but = {f"{side} on {engine}": (UNTESTED, unlike) for side in ("raw", "page") for engine in _UNLIKE_CHROMIUM}
        outcome = "OPEN" if is_good else LOST
        yield Row(
            f"an answer with permessage-deflate{parameters}", "handshake", (f"raw:/deflate{number}",), outcome, but
        )
    yield Row("a good handshake behind a bad one", "good_after_bad", ("raw:/wrong-accept", "server:echo"), "OPEN")
    yield Row("25 connections at once", "at_once", ("server:echo", 25), 25)
    yield Row("nobody listens", "handshake", ("nobody:/",), LOST)


_REASON_123 = "r" * 123


def _closes() -> Iterator[Row]:
    good: dict[str, tuple[tuple[Any, ...], Any]] = {
        "without a code": ((), (1005, "", True)),
        "with 1000": ((1000,), (1000, "", True)),
        "with 3000": ((3000,), (3000, "", True)),
        "with 4999": ((4999,), (4999, "", True)),
        "with a reason": ((1000, "bye"), (1000, "bye", True)),
        "with a reason of 123 bytes": ((3000, _REASON_123), (3000, _REASON_123, True)),
        "with a reason of 122 bytes beyond ASCII": ((4000, "é" * 61), (4000, "é" * 61, True)),
        "with a lone surrogate in the reason": ((1000, "a\ud800b"), (1000, "a\ufffdb", True)),
        "with a pair of surrogates in the reason": ((1000, "\U0001f600"), (1000, "\U0001f600", True)),
    }
    for how, (arguments, outcome) in good.items():
        yield Row(f"closing {how}", "close", arguments, outcome)
    for code in (0, -1, 500, 999, 1001, 1002, 1005, 1006, 1008, 1011, 1015, 1016, 2999, 5000, 65535, 66536):
        yield Row(f"closing with {code} is refused", "close", (code,), ACCESS)
    for code in (float("nan"), "string", True):
        yield Row(f"closing with {code!r} is refused", "close", (code,), ACCESS)
    for code in ("1000", 1000.4):
        yield Row(f"closing with {code!r} is refused", "close", (code,), ACCESS, _like_javascript((1000, "", True)))
    yield Row("a reason of 124 bytes is refused", "close", (1000, "r" * 124), SYNTAX)
    yield Row("a reason of 124 bytes beyond ASCII is refused", "close", (1000, "é" * 62), SYNTAX)
    yield Row("a reason that surrogates make too long is refused", "close", (1000, "\ud800" * 42), SYNTAX)
    yield Row("a bad code is told before a bad reason", "close", (999, "r" * 124), ACCESS)
    yield Row("a Close frame that comes late", "close_at", ("raw:/late-close", 3000), (3000, "", True))
    yield Row("Close frames that cross", "close_crossing", ("raw:/close-4999?go", "go", 3001, "mine"), (4999, "", True))
    yield Row("giving up while connecting", "close_early", (1000,), ("CLOSING", LOST))
    yield Row("giving up while connecting, without a code", "close_early", (), ("CLOSING", LOST))
    yield Row("a bad code while connecting is refused", "close_early", (1001,), ACCESS)
    yield Row("a long reason while connecting is refused", "close_early", (1000, "r" * 124), SYNTAX)
    yield Row(
        "closing twice does nothing more",
        "close_twice",
        ((3001, "first"), (3002, "second")),
        (None, None, (3001, "first", True)),
    )
    yield Row(
        "a bad code is refused when closing and when closed",
        "close_twice",
        ((1000,), (1,)),
        (ACCESS, ACCESS, (1000, "", True)),
    )
    yield Row(
        "a long reason is refused when closing and when closed",
        "close_twice",
        ((1000,), (1000, "r" * 124)),
        (SYNTAX, SYNTAX, (1000, "", True)),
    )


def _ends() -> Iterator[Row]:
    for place, outcome in {
        "empty-close": (1005, "", True),
        "close-1000": (1000, "", True),
        "close-1001": (1001, "", True),
        "close-1011": (1011, "sorry", True),
        "close-3000": (3000, "", True),
        "close-4999": (4999, "", True),
        "close-long-reason": (1000, _REASON_123, True),
        "close-reason-in-utf8": (1000, "grün", True),
        "end-of-stream": LOST,
    }.items():
        yield Row(f"the server ends it: {place}", "end", (f"raw:/{place}?go", "go"), outcome)
    named = "The standard tells a page 1006 for what it failed itself; the desktop has what it sent."
    for place, (code, reason) in {
        "bad-utf8": (1007, "a text message came that is not UTF-8"),
        "reserved-bit": (1002, "a frame came with a reserved bit set that no extension gives a meaning here"),
        "unknown-opcode": (1002, "a frame came with the unknown opcode 3"),
        "long-ping": (1002, "a control frame came with more than 125 bytes"),
        "lonely-continuation": (1002, "a continuation frame came with nothing to continue"),
        "close-reason-bad-utf8": (1007, "a text message came that is not UTF-8"),
        "close-1004": (1002, "a Close frame came with the code 1004, which may not be sent"),
        "close-1015": (1002, "a Close frame came with the code 1015, which may not be sent"),
        "close-999": (1002, "a Close frame came with the code 999, which may not be sent"),
        "close-5000": (1002, "a Close frame came with the code 5000, which may not be sent"),
        "bad-close-code": (1002, "a Close frame came with the code 1005, which may not be sent"),
        "half-a-close-code": (1002, "a Close frame came with half a code"),
    }.items():
        but = {"desktop": ((code, reason, False), named)} | _TAKEN.get(place, {})
        yield Row(f"a frame that may not be: {place}", "end", (f"raw:/{place}?go", "go"), LOST, but)
    yield Row(
        "the server closes on a message", "end", ("server:close-on-message?code=4001&reason=x", "go"), (4001, "x", True)
    )
    yield Row("the server drops the connection", "end", ("server:drop-on-message", "go"), LOST)


def _taken_by(code: int, *engines: str) -> But:
    taken = ((code, "", True), "The engine takes any code that comes; the package takes what may be sent.")
    return {f"raw on {engine}": taken for engine in engines}


_AS_NONE = ((1005, "", True), "Firefox reads such a Close frame as one without a code, and nothing shows it.")
_TAKEN: dict[str, But] = {
    "close-1004": _taken_by(1004, "chromium", "firefox"),
    "close-1015": _taken_by(1015, "firefox"),
    "close-999": _taken_by(999, "chromium", "firefox"),
    "close-5000": _taken_by(5000, "chromium", "firefox"),
    "bad-close-code": {"raw on firefox": _AS_NONE, "page on firefox": _AS_NONE},
    "half-a-close-code": {"raw on firefox": _AS_NONE, "page on firefox": _AS_NONE},
}


def _lives() -> Iterator[Row]:
    hidden = "Firefox may lose what comes with the handshake if the end does, too: let a server wait before it closes."
    yield Row("the states of a life", "states", ("server:echo",), ["CONNECTING", "OPEN", "CLOSING", "CLOSED"])
    yield Row("the events of a refusal", "events", ("nobody:/",), ["close"], _with_error)
    yield Row("the events of a failed handshake", "events", ("raw:/forbidden",), ["close"], _with_error)
    yield Row(
        "the events of a life that the server ends",
        "events",
        ("raw:/ping-and-pong?go", "go"),
        ["open", "message", "close"],
    )
    yield Row("a close without a message", "events", ("raw:/close-1000?go", "go"), ["open", "close"])
    yield Row("what comes behind close() is not delivered", "own_close_events", (), (["open", "close"], []))
    yield Row(
        "what comes with the handshake is delivered",
        "messages",
        ("raw:/message-with-handshake",),
        ["hello", b"\x00\xff", "", b""],
        {f"{side} on firefox": (UNTESTED, hidden) for side in ("raw", "page")},
    )
    yield Row(
        "what comes behind a Close frame is not delivered",
        "messages",
        ("raw:/message-behind-close?go", "go"),
        ["hello"],
    )
    yield Row("pings and stray pongs are not seen", "messages", ("raw:/ping-and-pong?go", "go"), ["ok"])


_with_error: But = {
    "raw": (["error", "close"], "An error event says no more than that there was one; the package has `close_cause`.")
}

_FLOATS = array.array("d", [0.5, -1.5, 1e300])
_INT16 = array.array("h", [1, -2, 3, -4])

_MESSAGES: dict[str, tuple[Any, Any]] = {
    "an empty text": ("", ""),
    "a text": ("Message to send", "Message to send"),
    "a text beyond ASCII": ("¥¥¥¥¥¥", "¥¥¥¥¥¥"),
    "a text beyond the BMP": ("\U00010000 \U0010ffff", "\U00010000 \U0010ffff"),
    "a text with NUL": ("a\0b", "a\0b"),
    "a lone high surrogate": ("\ud807", "\ufffd"),
    "a lone low surrogate": ("a\udc00", "a\ufffd"),
    "surrogates in the wrong order": ("\udc00\ud800", "\ufffd\ufffd"),
    "a pair of surrogates": ("\ud801\udc07", "\U00010407"),
    "noncharacters": ("\ufffe\uffff", "\ufffe\uffff"),
    "a text of 65,000 characters": ("c" * 65000, "c" * 65000),
    "a text of 100,000 characters beyond ASCII": ("é" * 100_000, "é" * 100_000),
    "no bytes": (b"", b""),
    "bytes": (bytes(range(256)), bytes(range(256))),
    "a bytearray": (bytearray(b"array"), b"array"),
    "a memoryview": (memoryview(b"view"), b"view"),
    "a part of a memoryview": (memoryview(b"0123456789")[3:7], b"3456"),
    "every second byte of a memoryview": (memoryview(b"0123456789")[::2], b"02468"),
    "16-bit numbers": (_INT16, _INT16.tobytes()),
    "a part of 16-bit numbers": (memoryview(_INT16)[1:3], _INT16.tobytes()[2:6]),
    "floats": (_FLOATS, _FLOATS.tobytes()),
}
for _size in (125, 126, 127, 65535, 65536, 1024 * 1024):
    _MESSAGES[f"{_size} bytes"] = (b"\xa5" * _size, b"\xa5" * _size)
    _MESSAGES[f"a text of {_size} bytes"] = ("t" * _size, "t" * _size)


def _sends() -> Iterator[Row]:
    for what, (message, echo) in _MESSAGES.items():
        yield Row(f"sending {what}", "send", (message,), echo)
    no_bom = ("bom", "Node takes a byte order mark away from a text that comes: do not begin texts with one.")
    yield Row(
        "sending a byte order mark",
        "send",
        ("\ufeffbom",),
        "\ufeffbom",
        {"raw on node": no_bom, "page on node": no_bom},
    )
    for message, text in ((5, "5"), (1.5, "1.5"), (True, "true")):
        yield Row(f"sending {message!r} is refused", "send", (message,), TYPE, _like_javascript(text))
    yield Row("sending a list is refused", "send", (["a"],), TYPE, _like_javascript("['a']"))
    yield Row("sending before the opening is refused", "send_late", ("before opening", "x"), STATE)
    uncounted = {
        "raw on webkit": (10, "WebKit counts the frame as well; the package raises, so that no number matters."),
        "raw on node": (0, "Node does not count what it drops; the package raises, so that no number matters."),
    }
    for when in ("closing", "closed"):
        dropped = "The standard drops it and says nothing; the package does not lose a message in silence."
        yield Row(
            f"sending when {when} is refused", "send_late", (when, "four"), STATE, {"raw": (4, dropped)} | uncounted
        )


def _amounts() -> Iterator[Row]:
    handed_on = "The desktop hands on at once what the kernel takes: rely on no more than that the amount shrinks to 0."
    for what, messages, amounts in (
        ("a text", ("text",), [4]),
        ("an empty text", ("",), [0]),
        ("a text beyond ASCII, in bytes of UTF-8", ("é€\U0001f600",), [9]),
        ("a lone surrogate, as three bytes", ("\ud800",), [3]),
        ("bytes", (b"12345",), [5]),
        ("no bytes", (b"",), [0]),
        ("several, added up", ("é", b"\x00" * 1000, "xyz"), [2, 1002, 1005]),
    ):
        yield Row(
            f"bufferedAmount counts {what}",
            "buffered",
            messages,
            amounts,
            {"desktop": ([0] * len(amounts), handed_on)} if any(amounts) else {},
        )
    yield Row("bufferedAmount is 0 again when the echo is there", "drained", (b"x" * 100_000,), 0)
    yield Row("many messages in one task all come", "flood", (300, 1000), (True, 0))


# Chromium makes a page wait that had many connections fail, so those come last.
GROUPS: dict[str, list[Row]] = {
    "messages": list(_sends()),
    "buffered amounts": list(_amounts()),
    "closing": list(_closes()),
    "lives": list(_lives()),
    "ends": list(_ends()),
    "subprotocols": list(_protocols()),
    "handshakes": list(_handshakes()),
    "urls": list(_urls()),
}
ROWS = {row.sentence: row for rows in GROUPS.values() for row in rows}
