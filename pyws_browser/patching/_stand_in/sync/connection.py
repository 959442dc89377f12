"""The names of `websockets.sync.connection`."""


class Connection:
    """A connection."""
