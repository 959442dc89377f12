"""The transport of CPython: RFC 6455 over a socket of its own."""

from .transport import NativeTransport

__all__ = ["NativeTransport"]
