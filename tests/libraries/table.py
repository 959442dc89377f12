"""The libraries that are tested, with the wheels that they need."""

from __future__ import annotations

from typing import Any, NamedTuple

JSPI_ONLY = "blocking needs an engine that can suspend Python"


class Library(NamedTuple):
    """One library: what to install, and what its program in `programs.py` returns."""

    program: str
    name: str
    version: str
    answer: Any
    extra: str = ""
    more: tuple[str, ...] = ()
    """What is installed besides, where the newest version is none for a page."""
    pyodides: tuple[str, ...] = ("314", "0.29")
    how: str = "websockets"
    carry: str = ""
    """The source of the `carry` that it needs."""
    refused: str = ""
    """What a page refuses, in place of the answer."""
    notes: str = ""


NEW = ("314",)

OPENAI_CARRY = """
def carry(uri, headers, subprotocols):
    key = headers["Authorization"].removeprefix("Bearer ")
    return uri, ["realtime", f"openai-insecure-api-key.{key}"]
"""

LIBRARIES = (
    Library("ocpp", "ocpp", "2.0.0", ["Accepted", 300], more=("websockets", "jsonschema==4.17.3")),
    Library("cdp_use", "cdp-use", "1.4.5", [True, True], notes="Chromium with --remote-allow-origins"),
    Library("gql", "gql", "4.4.0", ["world", [1, 2, 3]], extra="[websockets]"),
    Library("centrifuge", "centrifuge-python", "0.7.0", {"text": "hello"}),
    Library("polygon", "polygon-api-client", "1.16.3", [["AAPL", 1.5]] * 2, pyodides=NEW, notes="`wss:`, reconnects"),
    Library(
        *("surrealdb", "surrealdb", "1.0.6", ["surrealdb-9.9.9", [{"sum": 3}]] * 2),
        pyodides=NEW,
        notes="the blocking client too (JSPI)",
    ),
    Library(
        *("realtime", "realtime", "2.34.1", [["SUBSCRIBED", "CHANNEL_ERROR", "SUBSCRIBED"], {"text": "hello"}]),
        pyodides=NEW,
        notes="rejoins after the server's restart",
    ),
    Library(
        *("openai", "openai", "3.57.0", ["input_audio_buffer.cleared"] * 2),
        extra="[realtime]",
        pyodides=NEW,
        carry=OPENAI_CARRY,
        notes="realtime; the key goes as a subprotocol; the blocking client too (JSPI)",
    ),
    Library("aiohttp", "aiohttp", "3.14.5", "hello", pyodides=NEW, how="asyncio", notes="`ws_connect()`"),
    Library(
        *("socketio", "python-socketio", "5.18.1", [{"n": 1}, True]),
        more=("aiohttp==3.14.5",),
        pyodides=NEW,
        how="asyncio",
        notes='`transports=["websocket"]`',
    ),
    Library("httpx_ws", "httpx-ws", "0.9.0", ["hello", "bytes"], pyodides=NEW, how="asyncio", notes="`ws:`"),
    Library(
        *("speechmatics", "speechmatics-rt", "1.2.1", "started"),
        pyodides=NEW,
        refused="Authorization",
        notes="the service takes its key in the header `Authorization` alone",
    ),
)
