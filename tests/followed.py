"""The files that a page of the documentation has its readers make: code blocks with `title="NAME"`."""

from __future__ import annotations

import re
from pathlib import Path

_HOME = Path(__file__).parents[1]
_FILE = re.compile(r'^```[a-z]+ title="([^"]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def files_of(page: str) -> dict[str, str]:
    """Return the contents of the files by name."""
    return dict(_FILE.findall((_HOME / page).read_text("utf-8")))


def write_files(page: str, folder: Path, **replaced: str) -> None:
    """Write the files of a page into a folder, with ports replaced, as in `port_8001="4711"`."""
    for name, content in files_of(page).items():
        for old, new in replaced.items():
            content = content.replace(f":{old.removeprefix('port_')}", f":{new}")
        (folder / name).write_text(content, "utf-8")
