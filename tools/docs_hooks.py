"""Hooks for files outside the documentation's folder: pictures of the benchmarks, and names of sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

HOME: Final = Path(__file__).resolve().parent.parent
_LINK_OUTSIDE: Final = re.compile(r"\[([^]]*)\]\(\.\./([^)#]*)[^)]*\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pictures, as `results/NAME.svg`."""
    for picture in sorted((HOME / "benchmarks" / "results").glob("*.svg")):
        files.append(File.generated(config, f"results/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace links to files of the repository by their names, because the site does not have them.

    MkDocs checks its own links; the links to the repository are checked here.
    """

    def name(link: re.Match[str]) -> str:
        if (HOME / "docs" / page.file.src_uri).parent.parent.joinpath(link[2]).is_relative_to(HOME / "docs"):
            return link[0]  # a page of the documentation
        if not (HOME / link[2]).exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {link[2]}, which the repository does not have")
        return f"{link[1]} (`{link[2]}` in the repository)" if link[1].strip("`") != link[2] else f"`{link[2]}`"

    return _LINK_OUTSIDE.sub(name, markdown)
