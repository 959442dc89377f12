"""What the README shows works as it stands. `tests/browser/test_readme.py` runs the same in a page."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from pyws_browser import State, WebSocketPeer

from ..contract.server import unused_port
from ..readme import python_blocks
from ..support import pump


def test_the_programs_for_both_sides(contract_urls: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in python_blocks()[:2]:
        exec(block, names)
    asyncio.run(names["hello"](contract_urls["server"] + "echo"))
    assert capsys.readouterr().out == "received hello\n"
    asyncio.run(names["play"](contract_urls["server"] + "echo"))
    assert capsys.readouterr().out == "received hello\nclosed: 1000 thank you \n"


def test_who_may_connect() -> None:
    names: dict[str, Any] = {}
    exec(python_blocks("docs/server.md")[0], names)
    with names["server"] as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        for token, path, status in (("s3cret", "/play", 0), ("wrong", "/play", 401), ("s3cret", "/", 404)):
            with WebSocketPeer(web_limits=False) as peer:
                peer.handshake_headers = {"X-Token": token}
                peer.connect_to_url(f"ws://127.0.0.1:{server.port}{path}")
                pump(peer, server, until=lambda peer=peer: peer.ready_state is not State.CONNECTING)
                assert getattr(peer.close_cause, "status", 0) == status
                assert list(names["names"].values()) == ["alice"] * (not status)
            pump(server, until=lambda: not server.peer_ids)


def test_the_server() -> None:
    port = unused_port()
    program = python_blocks()[2].replace("8000", str(port))
    with subprocess.Popen([sys.executable, "-c", program]) as process, WebSocketPeer() as peer:
        try:

            def is_open() -> bool:
                if peer.ready_state is State.CLOSED:  # at first nobody listens yet
                    peer.connect_to_url(f"ws://127.0.0.1:{port}/")
                return peer.is_connected_to_host()

            pump(peer, until=is_open)
            peer.send("hello")
            pump(peer, until=peer.get_available_packet_count)
            assert peer.receive() == "hello"
        finally:
            process.kill()
