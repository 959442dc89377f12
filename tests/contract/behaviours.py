"""What the server's side does in the contract cases, by the path that the client asks for.

The same functions serve a real server and listeners in memory: they see nothing but a `WebSocketPeer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from pyws_browser import WebSocketPeer


def request_of(peer: WebSocketPeer) -> tuple[str, dict[str, str]]:
    """Return the name of the behaviour that was asked for, and its parameters."""
    url = urlsplit(peer.get_requested_url())
    return url.path.strip("/"), {name: values[0] for name, values in parse_qs(url.query).items()}


def opened(peer: WebSocketPeer) -> None:
    """Do what the path says about a new connection."""
    name, query = request_of(peer)
    code = int(query["code"]) if "code" in query else None
    if name == "close":
        peer.close(code, query.get("reason", ""))
    elif name == "last-words":
        peer.send("one")
        peer.send(b"two")
        peer.close(1000, "done")
    elif name == "burst":
        with peer.batch():
            for _ in range(int(query["count"])):
                peer.send(b"x" * int(query["size"]))
    elif name == "drop":
        peer.abort()


def received(peer: WebSocketPeer) -> None:
    """Do what the path says about the messages that came."""
    name, query = request_of(peer)
    for message in peer:
        if not peer.is_connected_to_host():
            return  # the client closed behind its message
        if name == "close-on-message":
            peer.close(int(query["code"]), query.get("reason", ""))
            return
        if name == "drop-on-message":
            peer.abort()
            return
        if name == "reverse":
            peer.send(message[::-1])
        else:
            peer.send(message)
