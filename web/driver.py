"""Drives the page in headless Chromium: for `demo.py --check` and for the tests."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from board import POINT, SCALE
from desktop import NotSeenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

Seen = TypeVar("Seen")

CHROMIUM_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1440,1000"),
)
# Chromium logs a failed connection by itself; the page says it in words.
NETWORK_COMPLAINT = "WebSocket connection to"


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Run a headless Chromium with a fresh profile."""
    os.environ.setdefault("SE_OFFLINE", "true")
    options = webdriver.ChromeOptions()
    for flag in CHROMIUM_FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options)
    try:
        yield browser
    finally:
        browser.quit()


def is_chromium_there() -> bool:
    """Tell whether Chromium and its driver are installed."""
    return bool(shutil.which("chromedriver")) and any(map(shutil.which, ("chromium", "google-chrome", "chrome")))


class Page:
    """The page, by what a person sees and does there."""

    def __init__(self, browser: webdriver.Chrome, timeout: float = 40) -> None:
        self.browser = browser
        self.timeout = timeout

    def open(self, url: str) -> None:
        """Go to the page, and wait until its program is connected."""
        self.browser.get(url)
        self.wait_for_state("OPEN")

    def wait(self, what: str, condition: Callable[[], Seen]) -> Seen:
        """Wait until `condition()` is true, and return it. Raises NotSeenError, which says what the page shows."""
        waiting = WebDriverWait(
            self.browser, self.timeout, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            shows = f"it is {self.state}" + (f" and says “{self.problem}”" if self.problem else "")
            raise NotSeenError(f"the page: {what} within {self.timeout:g} s; {shows}") from None

    # What is there.

    def __getitem__(self, id_: str) -> WebElement:
        return self.browser.find_element(By.ID, id_)

    @property
    def state(self) -> str:
        """The connection's state, LOADING before the first and FAILED if the program does not run."""
        return self["state"].get_dom_attribute("data-state")

    @property
    def problem(self) -> str:
        """What the page complains about, "" if all is well."""
        return self["problem-text"].text

    @property
    def people(self) -> list[str]:
        """Who is at the board."""
        return self["people"].text.splitlines()

    @property
    def chat(self) -> list[str]:
        """What was said, and what happened."""
        return self["chat"].text.splitlines()

    @property
    def facts(self) -> dict[str, str]:
        """What is known about the connection."""
        facts = self["facts"]
        names = [name.text for name in facts.find_elements(By.TAG_NAME, "dt")]
        return dict(zip(names, [fact.text for fact in facts.find_elements(By.TAG_NAME, "dd")], strict=True))

    @property
    def log(self) -> list[str]:
        """The rows of the message log: direction, size and content."""
        script = (
            "return Array.from(document.querySelectorAll('#log li'), (row) => row.children[1].ariaLabel + ' ' +"
            " row.children[2].textContent + ' ' + row.children[3].textContent)"
        )
        rows: list[str] = self.browser.execute_script(script)
        return rows

    def last_place(self, direction: str) -> tuple[float, float] | tuple[()]:
        """Return where somebody was, by the last move that was "sent" or "received"; () for nowhere.

        It is the log's word, which has to show binary messages as they are.
        """
        for row in reversed(self.log):
            way, size, _, content = row.split(" ", 3)
            if way == direction and int(size) == POINT.size and not content.startswith("{"):
                _, _, x, y = POINT.unpack(bytes.fromhex(content[: POINT.size * 3]))
                return round(x / SCALE, 2), round(y / SCALE, 2)
        return ()

    @property
    def ink(self) -> int:
        """How many of the board's pixels are not empty."""
        script = """
            const board = document.getElementById("board");
            const { data } = board.getContext("2d").getImageData(0, 0, board.width, board.height);
            let count = 0;
            for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
            return count;
        """
        count: int = self.browser.execute_script(script)
        return count

    def complaints(self) -> list[str]:
        """Return the errors on the console since the last call that nobody caught."""
        entries: list[dict[str, Any]] = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [
            entry["message"]
            for entry in entries
            if entry["level"] == "SEVERE" and NETWORK_COMPLAINT not in entry["message"]
        ]

    def wait_for_state(self, state: str) -> None:
        """Wait until the badge shows a state."""
        self.wait(f"is not {state}", lambda: self.state in (state, "FAILED"))
        if self.state != state:
            raise NotSeenError(f"the page has failed: {self.problem}")

    def wait_for_person(self, name: str) -> None:
        """Wait until somebody is at the board."""
        self.wait(f"does not list {name}", lambda: name in self.people)

    def wait_for_chat(self, text: str) -> None:
        """Wait until the chat shows something."""
        self.wait(f"does not show “{text}” in the chat", lambda: text in "\n".join(self.chat))

    def wait_for_problem(self, text: str) -> None:
        """Wait until the page complains about something."""
        self.wait(f"does not say “{text}”", lambda: text in self.problem)

    # What a person does.

    def type(self, id_: str, text: str) -> None:
        """Replace what a field holds."""
        self[id_].send_keys(Keys.CONTROL, "a", Keys.NULL, text or Keys.BACKSPACE)

    def choose(self, id_: str, value: str) -> None:
        """Choose an option."""
        Select(self[id_]).select_by_value(value)

    def connect(self, url: str, protocols: str = "") -> None:
        """Fill the form and press Connect."""
        self.type("url", url)
        self.type("protocols", protocols)
        self["connect-button"].click()

    def close(self, code: str = "1000", reason: str = "") -> None:
        """Fill the form and press Close."""
        self.type("code", code)
        self.type("reason", reason)
        self["close-button"].click()

    def dismiss_problem(self) -> None:
        """Put a message away, if there is one."""
        if self.problem:
            self["problem-close"].click()

    def say(self, text: str) -> None:
        """Say something in the chat."""
        self.type("say-text", text)
        self["say-text"].submit()

    def draw(self, *places: tuple[float, float]) -> None:
        """Press the pointer at the first place of the board and drag it to the others."""
        board = self["board"]
        width, height = board.size["width"], board.size["height"]
        offsets = [(round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in places]
        actions = ActionChains(self.browser, duration=15)
        actions.move_to_element_with_offset(board, *offsets[0]).click_and_hold()
        for offset in offsets[1:]:
            actions.move_to_element_with_offset(board, *offset)
        actions.release().perform()

    def show_as(self, width: int, height: int, *, is_dark: bool = False, is_phone: bool = False) -> None:
        """Have the window of another size, or another colour scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": is_phone}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def screenshot(self, path: Path) -> None:
        """Write a picture of what the window shows, after the next frame is drawn."""
        self.browser.execute_async_script(
            "scrollTo(0, 0); const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.browser.get_screenshot_as_png())
