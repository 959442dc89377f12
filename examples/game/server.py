"""The game's server: python server.py [PORT]."""

import json
import sys
from time import monotonic

from game import World

from pyws_browser import CodecDecodeError, WebSocketServer

STEP = 1 / 20

world = World()
server = WebSocketServer()
server.bind_ip = "127.0.0.1"
server.slow_policy = "drop"  # a picture that somebody is too slow for is followed by the next


def take_in(who):
    try:
        world.steer(who, server.get_peer(who).receive_json())
    except (CodecDecodeError, ValueError) as error:
        server.disconnect_peer(who, 4000, str(error)[:60])


server.client_connected.connect(lambda who, protocol: world.join(who))
server.client_disconnected.connect(lambda who, was_clean: world.leave(who))
server.data_received.connect(take_in)
server.listen(int(sys.argv[1]) if len(sys.argv) > 1 else 8001)
print("the game listens at port", server.port, flush=True)
next_step = monotonic()
while True:
    server.wait(max(next_step - monotonic(), 0))
    server.poll()
    if monotonic() >= next_step:
        next_step += STEP
        world.step(STEP)
        server.broadcast(json.dumps(world.picture()))
