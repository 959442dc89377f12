"""Our reading of a URL is the browser's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unit.test_url import BAD_URLS, NORMAL_FORMS, REFERENCES

if TYPE_CHECKING:
    from .interpreter import Interpreter

BASE = "http://page.example:8000/dir/page.html?y#z"


def test_the_browser_has_the_same_normal_forms(page_python: Interpreter) -> None:
    """The browser's parser does not know of WebSockets, whose standard then takes http for ws."""
    rows = [
        *((url, None, normal) for url, normal in NORMAL_FORMS),
        *((url, BASE, normal) for url, normal in REFERENCES),
    ]
    differences = page_python.run(
        """
        import js

        def normal_form(url, base):
            href = js.URL.new(url, base).href if base else js.URL.new(url).href
            scheme, _, rest = href.partition(":")
            return {"http": "ws", "https": "wss"}.get(scheme, scheme) + ":" + rest.partition("#")[0]

        [(url, normal, its) for url, base, normal in rows if (its := normal_form(url, base)) != normal]
        """,
        rows=rows,
    )
    assert differences == []


def test_a_relative_url_is_completed_as_the_browser_does_it(python_place: Interpreter) -> None:
    """A page can say by what; a worker has no such element, and its own URL serves."""
    ours, its = python_place.run(
        """
        import js
        from pyws_browser import WebSocketPeer

        def complete(url):
            peer = WebSocketPeer()
            peer.connect_to_url(url)
            peer.abort()
            return peer.get_requested_url()

        js_document = getattr(js, "document", None)
        if js_document is None:
            its = js.location.href
            ours = complete("echo")
        else:
            js_base = js_document.createElement("base")
            js_base.href = "http://127.0.0.1:1234/elsewhere/"
            js_document.head.prepend(js_base)
            try:
                its = js_document.baseURI
                ours = complete("echo")
            finally:
                js_base.remove()
        [ours, js.URL.new("echo", its).href.replace("http:", "ws:")]
        """
    )
    assert ours == its


def test_the_browser_refuses_what_we_refuse(page_python: Interpreter) -> None:
    """What it takes all the same: a fragment, an unknown scheme, in a host a space and Punycode of nothing."""
    accepted = page_python.run(
        """
        import js
        from pyodide.ffi import JsException

        def is_accepted(url):
            try:
                js.URL.new(url)
            except JsException:
                return False
            return True

        [url for url in urls if is_accepted(url)]
        """,
        urls=[url for url in BAD_URLS if isinstance(url, str)],
    )
    assert sorted(accepted) == sorted(
        url for url in accepted if "#" in url or not url.startswith("ws") or " " in url or "%20" in url or "xn--" in url
    )
