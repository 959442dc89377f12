"""The server of the Godot 3 game in this folder: it relays what the players tell each other, and is a player itself.

In this folder, with a Godot once for each player, or with its editor:

    python server.py [PORT]
    godot3 --path .

A page can join too. In the root of the repository, after `./build.sh test` has made a Pyodide there:

    python -m http.server
    http://127.0.0.1:8000/examples/godot3_game/page.html?pyodide=/.build/pyodide-314.0.7/
"""

from __future__ import annotations

import math
import sys
import time

from pyws_browser import VariantDecodeError, WebSocketError, WebSocketServer
from pyws_browser.variant import Vector2

STEP = 0.05


def main(port: int = 9080) -> None:
    """Serve until the program is interrupted."""
    with WebSocketServer() as server:

        def on_packet(player: int) -> None:
            try:
                dots[player] = server.get_var()["at"]
            except (VariantDecodeError, KeyError, TypeError):
                server.disconnect_peer(player, 1003, "tell me where you are")

        def on_error(player: int, error: WebSocketError) -> None:
            print(f"player {player}: {error}", flush=True)

        dots: dict[int, Vector2] = {}
        server.peer_connected.connect(lambda player: print(f"player {player} came", flush=True))
        server.peer_disconnected.connect(
            lambda player: print(f"player {player} left", repr(dots.pop(player, None)), flush=True)
        )
        server.peer_packet.connect(on_packet)
        server.peer_error.connect(on_error)
        server.heartbeat_interval = 5.0  # who answers no pings is gone
        server.listen(port, gd_mp_api=True)
        print(f"listening at port {server.port}", flush=True)

        next_step = time.monotonic()
        while True:
            server.wait(max(0.0, next_step - time.monotonic()))
            server.poll()
            if time.monotonic() >= next_step:
                next_step += STEP
                angle = next_step % math.tau
                server.put_var({"at": Vector2(320 + 100 * math.cos(angle), 180 + 100 * math.sin(angle))})


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except KeyboardInterrupt:
        print("bye")
