"""For the tests of programs that use this package: a server that follows a script, and pytest's fixtures. CPython only.

::

    from pyws_browser.testing import LocalServer, close, expect, say

    def test_the_client_says_hello_and_understands_that_the_room_is_full():
        with LocalServer([expect("hello"), close(4000, "full")]) as server:
            assert my_client.join(server.url) == "full"

With pytest the fixtures are there by themselves: `pyws_server`, `pyws_echo`, `pyws_relay`, `pyws_network` and
`pyws_web_limits`. `pytest --fixtures` shows what each is.
"""

from .script import Step, be_slow, close, drop, echo, expect, refuse, relay, say, wait
from .server import LocalServer, ScriptError

__all__ = [
    "LocalServer",
    "ScriptError",
    "Step",
    "be_slow",
    "close",
    "drop",
    "echo",
    "expect",
    "refuse",
    "relay",
    "say",
    "wait",
]
