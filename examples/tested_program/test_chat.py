"""Tests of chat.py with the fixtures that come with pyws_browser: `pip install pyws-browser pytest`, then `pytest`."""

import asyncio

import pytest
from chat import chat

from pyws_browser.testing import close, drop, expect, say

# What passes under the limits of a page runs in a page.
pytestmark = pytest.mark.usefixtures("pyws_web_limits")


def join(server, last):
    """Run the program until it hears `last`, and return what it heard."""
    heard = []

    def handle(text):
        heard.append(text)
        return text == last

    asyncio.run(asyncio.wait_for(chat(server.url, "ann", handle), 30))
    return heard


def test_it_says_its_name_and_hears_the_others(pyws_server):
    server = pyws_server([expect("I am ann"), say("hello ann"), say("bye")])

    assert join(server, last="bye") == ["hello ann", "bye"]


@pytest.mark.parametrize("end", [drop(), close(1001, "restarting"), close(1011)], ids=["lost", "restart", "failure"])
def test_it_comes_back_and_says_its_name_again(pyws_server, end):
    server = pyws_server(
        [expect("I am ann"), say("one"), end],
        [expect("I am ann"), say("two")],
    )

    assert join(server, last="two") == ["one", "two"]
    assert server.connection_count == 2
