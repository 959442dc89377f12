"""The exceptions: one tree, which those who catch the ones of `websockets` catch too."""

from __future__ import annotations

import pickle
import socket
import ssl
import traceback
from typing import Any

import pytest
import websockets.exceptions
from websockets.datastructures import Headers
from websockets.frames import Close as TheirClose
from websockets.http11 import Response

from pyws_browser import (
    CloseTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    HandshakeError,
    HeartbeatTimeoutError,
    InvalidURLError,
    NameResolutionError,
    ProxyError,
    RemoteProtocolError,
    TLSError,
    WebSocketError,
    WrongHostError,
)
from pyws_browser.aio import Close, ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from pyws_browser.compat import exceptions
from pyws_browser.compat.endings import closed_error
from pyws_browser.compat.openings import opening_error
from pyws_browser.protocol.vocabulary import CloseStatus

OURS_ALONE = {
    *("Close", "WebSocketException", "OpeningError", "OpeningRefusedError", "OpeningTimeoutError"),
    *("OpeningCertificateError", "OpeningTLSError", "NameNotFoundError", "InvalidRedirect", "RedirectError"),
    "UnreachableProxyError",
}

OURS = {name for name in exceptions.__all__ if getattr(exceptions, name).__name__ == name} - {"Close"}
"""Without the further names of what is not told apart."""


def test_a_bad_answer_of_a_server_or_a_proxy_is_an_invalid_handshake() -> None:
    for name in ("ProxyError", "InvalidProxyStatus", "InvalidRedirect", "RedirectError", "SecurityError"):
        assert issubclass(getattr(exceptions, name), exceptions.InvalidHandshake)
    assert issubclass(exceptions.InvalidRedirect, exceptions.InvalidURI)
    assert issubclass(exceptions.RedirectError, ValueError)  # as `websockets` raises it
    assert not issubclass(exceptions.ProxyError, OSError)
    assert issubclass(exceptions.UnreachableProxyError, (OSError, exceptions.ProxyError))


def test_a_proxy_error_has_the_errno_of_its_cause() -> None:
    error = opening_error(caused(ProxyError("x"), ConnectionResetError(104, "reset")), "ws://x/", 3.0)
    assert (type(error), error.errno) == (exceptions.UnreachableProxyError, 104)  # type: ignore[attr-defined]


SECRETS = [
    exceptions.InvalidURI("ws://user:secret@game.example:99999/", "no"),
    exceptions.InvalidRedirect("ws://user:secret@game.example:99999/", "no"),
    exceptions.InvalidProxy("http://user:secret@proxy.example", "no"),
]


@pytest.mark.parametrize("error", SECRETS, ids=lambda error: type(error).__name__)
def test_no_password_is_shown(error: Exception) -> None:
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    assert "secret" not in shown
    assert "secret" in getattr(error, "uri", "") + getattr(error, "proxy", "")


def test_what_a_stranger_wrote_does_not_reach_the_terminal_raw() -> None:
    closed = ConnectionClosedError(exceptions.Close(1000, "\x1b[2J\n\u202ebye"), None)
    header = exceptions.InvalidHeader("Upgrade", "web\x9b31msocket")
    redirect = exceptions.InvalidRedirect("ws://\x1b[2J", "the server redirects to 'ws://\x1b[2J'")
    for error in (closed, header, redirect):
        assert str(error).isprintable()
        assert "".join(traceback.format_exception_only(error)).replace("\n", "").isprintable()
    assert closed.reason == "\x1b[2J\n\u202ebye"


@pytest.mark.parametrize("name", sorted(set(exceptions.__all__) - {"Close"}))
def test_all_of_them_stand_in_the_packages_tree(name: str) -> None:
    assert issubclass(getattr(exceptions, name), WebSocketError)


def test_all_names_of_websockets_are_there() -> None:
    assert set(websockets.exceptions.__all__) - set(exceptions.__all__) == set()


