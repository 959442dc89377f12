"""What provides the commands of `build.sh` with what they need."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import provision
import pytest
from provision import (
    ProvisionError,
    hash_of,
    need,
    newest_python,
    oldest_python,
    once,
    pythons,
    run_quietly,
    want_brokers,
)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, script: str = "exit 0") -> Path:
    """Write a program that runs this shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IEXEC)
    return file


class TestOnce:
    def test_a_step_runs_again_only_with_another_key(self, tmp_path: Path) -> None:
        runs: list[str] = []
        for key in ("a", "a", "b", "b", "a"):
            once(tmp_path / "stamp", key, lambda key=key: runs.append(key))  # type: ignore[misc]
        assert runs == ["a", "b", "a"]

    def test_a_step_that_failed_runs_again(self, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError):
            once(tmp_path / "stamp", "a", lambda: 1 / 0)
        runs: list[str] = []
        once(tmp_path / "stamp", "a", lambda: runs.append("a"))
        assert runs == ["a"]

    def test_a_step_that_fails_with_a_new_key_forgets_the_old_one(self, tmp_path: Path) -> None:
        once(tmp_path / "stamp", "a", lambda: None)
        with pytest.raises(ZeroDivisionError):
            once(tmp_path / "stamp", "b", lambda: 1 / 0)
        runs: list[str] = []
        once(tmp_path / "stamp", "a", lambda: runs.append("a"))
        assert runs == ["a"]


class TestHash:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(provision, "HOME", tmp_path)
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "module.py").write_text("one")
        return tmp_path

    def test_it_changes_with_a_files_content_and_with_its_name(self, home: Path) -> None:
        module = home / "package" / "module.py"
        before = hash_of("package")
        module.write_text("two")
        changed = hash_of("package")
        module.rename(home / "package" / "other.py")
        assert len({before, changed, hash_of("package")}) == 3

    def test_it_does_not_change_with_bytecode(self, home: Path) -> None:
        before = hash_of("package")
        (home / "package" / "module.cpython-311.pyc").write_bytes(b"code")
        assert hash_of("package") == before


class TestCommands:
    def test_a_command_that_succeeds_prints_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        run_quietly(sys.executable, "-c", "print('working')")
        assert capfd.readouterr() == ("", "")

    def test_a_command_that_fails_is_shown_with_all_its_output(self) -> None:
        with pytest.raises(ProvisionError, match=r"(?s)to stdout.*to stderr.*this failed: .*python"):
            run_quietly(sys.executable, "-c", "import sys; print('to stdout', flush=True); sys.exit('to stderr')")


class TestDebianPackages:
    def test_a_program_that_is_there_needs_no_package(self, programs: Path) -> None:
        program(programs, "browser")
        need("A browser", ("missing", "browser"), ("package",))

    def test_without_apt_the_message_names_the_packages(self, programs: Path) -> None:
        with pytest.raises(ProvisionError, match=r"A browser is missing: install it \(on Debian .* one two\)"):
            need("A browser", ("browser",), ("one", "two"))

    def test_without_root_the_message_is_the_command_to_run(
        self, programs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program(programs, "apt-get")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(ProvisionError, match="A browser is missing: sudo apt-get install one two"):
            need("A browser", ("browser",), ("one", "two"))

    def test_root_installs_the_packages(
        self, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        program(programs, "apt-get", 'echo "$@" >>"$0.log"')
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        need("A browser", ("browser",), ("one", "two"))
        calls = (programs / "apt-get.log").read_text().splitlines()
        assert calls[0] == "update"
        assert calls[1].endswith("install --yes --no-install-recommends one two")
        assert capsys.readouterr().err == "==> Installing one two\n"


class TestBrokers:
    def test_root_installs_those_that_are_missing(
        self, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        program(programs, "apt-get", 'echo "$@" >>"$0.log"')
        program(programs, "redis-server")
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        want_brokers()
        calls = (programs / "apt-get.log").read_text().splitlines()
        assert [call.split()[-1] for call in calls] == ["update", "nats-server"]

    def test_others_are_left_alone(self, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(programs, "apt-get", 'echo "$@" >>"$0.log"')
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        want_brokers()
        assert not (programs / "apt-get.log").exists()


class TestPythons:
    @pytest.fixture(autouse=True)
    def _no_other_pythons(self, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PYTHON", raising=False)
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))

    def test_the_newest_comes_first(self, programs: Path) -> None:
        oldest = program(programs, "python3.11", "echo 3 11 cpython")
        newest = program(programs, "python3.13", "echo 3 13 cpython")
        program(programs, "python3.10", "echo 3 10 cpython")
        assert list(pythons()) == [str(newest), str(oldest)]
        assert newest_python() == str(newest)
        assert oldest_python() == str(oldest)

    def test_those_of_pyenv_are_found_behind_their_shims(
        self, tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shims, version = tmp_path / "shims", tmp_path / "pyenv" / "versions" / "3.12.1" / "bin"
        shims.mkdir()
        version.mkdir(parents=True)
        program(shims, "python3.12", "exit 127")
        behind = program(version, "python", "echo 3 12 cpython")
        monkeypatch.setenv("PATH", f"{shims}{os.pathsep}{programs}")
        assert list(pythons()) == [str(behind)]

    def test_one_that_does_not_run_or_is_no_cpython_is_passed_over(self, programs: Path) -> None:
        program(programs, "python3.13", "exit 127")
        program(programs, "python3.12", "echo 3 12 pypy")
        with pytest.raises(ProvisionError, match=r"Python 3\.11 or newer is needed"):
            newest_python()

    def test_the_environment_names_the_only_one(self, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(programs, "python3.13", "echo 3 13 cpython")
        named = program(programs, "mine", "echo 3 11 cpython")
        monkeypatch.setenv("PYTHON", str(named))
        assert list(pythons()) == [str(named)]


class TestNode:
    def test_an_old_node_is_passed_over(self, programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(provision, "BUILD", tmp_path)
        monkeypatch.delenv("PYWS_NODE", raising=False)
        program(programs, "node", "echo 20.1.0")
        assert provision.node() is None
        named = program(programs, "new-node", "echo 26.0.0")
        monkeypatch.setenv("PYWS_NODE", str(named))
        assert provision.node() == str(named)
