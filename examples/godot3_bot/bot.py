"""A bot for the Godot 3 server in this folder: it guesses the number that the server has in mind.

In this folder:

    godot3-server --path . -s server.gd
    python bot.py [URL]
"""

from __future__ import annotations

import sys
import time

from pyws_browser import WebSocketClient


class Bot:
    """Halves what is left until the server says that it is right."""

    def __init__(self, url: str) -> None:
        self.client = WebSocketClient()
        self.client.data_received.connect(self.on_data)
        self.client.server_close_request.connect(lambda code, reason: print(f"the server: {reason!r}"))
        self.client.connection_closed.connect(lambda was_clean: self.stop())
        self.client.connection_error.connect(self.on_error)
        self.is_playing = True
        self.client.connect_to_url(url)

    def play(self) -> None:
        """Play to the end."""
        while self.is_playing:
            self.client.poll()
            time.sleep(0.01)

    def on_data(self) -> None:
        """Guess, with what the server has just said."""
        said = self.client.get_peer(1).get_var()
        if "guess" in said:
            self.low, self.high = said["guess"]
        elif said["answer"] == "lower":
            self.high = self.guess - 1
        else:
            self.low = self.guess + 1
        self.guess = (self.low + self.high) // 2
        print(f"is it {self.guess}?")
        self.client.get_peer(1).put_var(self.guess)

    def on_error(self) -> None:
        """Say why there is no game."""
        print(self.client.get_peer(1).close_cause)
        self.stop()

    def stop(self) -> None:
        """Play no more."""
        self.is_playing = False


if __name__ == "__main__":
    Bot(*sys.argv[1:] or ["ws://127.0.0.1:9081/"]).play()
