"""Serve the page and its relay, and join the board from the desktop: the same program on both sides of one connection.

With --check a headless browser opens the page, and it is proven that the two see each other. With --workers the relay
is several processes, and one of them is killed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING

from pyws_browser import ListenError
from serve import WEB, add_arguments, site_of, stop_on_signal

if TYPE_CHECKING:
    from serve import Site

PICTURES = WEB.parent / ".build"


def demonstrate(site: Site) -> None:
    """Keep a participant on the desktop at the board until told to stop."""
    stop = stop_on_signal()
    print(f"Open {site.page_url} in one or more browser tabs, and {site.page_url}?worker.")
    print("A participant on the desktop draws there, too; here is what it sees. Ctrl-C stops everything.\n", flush=True)
    command = [sys.executable, str(WEB / "board.py"), site.relay_url, "--name", "Desktop", "--greet"]
    if site.workers > 1:
        print("Kill the process that the page names as its worker, and see it go on at another one.\n", flush=True)
    while not stop.is_set():
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as desktop:
            while not stop.wait(0.5) and desktop.poll() is None:
                site.check()
            if not stop.is_set() and site.workers == 1:
                sys.exit(f"the participant on the desktop has ended with exit code {desktop.returncode}")
            desktop.terminate()  # or it was at a worker that has died, and comes back to another one


def prove(site: Site) -> None:
    """Check everything in a headless browser; leaves with one line if something is not as it should be."""
    from check import CheckFailedError, check

    try:
        check(site, PICTURES)
    except CheckFailedError as exc:
        sys.exit(f"demo --check failed: {exc}")


def main() -> None:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(description="Serve the page and join its board from the desktop.")
    parser.add_argument("--check", action="store_true", help="prove in a headless browser that it works")
    add_arguments(parser)
    if "--check" in sys.argv:
        parser.set_defaults(port=0, ws_port=0)
    arguments = parser.parse_args()
    try:
        with site_of(arguments) as site:
            (prove if arguments.check else demonstrate)(site)
    except ListenError as exc:
        sys.exit(f"{exc}; another port can be given with --port and --ws-port")


if __name__ == "__main__":
    main()
