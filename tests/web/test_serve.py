"""The page's files over HTTP: which there are, of what type, and under which rules."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import active_count
from urllib.parse import urlsplit

import pytest

from pyws_browser import ListenError
from serve import Site


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(site.page_url).netloc, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/?worker", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/main.mjs", "text/javascript; charset=utf-8"),
        ("/board.py", "text/plain; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml; charset=utf-8"),
        ("/pyodide/pyodide.mjs", "text/javascript; charset=utf-8"),
        ("/pyodide/pyodide.asm.wasm", "application/wasm"),
    ],
)
def test_files_have_their_type_and_the_page_runs_nothing_inline(site: Site, path: str, content_type: str) -> None:
    response, body = ask(site, path)
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert int(response.headers["Content-Length"]) == len(body) > 0
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


def test_the_page_is_told_where_the_relay_is(site: Site) -> None:
    response, body = ask(site, "/config.json")
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"relayPort": urlsplit(site.relay_url).port}


def test_a_browser_asks_again_and_gets_only_what_changed(site: Site) -> None:
    response, _ = ask(site, "/board.py")
    assert response.headers["Cache-Control"] == "no-cache"
    again, body = ask(site, "/board.py", **{"If-Modified-Since": response.headers["Last-Modified"]})
    assert again.status == 304
    assert body == b""


def test_head_brings_the_headers_alone(site: Site) -> None:
    for path in ("/", "/config.json"):
        response, body = ask(site, path, "HEAD")
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 0
        assert body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "/..%2fpyproject.toml",
        "/pyodide/../../pyproject.toml",
        "/pyodide/%2e%2e/%2e%2e/pyproject.toml",
        "/pyodide//etc/passwd",
        "//etc/passwd",
        "/pyodide/",
        "/__pycache__/",
    ],
)
def test_nothing_else_is_served_and_no_folder_is_listed(site: Site, path: str) -> None:
    response, _ = ask(site, path)
    assert response.status == 404


def test_other_methods_are_refused(site: Site) -> None:
    for method in ("POST", "PUT", "DELETE"):
        for path in ("/", "/config.json", "/pyodide/pyodide.mjs"):
            response, _ = ask(site, path, method)
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def test_a_part_of_a_file(site: Site) -> None:
    response, body = ask(site, "/pyodide/pyodide.asm.wasm", Range="bytes=1-3")
    assert (response.status, body) == (206, b"asm")


def test_it_is_known_by_names_of_its_own_alone(site: Site) -> None:
    for url in (site.page_url, site.relay_url):
        for host, origin in (("evil.example", ""), ("localhost", "https://evil.example")):
            with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 30) as sock:
                sock.sendall(
                    f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".encode()
                    + (f"Origin: {origin}\r\n" if origin else "").encode()
                    + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                status = sock.makefile("rb").readline().split()[1]
            assert status == (b"403" if origin else b"421")


def test_a_site_answers_to_further_names(tmp_path: Path) -> None:
    with Site(tmp_path, names=("game.example",)) as site:
        assert ask(site, "/", Host="game.example")[0].status == 200


def test_silent_clients_cost_no_threads_and_take_nothing_from_others(site: Site) -> None:
    threads = active_count()
    crowd = [socket.create_connection(("127.0.0.1", urlsplit(site.page_url).port or 0)) for _ in range(100)]
    assert ask(site, "/config.json")[0].status == 200
    assert active_count() == threads
    for sock in crowd:
        sock.close()


def test_a_page_is_isolated_on_demand(site: Site, tmp_path: Path) -> None:
    assert "Cross-Origin-Opener-Policy" not in ask(site, "/")[0].headers
    with Site(tmp_path, is_isolated=True) as isolated:
        for path in ("/", "/config.json", "/worker.mjs", "/pyodide/pyodide.mjs"):
            response, _ = ask(isolated, path)
            assert response.status == 200
            assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_a_port_that_is_taken_is_named(site: Site, tmp_path: Path) -> None:
    port = urlsplit(site.page_url).port
    relay_port = urlsplit(site.relay_url).port
    for arguments, taken in (((port, 0), port), ((0, relay_port), relay_port)):
        another = Site(tmp_path, "127.0.0.1", *arguments)
        with pytest.raises(ListenError, match=f"cannot listen at port {taken} of 127.0.0.1"), another:
            pass


def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    with Site(tmp_path, "::1") as site:
        assert site.page_url.startswith("http://[::1]:")
        assert site.relay_url.startswith("ws://[::1]:")
        response, _ = ask(site, "/")
        assert response.status == 200
