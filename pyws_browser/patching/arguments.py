"""Translates the arguments of a library's `connect()` for `pyws_browser.aio.connect()` and `.sync.connect()`."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from ..protocol import rules
from ..protocol.rules import CloseCode
from .headers import Handshake, handshake_of
from .settings import note, refuse, shown

_TAKEN: Final = {
    "ping_interval": "the browser keeps pings to itself, and answers the server's",
    "ping_timeout": "the browser keeps pings to itself, and answers the server's",
    "compression": "the browser compresses where the server agrees to",
    "extensions": "the browser compresses where the server agrees to",
    "user_agent_header": "the browser names itself",
    "server_hostname": "the browser checks the name in the URL",
    "read_limit": "the browser buffers by itself",
    "loop": "a page has one event loop",
    "legacy_recv": "recv() raises ConnectionClosed",
    **dict.fromkeys(
        ("family", "proto", "flags", "happy_eyeballs_delay", "interleave", "all_errors", "local_addr"),
        "the browser decides about TCP",
    ),
    **dict.fromkeys(("ssl_handshake_timeout", "ssl_shutdown_timeout"), "open_timeout and close_timeout count"),
}
"""Arguments that change no message: a page accepts them, and logs each once if its value has an effect elsewhere."""

_DEFAULTS: Final[dict[str, Any]] = {"ping_interval": 20, "ping_timeout": 20, "compression": "deflate", "family": 0}

_PASSED: Final = frozenset(
    {"origin", "open_timeout", "close_timeout", "max_size", "max_queue", "write_limit", "logger", "process_exception"}
)

_SHIFT: Final = 3000
"""Added to a close code that a page may not send: 1008 is sent as 4008."""

_REFUSED: Final = {"unix": "unix_path", "path": "unix_path", "sock": "sock", "proxy": "proxy", "host": "host"}


def translate(uri: str, arguments: dict[str, Any]) -> tuple[Handshake, dict[str, Any]]:
    """Return the request, and the arguments that apply in a page, without `create_connection`.

    Raises:
        UnsupportedInBrowserError: without an argument that a page cannot honour, the connection would go elsewhere.
        ValueError: `ssl` with a ws:// URI, as in `websockets`.

    """
    given = {name: value for name, value in arguments.items() if value is not None or name == "max_size"}
    headers = given.pop("additional_headers", None) or given.pop("extra_headers", None)
    given.pop("extra_headers", None)
    handshake = handshake_of(uri, headers, given.pop("subprotocols", None))
    _look_at_tls(uri, given)
    _look_at_address(uri, given)
    if given.get("proxy") is True:
        del given["proxy"]
    if not given.get("origin"):
        given.pop("origin", None)
    if "timeout" in given:  # the name of close_timeout in older versions
        given.setdefault("close_timeout", given.pop("timeout"))
    # None means "no limit" here, and "not given" for the others.
    passed: dict[str, Any] = {
        name: arguments[name] for name in ("open_timeout", "close_timeout", "max_queue") if name in arguments
    }
    for name, value in given.items():
        if name in _PASSED:
            passed[name] = value
        elif name in _TAKEN:
            if value and value != _DEFAULTS.get(name):
                note(f"{name}={shown(value)}", _TAKEN[name])
        else:
            raise refuse(str(rules.unsupported(_REFUSED.get(name, "other_arguments"), name)))
    if "origin" in passed:
        raise refuse(str(rules.unsupported("origin")))
    return handshake, passed


def _look_at_tls(uri: str, given: dict[str, Any]) -> None:
    ssl = given.pop("ssl", None) or given.pop("ssl_context", None)
    given.pop("ssl_context", None)
    if not ssl:
        return
    if urlsplit(uri).scheme.lower() in ("ws", "http"):
        raise ValueError("ssl argument is incompatible with a ws:// URI")
    if ssl is not True:
        note("ssl", "the browser checks certificates by its own store, and has the client certificates")


def _look_at_address(uri: str, given: dict[str, Any]) -> None:
    """Accept a `host` and a `port` that equal those of the URI."""
    parts = urlsplit(uri)
    if given.get("host") == parts.hostname:
        del given["host"]
    if given.get("port") == (parts.port or (443 if parts.scheme == "wss" else 80)):
        del given["port"]
    if "port" in given:
        raise refuse(str(rules.unsupported("port")))


def page_code(code: int) -> int:
    """Return the close code that a page sends in place of `code`."""
    if code == CloseCode.NORMAL_CLOSURE or _SHIFT <= code < 5000:
        return code
    sent = 1000 if code in (CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RECEIVED) else _SHIFT + code
    note(f"the close code {code}", f"a page may send 1000 and 3000-4999 alone; {sent} is sent instead")
    return sent
