"""The same messages and ends at a real Godot 4 as here, in both roles."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from pyws_browser import WebSocketPeer, WebSocketServer

from ..support import LIMIT, pump
from ..variant.samples import table

PROJECT = Path(__file__).parent / "engine4"
INSTALL = "There is no Godot 4 engine here: install one as godot4 or godot, or name its program by PYWS_GODOT4"
pytestmark = pytest.mark.interop


@cache
def program() -> str | None:
    """Return the program of a Godot 4."""
    for name in (os.environ.get("PYWS_GODOT4"), "godot4", "godot"):
        found = shutil.which(name) if name else None
        if found is not None:
            asked = subprocess.run([found, "--headless", "--version"], capture_output=True, text=True, check=False)
            if asked.stdout.strip().rpartition("\n")[2].startswith("4."):
                return found
    return None


@contextmanager
def engine(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the engine's peer."""
    found = program()
    if found is None:
        pytest.skip(INSTALL)
    with subprocess.Popen(
        [found, "--headless", "--no-header", "--path", str(PROJECT), "-s", "peer.gd", "--", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str], word: str) -> list[str]:
    """Return the words of the line that begins with this one."""
    assert process.stdout is not None
    for line in process.stdout:
        words = line.split()
        if words[:1] == [word]:
            return words[1:]
    raise AssertionError(f"the engine ended before it said {word!r}")


@contextmanager
def connected_by_engine(home: Path) -> Iterator[tuple[WebSocketPeer, WebSocketServer, subprocess.Popen[str]]]:
    """Have the engine connect to a server here; give the peer, what to poll, and the engine."""
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.listen(0, ["game"])
        with engine(home, f"ws://127.0.0.1:{server.port}/") as process:
            pump(server, until=lambda: server.peer_ids)
            (id_,) = server.peer_ids
            yield server.get_peer(id_), server, process


@contextmanager
def connected_to_engine(home: Path) -> Iterator[tuple[WebSocketPeer, WebSocketPeer, subprocess.Popen[str]]]:
    """Connect to an engine that listens."""
    with engine(home) as process:
        (port,) = said(process, "port")
        peer = WebSocketPeer(web_limits=False)
        peer.connect_to_url(f"ws://127.0.0.1:{port}/")
        pump(peer, until=peer.is_connected_to_host)
        yield peer, peer, process
        peer.abort()


@pytest.mark.parametrize("connected", [connected_by_engine, connected_to_engine])
def test_messages_and_the_end_are_the_same_at_both_sides(connected: object, tmp_path: Path) -> None:
    texts = ["", "short", "grün \U0001f600", "x" * 65_000]
    vectors = [bytes.fromhex(data) for literal, data, full in table("godot4_vectors") if full == "-"]
    with connected(tmp_path) as (peer, polled, process):  # type: ignore[operator]
        received: list[str | bytes] = []
        for message in [*texts[1:], *vectors]:
            peer.send(message)
            pump(polled, until=peer.get_available_packet_count)
            received += peer
        assert received[: len(texts) - 1] == texts[1:]
        assert received[len(texts) - 1 :] == vectors
        peer.close(4321, "enough")
        pump(polled, until=lambda: peer.ready_state.name == "CLOSED")
        assert (peer.close_code, peer.was_clean_close) == (4321, True)
        assert said(process, "closed") == ["4321", "enough"]
        process.wait(LIMIT)
