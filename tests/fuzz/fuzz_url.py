"""URLs, hosts and proxies: a normal form that is its own, or the error that is meant for it, without a password."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(
    include=["pyws_browser.protocol.url", "pyws_browser.wire.proxy", "pyws_browser.protocol.display"]
):
    from pyws_browser.errors import InvalidProxyError, InvalidURLError
    from pyws_browser.protocol.url import is_loopback, parse_host, parse_url
    from pyws_browser.wire.proxy import parse_proxy

from tests.fuzz.target import run

SECRET = "s3cr3t"
BASES = (None, "https://page.example/a/b?c#d", "wss://user:word@game.example/a/b", "about:blank")
UNFIT_IN_HOST = frozenset(" \t\r\n\0/?#@\\<>^|")


def check_url(text: str, base: str | None) -> None:
    try:
        url = parse_url(text, base)
    except InvalidURLError as exc:
        check_message(exc, text)
        return
    normal = str(url)
    if parse_url(normal) != url or not normal.isascii() or not normal.isprintable() or " " in normal:
        raise RuntimeError(f"{text!r} became {normal!r}, which is read as {parse_url(normal)!r}")
    check_host(url.host)
    user, colon, _ = url.userinfo.partition(":")
    shown = normal.replace(f"{url.userinfo}@", f"{user}:****@" if colon else "****@", 1) if url.userinfo else normal
    if url.shown != shown:
        raise RuntimeError(f"{normal!r} is shown as {url.shown!r}")


def check_host(host: str) -> None:
    if not host or UNFIT_IN_HOST & set(host) or not host.isprintable():
        raise RuntimeError(f"{host!r} is a host")
    if is_loopback(host) and not host.rstrip(".").endswith(("localhost", ":1")) and host[:4] not in ("127.", "::ff"):
        raise RuntimeError(f"{host!r} counts as this machine")


def check_message(error: Exception, text: str) -> None:
    if not str(error).isprintable():
        raise RuntimeError(f"{error!r} does not print")
    is_secret = text.startswith(f"ws://user:{SECRET}") and text.count(SECRET) == 1
    if is_secret and SECRET in str(error):
        raise RuntimeError(f"{error!r} of {text!r} shows the password")


def fuzz_one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    text = data[1:].decode("utf-8", "surrogateescape")
    check_url(text, BASES[data[0] % len(BASES)])
    check_url(f"ws://user:{SECRET}@{text}", None)
    check_url(f"ws://user:{SECRET}{text}@game.example/", None)
    try:
        check_host(parse_host(text))
    except InvalidURLError as exc:
        check_message(exc, text)
    for proxy in (text, f"http://user:{SECRET}{text}@proxy.example", f"socks5://user:{SECRET}@{text}"):
        try:
            found = parse_proxy(proxy)
        except InvalidProxyError as exc:
            if not str(exc).isprintable() or (SECRET in str(exc) and SECRET not in text):
                raise RuntimeError(f"{exc!r} of {proxy!r}") from exc
            continue
        check_host(found.host)


SEEDS = [
    bytes((number,)) + text.encode()
    for number, text in enumerate(
        [
            "ws://user:word@game.example:8000/a/../b?c",
            "wss://[::ffff:127.0.0.1]:443/",
            "ws://0x7f.1/%2e%2e/x",
            "//other.example/?q@r",
            "ws:\\\\b\u00fccher.example\\path",
            "http://xn--bcher-kva.example",
            "fe80::1%eth0",
            "127.evil.example",
            "a.localhost.:80",
            "user:pa/ss@host:99999",
            "\ud83c\udfb2.example\r\nX: 1".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
            "ws://game.example/#fragment",
        ]
    )
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
