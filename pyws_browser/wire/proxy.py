"""Finds the proxy of a connection: the setting, or the system's. CPython only."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from ..errors import InvalidProxyError, InvalidURLError
from ..protocol.url import is_loopback, parse_host

if TYPE_CHECKING:
    from ..protocol.url import WebSocketURL

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_MAX_CREDENTIAL: Final = 255  # bytes (RFC 1929 §2)
_ADVICE: Final = (
    "the proxy's URL cannot be used: write http://host:port, https://host:port or socks5://host:port, with "
    "user:password@ before the host where the proxy wants them (special characters percent-encoded), or None for no "
    "proxy"
)

# The system's settings by the scheme that they are for, the telling ones first (RFC 6455 §4.1 3.; `websockets`).
_PRECEDENCE: Final = {
    "ws": ("ws", "socks", "https", "http", "all"),
    "wss": ("wss", "socks", "https", "all"),
}


class Proxy(NamedTuple):
    """A proxy; `scheme` is "http", "https" (TLS to the proxy) or "socks5"."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"<Proxy {self}>"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_proxy(url: str) -> Proxy:
    """Parse a proxy's URL; "host:port" alone is an HTTP proxy.

    Raises InvalidProxyError, which does not show the password.
    """
    text = url if "://" in url else f"http://{url}"
    try:
        text.encode()  # the environment may contain bytes that are not text
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its message may show a part of the password
        raise InvalidProxyError(_ADVICE) from None
    scheme = parts.scheme
    if scheme not in _DEFAULT_PORTS or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidProxyError(_ADVICE)
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if scheme.startswith("socks5"):
        scheme = "socks5"  # the proxy always resolves names
        if max(len(username.encode()), len(password.encode())) > _MAX_CREDENTIAL:
            raise InvalidProxyError(f"a SOCKS5 proxy takes a name and a password of at most {_MAX_CREDENTIAL} bytes")
    try:
        host = parse_host(host)
    except InvalidURLError as exc:
        raise InvalidProxyError(f"the proxy's host cannot be used: {exc}") from None
    return Proxy(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port, username, password)


def proxy_for(setting: str | bool | None, url: WebSocketURL) -> Proxy | None:
    """Return the proxy for `url`, None for none.

    `setting` is a proxy's URL, None, or True for the environment (`ws_proxy`, `wss_proxy`, `socks_proxy`,
    `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`) and on Windows and macOS the system. Those leave this
    machine itself out, as browsers do, and link-local addresses with a zone, which mean something on this machine only.
    Raises InvalidProxyError if they name something that is not a proxy.
    """
    if isinstance(setting, str):
        return parse_proxy(setting)
    if not setting or not _may_have_proxies() or is_loopback(url.host) or "%" in url.host:
        return None
    from urllib.request import getproxies, proxy_bypass  # slow to load, and rarely needed

    proxies = getproxies()
    if proxy_bypass(f"{url.host}:{url.port}") or _is_excepted(proxies.get("no", ""), url.host):
        return None
    for scheme in _PRECEDENCE[url.scheme]:
        found = proxies.get(scheme)
        if found:
            if scheme == "socks" and found.startswith("http://"):  # in the form of Windows and macOS
                found = "socks5" + found.removeprefix("http")
            return parse_proxy(found)
    return None


def _may_have_proxies() -> bool:
    return sys.platform in ("win32", "darwin") or any(name.lower().endswith("_proxy") for name in os.environ)


def _is_excepted(rules: str, host: str) -> bool:
    """Tell whether `no_proxy` names the host in one of the forms that `urllib` does not know, but curl does.

    Those are networks (10.0.0.0/8), IPv6 addresses in brackets or in another notation, and names with a dot at the end.
    """
    from ipaddress import ip_address, ip_network

    names = [rule.strip().strip("[]").lower() for rule in rules.split(",")]
    if "*" in names:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        host = host.removesuffix(".")
        return any(f".{host}".endswith("." + name.lstrip(".").removesuffix(".")) for name in names if name.strip("."))
    for name in names:
        with suppress(ValueError):  # a name, or nothing
            if address in ip_network(name, strict=False):
                return True
    return False
