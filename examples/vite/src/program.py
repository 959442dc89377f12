"""The program of the page: it says hello, and prints what comes back."""

from pyws_browser.aio import connect


async def hello(url):
    async with connect(url) as websocket:
        await websocket.send("hello")
        print("received", await websocket.recv())
