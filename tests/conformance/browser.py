"""The suite's server and a page: the package's echo client, and the same written in plain JavaScript.

What the suite finds in both is the browser's own doing; what it finds in the package alone is the package's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from . import wstest
from .driver import OUT, UNKNOWN, Verdict, drain

if TYPE_CHECKING:
    from tests.browser.interpreter import Interpreter

CLIENTS = ("package", "javascript")
CASE_LIMIT = 120.0
"""Seconds that one case may take."""

_PYTHON = """
import asyncio
from pyws_browser import State, WebSocketPeer

peer = WebSocketPeer()
peer.inbound_buffer_size = peer.outbound_buffer_size = 64 * 1024 * 1024
for url in urls:
    peer.connect_to_url(url)
    async with asyncio.timeout(limit):
        while peer.ready_state is not State.CLOSED:
            peer.poll()
            for message in peer:
                if peer.is_connected_to_host():
                    peer.send(message)
            await asyncio.sleep(0)
"""

_JAVASCRIPT = """
for (const url of %s) {
    await new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => socket.send(data);
        socket.onclose = resolve;
    });
}
"""


def run(page: Interpreter, client: str, cases: Sequence[str]) -> dict[str, Verdict]:
    """Run the cases with one of the clients, all within one page."""
    out = OUT / f"browser-{client}"
    with wstest.running("server", out, cases, url="ws://127.0.0.1:9001") as process:
        address = f"ws://127.0.0.1:{wstest.port_of(process.stdout)}"
        urls = [f"{address}/runCase?casetuple={case}&agent={wstest.AGENT}" for case in cases]
        urls.append(f"{address}/updateReports?agent={wstest.AGENT}")
        with ThreadPoolExecutor(1) as reader:
            reader.submit(drain, process.stdout)
            try:
                _echo(page, client, urls)
            finally:
                process.terminate()
    found = wstest.verdicts(Path(out))
    return {case: Verdict(client, case, *found.get(case, UNKNOWN)) for case in cases}


def _echo(page: Interpreter, client: str, urls: list[str]) -> None:
    limit = CASE_LIMIT * len(urls)
    if client == "package":
        page.run(_PYTHON, urls=urls, limit=CASE_LIMIT, timeout=limit)
    else:
        page.run_js(_JAVASCRIPT % json.dumps(urls), limit)
