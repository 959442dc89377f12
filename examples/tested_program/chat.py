"""A program that runs on the desktop and in a page: it joins a chat, and comes back when the connection is lost."""

from pyws_browser.aio import ConnectionClosed, connect


async def chat(url, name, handle):
    """Join as `name`, and call `handle` with each text, until `handle` returns True."""
    async for websocket in connect(url):
        try:
            await websocket.send(f"I am {name}")
            async for text in websocket:
                if handle(text):
                    await websocket.close()
                    return
        except ConnectionClosed:
            continue  # a new connection, and it says its name again
