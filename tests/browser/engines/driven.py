"""The engines that selenium drives: Chromium, and WebKitGTK on a screen that nobody sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from selenium.common import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions, WebKitGTK, WebKitGTKOptions
from selenium.webdriver.webkitgtk.service import Service as WebKitService

from .runner import Deadline, EngineMissingError, EngineTimeoutError, Runner, Setting

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

_CALL = "const done = arguments[arguments.length - 1]; {}.then(done, (error) => done(String(error)));"


class Driven(Runner):
    """An engine behind a WebDriver."""

    driver: WebDriver

    def reset(self) -> None:
        """Load the page anew."""
        self.driver.get("about:blank")
        self.driver.get(self.setting.page())
        deadline = Deadline(60)
        while self.driver.execute_script("return typeof run") != "function":  # WebKit does not wait for modules
            deadline.left()
            time.sleep(0.02)

    def complaints(self) -> list[str]:
        """Return what the place kept, and what the driver tells of the console."""
        kept: list[str] = self.driver.execute_async_script(
            _CALL.format("complain().then(JSON.parse)"),
        )
        return kept

    def quit(self) -> None:
        """End the browser and its driver."""
        self.driver.quit()

    def _run(self, body: str, timeout: float) -> str:
        self.driver.set_script_timeout(timeout)
        try:
            answer: str = self.driver.execute_async_script(_CALL.format("run(arguments[0])"), body)
        except TimeoutException as exc:
            raise EngineTimeoutError(f"no answer within {timeout} s") from exc
        return answer


class Chromium(Driven):
    """Chromium, headless."""

    engine = "Chromium"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        if not shutil.which("chromedriver"):
            raise EngineMissingError("Chromium is missing: install chromium and chromium-driver")
        options = ChromeOptions()
        options.add_argument("--headless")
        options.add_argument("--no-sandbox")
        options.add_argument("--remote-allow-origins=*")  # a page may speak to the browser's own DevTools
        options.set_capability("acceptInsecureCerts", True)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options=options)
        self.version = str(self.driver.capabilities["browserVersion"])
        self.reset()

    def complaints(self) -> list[str]:
        """Add the errors on the console, which the driver tells."""
        console = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return super().complaints() + [f"console: {message}" for message in console]

    def devtools_url(self) -> str:
        """Return the URL of the browser's DevTools, which speak over a WebSocket."""
        address = self.driver.capabilities["goog:chromeOptions"]["debuggerAddress"]
        with urlopen(f"http://{address}/json/version") as answer:
            url: str = json.load(answer)["webSocketDebuggerUrl"]
        return url

    def collect_garbage(self) -> bool:
        """Collect by the DevTools."""
        self.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        return True


class WebKit(Driven):
    """WebKitGTK's MiniBrowser, which needs a screen: Xvfb has one."""

    engine = "WebKitGTK"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        driver = shutil.which("WebKitWebDriver")
        browser = next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))), None)
        if driver is None or browser is None or not shutil.which("Xvfb"):
            raise EngineMissingError("WebKitGTK is missing: install webkit2gtk-driver and xvfb")
        self._screen, display = _start_screen()
        options = WebKitGTKOptions()
        options.binary_location = str(browser)
        options.add_argument("--automation")
        environment = {**os.environ, "DISPLAY": display, "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # selenium's own, among themselves
                self.driver = WebKitGTK(options=options, service=WebKitService(driver, env=environment))
        except BaseException:
            self._end_screen()
            raise
        self.version = str(self.driver.capabilities["browserVersion"])
        self.reset()

    def quit(self) -> None:
        """End the screen, too."""
        try:
            super().quit()
        finally:
            self._end_screen()

    def _end_screen(self) -> None:
        self._screen.terminate()
        self._screen.wait(10)


def _start_screen() -> tuple[subprocess.Popen[bytes], str]:
    """Start an X server on a display of its own choice, and return it with the display's name."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as numbers:
        screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
            pass_fds=(writing,),
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        number = numbers.readline().strip()
    if not number:
        raise EngineMissingError("Xvfb did not start")
    return screen, f":{number}"
