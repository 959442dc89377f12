"""Show the environment: versions, whether the package is compiled, what is missing, what a page would refuse."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from .. import __version__, compiled
from ..protocol.rules import UNSUPPORTED_IN_BROWSER

if TYPE_CHECKING:
    import argparse

_EXTRAS: Final = {
    "websockets": ("websockets", "needed"),
    "websockets.speedups": ("websockets", "masks quickly"),
    "prompt_toolkit": ("prompt-toolkit", "for a kept history at the terminal: pip install pyws-browser[terminal]"),
    "uvloop": ("uvloop", "a faster event loop for asyncio"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--json", action="store_true", help="write it as JSON")


async def run(options: argparse.Namespace) -> int:
    """Print it."""
    facts: dict[str, Any] = {
        "pyws_browser": __version__,
        "form": "compiled by mypyc" if compiled else "plain Python",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{sys.platform} {platform.machine()}",
        "packages": {name: _found(name, package) for name, (package, _) in _EXTRAS.items()},
        "unsupported_in_a_page": UNSUPPORTED_IN_BROWSER,
    }
    if options.json:
        print(json.dumps(facts, indent=1))
        return 0
    for name in ("pyws_browser", "form", "python", "platform"):
        print(f"{name:14}{facts[name]}")
    for name, found in facts["packages"].items():
        print(f"{name:22}{found or f'not installed ({_EXTRAS[name][1]})'}")
    print("\nWhat a page refuses, and web_limits=True as well:")
    for feature, reason in UNSUPPORTED_IN_BROWSER.items():
        print(f"  {feature}: {reason}")
    return 0


def _found(module: str, package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return version(package) if find_spec(module) is not None else None
    except (ModuleNotFoundError, PackageNotFoundError):
        return None
