"""route(): a handler for each pattern of URLs, as `websockets.sync.router`; it needs werkzeug. CPython only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from .server import Server, serve, unix_serve

if TYPE_CHECKING:
    from os import PathLike
    from ssl import SSLContext

    from websockets.http11 import Request, Response
    from websockets.sync.router import Router
    from werkzeug.routing import Map

    from ..compat.admission import Answer, ProcessRequest
    from .server import ServerConnection

__all__ = ["Router", "route", "unix_route"]

_NO_HOST: Final = "The header Host names no server.\n"


def __getattr__(name: str) -> type[Router]:
    """Load `Router`, the base of a `create_router` argument, at its first use: it needs werkzeug."""
    if name == "Router":
        from websockets.sync.router import Router

        return Router
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def route(
    url_map: Map,
    *arguments: Any,
    server_name: str | None = None,
    ssl: SSLContext | Literal[True] | None = None,
    create_router: type[Router] | None = None,
    **named: Any,
) -> Server:
    """Serve, as `serve()`, with the handlers that `url_map` has as its endpoints.

    ::

        url_map = Map([Rule("/channel/<uuid:channel_id>", endpoint=channel_handler)])

        with route(url_map, "localhost", 8765) as server:
            server.serve_forever()

    A handler gets the values in the URL as keyword arguments. `server_name`, as clients see it, and `ssl`, True if a
    proxy in front terminates TLS, are for the redirects of the map. `process_request` is called first.

    Raises ImportError where werkzeug is not installed.
    """
    process_request, handle = _router(url_map, server_name, ssl, create_router, named)
    return serve(handle, *arguments, process_request=process_request, ssl=_context(ssl), **named)


def unix_route(
    url_map: Map,
    path: str | PathLike[str] | None = None,
    *,
    server_name: str | None = None,
    ssl: SSLContext | Literal[True] | None = None,
    create_router: type[Router] | None = None,
    **named: Any,
) -> Server:
    """Do what `route()` does, at a unix socket."""
    process_request, handle = _router(url_map, server_name, ssl, create_router, named)
    return unix_serve(handle, path, process_request=process_request, ssl=_context(ssl), **named)


def _context(ssl: SSLContext | Literal[True] | None) -> SSLContext | None:
    return None if ssl is True else ssl


def _router(
    url_map: Map, server_name: str | None, ssl: object, create_router: type[Router] | None, named: dict[str, Any]
) -> tuple[ProcessRequest, Any]:
    """Return the function that judges requests, and the handler; removes `process_request` from `named`."""
    try:
        import werkzeug.routing  # noqa: F401  Router is there without it, but of no use
        from websockets.sync.router import Router
        from werkzeug.exceptions import BadHost
    except ImportError as exc:
        raise ImportError("route() needs werkzeug: pip install werkzeug") from exc

    router = (create_router or Router)(url_map, server_name, "ws" if ssl is None else "wss")
    first: ProcessRequest | None = named.pop("process_request", None)

    def process_request(connection: ServerConnection, request: Request) -> Answer:
        if first is not None:
            answer = first(connection, request)
            if answer is not None:
                return cast("Answer", answer)
        if request.path.startswith("//"):  # it would be read as a host, followed by the path
            return connection.respond(HTTPStatus.NOT_FOUND, "There is no such path.\n")
        if server_name is None and "Host" not in request.headers:  # HTTP/1.0 requests may have no Host
            return connection.respond(HTTPStatus.BAD_REQUEST, _NO_HOST)
        try:
            response: Response | None = router.route_request(cast("Any", connection), request)
            return response
        except BadHost:  # such as one with a label of more than 63 characters
            return connection.respond(HTTPStatus.BAD_REQUEST, _NO_HOST)

    return process_request, router.handler
