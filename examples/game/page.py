"""The game in a page: game.py drawn on a canvas."""

import asyncio
from math import pi

from game import HEIGHT, RADIUS, WIDTH, Game
from js import document
from pyodide.ffi import create_proxy

KEYS = {
    "ArrowLeft": "left",
    "ArrowRight": "right",
    "ArrowUp": "up",
    "ArrowDown": "down",
    "KeyA": "left",
    "KeyD": "right",
    "KeyW": "up",
    "KeyS": "down",
}


async def run(url):
    canvas, status = document.getElementById("game"), document.getElementById("status")
    canvas.width, canvas.height = WIDTH, HEIGHT
    context = canvas.getContext("2d")
    context.font, context.textAlign, context.textBaseline = "16px sans-serif", "center", "middle"
    ways = set()

    def on_key(event):
        if event.code in KEYS:
            event.preventDefault()
            (ways.add if event.type == "keydown" else ways.discard)(KEYS[event.code])

    listener = create_proxy(on_key)
    document.addEventListener("keydown", listener)
    document.addEventListener("keyup", listener)

    game = Game(url)
    while game.frame(ways):
        context.clearRect(0, 0, WIDTH, HEIGHT)
        for x, y, colour, text in game.circles():
            context.fillStyle = colour
            context.beginPath()
            context.arc(x, y, RADIUS, 0, 2 * pi)
            context.fill()
            context.fillStyle = "white"
            context.fillText(text, x, y)
        status.textContent = game.status
        await asyncio.sleep(1 / 60)
