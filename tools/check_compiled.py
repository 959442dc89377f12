"""Check that a compiled wheel is installed and works: its modules are compiled, and two peers exchange a message.

    python -P tools/check_compiled.py

cibuildwheel runs this for every wheel that it has built.
"""

from __future__ import annotations

import sys

import pyws_browser
from pyws_browser import State, WebSocketPeer, WebSocketServer


def main() -> None:
    """Exit with an error message if the package is plain Python."""
    if not pyws_browser.compiled:
        sys.exit(f"{pyws_browser.__file__} is plain Python")
    server = WebSocketServer()
    server.strict = True
    server.bind_ip = "127.0.0.1"

    def echo(id_: int) -> None:
        peer = server.get_peer(id_)
        for message in peer:
            peer.send(message)

    server.data_received.connect(echo)
    server.listen(0)
    try:
        with WebSocketPeer() as peer:
            peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            is_sent = False
            while (message := peer.receive()) is None:
                server.poll()
                peer.poll()
                if peer.ready_state is State.CLOSED:
                    sys.exit(f"the connection ended: {peer.close_cause}")
                if peer.ready_state is State.OPEN and not is_sent:
                    peer.send("hello")
                    is_sent = True
    finally:
        server.stop()
    print(f"Python {sys.version.split()[0]}: compiled, and its echo said {message!r}")


if __name__ == "__main__":
    main()
