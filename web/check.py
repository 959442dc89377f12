"""Proves the demo: a participant in a real browser and one on the desktop see each other move and hear each other."""

from __future__ import annotations

import os
import signal
from math import cos, pi, sin
from time import monotonic
from typing import TYPE_CHECKING

from selenium.common.exceptions import WebDriverException

from crew import process_in
from desktop import Desktop, NotSeenError
from driver import Page, chromium, is_chromium_there
from terminal import BOARD_ASPECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serve import Site

DESKTOP = "Desktop"
MOST_VISITS = 20


class CheckFailedError(Exception):
    """Says in one line what is not as it should be."""


def check(site: Site, pictures: Path) -> None:
    """Let the two meet, on the main thread and in a worker; print what passed, and write pictures.

    Raises:
        CheckFailedError: something did not come.

    """
    if not is_chromium_there():
        raise CheckFailedError("there is no Chromium: apt-get install chromium chromium-driver")
    began = monotonic()
    try:
        with Desktop(site.relay_url, "--name", DESKTOP) as desktop, chromium() as browser:
            page = Page(browser)
            page.show_as(1440, 900)
            meet(page, desktop, site.page_url, "main thread")
            take_pictures(page, pictures)
            meet(page, desktop, f"{site.page_url}?worker", "Web Worker")
            if site.workers > 1:
                survive(page, desktop, site.page_url)
            complaints = page.complaints()
            if complaints:
                raise CheckFailedError(f"the browser complains: {complaints[0]}")
        site.check()
    except NotSeenError as exc:
        raise CheckFailedError(str(exc)) from exc
    except WebDriverException as exc:
        raise CheckFailedError(f"the browser cannot be driven: {exc.msg}") from exc
    print(f"Both saw and heard each other, on the main thread and in a Web Worker, in {monotonic() - began:.1f} s.")
    print(f"Pictures: {', '.join(path.name for path in sorted(pictures.glob('demo-check*.png')))} in {pictures}")


def meet(page: Page, desktop: Desktop, url: str, place: str) -> None:
    """Have a participant in the browser and the one on the desktop do things, and see that the other notices."""
    name = f"Page in a {place}" if "?" in url else "Page"
    began = monotonic()
    page.open(f"{url}{'&' if '?' in url else '?'}name={name.replace(' ', '+')}")
    print(f"\n{page['thread'].text} Connected after {monotonic() - began:.1f} s.")
    page.wait_for_person(DESKTOP)
    desktop.wait_for(f"{name} is here")

    seen = page.wait("does not see the desktop move", lambda: page.last_place("received"))
    page.wait("shows no ink of the desktop's", lambda: page.ink > 0)
    print(f"  desktop → page   moves: {DESKTOP} is at {' '.join(map(str, seen))}")
    desktop.say(f"Hello to the {place}")
    page.wait_for_chat(f"{DESKTOP} Hello to the {place}")
    print(f"  desktop → page   chat:  {page.chat[-1]}")

    stroke = list(heart(0.5, 0.45, 0.3))
    page.draw(*stroke)
    print(f"  page → desktop   moves: {desktop.wait_for_place(name, *stroke[-1])}")
    page.say(f"Hello from the {place}")
    print(f"  page → desktop   chat:  {desktop.wait_for(f'{name}: Hello from the {place}')}")


def survive(page: Page, desktop: Desktop, url: str) -> None:
    """Kill the worker that the page is at, which is none of the desktop's, and see that the page goes on at another."""
    desktops = process_in(desktop.wait_for("at worker "))
    for _ in range(MOST_VISITS):
        page.open(f"{url}?name=Survivor")
        page.wait("does not show its worker", lambda: page.facts.get("Worker"))
        before = process_in(page.facts["Worker"])
        if before != desktops:
            break
    else:
        raise CheckFailedError(f"{MOST_VISITS} times the page came to the same worker as the desktop")
    page.wait("shows no ink of those before it", lambda: page.ink > 0)
    os.kill(before, signal.SIGKILL)
    page.wait(
        "does not come to another worker",
        lambda: page.state == "OPEN" and process_in(page.facts.get("Worker", "")) not in (0, before),
    )
    page.wait_for_person(DESKTOP)
    page.wait("has lost the ink", lambda: page.ink > 0)
    desktop.say("You are back")
    page.wait_for_chat(f"{DESKTOP} You are back")
    page.say("So I am")
    desktop.wait_for("Survivor: So I am")
    print(f"\nThe worker of the page was killed; it is at worker {page.facts['Worker']} now, with all that was drawn.")


def heart(x: float, y: float, size: float) -> Iterator[tuple[float, float]]:
    """Return the points of a heart that begins and ends between its halves."""
    for step in range(61):
        t = 2 * pi * step / 60
        height = 13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)
        yield x + size / BOARD_ASPECT * sin(t) ** 3, y - size * height / 16


def take_pictures(page: Page, folder: Path) -> None:
    """Write what the page looks like: on a desktop, in the dark, on a phone."""
    page.wait("shows no round trip", lambda: page["trip-now"].text.endswith("ms"))
    page.screenshot(folder / "demo-check.png")
    page.show_as(1440, 900, is_dark=True)
    page.screenshot(folder / "demo-check-dark.png")
    page.show_as(390, 844, is_phone=True)
    page.screenshot(folder / "demo-check-phone.png")
    page.show_as(1440, 900)
