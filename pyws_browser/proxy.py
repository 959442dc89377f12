"""Which proxy a connection goes through: what was set, or what the system says. CPython only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from .errors import InvalidProxyError

if TYPE_CHECKING:
    from .url import WebSocketURL

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_MAX_CREDENTIAL: Final = 255  # bytes (RFC 1929 §2)

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

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_proxy(url: str) -> Proxy:
    """Return what a proxy's URL says; "host:port" alone is that of an HTTP proxy.

    Raises InvalidProxyError, which does not show the password.
    """
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise InvalidProxyError(f"the proxy's URL cannot be read: {exc}") from None
    scheme = parts.scheme
    if scheme not in _DEFAULT_PORTS or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidProxyError(
            f"{scheme}://{host} is no proxy: use http://host:port, https://host:port or socks5://host:port, with "
            "user:password@ before the host where the proxy wants them, or None for no proxy"
        )
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if scheme.startswith("socks5"):
        scheme = "socks5"  # names are resolved by the proxy, always
        if max(len(username.encode()), len(password.encode())) > _MAX_CREDENTIAL:
            raise InvalidProxyError(f"a SOCKS5 proxy takes a name and a password of at most {_MAX_CREDENTIAL} bytes")
    return Proxy(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port, username, password)


def proxy_for(setting: str | bool | None, url: WebSocketURL) -> Proxy | None:
    """Return the proxy for `url`, None for none.

    `setting` is a proxy's URL, None, or True for what the environment says (`ws_proxy`, `wss_proxy`, `socks_proxy`,
    `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`) and on Windows and macOS the system. Those leave this
    machine itself out, as browsers do. Raises InvalidProxyError if they name what is no proxy.
    """
    if isinstance(setting, str):
        return parse_proxy(setting)
    if not setting or not _may_have_proxies() or _is_this_machine(url.host):
        return None
    from urllib.request import getproxies, proxy_bypass  # they are slow to load, and seldom needed

    if proxy_bypass(f"{url.host}:{url.port}"):
        return None
    proxies = getproxies()
    for scheme in _PRECEDENCE[url.scheme]:
        found = proxies.get(scheme)
        if found:
            if scheme == "socks" and found.startswith("http://"):  # as Windows and macOS write it
                found = "socks5" + found.removeprefix("http")
            return parse_proxy(found)
    return None


def _may_have_proxies() -> bool:
    return sys.platform in ("win32", "darwin") or any(name.lower().endswith("_proxy") for name in os.environ)


def _is_this_machine(host: str) -> bool:
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")
