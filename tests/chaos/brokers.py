"""The broker that a URL names."""

from __future__ import annotations

from pyws_browser.rooms import Broker, NatsBroker, RedisBroker


def broker_of(url: str) -> Broker:
    return NatsBroker(url) if url.startswith("nats") else RedisBroker(url)
