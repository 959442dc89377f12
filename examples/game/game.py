"""Rules and networking of a small game, for the desktop and for pages: catch the star before the others do.

The server decides: it moves everybody and says where all are, twenty times a second. A player says which way it wants
to go, and draws what it was told last. Nothing here knows how to draw.
"""

import random

from pyws_browser import CodecDecodeError, ReconnectingPeer, State

WIDTH, HEIGHT, RADIUS, SPEED = 640, 400, 14, 180  # pixels, and pixels a second
WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
COLOURS = ("#c2410c", "#0f766e", "#7c3aed", "#be185d", "#1d4ed8", "#4d7c0f")


class World:
    """What the server knows."""

    def __init__(self):
        self.players = {}  # by the server's ids: {"x", "y", "way", "points"}
        self.star = self.somewhere()

    def somewhere(self):
        return [random.randint(RADIUS, WIDTH - RADIUS), random.randint(RADIUS, HEIGHT - RADIUS)]

    def join(self, who):
        x, y = self.somewhere()
        self.players[who] = {"x": x, "y": y, "way": [0, 0], "points": 0}

    def leave(self, who):
        self.players.pop(who, None)

    def steer(self, who, said):
        """Do what a player says. Raises ValueError for anything else than a way."""
        if not isinstance(said, dict) or not isinstance(said.get("ways"), list):
            raise ValueError("that is no way")
        ways = [WAYS[way] for way in said["ways"][:4] if isinstance(way, str) and way in WAYS]
        self.players[who]["way"] = [sum(way[axis] for way in ways) for axis in (0, 1)]

    def step(self, seconds):
        for player in self.players.values():
            for axis, most, key in ((0, WIDTH, "x"), (1, HEIGHT, "y")):
                moved = player[key] + player["way"][axis] * SPEED * seconds
                player[key] = min(max(moved, RADIUS), most - RADIUS)
            if (player["x"] - self.star[0]) ** 2 + (player["y"] - self.star[1]) ** 2 < (2 * RADIUS) ** 2:
                player["points"] += 1
                self.star = self.somewhere()

    def picture(self):
        """What is told to everybody."""
        return {
            "star": self.star,
            "players": {
                str(who): [round(player["x"]), round(player["y"]), player["points"]]
                for who, player in self.players.items()
            },
        }


class Game:
    """A player's side, called once a frame."""

    def __init__(self, url):
        self.peer = ReconnectingPeer()
        self.peer.connect_to_url(url)
        self.picture = {"star": [-99, -99], "players": {}}
        self.said = None

    @property
    def status(self):
        if self.peer.is_connected_to_host():
            return "Arrow keys or WASD"
        return f"Connecting … {self.peer.close_cause or ''}"

    def frame(self, ways):
        """Poll, and say which ways are held down if they are others than before."""
        self.peer.poll()
        while self.peer.get_available_packet_count():
            try:
                self.picture = self.peer.receive_json()
            except CodecDecodeError as error:
                print("ignored:", error)
        if not self.peer.is_connected_to_host():
            self.said = None
        elif ways != self.said:
            self.peer.send_json({"ways": sorted(ways)})
            self.said = set(ways)
        return self.peer.ready_state is not State.CLOSED

    def circles(self):
        """What to draw: x, y, colour and a text of each circle, in the order in which they lie."""
        yield *self.picture["star"], "#eab308", "★"
        for who, (x, y, points) in self.picture["players"].items():
            yield x, y, COLOURS[int(who) % len(COLOURS)], str(points)
