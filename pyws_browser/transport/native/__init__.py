"""The transport of CPython: RFC 6455 over a socket of its own."""

from .transport import ClientTransport, NativeTransport, ServerTransport

__all__ = ["ClientTransport", "NativeTransport", "ServerTransport"]
