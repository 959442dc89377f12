"""What goes wrong with rooms.

::

    WebSocketError
    ├── LocalProtocolError
    │   ├── InvalidTopicError            (ValueError)
    │   ├── InvalidPositionError         (ValueError)
    │   └── MessageTooLargeError         the broker takes no message of this size
    └── RoomsError
        ├── PositionError                a position from which a topic cannot be resumed
        │   ├── ForeignEpochError
        │   ├── FutureOffsetError
        │   └── ForgottenPositionError
        └── BrokerError
            ├── BrokerUnavailableError   no broker answers
            ├── BrokerRefusedError       it refused the credentials, or what was asked of it
            └── BrokerTimeoutError       (TimeoutError) it is not known whether the message was stored

A `PositionError` is raised by nothing: it stands in `Joined.cause`, and says why `Joined.is_whole` is False.
"""

from __future__ import annotations

from ..errors import LocalProtocolError, WebSocketError


class InvalidTopicError(LocalProtocolError, ValueError):
    """The name of a topic is not what it has to be."""


class InvalidPositionError(LocalProtocolError, ValueError):
    """A position is not what it has to be."""


class MessageTooLargeError(LocalProtocolError):
    """The broker takes no message of this size; nobody was sent anything."""


class RoomsError(WebSocketError):
    """Something went wrong with rooms."""


class PositionError(RoomsError):
    """A topic cannot be resumed from a position."""


class ForeignEpochError(PositionError):
    """The position is of another epoch: what was stored in that one is gone."""


class FutureOffsetError(PositionError):
    """The position is of this epoch, but no message has this offset yet."""


class ForgottenPositionError(PositionError):
    """What followed the position is not stored any more."""


class BrokerError(RoomsError):
    """The broker did not do what was asked of it."""


class BrokerUnavailableError(BrokerError):
    """No broker answers."""


class BrokerRefusedError(BrokerError):
    """The broker refused the credentials, or what was asked of it."""


class BrokerTimeoutError(BrokerError, TimeoutError):
    """The broker did not answer in time: it is not known whether it stored the message."""
