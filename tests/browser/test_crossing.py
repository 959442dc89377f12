"""Messages of every kind and size cross between Python and JavaScript as they are, alone and by the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .interpreter import Interpreter

ECHO = """
import asyncio
from pyws_browser import WebSocketPeer

async def echoed(messages, poll_late=False, in_turn=False, is_woken=False, before_each=lambda: None):
    peer = WebSocketPeer()
    peer.backpressure = backpressure
    peer.inbound_buffer_size = peer.outbound_buffer_size = 1 << 26
    peer.connect_to_url(url)
    async with asyncio.timeout(25):
        while not peer.is_connected_to_host():
            peer.poll()
            await asyncio.sleep(0.005)
        received = []
        come = asyncio.Event()
        def take():
            peer.poll()
            received.extend(peer)
            come.set()
        if is_woken:
            peer._transport.set_wakeup(take)
        for together in messages if in_turn else [messages]:
            before_each()
            wanted = len(received) + len(together)
            for message in together:
                peer.send(message)
            if poll_late:
                await asyncio.sleep(0.5)
            while len(received) < wanted:
                if is_woken:
                    await come.wait()
                    come.clear()
                else:
                    take()
                    await asyncio.sleep(0.005)
    peer.abort()
    return received

def first_difference(sent, received):
    return next((f"message {index}: {str(a)[:40]} of {len(a)}, {str(b)[:40]} of {len(b)}"
                 for index, (a, b) in enumerate(zip(sent, received)) if a != b or type(a) is not type(b)), None)
"""

# Around each size at which another way is taken, and the largest for which a text has room to be encoded in place.
ALONE = """
sizes = (0, 1, 1023, 1024, 1025, 2047, 2048, 16383, 16384, 21844, 21845, 21846, 65535, 65536, 65537, 300_000, 1_500_000)
messages = [kind * size for size in sizes for kind in ("x", "é", "语", "😀", b"x", b"\\x00\\xff")]
messages += ["\\ufeffa byte order mark stays", "\\ufeff" * 3000, "[object ArrayBuffer]", "nul \\0 nul", "\\0" * 5000]
"""


woken = pytest.mark.parametrize("is_woken", [False, True], ids=["polled", "woken"])


@pytest.mark.timeout(200)
@woken
def test_every_size_crosses_alone(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool, is_woken: bool
) -> None:
    difference = python_place.run(
        ECHO
        + ALONE
        + """
received = []
for message in messages:
    received += await echoed([message], is_woken=is_woken)
first_difference(messages, received)
""",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
        is_woken=is_woken,
        timeout=150,
    )
    assert difference is None


@pytest.mark.timeout(200)
@woken
@pytest.mark.parametrize("usual", [1, 3000], ids=["short", "long"])
def test_every_size_crosses_whatever_was_usual(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool, is_woken: bool, usual: int
) -> None:
    difference = python_place.run(
        ECHO
        + ALONE
        + """
received = []
for message in messages:
    before = ("x" if isinstance(message, str) or usual > 1 else b"x") * usual
    received += (await echoed([[before] * 20, [message]], in_turn=True, is_woken=is_woken))[20:]
first_difference(messages, received)
""",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
        is_woken=is_woken,
        usual=usual,
        timeout=150,
    )
    assert difference is None


HOW = {"polled": {}, "polled late": {"poll_late": True}, "woken": {"is_woken": True}}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_any_mixture_crosses_by_the_batch(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool, how: dict[str, bool]
) -> None:
    difference = python_place.run(
        ECHO
        + """
import random
chance = random.Random(7)
messages = []
for _ in range(60):
    kinds = chance.choice(
        (("x",), (b"x",), ("x", "é語"), ("x", b"x"), ("[object ArrayBuffer]", b"x"), ("x", "[object ArrayBuffer]"))
    )
    largest = chance.choice((3, 100, 3000, 40000))
    messages += [chance.choice(kinds) * chance.randrange(largest) for _ in range(chance.randrange(40))]
first_difference(messages, await echoed(messages, **how))
""",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
        how=how,
    )
    assert difference is None


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_texts_that_cross_as_one_hide_no_other_among_them(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool, how: dict[str, bool]
) -> None:
    differences = python_place.run(
        ECHO
        + """
usual = [f"{number:03}" * 50 for number in range(200)]
odd = ["nul \\0 nul", "\\0", "", "[object ArrayBuffer]", b"", b"\\0" * 100, "x" * 300_000, "😀"]
differences = []
for other in odd:
    messages = [*usual, other, *usual, usual[0], other, *usual]
    differences.append(first_difference(messages, await echoed(messages, **how)))
differences
""",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
        how=how,
    )
    assert differences == [None] * 8


def memory_size(python_place: Interpreter) -> int:
    """Return how large WebAssembly's memory is, in bytes; it never shrinks."""
    size: int = python_place.run(
        """
        from pyodide.ffi import create_proxy

        js_proxy = create_proxy(b"anything")
        js_view = js_proxy.getBuffer("u8")
        size = js_view.data.buffer.byteLength
        js_view.release()
        js_proxy.destroy()
        size
        """
    )
    return size


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_texts_cross_after_the_memory_has_grown(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool, how: dict[str, bool]
) -> None:
    """WebAssembly's memory becomes another one then, and the views of the old one that JavaScript has are empty."""
    if memory_size(python_place) > 1 << 30:  # each run adds some 600 MiB, and Pyodide has room for 2 GiB
        python_place.restart()
    result = python_place.run(
        ECHO
        + """
from pyws_browser.transport.page import crossing

times_grown = 0

def grow():
    global times_grown
    held = []
    while crossing._rooms[-1].js_array.length:
        held.append(bytearray(1 << 24))
    times_grown += 1

turns = [["é" * 3000], ["x" * 3000], ["x" * 200] * 100, ["", "é" * 3000, ""], ["x" * 100_000], ["x" * 3000]]
received = await echoed(turns, in_turn=True, before_each=grow, **how)
[first_difference(sum(turns, []), received), times_grown]
""",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
        how=how,
    )
    assert result == [None, 6]


def test_lone_surrogates_go_out_as_the_replacement_character_whatever_the_size(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool
) -> None:
    received = python_place.run(
        ECHO + "[text[:2] + text[-1:] for text in await echoed(['\\ud800!' + 'x' * n for n in (0, 3000, 400_000)])]",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
    )
    assert received == ["\ufffd!!", "\ufffd!x", "\ufffd!x"]


def test_memory_is_lent_to_the_browser_and_given_back(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool
) -> None:
    counts = python_place.run(
        ECHO
        + """
import sys
data = b"x" * 200_000
before = sys.getrefcount(data)
await echoed([data] * 5)
[before, sys.getrefcount(data)]
""",
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
    )
    assert counts[0] == counts[1]


def test_bytes_of_javascript_say_how_to_send_them(page_python: Interpreter) -> None:
    page_python.run(
        """
        import js
        from pyws_browser import InvalidMessageTypeError, WebSocketPeer

        for js_bytes in (js.Uint8Array.new(3), js.ArrayBuffer.new(3)):
            for put in (WebSocketPeer().send, WebSocketPeer().put_packet):
                try:
                    put(js_bytes)
                except InvalidMessageTypeError as exc:
                    assert str(exc).endswith("not JsProxy: send its to_bytes()")
                else:
                    raise AssertionError("JavaScript's bytes are not Python's")
        """
    )
