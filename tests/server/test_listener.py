"""The socket at which a server listens, and what it says if it cannot."""

from __future__ import annotations

import errno
import socket

import pytest

from pyws_browser.server.listener import advice_on, listening_socket


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6")
def test_an_address_may_have_a_zone() -> None:
    with listening_socket("::1%1", 0) as listener:
        assert listener.getsockname()[0].partition("%")[0] == "::1"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EADDRINUSE, "another program listens there"),
        (errno.EACCES, "ports below 1024"),
        (errno.EADDRNOTAVAIL, "no such address"),
    ],
)
def test_the_advice_fits_the_error(number: int, advice: str) -> None:
    assert advice in advice_on(number)


@pytest.mark.parametrize("number", [errno.EIO, None])
def test_there_is_no_advice_on_rare_errors(number: int | None) -> None:
    assert advice_on(number) == ""
