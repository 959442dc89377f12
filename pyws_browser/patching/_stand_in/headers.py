"""Builds and parses header values."""

from __future__ import annotations

import base64
from typing import Any

from ._names import make_function
from .exceptions import InvalidHeaderFormat


def build_host(host: str, port: int, secure: bool, *, always_include_port: bool = False) -> str:
    """Return a Host header."""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if always_include_port or port != (443 if secure else 80) else shown


def build_authorization_basic(username: str, password: str) -> str:
    """Return an Authorization header for Basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def parse_authorization_basic(header: str) -> tuple[str, str]:
    """Return user name and password; raises InvalidHeaderFormat."""
    try:
        scheme, _, value = header.partition(" ")
        username, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon or scheme.lower() != "basic":
        raise InvalidHeaderFormat("Authorization", header)
    return username, password


def build_subprotocol(subprotocols: Any) -> str:
    """Return a Sec-WebSocket-Protocol header."""
    return ", ".join(subprotocols)


def parse_subprotocol(header: str) -> list[str]:
    """Return the items of a list."""
    return [item.strip() for item in header.split(",") if item.strip()]


parse_connection = parse_upgrade = parse_subprotocol


def validate_subprotocols(subprotocols: Any) -> None:
    """Raise TypeError unless it is a list of str."""
    if isinstance(subprotocols, str):
        raise TypeError("subprotocols must be a list, not a str")


build_extension, parse_extension, build_www_authenticate_basic = (
    make_function(__name__, name) for name in ("build_extension", "parse_extension", "build_www_authenticate_basic")
)