@pytest.mark.parametrize("name", sorted(OURS - OURS_ALONE))
def test_those_that_websockets_has_are_caught_by_its_names(name: str) -> None:
    assert issubclass(getattr(exceptions, name), getattr(websockets.exceptions, name))


def test_the_tree_is_drawn_in_the_docstring() -> None:
    assert exceptions.__doc__ is not None
    assert [name for name in exceptions.__all__ if name in OURS and name not in exceptions.__doc__] == []


CLOSES = [None, (1000, ""), (1001, "bye"), (1011, ""), (3000, "x"), (4000, "grün"), (1005, ""), (2999, "")]


@pytest.mark.parametrize("rcvd", CLOSES)
@pytest.mark.parametrize("sent", CLOSES)
@pytest.mark.parametrize("order", [True, False])
def test_they_read_as_those_of_websockets(rcvd: Any, sent: Any, order: bool) -> None:
    in_order = order if rcvd and sent else None
    ours = ConnectionClosed(rcvd and Close(*rcvd), sent and Close(*sent), in_order)
    theirs = websockets.exceptions.ConnectionClosed(rcvd and TheirClose(*rcvd), sent and TheirClose(*sent), in_order)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize(
    ("status", "asked", "kind", "rcvd", "sent", "order"),
    [
        (CloseStatus(1000, "bye", True, None, True), None, ConnectionClosedOK, (1000, "bye"), (1000, "bye"), True),
        (CloseStatus(1000, "", True), (1001, "x"), ConnectionClosedOK, (1000, ""), (1001, "x"), False),
        (CloseStatus(1005, "", True, None, True), None, ConnectionClosedOK, (1005, ""), (1005, ""), True),
        (CloseStatus(1011, "", True, None, True), None, ConnectionClosedError, (1011, ""), (1011, ""), True),
        (CloseStatus(1006, cause=ConnectionLostError("x")), None, ConnectionClosedError, None, None, None),
        (CloseStatus(1006), (1000, ""), ConnectionClosedError, None, (1000, ""), None),
        (
            CloseStatus(1006, cause=HeartbeatTimeoutError(1)),
            None,
            ConnectionClosedError,
            None,
            (1011, "keepalive ping timeout"),
            None,
        ),
        (CloseStatus(1002, cause=RemoteProtocolError("x")), None, ConnectionClosedError, None, (1002, ""), None),
    ],
)
def test_how_a_connection_ended_becomes_an_exception(
    status: CloseStatus, asked: Any, kind: type[ConnectionClosed], rcvd: Any, sent: Any, order: bool | None
) -> None:
    error = closed_error(status, asked and Close(*asked))
    assert (type(error), error.rcvd, error.sent, error.rcvd_then_sent) == (kind, rcvd, sent, order)
    assert error.__cause__ is status.cause


def caused(error: WebSocketError, cause: BaseException) -> WebSocketError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "name", "also"),
    [
        (None, "OpeningError", OSError),
        (InvalidURLError("x"), "InvalidURI", websockets.exceptions.InvalidURI),
        (ConnectTimeoutError(3), "OpeningTimeoutError", TimeoutError),
        (NameResolutionError("x"), "NameNotFoundError", socket.gaierror),
        (caused(TLSError("x"), ssl.SSLError(1, "x")), "OpeningTLSError", ssl.SSLError),
        (WrongHostError("x"), "OpeningCertificateError", ssl.SSLCertVerificationError),
        (ProxyError("x"), "ProxyError", websockets.exceptions.ProxyError),
        (ProxyError("x", 407), "InvalidProxyStatus", websockets.exceptions.InvalidProxyStatus),
        (HandshakeError("refused", 404, [("X", "y")], b"no"), "InvalidStatus", websockets.exceptions.InvalidStatus),
        (HandshakeError("hung up"), "InvalidMessage", websockets.exceptions.InvalidMessage),
        (HandshakeError("chose none", 101), "NegotiationError", websockets.exceptions.NegotiationError),
        (
            caused(HandshakeError("wrong", 101), websockets.exceptions.InvalidUpgrade("Upgrade", "x")),
            "InvalidUpgrade",
            websockets.exceptions.InvalidUpgrade,
        ),
        (
            caused(HandshakeError("wrong", 101), websockets.exceptions.DuplicateParameter("x")),
            "NegotiationError",
            websockets.exceptions.NegotiationError,
        ),
        (
            caused(HandshakeError("long"), websockets.exceptions.SecurityError("x")),
            "SecurityError",
            websockets.exceptions.SecurityError,
        ),
    ],
)
def test_why_no_connection_came_about_becomes_an_exception(cause: Any, name: str, also: type[Exception]) -> None:
    error = opening_error(cause, "ws://x/", 3.0)
    assert type(error).__name__ == name
    assert isinstance(error, also)
    assert str(error)


