"""The names of `websockets.legacy.protocol`."""

from ..asyncio.connection import broadcast as broadcast


class WebSocketCommonProtocol:
    """A connection."""
