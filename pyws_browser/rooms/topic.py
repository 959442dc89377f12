"""A topic: those who have joined it get what is published there."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidOptionError, InvalidStateError
from ..protocol import rules
from .errors import InvalidPositionError
from .followed import Followed
from .joining import Joined, Waiting
from .payload import MARKER, decode, encode
from .pending import Pending
from .presence import encode_member
from .vocabulary import Member, Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ..protocol.vocabulary import Message
    from .hosts import Host, Peer

    Envelope = Callable[[Message, Position], Message]
    Greet = Callable[["Joined"], "Message | None"]

_SETTLE_TIME: Final = 3.0
"""Seconds for the other workers to say who is there, once the broker has lost it."""


class Topic(Followed):
    """Made by `Rooms.topic()`. What is published reaches the peers that joined, at all workers.

    `missed(after, before)` is emitted when messages between two positions are lost for the members here, because they
    are not stored any more. The positions have different epochs if the broker has lost what it stored. In a topic
    without history both are None: then it says that something may be lost. `member_joined(member)` and
    `member_left(member)` tell of those who joined with `member=...`, at any worker.
    """

    __slots__ = ()

    # Joining and leaving.

    def join(
        self,
        peer: Peer,
        *,
        since: Position | str | None = None,
        member: dict[str, Any] | None = None,
        greet: Greet | None = None,
    ) -> Joined:
        """Let a peer have what is published from now on, and in a topic with history what was published.

        `since` is the position of the last message that the client has: what came after it is sent. Without it, all
        that is stored is sent. `member` says who the peer is, to be seen by all, in JSON. `greet(joined)` is called
        before anything is sent, when `joined.is_whole` is known; what it returns is sent first. The peer leaves by
        itself when it closes.

        With a broker the answer may have to be waited for: `await` it, or poll until `is_done`. Messages of this worker
        in a topic without history arrive at once.

        Raises:
            InvalidOptionError: the peer is none of an attached server, or `member` is no dict for JSON.
            InvalidPositionError: `since` is no position.
            InvalidStateError: the peer has joined already, or the rooms are closed.

        """
        host, handle = self._rooms.handle_of(peer)
        if self._has(host, handle):
            raise InvalidStateError(f"the peer has joined {self.name!r} already: leave() it first")
        position = self._check_since(since)
        data = None if member is None else encode_member(member)
        self._rooms.remember(host, handle, self)
        joined = Joined(lambda: self.members)
        if member is not None and data is not None:
            joined.member = Member(self._rooms.new_member_id(), member)
            self._present().add(joined.member)
            if self._rooms.link is not None:
                self._rooms.run(partial(self._rooms.link.members.set, self._map, joined.member.id, data))
        waiting = Waiting(host, handle, position, greet, joined)
        if self._log is None:
            self._groups.setdefault(host, {})[handle] = joined.member
        if not self._rooms.has_broker:
            self._admit(waiting)
            return joined
        is_known = position is None or self._log is None or self._knows(position)
        if self.is_live and is_known:
            self._admit(waiting)
        else:
            self._waiting[host, handle] = waiting
            self._start()
            if self._follower is not None and not is_known:  # another worker may have been ahead of this one
                self._follower.catch_up()
        return joined

    def _knows(self, position: Position) -> bool:
        return self._log is not None and position.epoch == self._log.epoch and position.offset <= self._log.last

    def _check_since(self, since: Position | str | None) -> Position | None:
        if since is None:
            return None
        if self._log is None:
            raise InvalidPositionError(f"{self.name!r} has no history to resume: give the topic a History, or no since")
        if isinstance(since, Position):
            since = str(since)
        return Position.parse(since)

    def _has(self, host: Host, handle: object) -> bool:
        group = self._groups.get(host)
        return (group is not None and handle in group) or (host, handle) in self._waiting

    def _admit(self, waiting: Waiting) -> None:
        """Send a peer what it missed, and let it have what follows."""
        host, handle, since, greet, joined = waiting
        log = self._log
        joined.was_whole = True
        start = 0
        if log is not None:
            if not log.epoch:
                log.open()
            log.trim()
            joined.position = log.position
            if since is not None:
                joined.cause = log.refusal(since)
                joined.was_whole = joined.cause is None
                start = since.offset if joined.was_whole else 0
        greeting = None if greet is None else greet(joined)
        if greeting is not None:
            host.send((handle,), greeting, None, self.slow, None)
        if log is not None:
            for entry in log.after(start):
                if entry.data != MARKER:
                    message, key = decode(entry.data)
                    host.send((handle,), self._enveloped(message, entry), None, self.slow, key)
            self._groups.setdefault(host, {})[handle] = joined.member
        joined.succeed(joined)

    def leave(self, peer: Peer) -> None:
        """Let a peer have nothing more of the topic; without effect if it has not joined."""
        host, handle = self._rooms.handle_of(peer)
        self._rooms.forget(host, handle, self)
        self.drop(host, handle)

    def drop(self, host: Host, handle: object) -> None:
        """Let go of a peer; called by `Rooms`."""
        member: Member | None = None
        waiting = self._waiting.pop((host, handle), None)
        if waiting is not None:
            member = waiting.joined.member
            waiting.joined.fail(InvalidStateError("the peer has left"), f"joining {self.name!r}", level=logging.DEBUG)
        group = self._groups.get(host)
        if group is not None and handle in group:
            member = group.pop(handle)
            if not group:
                del self._groups[host]
        if member is not None:
            self._present().remove(member.id)
            if self._rooms.link is not None:
                self._rooms.run(partial(self._rooms.link.members.set, self._map, member.id, b""))
        if not self._groups and not self._waiting:
            self._stop()

    # Publishing.

    def publish(
        self,
        message: str | Buffer,
        *,
        without: Peer | None = None,
        id: str = "",  # noqa: A002
        key: str | None = None,
    ) -> Pending[Position | None]:
        """Send a message to all who have joined, at all workers, but to the peer `without`.

        In a topic with history the outcome is its position, once it is stored. A message with the same `id` is stored
        once within two minutes, and gives the same position again: so publish again, with the same id, what failed.
        Without history the outcome is None; the peers of this worker get it even if the broker is away. `key` says
        which earlier messages it stands in for where `slow` is "latest".

        Raises:
            InvalidMessageTypeError, InvalidOptionError: nobody was sent anything.
            MessageTooLargeError: the broker takes no message of this size; nobody was sent anything.
            OutboundBufferFullError: it is larger than the server's `outbound_buffer_size`; nobody was sent anything.

        """
        checked = rules.as_message(message)
        if not isinstance(id, str) or len(id) > 128 or not id.isprintable():
            raise InvalidOptionError(f"an id is a printable str of 128 characters at most, not {id!r}")
        excluded = None if without is None else self._rooms.handle_of(without)
        if self._log is None:
            if id:
                raise InvalidOptionError(f"{self.name!r} has no history that remembers ids: give the topic a History")
            data = encode(checked, key) if self._rooms.has_broker else b""
            self._rooms.check_size(data)
            if not self._groups:
                self._rooms.check_outbound(checked)
            self._send(checked, excluded, key)
            if not self._rooms.has_broker:
                return _DONE
            self._published += 1
            return self._rooms.send_plain(self._channel, self._published, data)
        data = encode(checked, key)
        self._rooms.check_size(data)
        self._rooms.check_outbound(checked)
        if self._rooms.has_broker:
            return self._rooms.send_kept(self._channel, data, id, excluded)
        position, is_new = self._log.publish(data, id)
        outcome: Pending[Position | None] = Pending()
        if is_new:
            self._rooms.keep_alive(self)
            enveloped = checked if self._envelope is None else self._envelope(checked, position)
            self._send(enveloped, excluded, key)
        outcome.succeed(position)
        return outcome


_DONE: Final[Pending[Position | None]] = Pending.of(None)
