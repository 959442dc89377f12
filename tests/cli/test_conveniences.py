"""What other command lines have: one shot, logins, client certificates, unix sockets, reconnecting, QR codes."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyws_browser.aio import ServerConnection, serve, unix_serve
from pyws_browser.cli import main
from pyws_browser.testing import LocalServer, close, drop, expect, say

from .command import COMMAND, LIMIT, run, serving


def test_one_shot_sends_shows_and_leaves() -> None:
    with LocalServer() as server:
        done = run("connect", "-x", "one", "-x", "/two", "--wait", "0.3", server.url, given="not read\n")
    assert (done.stdout, done.returncode) == ("one\n/two\n", 0)
    assert server.received == ["one", "/two"]


def test_json_is_shown_with_a_line_for_each_value_and_anything_else_as_it_came() -> None:
    with LocalServer([say('{"a":[1,"ä"]}'), say("text"), say(b"\x00\xff"), close()]) as server:
        done = run("connect", "--json", "-x", "", "--wait", "-1", server.url)
    assert done.stdout == '{\n  "a": [\n    1,\n    "ä"\n  ]\n}\ntext\n00 ff\n'


def test_timestamps_stand_before_messages_and_notes() -> None:
    with LocalServer([say("text"), say(b"\x00\xff"), close()]) as server:
        done = run("connect", "--timestamps", "-x", "", "--wait", "-1", server.url)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
    assert re.fullmatch(rf"{stamp} text\n{stamp} 00 ff\n", done.stdout)
    assert re.match(rf"{stamp} connected to ", done.stderr)


def test_it_connects_again_and_sends_what_was_not_sent() -> None:
    scripts = [expect("one"), drop()], [say("back"), expect("two"), close()]
    with (
        LocalServer(*scripts) as server,
        subprocess.Popen(
            [*COMMAND, "connect", "--reconnect", server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as client,
    ):
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write("one\n")
        client.stdin.flush()
        assert client.stdout.readline() == "back\n"
        client.stdin.write("two\n")
        client.stdin.flush()
        server.wait_for(2)
        client.send_signal(signal.SIGINT)
        _, notes = client.communicate(timeout=LIMIT)
    assert re.search(r"; connecting again in \d\.\d s\nconnected to ", notes)


def bound(sock: socket.socket) -> int:
    """Take a port for a socket that does not listen there; return the port."""
    sock.bind(("127.0.0.1", 0))
    return int(sock.getsockname()[1])


def test_it_goes_on_after_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    with (
        socket.socket() as nobody,
        subprocess.Popen(
            [*COMMAND, "connect", "--reconnect", f"ws://127.0.0.1:{bound(nobody)}/"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as client,
    ):
        assert client.stderr is not None
        assert "connecting again in" in client.stderr.readline()
        client.terminate()  # a shell that runs this in the background has its children ignore SIGINT
        client.communicate(timeout=LIMIT)


class Seen:
    """What a server saw of its clients' handshakes."""

    def __init__(self) -> None:
        self.authorization: list[str] = []
        self.certificates: list[Any] = []

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.authorization.append(connection.request.headers.get("Authorization", ""))
        tls = connection.transport.get_extra_info("ssl_object")
        self.certificates.append(None if tls is None else tls.getpeercert())
        await connection.send(connection.request.path)


async def served(arguments: list[str], seen: Seen, **options: Any) -> tuple[int, str, str]:
    """Run `connect` against a server in this process."""
    import asyncio

    async with serve(seen.handle, "127.0.0.1", 0, **options) as server:
        scheme = "wss" if "ssl" in options else "ws"
        url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        client = await asyncio.create_subprocess_exec(
            *COMMAND, "connect", *arguments, "-x", "hello", url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, errors = await client.communicate()
    return client.returncode or 0, output.decode(), errors.decode()


def in_loop(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    import asyncio

    return asyncio.run(asyncio.wait_for(function(*arguments, **options), LIMIT))


def test_a_login_goes_as_a_header_and_is_not_shown() -> None:
    seen = Seen()
    status, output, errors = in_loop(served, ["--auth", "me:pa:ss"], seen)
    assert (status, output) == (0, "/\n")
    assert seen.authorization == ["Basic " + base64.b64encode(b"me:pa:ss").decode()]
    assert "pa:ss" not in errors


def test_a_client_certificate_is_shown_to_the_server(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("ann@example.com")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ann.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    seen = Seen()

    arguments = ["--ca", str(tmp_path / "ca.pem"), "--cert", str(tmp_path / "ann.pem")]
    status, output, errors = in_loop(served, arguments, seen, ssl=context)

    assert (status, output) == (0, "/\n"), errors
    assert ("email", "ann@example.com") in seen.certificates[0]["subjectAltName"]


def test_a_certificate_that_is_not_trusted_names_the_ways_out(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    status, _, errors = in_loop(served, [], Seen(), ssl=context)

    assert status == 1
    assert "--ca FILE trusts the certificates in a file, and -k whatever the server shows" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets")
def test_a_unix_socket_is_connected_to(tmp_path: Path) -> None:
    import asyncio

    async def main() -> bytes:
        async with unix_serve(Seen().handle, str(tmp_path / "s")):
            client = await asyncio.create_subprocess_exec(
                *(*COMMAND, "connect", "--unix", str(tmp_path / "s"), "-x", "hello", "ws://localhost/path"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            return (await client.communicate())[0]

    assert asyncio.run(asyncio.wait_for(main(), LIMIT)) == b"/path\n"


def test_a_wrong_url_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["connect", "ftp://me:secret@example.com/"])
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "scheme 'ftp'" in errors
    assert "see python -m pyws_browser connect --help" in errors
    assert "secret" not in errors


def test_files_alone_are_served_and_say_that_there_is_no_websocket(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    with serving("--static", str(tmp_path)) as (url, _):
        assert url.startswith("http://127.0.0.1:")
        done = run("connect", "-x", "hello", url)
    assert done.returncode == 1
    assert "HTTP 404" in done.stderr


def test_a_server_of_every_network_shows_an_address_that_others_can_use() -> None:
    from pyws_browser.cli.phone import address_in_network

    address = address_in_network()
    with serving("--echo", "--host", "0.0.0.0") as (url, _):
        if address is None:
            pytest.skip("this machine is in no network")
        assert url.startswith(f"ws://{address}:")
        assert run("connect", "-x", "hi", "--no-proxy", url).stdout == "hi\n"


def test_the_address_is_shown_as_a_qr_code() -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--echo", "-p", "0", "--qr"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdout.readline()
        rows = [server.stderr.readline() for _ in range(10)]
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=LIMIT)
    assert all(set(row) <= set(" █▀▄\xa0\n") for row in rows)
    assert any("█" in row for row in rows)


def test_without_the_library_a_qr_code_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "qrcode", None)
    assert main(["serve", "--echo", "-p", "0", "--qr"]) == 1
    assert 'pip install "pyws-browser[qr]"' in capsys.readouterr().err


def test_json_of_any_kind_is_indented() -> None:
    from pyws_browser.cli.presentation import _indented

    assert _indented("[" * 100_000) is None
    assert _indented(b"\xff") is None
    assert json.loads(_indented(b'{"x":[]}') or "") == {"x": []}
