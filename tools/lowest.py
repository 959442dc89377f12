"""Print requirements for pip that install the lowest versions which pyproject.toml allows.

    python tools/lowest.py pyproject.toml > lowest.txt

They cover the package's dependencies, all its extras, and libraries that it works with if installed. Tools for tests
and builds are left out: their lowest versions do not matter to users.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKS_WITH = ("werkzeug",)
"""Libraries that the package uses if installed, without an extra for them; they are in the group "test"."""


def requirements(pyproject: str) -> list[str]:
    """Return one line for each requirement. Raises ValueError for one whose lowest version is not given."""
    table = tomllib.loads(pyproject)
    project = table["project"]
    needed = [*project.get("dependencies", ())]
    for extra in project.get("optional-dependencies", {}).values():
        needed += extra
    tested = [Requirement(line) for line in table.get("dependency-groups", {}).get("test", ()) if isinstance(line, str)]
    wanted = [*map(Requirement, needed), *(found for found in tested if found.name in WORKS_WITH)]
    return sorted(set(_lines(wanted)))


def _lines(wanted: list[Requirement]) -> Iterator[str]:
    for requirement in wanted:
        floors = [found.version for found in requirement.specifier if found.operator in (">=", "==", "~=")]
        if len(floors) != 1:
            raise ValueError(f'"{requirement}" has no lowest version: write it as in "{requirement.name}>=1.0"')
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        yield f"{requirement.name}=={floors[0]}{marker}"


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]).read_text(encoding="utf-8"))))
