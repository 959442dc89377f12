"""A player in a page: follows the mouse, and draws everybody's dot. `url` is that of the session."""

import asyncio

from js import document
from pyodide.ffi import create_proxy

from pyws_browser import WebSocketClient
from pyws_browser.variant import Vector2

canvas = document.getElementById("dots")
context = canvas.getContext("2d")
state = document.getElementById("state")
client = WebSocketClient()
dots: dict[int, Vector2] = {}
mine = {"at": Vector2(320, 180)}
news = asyncio.Event()


def on_move(event: object) -> None:
    """Follow the mouse."""
    mine["at"] = Vector2(event.offsetX, event.offsetY)
    news.set()


def draw() -> None:
    """Draw the dots of the others, each in its own colour."""
    context.clearRect(0, 0, canvas.width, canvas.height)
    for player, (x, y) in dots.items():
        context.fillStyle = f"hsl({player % 100 * 3.6} 80% 60%)"
        context.beginPath()
        context.arc(x, y, 8, 0, 7)
        context.fill()
    state.textContent = f"{len(dots)} others"


def on_packet(player: int) -> None:
    """Take in where somebody is."""
    dots[player] = client.get_var()["at"]


canvas.onmousemove = create_proxy(on_move)
client.peer_packet.connect(on_packet)
client.peer_connected.connect(lambda player: news.set())
client.peer_disconnected.connect(lambda player: dots.pop(player, None))
client.connect_to_url(url, gd_mp_api=True)  # noqa: F821  the page gives it
while client.get_connection_status() != client.CONNECTION_DISCONNECTED:
    client.poll()
    if client.get_unique_id() and news.is_set():
        news.clear()
        client.put_var(mine)
    draw()
    await asyncio.sleep(1 / 60)  # noqa: F704, PLE1142  the page runs it as the body of a coroutine
state.textContent = f"The connection has ended: {client.get_peer(1).close_cause or 'closed'}"
