"""A shared board: what one client draws, all see, and who comes later or comes back gets what was drawn.

    python board.py                                          one process
    python board.py --workers 4 --broker nats://127.0.0.1    four, over `nats-server -js`

A client sends strokes as text. It gets JSON: first {"whole": …, "position": …, "worker": …}, then each stroke as
{"position": …, "stroke": …}. It comes back with ?since=POSITION, to any worker. {"reload": true} says that strokes are
lost for good.
"""

import argparse
import asyncio
import json
import signal
from urllib.parse import parse_qs, urlsplit

from pyws_browser.aio import broadcast, serve
from pyws_browser.rooms import History, NatsBroker, Rooms
from pyws_browser.workers import run_workers


def work(sock, index, broker):
    """Serve in the process of a worker."""
    asyncio.run(main(sock, index, broker))


async def main(sock, index, broker):
    """Serve until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    rooms = Rooms(NatsBroker(broker) if broker else None, name="board")
    board = rooms.topic(
        "board",
        history=History(messages=1000, seconds=3600),
        envelope=lambda stroke, position: json.dumps({"position": str(position), "stroke": stroke}),
    )

    def greet(joined):
        return json.dumps({"whole": joined.is_whole, "position": str(joined.position), "worker": index})

    async def handler(websocket):
        query = parse_qs(urlsplit(websocket.request.path).query)
        board.join(websocket, since=query.get("since", [None])[0], greet=greet)
        async for stroke in websocket:
            board.publish(stroke)

    async with rooms, serve(handler, sock=sock) as server:
        board.missed.connect(lambda after, before: broadcast(server.connections, '{"reload": true}'))
        await rooms.attach(server)
        await over.wait()
        server.close(code=1012)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--broker")
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    if options.workers > 1 and not options.broker:
        parser.error("several workers need a --broker")
    run_workers(
        work,
        options.workers,
        port=options.port,
        arguments=(options.broker,),
        on_listening=lambda host, port: print(f"ws://{host}:{port}/", flush=True),
    )
