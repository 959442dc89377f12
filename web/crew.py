"""The relay of the shared board in several processes at one port: what one of them hears, the others tell as well.

    python web/crew.py --workers 2 --broker nats://127.0.0.1:4222

Who is at the board, and what they say, goes over a topic of `pyws_browser.rooms`; the ink over one with history, so
that it is there for newcomers whichever worker they come to. A worker that dies takes its connections with it, the
participants come back to another one, and nothing on the board is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING

from board import COLOURS, INK, MOVE, Person
from pyws_browser import CloseCode, ListenError
from pyws_browser.cli.guard import Guard
from pyws_browser.rooms import History, Member, NatsBroker, Position, Rooms
from pyws_browser.workers import run_workers
from relay import MAX_INK_LINES, Relay, to_json

if TYPE_CHECKING:
    import socket

    from pyws_browser import WebSocketPeer
    from pyws_browser.rooms import Joined

INK_SECONDS = 3600.0
LEASE = 5.0
START_TIMEOUT = 20.0
STOP_TIMEOUT = 15.0


class RoomsRelay(Relay):
    """One worker's part of the board."""

    def __init__(self, guard: Guard, rooms: Rooms, name: str) -> None:
        super().__init__(guard)
        self._name = name
        self._welcomed: set[int] = set()  # who have been told who is there
        self._rooms = rooms
        self._live = rooms.topic("live")
        self._lines = rooms.topic("ink", history=History(messages=MAX_INK_LINES, seconds=INK_SECONDS))
        self._live.member_joined.connect(self._on_member_joined)
        self._live.member_left.connect(self._on_member_left)
        self._lines.missed.connect(self._on_missed)

    def serve(self, sock: socket.socket, stop: Event) -> None:
        """Relay at a listening socket until `stop` is set."""
        self._server.listen(0, sock=sock)
        self._rooms.attach(self._server)
        self.run(stop)

    def _say_goodbye(self) -> None:
        self._rooms.close()
        self._dismiss(CloseCode.SERVICE_RESTART)

    # What happens.

    def _on_disconnected(self, id_: int, _was_clean: bool) -> None:
        self._people.pop(id_, None)  # the member leaves by itself
        self._welcomed.discard(id_)

    def _take_join(self, id_: int, name: str) -> None:
        peer = self._open_peer(id_)
        if peer is None:
            return
        person = self._people.get(id_)
        if person is not None:  # what a member is called is fixed
            self._live.leave(peer)
            person.name = name
            self._live.join(peer, member={"id": id_, "name": name, "colour": person.colour})
            return
        taken = Counter(member.data["colour"] for member in self._live.members)
        person = self._people[id_] = Person(name, min(range(COLOURS), key=lambda colour: taken[colour]))
        member = {"id": id_, "name": name, "colour": person.colour}
        joined = self._live.join(peer, member=member, greet=partial(self._welcome_of, id_, person))
        joined.when_done(lambda: self._give_ink(id_, joined))

    def _welcome_of(self, id_: int, person: Person, joined: Joined) -> str:
        self._welcomed.add(id_)
        people = [member.data for member in joined.members if member.data["id"] != id_]
        return to_json({"type": "welcome", "id": id_, "colour": person.colour, "people": people, "worker": self._name})

    def _give_ink(self, id_: int, joined: Joined) -> None:
        peer = self._open_peer(id_) if id_ in self._people else None
        if joined.error is None and peer is not None:
            self._lines.join(peer)

    def _open_peer(self, id_: int) -> WebSocketPeer | None:
        """Return a peer, None if it is about to leave, and only what it said before is still to be told."""
        peer = self._server.get_peer(id_)
        return peer if peer.is_connected_to_host() else None

    def _on_member_joined(self, member: Member) -> None:
        self._tell_here(member, type="join", **member.data)

    def _on_member_left(self, member: Member) -> None:
        self._tell_here(member, type="leave", id=member.data["id"])

    def _tell_here(self, member: Member, **fields: object) -> None:
        for id_ in self._welcomed:
            if id_ != member.data["id"]:
                self._send(id_, to_json(fields))

    def _on_missed(self, after: Position | None, before: Position | None) -> None:
        """Send everybody away for a moment: who comes back gets all that is stored."""
        for id_ in list(self._people):
            self._server.disconnect_peer(id_, CloseCode.SERVICE_RESTART, "lines are lost: come back for the board")

    def _add_ink(self, id_: int, line: bytes) -> int:
        self._lines.publish(bytes([INK]) + line, without=self._open_peer(id_))
        return MOVE  # the others have the line from its own topic

    def _clear(self, id_: int) -> None:
        self._lines.publish(to_json({"type": "clear", "id": id_}), without=self._open_peer(id_))

    def _send_others(self, id_: int, message: str | bytes) -> None:
        self._live.publish(message, without=self._open_peer(id_))