def test_a_refusal_has_the_whole_answer() -> None:
    error = opening_error(HandshakeError("refused", 404, [("X", "y")], b"no"), "ws://x/", 3.0)
    assert isinstance(error, exceptions.InvalidStatus)
    assert (error.response.status_code, error.response.headers["x"], error.response.body) == (404, "y", b"no")
    assert (error.status, error.headers, error.body) == (404, (("X", "y"),), b"no")
    assert str(error) == "server rejected WebSocket connection: HTTP 404"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("InvalidHandshake", ()),
        ("InvalidMessage", ("no HTTP",)),
        ("NegotiationError", ()),
        ("NegotiationError", ("no subprotocol",)),
        ("SecurityError", ("no",)),
        ("InvalidURI", ("http:x", "no host")),
        ("InvalidHeader", ("Origin",)),
        ("InvalidHeader", ("Origin", "")),
        ("InvalidHeaderValue", ("Origin", "x")),
        ("InvalidStatus", (Response(418, "I'm a teapot", Headers()),)),
        ("InvalidProxyStatus", (Response(407, "Proxy Authentication Required", Headers()),)),
        ("ConcurrencyError", ("twice",)),
    ],
)
def test_a_program_makes_and_reads_them_as_those_of_websockets(name: str, arguments: Any) -> None:
    ours = getattr(exceptions, name)(*arguments)
    assert str(ours) == str(getattr(websockets.exceptions, name)(*arguments))


def test_a_certificate_that_was_not_accepted_says_why_as_that_of_ssl_does() -> None:
    problem = ssl.SSLCertVerificationError(1, "certificate verify failed")
    problem.verify_code, problem.verify_message = 10, "certificate has expired"
    error = opening_error(caused(WrongHostError("x"), problem), "wss://x/", 3.0)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert (error.verify_code, error.verify_message) == (10, "certificate has expired")


@pytest.mark.parametrize(
    "error",
    [
        exceptions.OpeningRefusedError(111, "nobody there"),
        exceptions.OpeningCertificateError(1, "expired"),
        exceptions.NameNotFoundError(-2, "no such name"),
        exceptions.OpeningTimeoutError(3),
        exceptions.InvalidProxyStatus(Response(407, "Proxy Authentication Required", Headers([("a", "b")]))),
        exceptions.ConnectionClosedError(Close(1011, "x"), None),
        exceptions.InvalidHeader("Origin", "x"),
    ],
)
def test_they_can_be_pickled(error: Exception) -> None:
    error.__dict__["more"] = 1
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
    assert getattr(again, "errno", None) == getattr(error, "errno", None)
    assert vars(again).keys() == vars(error).keys()


def test_a_closing_handshake_that_timed_out_is_a_timeout() -> None:
    status = CloseStatus(1006, cause=CloseTimeoutError(3))
    assert isinstance(closed_error(status, Close(1000)).__cause__, TimeoutError)
