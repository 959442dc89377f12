"""Parses URLs by the browser."""

from __future__ import annotations

from ...protocol.url import ParsedURL


def read_url(url: str, base: str | None) -> ParsedURL | None:
    """Return the parts of a URL by the browser's `URL`, None for an invalid one."""
    import js  # not at import: a snapshot of Python's memory may contain the package
    from pyodide.ffi import JsException

    try:
        js_url = js.URL.new(url) if base is None else js.URL.new(url, base)
    except JsException:
        return None
    return ParsedURL(
        js_url.href,
        js_url.protocol,
        js_url.username,
        js_url.password,
        js_url.hostname,
        js_url.port,
        js_url.pathname,
        js_url.search,
    )