def work(sock: socket.socket, index: int, count: int, broker: str, hosts: tuple[str, ...]) -> None:
    """Relay in the process of a worker, until SIGTERM."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    rooms = Rooms(NatsBroker(broker), name="board", lease=LEASE)
    RoomsRelay(Guard(hosts), rooms, f"{index + 1} of {count}, process {os.getpid()}").serve(sock, stop)


def process_in(text: str) -> int:
    """Return the process in the name of a worker, 0 if there is none."""
    number = text.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


class Crew:
    """The workers, and a broker of their own if there is no other, as processes. Raises ListenError."""

    def __init__(self, host: str, port: int, names: tuple[str, ...], workers: int, broker: str) -> None:
        self._engine: subprocess.Popen[bytes] | None = None
        self._folder = TemporaryDirectory(prefix="pyws-demo-")
        self._process: subprocess.Popen[str] | None = None
        try:
            url = broker or self._start_engine(Path(self._folder.name))
            options = ("--workers", str(workers), "--broker", url, "--host", host, "--port", str(port))
            allowed = [word for name in names for word in ("--allow-host", name)]
            self._process = subprocess.Popen(
                [sys.executable, __file__, *options, *allowed], stdout=subprocess.PIPE, text=True
            )
            assert self._process.stdout is not None
            listening = self._process.stdout.readline()
            if not listening:
                raise ListenError("the workers of the relay do not start, as they say above")
            self.port = int(listening)
        except BaseException:
            self.wait()
            raise

    def _start_engine(self, folder: Path) -> str:
        command = ("nats-server", "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", folder, "--ports_file_dir", folder)
        try:
            self._engine = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            sys.exit("several workers need a broker: apt-get install nats-server, or name one with --broker")
        ports = folder / f"nats-server_{self._engine.pid}.ports"
        end = monotonic() + START_TIMEOUT
        while not ports.exists() or not ports.read_text():
            if monotonic() > end or self._engine.poll() is not None:
                sys.exit("nats-server does not start: name another broker with --broker")
            sleep(0.02)
        url: str = json.loads(ports.read_text())["nats"][0]
        return url

    def check(self) -> None:
        """Raise what ended the workers, if something did."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the workers of the relay have ended with {self._process.returncode}")

    def wait(self) -> None:
        """End the workers, then the broker."""
        for process in (self._process, self._engine):
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._folder.cleanup()


def main() -> int:
    """Run the workers until SIGTERM; print the port."""
    parser = argparse.ArgumentParser(description="Relay the shared board in several processes.")
    parser.add_argument("--workers", type=int, default=2, help="how many processes (%(default)s)")
    parser.add_argument("--broker", required=True, help="a NATS server, such as nats://127.0.0.1:4222")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen at; 0 for any")
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="another name of this host")
    options = parser.parse_args()
    hosts = (options.host, *options.allow_host)
    try:
        return run_workers(
            work,
            options.workers,
            host=options.host,
            port=options.port,
            arguments=(options.workers, options.broker, hosts),
            on_listening=lambda _host, port: print(port, flush=True),
        )
    except ListenError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    sys.exit(main())
