"""Sends what is typed, and shows what comes back.

It needs a server that echoes (`server.py` here), and a web server that has PyScript under /pyscript/, Pyodide with this
package under /pyodide/, and this folder:

    ./build.sh dist site/pyodide
    npm pack @pyscript/core && tar -xzf pyscript-core-*.tgz && mv package/dist site/pyscript
    cp -r examples/pyscript site/example
    python examples/pyscript/server.py &
    python -m http.server --directory site
    http://127.0.0.1:8000/example/?url=ws://127.0.0.1:9080/
"""

import asyncio

from js import URLSearchParams, location
from pyscript import document, when

from pyws_browser import State, WebSocketPeer

state = document.querySelector("#state")
button = document.querySelector("#send")
text = document.querySelector("#text")
peer = WebSocketPeer()


@when("submit", "#form")
def say(event: object) -> None:
    """Send what is in the field."""
    event.preventDefault()
    peer.send(text.value)


def show(message: str | bytes) -> None:
    """Add a line to what was heard."""
    line = document.createElement("li")
    line.textContent = message
    document.querySelector("#heard").append(line)


peer.connect_to_url(URLSearchParams.new(location.search).get("url") or "ws://127.0.0.1:9080/")
while peer.ready_state is not State.CLOSED:
    peer.poll()
    state.textContent = peer.ready_state.name
    button.disabled = not peer.is_connected_to_host()
    for message in peer:
        show(message)
    await asyncio.sleep(1 / 60)  # noqa: F704, PLE1142  PyScript runs it as the body of a coroutine
button.disabled = True
state.textContent = f"The connection has ended: {peer.close_cause or peer.close_reason or peer.close_code}"
