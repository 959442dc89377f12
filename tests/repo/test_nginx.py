"""The site for nginx that the documentation shows, served by nginx."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import trustme

from pyws_browser.sync import connect

from ..contract.server import unused_port
from ..readme import nginx_blocks
from ..support import client_context

nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
NAME = "localhost"


@pytest.fixture
def site(contract_urls: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, trustme.CA]]:
    """Run nginx with the site, in front of an echo; give its host and port, and who signed its certificate."""
    if nginx is None:
        pytest.skip("there is no nginx here")
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "site.pem")
    (tmp_path / "index.html").write_text("<p>the page</p>")
    (tmp_path / "pyodide.mjs").write_text("export {};")
    port = unused_port()
    (text,) = nginx_blocks("docs/how-to.md")
    for shown, real in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "game.example;": f"{NAME};",
        "/etc/letsencrypt/live/game.example/fullchain.pem": f"{tmp_path}/site.pem",
        "/etc/letsencrypt/live/game.example/privkey.pem": f"{tmp_path}/site.pem",
        "/srv/game;": f"{tmp_path};",
        "http://127.0.0.1:8765": contract_urls["server"].replace("ws:", "http:") + "echo",
    }.items():
        assert shown in text
        text = text.replace(shown, real)
    kept = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi", "client_body")
    )
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"user root; daemon off; pid {tmp_path}/pid; error_log stderr notice; events {{}}\n"
        f"http {{ access_log off; {kept}\n{text}\n}}"
    )
    with subprocess.Popen(
        [nginx, "-c", str(configuration), "-p", str(tmp_path)], stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        lines = []
        for line in run.stderr:
            lines.append(line)
            if "start worker process " in line:
                break
        else:
            raise AssertionError("".join(lines))
        yield f"{NAME}:{port}", authority
        run.terminate()
        run.stderr.read()


def test_page_and_socket_come_from_one_host(site: tuple[str, trustme.CA]) -> None:
    host, authority = site
    context = client_context(authority)
    for path, kind in (("", "text/html"), ("pyodide.mjs", "text/javascript")):
        with urlopen(f"https://{host}/{path}", context=context) as answer:
            assert answer.headers["Content-Type"] == kind
    with connect(f"wss://{host}/play", ssl=context) as websocket:
        for message in ("text", b"bytes", "x" * 100_000):
            websocket.send(message)
            assert websocket.recv(timeout=10) == message
