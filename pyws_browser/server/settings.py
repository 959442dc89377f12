"""The settings of a server: its address, its certificate, and who may connect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ssl import SSLContext
from typing import TYPE_CHECKING, TypeVar

from ..errors import InvalidOptionError, InvalidStateError
from ..godot.multiplayer_peer import WebSocketMultiplayerPeer
from ..protocol import rules
from ..protocol.openings import MAX_HANDSHAKES, check_max_handshakes
from ..signals import is_coroutine_function
from .places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..protocol.admission import Origins, Request, Response, SubprotocolChoice
    from ..protocol.options import Options
    from ..transport.native.certificates import PEM


F = TypeVar("F", bound="Callable[..., object] | None")


class ServerSettings(WebSocketMultiplayerPeer):
    """The settings of a server; unless stated otherwise, a change applies to later connections."""

    strict: bool = False
    """Whether `poll()` raises the exceptions of the program's functions that serve one client.

    If not, the exception is logged with its traceback (logger `pyws_browser.server`, ERROR), that client's connection
    ends with 1011, or its request is answered with 500, and the other clients are not affected. Set it in tests, to see
    the mistakes of your functions. KeyboardInterrupt and SystemExit always come out, and so does an exception that no
    client caused.
    """
    refuse_new_connections: bool = False
    """Whether new connections are answered with 503 (Godot, which drops them at once)."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._process_request: Callable[[Request], Response | None] | None = None
        self._select_subprotocol: SubprotocolChoice | None = None
        self._origins: Origins | None = None
        self._server_header: str | None = None
        self._places = Places()
        self._max_handshakes = MAX_HANDSHAKES
        self._bind_ip = "*"
        self._private_key: PEM | None = None
        self._ssl_certificate: PEM | None = None
        self._ca_chain: PEM | None = None
        self._tls: SSLContext | None = None  # of the three above
        self._given_tls: SSLContext | None = None

    def is_listening(self) -> bool:
        """Tell whether it listens."""
        raise NotImplementedError

    # The address.

    @property
    def bind_ip(self) -> str:
        """The address to listen at; "*", the default, stands for all of them, IPv6 and IPv4 (Godot)."""
        return self._bind_ip

    @bind_ip.setter
    def bind_ip(self, address: str) -> None:
        self._refuse_while_listening("bind_ip")
        if not isinstance(address, str) or "\0" in address or not _is_name(address):
            raise InvalidOptionError(f"bind_ip is an address, or '*' for all of them, not {address!r}")
        self._bind_ip = address

    def connection_options(self) -> Options:
        """Return the options for new connections."""
        return self._options._replace(tls=self.tls or self._tls)

    # Who may connect, and the answers.

    @property
    def process_request(self) -> Callable[[Request], Response | None] | None:
        """A function that is called before a connection is accepted, if it comes from one of `origins`.

        It is called in `poll()` with the `Request`, and returns None to go on, or the `Response` that refuses. It may
        also call `request.hold()`, and `request.accept()` or `request.reject(response)` later. If it raises, the client
        gets 500; `strict` says what happens to the exception. A coroutine function is refused (InvalidOptionError):
        hold the request, and answer it in a task.
        """
        return self._process_request

    @process_request.setter
    def process_request(self, function: Callable[[Request], Response | None] | None) -> None:
        self._process_request = _plain(function, "process_request", "hold() the request, and answer it in a task")

    @property
    def select_subprotocol(self) -> SubprotocolChoice | None:
        """A function that chooses one of the subprotocols that a client offers, or None.

        Without a function, the first offered one in `supported_protocols` is chosen, as in Godot, and a client without
        a match is refused. Its exceptions are handled as those of `process_request`.
        """
        return self._select_subprotocol

    @select_subprotocol.setter
    def select_subprotocol(self, function: SubprotocolChoice | None) -> None:
        self._select_subprotocol = _plain(function, "select_subprotocol", "choose at once, in a plain function")

    @property
    def max_connections(self) -> int | None:
        """The most open connections; None for no limit.

        Further clients get 503. `max_handshakes` limits those that are not open yet. The system's own limit is that
        of file descriptors, `ulimit -n`.
        """
        return self._places.limit

    @max_connections.setter
    def max_connections(self, count: int | None) -> None:
        if count is not None and (not isinstance(count, int) or count < 1):
            raise InvalidOptionError(f"max_connections is a whole number from 1 on, or None, not {count!r}")
        self._places.limit = count

    @property
    def max_handshakes(self) -> int:
        """The most concurrent opening handshakes; 1,000 by default.

        When another client comes, one whose request is not complete is dropped: the oldest from the address (or the 64
        bits of an IPv6 address) with the most of them. If all of them wait for the program's answer, the new client
        gets 503. Each handshake has `handshake_timeout`.
        """
        return self._max_handshakes

    @max_handshakes.setter
    def max_handshakes(self, count: int) -> None:
        self._max_handshakes = check_max_handshakes(count)

    @property
    def origins(self) -> Origins | None:
        """The values of `Origin` that may connect, None for any; others get 403 (RFC 6455 §10.2).

        Each is a string like "https://game.example", a compiled regular expression that matches a whole origin, or None
        for requests without an origin, as clients outside of browsers send them.
        """
        return self._origins

    @origins.setter
    def origins(self, origins: Iterable[str | re.Pattern[str] | None] | None) -> None:
        if origins is not None:
            origins = (origins,) if isinstance(origins, str) else origins
            if not isinstance(origins, Iterable):
                raise InvalidOptionError(f"origins are some of them, or None for any, not {origins!r}")
            origins = tuple(origins)
            for origin in origins:
                if not isinstance(origin, (str, re.Pattern, type(None))):
                    raise InvalidOptionError(f"an origin is a str, a regular expression or None, not {origin!r}")
        self._origins = origins

    @property
    def server_header(self) -> str | None:
        """The value of the header `Server` in every answer; None, the default, for no such header."""
        return self._server_header

    @server_header.setter
    def server_header(self, value: str | None) -> None:
        if value is not None:
            rules.check_fields({"Server": value})
        self._server_header = value

    def set_extra_headers(self, headers: Mapping[str, str] | Iterable[str | tuple[str, str]] = ()) -> None:
        """Set `handshake_headers`, which go into the answer to every client (Godot 3.5)."""
        self.handshake_headers = headers

    # TLS.

    @property
    def tls(self) -> SSLContext | None:
        """A server-side SSLContext, which makes it wss. It may be replaced while the server listens."""
        return self._given_tls

    @tls.setter
    def tls(self, context: SSLContext | None) -> None:
        if not isinstance(context, (SSLContext, type(None))):
            raise InvalidOptionError(f"tls is an ssl.SSLContext, or None, not {context!r}")
        self._given_tls = context

    @property
    def private_key(self) -> PEM | None:
        """The key of `ssl_certificate`: the path of a PEM file, or PEM as str or bytes (Godot 3).

        Key and certificate make it wss, as `tls` does, which offers all other TLS settings. While the server listens,
        `renew_certificate()` changes them.
        """
        return self._private_key

    @private_key.setter
    def private_key(self, key: PEM | None) -> None:
        self._refuse_while_listening("private_key")
        self._private_key = key

    @property
    def ssl_certificate(self) -> PEM | None:
        """The server's certificate, in the forms of `private_key` (Godot 3)."""
        return self._ssl_certificate

    @ssl_certificate.setter
    def ssl_certificate(self, certificate: PEM | None) -> None:
        self._refuse_while_listening("ssl_certificate")
        self._ssl_certificate = certificate

    @property
    def ca_chain(self) -> PEM | None:
        """The certificates above `ssl_certificate`, up to a trusted authority, in the same forms (Godot 3)."""
        return self._ca_chain

    @ca_chain.setter
    def ca_chain(self, chain: PEM | None) -> None:
        self._refuse_while_listening("ca_chain")
        self._ca_chain = chain

    def renew_certificate(
        self, private_key: PEM | None = None, ssl_certificate: PEM | None = None, ca_chain: PEM | None = None
    ) -> None:
        """Show a new certificate to clients that connect from now on; open connections stay.

        Arguments replace the properties of the same name; other properties are read again if they are files. If they do
        not fit together, this raises InvalidOptionError and changes nothing. Raises InvalidStateError unless the server
        listens with a certificate of these properties; with an SSLContext in `tls`, replace or reload that instead.
        """
        if self._tls is None:
            raise InvalidStateError("there is no certificate to renew: set private_key and ssl_certificate, and listen")
        parts = (
            self._private_key if private_key is None else private_key,
            self._ssl_certificate if ssl_certificate is None else ssl_certificate,
            self._ca_chain if ca_chain is None else ca_chain,
        )
        self._tls = _context_of(*parts)
        self._private_key, self._ssl_certificate, self._ca_chain = parts

    def _context(self) -> SSLContext | None:
        parts = (self._private_key, self._ssl_certificate, self._ca_chain)
        if parts == (None, None, None):
            return None
        if self.tls is not None:
            raise InvalidOptionError("set either tls or private_key and ssl_certificate, for both would show a key")
        return _context_of(*parts)

    def _refuse_while_listening(self, name: str) -> None:
        if self.is_listening():
            raise InvalidStateError(f"{name} cannot change while the server listens: stop() it first")


def _plain(function: F, name: str, instead: str) -> F:
    """Return a function that the server can call, or None. Raises InvalidOptionError for other objects."""
    if function is not None and not callable(function):
        raise InvalidOptionError(f"{name} is a function, or None, not {function!r}")
    if function is not None and is_coroutine_function(function):
        raise InvalidOptionError(f"{name} is a coroutine function, and no event loop runs it: {instead}")
    return function


def _is_name(address: str) -> bool:
    """Tell whether the text is an address or a host name that the system can resolve."""
    try:
        address.encode("idna")
    except UnicodeError:  # for example, a label is too long
        return False
    return True


def _context_of(key: PEM | None, certificate: PEM | None, chain: PEM | None) -> SSLContext:
    if key is None or certificate is None:
        raise InvalidOptionError("private_key and ssl_certificate belong together: set both for wss, none for ws")
    from ..transport.native.certificates import server_context

    return server_context(key, certificate, chain)
