"""Sending and receiving values, for connections of `aio` and `sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..peer.values import HasCodec

if TYPE_CHECKING:
    from ..protocol.vocabulary import Message


class AwaitedValues(HasCodec):
    """Sends and receives values by a codec, under asyncio."""

    if TYPE_CHECKING:

        async def send(self, message: Any) -> None:
            """Send a message."""

        async def recv(self) -> Message:
            """Receive a message."""

    async def send_value(self, value: Any) -> None:
        """Send a value as the `codec` writes it; raises as `send()` does, and CodecEncodeError if it cannot."""
        await self.send(self._encoded(value))

    async def receive_value(self) -> Any:
        """Receive a message and return its value; raises as `recv()` does.

        Raises CodecDecodeError if the message holds no value; it is in the exception, and the next call goes on with
        the one after it.
        """
        return self._decoded(await self.recv())

    async def send_json(self, value: Any) -> None:
        """Send a value as a text of JSON; raises as `send()` does, and CodecEncodeError if JSON has no form for it."""
        await self.send(self._as_json(value))

    async def receive_json(self) -> Any:
        """Receive a message and return the value of its JSON; raises as `receive_value()` does."""
        return self._from_json(await self.recv())


class BlockingValues(HasCodec):
    """Sends and receives values by a codec, for connections that block."""

    if TYPE_CHECKING:

        def send(self, message: Any) -> None:
            """Send a message."""

        def recv(self, timeout: float | None = None) -> Message:
            """Receive a message."""

    def send_value(self, value: Any) -> None:
        """Send a value as the `codec` writes it; raises as `send()` does, and CodecEncodeError if it cannot."""
        self.send(self._encoded(value))

    def receive_value(self, timeout: float | None = None) -> Any:
        """Receive a message and return its value; raises as `recv()` does.

        Raises CodecDecodeError if the message holds no value; it is in the exception, and the next call goes on with
        the one after it.
        """
        return self._decoded(self.recv(timeout))

    def send_json(self, value: Any) -> None:
        """Send a value as a text of JSON; raises as `send()` does, and CodecEncodeError if JSON has no form for it."""
        self.send(self._as_json(value))

    def receive_json(self, timeout: float | None = None) -> Any:
        """Receive a message and return the value of its JSON; raises as `receive_value()` does."""
        return self._from_json(self.recv(timeout))
