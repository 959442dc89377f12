"""What was typed wrongly is said in a line, which names the option; the exit status tells the arguments' faults."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from pyws_browser.cli import main

URL = "ws://127.0.0.1:9999/"


def status_of(arguments: list[str]) -> int | str | None:
    try:
        return main(arguments)
    except SystemExit as exc:
        return exc.code


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["connect", "ftp://example.com/"], 2, "scheme 'ftp'"),
        (["connect", "ws://127.0.0.1:1/"], 2, "browsers refuse port 1"),
        (["connect", "ws://localhost.invalid:9999/"], 1, "localhost.invalid"),
        (["connect", "-H", "no header", "ws://x/"], 2, "is not a header"),
        (["connect", "-H", "header", "ws://x/"], 2, "this is not a header"),
        (["connect", "-s", "a b", URL], 2, "--subprotocol: 'a b' is not a subprotocol"),
        (["connect", "-s", "a", "-s", "a", URL], 2, "--subprotocol: a subprotocol may be named once"),
        (["connect", "--origin", "é", URL], 2, "--origin: 'é' is not an origin"),
        (["connect", "--proxy", "ftp://me:secret@x/", URL], 2, "--proxy: this is not a proxy"),
        (["connect", "--timeout", "0", URL], 2, "--timeout: 0 is not above 0"),
        (["connect", "--timeout", "-1", URL], 2, "--timeout: -1 is not above 0"),
        (["connect", "--timeout", "nan", URL], 2, "--timeout: nan is not a number of seconds"),
        (["connect", "--ping", "-1", URL], 2, "--ping: -1 is below 0"),
        (["connect", "--wait", "nan", URL], 2, "--wait: nan is not a number of seconds"),
        (["connect", "--wait", "soon", URL], 2, "--wait: invalid seconds value: 'soon'"),
        (["connect", "--ca", "ca.pem", URL], 2, "--ca, --insecure and --cert belong to a wss URL"),
        (["connect", "-k", URL], 2, "--ca, --insecure and --cert belong to a wss URL"),
        (["connect", "--ca", "/nowhere.pem", "wss://localhost:9999/"], 1, "--ca cannot be used: /nowhere.pem: No such"),
        (["serve", "-p", "0"], 2, "say what to serve: --echo, --relay, --static DIR"),
        (["connect", "--cert", "c.pem", URL], 2, "--cert belong to a wss URL"),
        (["connect", "--key", "k.pem", URL], 2, "--key belongs to a --cert"),
        (["connect", "--cert", "/nowhere.pem", "wss://localhost:9999/"], 1, "--cert cannot be used: "),
        (["serve", "--echo", "-p", "99999"], 2, "99999 is not a port"),
        (["serve", "--echo", "-p", "6000"], 2, "browsers refuse port 6000: listen on another one"),
        (["serve", "--echo", "--host", "192.0.2.1"], 1, ": cannot listen at 192.0.2.1, port 8765: "),
        (["serve", "--echo", "--host", "nohost.invalid"], 1, ": cannot listen at nohost.invalid: "),
        (["serve", "--echo", "--host", "x" * 64], 1, "it is not a host name"),
        (["serve", "--echo", "--key", "key.pem"], 2, "--key belongs to a --certificate"),
        (["serve", "--echo", "--static", "/nowhere"], 1, "/nowhere is not a folder"),
        (["serve", "--echo", "--isolated"], 2, "--isolated belongs to --static"),
        (
            ["serve", "--echo", "--origin", "example.com"],
            2,
            "--origin: 'example.com' is not an origin: give scheme and",
        ),
        (["serve", "--echo", "--origin", "https://example.com/"], 2, "'https://example.com/' is not an origin"),
        (["serve", "--echo", "--origin", "https://"], 2, "'https://' is not an origin"),
        (["serve", "--echo", "--allow-host", "a:1"], 2, "--allow-host: 'a:1' is not a host's name"),
        (["serve", "--echo", "--certificate", "/nowhere"], 1, "--certificate cannot be used: /nowhere: No such"),
        (["bench", "-n", "0", "ws://x/"], 2, "0 is not above 0"),
        ([], 2, "COMMAND"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(arguments) == status
    written = capsys.readouterr()
    assert written.out == ""
    assert said in written.err
    assert "secret" not in written.err


@pytest.mark.parametrize(
    "arguments",
    [["connect", "wss://localhost:9999/", "--ca"], ["serve", "--echo", "--certificate"]],
    ids=["--ca", "--certificate"],
)
def test_a_file_that_is_no_pem_is_said(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "der").write_bytes(b"\x30\x82\xff")
    assert status_of([*arguments, str(tmp_path / "der")]) == 1
    assert f"{arguments[-1]} cannot be used: " in capsys.readouterr().err


def test_a_key_that_is_encrypted_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    issued = trustme.CA().issue_cert("localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    pem = tmp_path / "pem"
    pem.write_bytes(key + issued.cert_chain_pems[0].bytes())
    assert status_of(["serve", "--echo", "--certificate", str(pem)]) == 1
    assert "--certificate cannot be used: the key is encrypted: decrypt it" in capsys.readouterr().err
