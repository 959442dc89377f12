"""A whole client and a whole server, handshakes and ends included, and between them a channel that a machine holds."""

from __future__ import annotations

import socket
import time

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pyws_browser import ConnectError, ConnectionLostError, State, WebSocketPeer
from pyws_browser.protocol.options import Options
from pyws_browser.transport.native import ServerTransport

from ..support import LIMIT, open_descriptors

WHO = st.integers(0, 1)
MESSAGES = st.one_of(st.text(max_size=50), st.binary(max_size=300), st.integers(0, 100_000).map(bytes))


class Way:
    """One direction of the channel: what was sent waits here until it is carried on."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.waiting = bytearray()
        self.has_source_ended = False
        self.is_over = False

    def carry(self, size: int) -> None:
        """Carry up to so many bytes, and the end of the stream if it has come to that."""
        if not self.has_source_ended:
            try:
                data = self.source.recv(1 << 20)
                self.has_source_ended = not data
                self.waiting += data
            except BlockingIOError:
                pass
            except ConnectionError:
                self.has_source_ended = True
        try:
            sent = self.target.send(self.waiting[:size]) if self.waiting else 0
            del self.waiting[:sent]
            if self.has_source_ended and not self.waiting and not self.is_over:
                self.is_over = True
                self.target.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:  # nobody takes it any more
            self.waiting.clear()
            self.is_over = self.has_source_ended


class Connection(RuleBasedStateMachine):
    """What one side receives is what the other has sent, in order and from the beginning on, however it ends."""

    @initialize(is_compressed=st.booleans(), room=st.sampled_from([3, 65536]))
    def connect(self, is_compressed: bool, room: int) -> None:
        self.descriptors = open_descriptors()
        client_end, near = socket.socketpair()
        far, server_end = socket.socketpair()
        for sock in (near, far):
            sock.setblocking(False)
        self.ways = [Way(near, far), Way(far, near)]
        client = WebSocketPeer(web_limits=False)
        client.compression = is_compressed
        client.max_queued_packets = room
        client.connect_to_url("ws://game.example/room", sock=client_end)
        transport = ServerTransport(server_end, ("", 0), Options(max_queued_packets=room))
        self.peers = [client, WebSocketPeer.from_transport(transport)]
        self.sent: list[list[str | bytes]] = [[], []]
        self.received: list[list[str | bytes]] = [[], []]
        self.has_closed = [False, False]
        self.is_cut = False

    @rule(who=WHO)
    def poll(self, who: int) -> None:
        self.peers[who].poll()

    @rule(way=WHO, size=st.one_of(st.integers(1, 20), st.just(1 << 20)))
    def carry(self, way: int, size: int) -> None:
        if not self.is_cut:
            self.ways[way].carry(size)

    @rule()
    def let_all_through(self) -> None:
        for _ in range(3):
            for who in (0, 1):
                self.carry(who, 1 << 20)
                self.poll(who)

    @precondition(lambda self: any(peer.is_connected_to_host() for peer in self.peers))
    @rule(who=WHO, messages=st.lists(MESSAGES, min_size=1, max_size=5), in_batch=st.booleans())
    def send(self, who: int, messages: list[str | bytes], in_batch: bool) -> None:
        peer = self.peers[who]
        if not peer.is_connected_to_host():
            return
        if in_batch:
            with peer.batch():
                for message in messages:
                    peer.send(message)
        else:
            for message in messages:
                peer.send(message)
        self.sent[who] += messages

    @rule(who=WHO)
    def fetch(self, who: int) -> None:
        self.received[who] += list(self.peers[who])

    @precondition(lambda self: any(self.sent))
    @rule(who=WHO, code=st.sampled_from([None, 1000, 4000]))
    def close(self, who: int, code: int | None) -> None:
        self.has_closed[who] |= self.peers[who].is_connected_to_host()
        self.peers[who].close(code)

    @precondition(lambda self: sum(map(len, self.sent)) > 5)
    @rule()
    def cut(self) -> None:
        """Both sides see the end of the stream, wherever in a frame that is."""
        self.is_cut = True
        for way in self.ways:
            way.source.close()

    @invariant()
    def what_is_received_is_what_was_sent(self) -> None:
        if hasattr(self, "peers"):
            for who in (0, 1):
                assert self.received[who] == self.sent[1 - who][: len(self.received[who])]

    def teardown(self) -> None:
        if not hasattr(self, "peers"):
            return
        client, server = self.peers
        self.let_all_through()
        have_met = client.is_connected_to_host() and server.is_connected_to_host()
        if have_met and not self.is_cut and not any(self.has_closed):
            self.let_everything_arrive()
        client.close(4001)
        self.has_closed[0] |= have_met
        end = time.monotonic() + LIMIT
        while any(peer.ready_state is not State.CLOSED for peer in self.peers):
            assert time.monotonic() < end, self.peers
            self.let_all_through()
            for who in (0, 1):
                self.fetch(who)
        self.what_is_received_is_what_was_sent()
        if have_met and not self.is_cut:
            assert all(peer.was_clean_close for peer in self.peers)
        for peer in self.peers:
            if not peer.was_clean_close:
                assert isinstance(peer.close_cause, (ConnectError, ConnectionLostError))
                # With a Close frame of the other side it has the code of that, and lost what it had not sent.
                assert peer.close_code == 1006 or "that were put before are lost" in str(peer.close_cause)
        for way in self.ways:
            way.source.close()
        assert open_descriptors() <= self.descriptors

    def let_everything_arrive(self) -> None:
        end = time.monotonic() + LIMIT
        while [len(received) for received in self.received] != [len(sent) for sent in reversed(self.sent)]:
            assert time.monotonic() < end
            for who in (0, 1):
                self.fetch(who)
            self.let_all_through()


TestConnection = Connection.TestCase
TestConnection.settings = settings(max_examples=60, stateful_step_count=40)
