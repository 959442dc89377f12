"""`./build.sh dist FOLDER` removes and replaces what it made itself, and nothing else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyodide_dist
import pytest

VERSION = "314.0.7"


@pytest.fixture(autouse=True)
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that were fetched; npm and PyPI are not asked."""
    fetched: list[str] = []

    def download(version: str, scratch: Path) -> list[Path]:
        fetched.append(version)
        (scratch / "pyodide.mjs").write_text(f"// Pyodide {version}")
        (scratch / pyodide_dist.LOCK).write_text(json.dumps({"info": {"python": "3.14.0"}, "packages": {"numpy": {}}}))
        wheel(scratch, "micropip", pyodide_dist.MICROPIP_VERSION)
        return sorted(scratch.iterdir())

    monkeypatch.setattr(pyodide_dist, "_download", download)
    return fetched


def wheel(folder: Path, name: str, version: str = "0.1.0") -> Path:
    """Write a wheel without modules."""
    folder.mkdir(exist_ok=True)
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", f"Name: {name}\nVersion: {version}\n\n")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "empty"])
def test_a_new_or_an_empty_folder_gets_the_runtime_and_a_lock_of_its_wheels(tmp_path: Path, is_there: bool) -> None:
    out = tmp_path / "site" / "pyodide"
    if is_there:
        out.mkdir(parents=True)

    pyodide_dist.make(VERSION, out, [wheel(tmp_path / "wheels", "ours")])

    assert sorted(contents(out)) == [
        ".pyodide-dist.json",
        "micropip-0.11.1-py3-none-any.whl",
        "ours-0.1.0-py3-none-any.whl",
        "pyodide-lock.json",
        "pyodide.mjs",
    ]
    lock = json.loads((out / pyodide_dist.LOCK).read_text("utf-8"))
    assert sorted(lock["packages"]) == ["micropip", "ours"]


@pytest.mark.parametrize("name", ["index.html", "other-1.0-py3-none-any.whl", ".git/config", "pyodide.mjs"])
def test_a_folder_that_holds_something_else_is_refused_and_stays_as_it_is(tmp_path: Path, name: str) -> None:
    page = tmp_path / "my_page" / name
    page.parent.mkdir(parents=True)
    page.write_text("mine")

    with pytest.raises(SystemExit, match="did not make"):
        pyodide_dist.make(VERSION, tmp_path / "my_page", [])

    assert contents(tmp_path / "my_page") == {name: b"mine"}


def test_the_present_folder_is_refused_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build.sh").write_text("mine")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit, match="name a new or an empty folder, such as pyodide"):
        pyodide_dist.make(VERSION, Path(), [])

    assert contents(tmp_path) == {"build.sh": b"mine"}


def test_the_clone_is_refused() -> None:
    with pytest.raises(SystemExit, match="did not make"):
        pyodide_dist.check(Path(__file__).parents[2])


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyodide").write_text("mine")

    with pytest.raises(SystemExit, match="is a file"):
        pyodide_dist.make(VERSION, tmp_path / "pyodide", [])

    assert (tmp_path / "pyodide").read_text() == "mine"


def test_a_second_run_downloads_nothing_and_replaces_the_wheel(tmp_path: Path, downloads: list[str]) -> None:
    out = tmp_path / "pyodide"
    pyodide_dist.make(VERSION, out, [wheel(tmp_path / "wheels", "ours", "0.1.0")])

    pyodide_dist.make(VERSION, out, [wheel(tmp_path / "wheels", "ours", "0.2.0")])

    assert downloads == [VERSION]
    assert sorted(path.name for path in out.glob("ours*")) == ["ours-0.2.0-py3-none-any.whl"]


def test_what_a_user_adds_to_a_folder_that_it_made_stays(tmp_path: Path) -> None:
    out = tmp_path / "pyodide"
    pyodide_dist.make(VERSION, out, [])
    (out / "index.html").write_text("mine")
    added = wheel(out, "theirs").read_bytes()

    pyodide_dist.make(VERSION, out, [wheel(tmp_path / "wheels", "ours")])

    assert contents(out)["index.html"] == b"mine"
    assert contents(out)["theirs-0.1.0-py3-none-any.whl"] == added


def test_another_release_replaces_the_runtime(tmp_path: Path, downloads: list[str]) -> None:
    out = tmp_path / "pyodide"
    pyodide_dist.make(VERSION, out, [])

    pyodide_dist.make("0.29.5", out, [])

    assert downloads == [VERSION, "0.29.5"]
    assert (out / "pyodide.mjs").read_text() == "// Pyodide 0.29.5"


def test_a_file_that_was_changed_since_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "pyodide"
    pyodide_dist.make(VERSION, out, [])
    (out / "pyodide.mjs").write_text("patched")

    with pytest.raises(SystemExit, match="was changed since"):
        pyodide_dist.make("0.29.5", out, [])

    assert (out / "pyodide.mjs").read_text() == "patched"


def test_a_wheel_that_somebody_else_put_there_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "pyodide"
    pyodide_dist.make(VERSION, out, [])
    (out / "ours-0.1.0-py3-none-any.whl").write_text("mine")

    with pytest.raises(SystemExit, match="is not this tool's"):
        pyodide_dist.make(VERSION, out, [wheel(tmp_path / "wheels", "ours")])

    assert (out / "ours-0.1.0-py3-none-any.whl").read_text() == "mine"


def test_a_run_that_was_cut_short_is_made_good_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "pyodide"
    write = pyodide_dist._write

    def write_until_the_disk_is_full(path: Path, content: bytes) -> None:
        if path.name == "pyodide.mjs":
            raise OSError("the disk is full")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(pyodide_dist, "_write", write_until_the_disk_is_full)
        with pytest.raises(OSError, match="full"):
            pyodide_dist.make(VERSION, out, [])

    pyodide_dist.make(VERSION, out, [])

    assert (out / "pyodide.mjs").is_file()


def test_a_manifest_that_lists_files_elsewhere_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "pyodide"
    out.mkdir()
    manifest = {"version": VERSION, "is_complete": True, "files": {"../mine": ""}}
    (out / pyodide_dist.MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(SystemExit, match="outside its folder"):
        pyodide_dist.make(VERSION, out, [])
