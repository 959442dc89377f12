"""A transport in the browser calls back when there is something to poll, and leaves no proxy behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .interpreter import Interpreter


def test_the_wakeup_is_called_for_every_event_until_the_end(
    python_place: Interpreter, contract_urls: dict[str, str], backpressure: bool
) -> None:
    told = python_place.run(
        """
        import asyncio
        from pyws_browser import State, WebSocketPeer

        woken = asyncio.Event()
        told = []

        async def next_event():
            await asyncio.wait_for(woken.wait(), 20)
            woken.clear()
            peer.poll()
            told.append(peer.ready_state.name)

        peer = WebSocketPeer()
        peer.backpressure = backpressure
        peer.connect_to_url(url)
        transport = peer._transport
        transport.set_wakeup(lambda: told.append("not this one"))
        transport.set_wakeup(woken.set)
        await next_event()
        peer.send("hello")
        await next_event()
        told.append(peer.receive())
        peer.close()
        await next_event()
        told.append(transport._alarm)
        transport.set_wakeup(woken.set)
        told.append(transport._alarm)
        told
        """,
        url=contract_urls["server"] + "echo",
        backpressure=backpressure,
    )
    assert told == ["OPEN", "OPEN", "hello", "CLOSED", None, None]


def test_an_error_ends_a_connection_that_never_opened(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    """Node before 24 has no close event then."""
    outcome = python_place.run(
        """
        import js
        from pyws_browser import ConnectError, WebSocketPeer

        peer = WebSocketPeer()
        peer.connect_to_url(url)
        peer._transport._socket.js_target.dispatchEvent(js.Event.new("error"))
        peer.poll()
        [peer.ready_state.name, peer.close_code, peer.was_clean_close, isinstance(peer.close_cause, ConnectError)]
        """,
        url=contract_urls["raw"] + "/silent",
    )
    assert outcome == ["CLOSED", 1006, False, True]
