"""A slow reader, by itself: what was kept for it goes out as far as there is room."""

from __future__ import annotations

import pytest

from pyws_browser import MemoryNetwork, WebSocketPeer
from pyws_browser.peer.slow_readers import OVERHEAD, SlowReader

LIMIT = 1000


@pytest.fixture
def pair() -> tuple[WebSocketPeer, WebSocketPeer]:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    reader = network.peer()
    reader.max_queued_packets = 1  # it takes one message with each poll
    reader.connect_to_url("ws://test/")
    sender = listener.accept()
    assert sender is not None
    reader.poll()
    return reader, sender


def slow_reader(sender: WebSocketPeer) -> SlowReader:
    transport = sender._transport
    assert transport is not None
    return SlowReader(transport, lambda message, shared: transport.send(message), LIMIT)


def keep(slow: SlowReader, *messages: bytes) -> None:
    for key, message in enumerate(messages):
        assert slow.take(message, None, len(message), "latest", key)


def fetch(reader: WebSocketPeer) -> list[int]:
    reader.poll()
    return [len(message) for message in reader]


def test_of_what_was_kept_only_that_goes_out_for_which_there_is_room(
    pair: tuple[WebSocketPeer, WebSocketPeer],
) -> None:
    reader, sender = pair
    slow = slow_reader(sender)
    sender.send(bytes(LIMIT // 2 - OVERHEAD))
    keep(slow, bytes(360), bytes(361))
    assert slow.has_room
    assert not slow.resume()
    assert not slow.has_room
    assert fetch(reader) == [LIMIT // 2 - OVERHEAD]
    assert slow.resume()
    assert fetch(reader) + fetch(reader) == [360, 361]


def test_a_message_larger_than_the_room_that_came_about_waits_for_more(
    pair: tuple[WebSocketPeer, WebSocketPeer],
) -> None:
    reader, sender = pair
    slow = slow_reader(sender)
    sender.send(bytes(LIMIT // 2 - OVERHEAD))
    keep(slow, bytes(700))
    assert not slow.has_room
    assert not slow.resume()
    fetch(reader)
    assert slow.resume()
    assert fetch(reader) == [700]
