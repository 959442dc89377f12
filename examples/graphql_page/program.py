"""Subscribes to a GraphQL server, and lists what comes."""

import js
import micropip
from pyodide.ffi import create_proxy

import pyws_browser

# From PyPI, or from a package index of your own if the page was opened with ?index=URL.
await micropip.install("gql[websockets]", index_urls=[index] if index else None)  # noqa: F704, PLE1142, F821
pyws_browser.patch_websockets()

from gql import Client, gql  # noqa: E402
from gql.transport.websockets import WebsocketsTransport  # noqa: E402

query = js.document.querySelector
url = f"ws://{js.location.hostname}:{js.URLSearchParams.new(js.location.search).get('port') or 9081}/"


async def subscribe(_event: object) -> None:
    """Show each count that the server sends."""
    query("#counts").replaceChildren()
    query("#state").textContent = "Subscribed"
    async with Client(transport=WebsocketsTransport(url=url)) as session:
        to = int(query("#to").value)
        async for result in session.subscribe(gql(f"subscription {{ count(to: {to}) }}")):
            item = js.document.createElement("li")
            item.textContent = str(result["count"])
            query("#counts").append(item)
    query("#state").textContent = "Over"


query("#start").addEventListener("click", create_proxy(subscribe))
query("#start").disabled = False
query("#state").textContent = "Ready"
