"""Rooms: topics, history and presence, within one process or over NATS or Redis in many. CPython only."""

from .broker import Broker, Listener
from .errors import (
    BrokerError,
    BrokerRefusedError,
    BrokerTimeoutError,
    BrokerUnavailableError,
    ForeignEpochError,
    ForgottenPositionError,
    FutureOffsetError,
    InvalidPositionError,
    InvalidTopicError,
    MessageTooLargeError,
    PositionError,
    RoomsError,
)
from .joining import Joined
from .nats_broker import NatsBroker
from .pending import Pending
from .redis_broker import RedisBroker
from .rooms import Rooms
from .topic import Topic
from .vocabulary import Channel, Entry, History, Member, Page, Position, RoomsState

__all__ = [
    "Broker",
    "BrokerError",
    "BrokerRefusedError",
    "BrokerTimeoutError",
    "BrokerUnavailableError",
    "Channel",
    "Entry",
    "ForeignEpochError",
    "ForgottenPositionError",
    "FutureOffsetError",
    "History",
    "InvalidPositionError",
    "InvalidTopicError",
    "Joined",
    "Listener",
    "Member",
    "MessageTooLargeError",
    "NatsBroker",
    "Page",
    "Pending",
    "Position",
    "PositionError",
    "RedisBroker",
    "Rooms",
    "RoomsError",
    "RoomsState",
    "Topic",
]
