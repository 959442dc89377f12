"""The example of the shared board: several workers, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pyws_browser
from pyws_browser import sync

from .engines import Nats, need

EXAMPLE = Path(__file__).parents[2] / "examples" / "rooms" / "board.py"
LIMIT = 60.0


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the examples are not here")
def test_a_client_comes_back_to_another_worker_and_has_every_stroke(tmp_path: Path) -> None:
    need("nats-server")
    engine = Nats(tmp_path)
    engine.start()
    command = (str(EXAMPLE), "--workers", "2", "--broker", engine.url, "--port", "0")
    env = {**os.environ, "PYTHONPATH": str(Path(pyws_browser.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, *command], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        with sync.connect(url, open_timeout=LIMIT) as client:
            first = json.loads(client.recv(timeout=LIMIT))
            assert first["whole"]
            for number in range(5):
                client.send(f"stroke {number}")
            strokes = [json.loads(client.recv(timeout=LIMIT)) for _ in range(5)]
        seen = {}
        end = time.monotonic() + LIMIT
        while len(seen) < 2:  # both workers bring what came after the third stroke
            assert time.monotonic() < end
            with sync.connect(f"{url}?since={strokes[2]['position']}", open_timeout=LIMIT) as again:
                greeting = json.loads(again.recv(timeout=LIMIT))
                rest = [json.loads(again.recv(timeout=LIMIT))["stroke"] for _ in range(2)]
            seen[greeting["worker"]] = (greeting["whole"], rest)
        assert set(map(str, seen.values())) == {str((True, ["stroke 3", "stroke 4"]))}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        engine.close()
