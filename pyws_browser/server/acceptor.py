"""Accepts connections: how many there may be, which are refused, and the program's decisions."""

from __future__ import annotations

import errno
from types import CoroutineType
from typing import TYPE_CHECKING, Final, NamedTuple
from warnings import warn

from ..errors import InvalidOptionError, ListenError
from ..protocol.admission import Admission, Response
from ..protocol.openings import Openings
from ..transport.native import ServerTransport
from .client import ServedClient
from .places import FULL, Place, Places

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from ..protocol.admission import Request
    from ..protocol.options import Options
    from .settings import ServerSettings
    from .watch import Watch

NOT_NOW: Final = Response(503, "This server takes no new connections now: try again later.\n", {"Retry-After": "5"})
"""The answer of a server that refuses new connections or stops."""

_FAILED: Final = Response(500, "The server failed to decide about this request.\n")

_ACCEPT_PAUSE: Final = 0.1
"""Seconds until the next attempt to accept a connection for which there was no descriptor."""

_LISTENER_GONE: Final = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP)
"""The errors of `accept()` for a socket that no longer listens."""

_MAX_ACCEPTED: Final = 32
"""How many connections one poll accepts, to keep it short; the next poll goes on."""

_MAX_REFUSED: Final = 100
"""How many refused clients get their answer at the same time; further ones are dropped."""


class Accepted(NamedTuple):
    """A connection that was just accepted."""

    transport: ServerTransport
    place: Place
    is_refused: bool


class Acceptor:
    """Accepts connections, as many as `max_handshakes` and `max_connections` allow."""

    def __init__(self, listener: socket.socket, watch: Watch[ServedClient], places: Places) -> None:
        self._listener = listener
        self._watch = watch
        self._places = places
        self._openings: Openings[ServedClient] = Openings()
        self._refused = 0  # clients that stay only until they have their refusal

    def accept(self, settings: ServerSettings) -> Iterator[Accepted]:
        """Accept the waiting connections, one by one. Raises ListenError if the socket no longer listens."""
        options: Options | None = None  # one object for all of them
        for _ in range(_MAX_ACCEPTED):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno in _LISTENER_GONE:
                    raise listener_gone() from exc
                # No descriptors are left: connected clients go on, the others wait.
                self._watch.rest(_ACCEPT_PAUSE)
                warn(f"cannot accept another connection now: {exc.strerror}", ResourceWarning, stacklevel=4)
                return
            place = Place(self._places)
            admission = self._admission(settings, place)
            is_refused = admission.refusal is not None
            if is_refused and self._refused >= _MAX_REFUSED:
                sock.close()
                continue
            if options is None:
                options = settings.connection_options()
            try:
                transport = ServerTransport(sock, address, options, admission)
            except OSError:  # the client has left, and its address is unknown
                sock.close()
                continue
            except BaseException:
                sock.close()
                raise
            yield Accepted(transport, place, is_refused)

    def add(self, client: ServedClient) -> None:
        """Add a client whose handshake begins."""
        self._refused += client.is_refused
        self._openings.add(client, client.transport.remote_address()[0])

    def discard(self, client: ServedClient) -> None:
        """Remove a client whose handshake is over, if it is there."""
        if client in self._openings:
            self._openings.discard(client)
            self._refused -= client.is_refused

    def _admission(self, settings: ServerSettings, place: Place) -> Admission:
        """Return the rules for the next client."""
        refusal = None
        if settings.refuse_new_connections:
            refusal = NOT_NOW
        elif not self._places.is_free() or not self._make_way(settings.max_handshakes):
            refusal = FULL
        choose = settings.select_subprotocol
        is_asked = settings.process_request is not None or choose is not None
        return Admission(
            settings.origins, choose, settings.server_header, refusal, is_asked, origins_come_first=True, place=place
        )

    def _make_way(self, limit: int) -> bool:
        """Make room for another handshake; return False if all others wait for the program."""
        while len(self._openings) >= limit:
            oldest = self._openings.next_to_go(ServedClient.waits_for_its_client)
            if oldest is None:
                return False
            self.discard(oldest)
            oldest.peer.abort()  # the next poll sees its end
        return True


def decide(request: Request, process_request: Callable[[Request], Response | None] | None) -> None:
    """Ask the program about a request, and send its answer, unless it holds the request."""
    try:
        response: object = None if process_request is None else process_request(request)
        if isinstance(response, CoroutineType):
            response.close()
        if not request.is_held and not request.is_answered:
            if response is None:
                request.accept()
            elif isinstance(response, Response):
                request.reject(response)
            else:
                raise InvalidOptionError(
                    f"process_request returned {response!r}: return a Response to refuse, or None to go on"
                )
    except BaseException:
        if not request.is_answered:
            request.reject(_FAILED)
        raise


def listener_gone() -> ListenError:
    """Return the error for a listening socket that was closed by other code."""
    return ListenError("the socket that the server listens at was closed: stop() the server, and listen() again")
