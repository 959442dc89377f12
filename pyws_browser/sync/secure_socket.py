"""A `connection.socket` under TLS, for programs that expect the `ssl.SSLSocket` of `websockets`. CPython only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext, SSLObject


class SecureSocket:
    """The socket below a connection, and its TLS session; send and receive through the connection only."""

    def __init__(self, sock: socket.socket, session: SSLObject) -> None:
        self._sock = sock
        self._session = session
        self.family: int = sock.family
        self.server_hostname: str | None = session.server_hostname
        self.context: SSLContext = session.context

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._sock.fileno()

    def getpeername(self) -> Any:
        """Return the address of the other side."""
        return self._sock.getpeername()

    def getsockname(self) -> Any:
        """Return the address of this side."""
        return self._sock.getsockname()

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Return the other side's certificate, as that of `ssl.SSLSocket`."""
        return self._session.getpeercert(binary_form)

    def version(self) -> str | None:
        """Return the version of TLS, as "TLSv1.3"."""
        return self._session.version()

    def cipher(self) -> tuple[str, str, int] | None:
        """Return the cipher's name, the version of TLS, and the bits of its key."""
        return self._session.cipher()

    def selected_alpn_protocol(self) -> str | None:
        """Return the protocol negotiated by ALPN."""
        return self._session.selected_alpn_protocol()
