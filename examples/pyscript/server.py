"""Sends back what it is sent, for the page and the notebook of the examples: `python server.py [PORT]`."""

from __future__ import annotations

import sys

from pyws_browser import WebSocketServer


def main(port: int = 9080) -> None:
    """Serve until the program is interrupted."""
    with WebSocketServer() as server:

        def echo(client: int) -> None:
            peer = server.get_peer(client)
            for message in peer:
                if peer.is_connected_to_host():
                    peer.send(message)

        server.data_received.connect(echo)
        server.bind_ip = "127.0.0.1"
        server.listen(port)
        print(f"listening at ws://127.0.0.1:{server.port}/", flush=True)
        while True:
            server.wait(1.0)
            server.poll()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
