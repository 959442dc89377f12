"""The page in a real Chromium: what a person does there, and what that person then sees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

pytest.importorskip("selenium", reason="needs selenium: ./build.sh test")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from desktop import Desktop
from driver import Page, chromium

from .page import Served

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(dist_dir: Path) -> Iterator[Served]:
    with Served(dist_dir) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=["main", "worker"])
def loaded(request: pytest.FixtureRequest, browser: Chrome, served: Served) -> Page:
    """The page, loaded once with the program in each of the two places."""
    page = Page(browser)
    page.open(f"{served.page_url}?name=Ada" + ("&worker" if request.param == "worker" else ""))
    return page


@pytest.fixture
def page(loaded: Page, served: Served) -> Iterator[Page]:
    """The page, connected to its own relay, with nothing to complain about before and after."""
    if loaded.state != "OPEN" or loaded.facts["URL"] != served.relay_url:
        go_to(loaded, served.relay_url)
    loaded.dismiss_problem()
    loaded["log-clear"].click()
    yield loaded
    assert loaded.complaints() == []


@pytest.fixture
def desktop(served: Served) -> Iterator[Desktop]:
    with Desktop(served.relay_url, "--name", "Bob") as desktop:
        yield desktop


@pytest.fixture
def other_server(dist_dir: Path) -> Iterator[Served]:
    """Another server, to be stopped."""
    with Served(dist_dir) as served:
        yield served


@pytest.fixture
def refused_url(dist_dir: Path) -> str:
    """Return a URL where nobody listens any more."""
    with Served(dist_dir) as served:
        return served.relay_url


# Being there.


def test_it_says_where_python_runs_and_offers_the_other_place(page: Page) -> None:
    is_worker = "worker" in urlsplit(page.browser.current_url).query
    assert page["thread"].text.startswith("Python 3.")
    assert page["thread"].text.endswith("runs in a Web Worker." if is_worker else "runs in the main thread.")
    assert ("worker" in page["other-thread"].get_dom_attribute("href")) is not is_worker


def test_it_shows_the_state_the_url_and_who_is_there(page: Page, served: Served) -> None:
    assert page["state"].text == "Open"
    assert page.facts == {"URL": served.relay_url, "Subprotocol": "none"}
    page.wait_for_person("Ada (you)")


def test_it_shows_who_comes_and_who_goes(page: Page, served: Served) -> None:
    with Desktop(served.relay_url, "--name", "Cleo") as desktop:
        page.wait_for_person("Cleo")
        page.wait_for_chat("Cleo is here")
        assert desktop.leave() == 0
    page.wait_for_chat("Cleo has left")
    assert "Cleo" not in page.people


def test_a_new_name_is_seen_by_the_others(page: Page, desktop: Desktop) -> None:
    desktop.wait_for("Ada is here")
    page.type("name", "Grace\t")
    desktop.wait_for("Ada is called Grace now")
    page.wait_for_person("Grace (you)")
    page.type("name", "Ada\t")
    desktop.wait_for("Grace is called Ada now")


# Chat and board.


def test_chat_goes_both_ways(page: Page, desktop: Desktop) -> None:
    page.wait_for_person("Bob")
    page.say("Grüße, Bob 🎈")
    desktop.wait_for("Ada: Grüße, Bob 🎈")
    page.wait_for_chat("Ada Grüße, Bob 🎈")
    desktop.say("Grüße zurück")
    page.wait_for_chat("Bob Grüße zurück")
    assert page["say-text"].get_property("value") == ""


def test_what_somebody_says_is_text_and_never_markup(page: Page, desktop: Desktop) -> None:
    desktop.say("<b>bold</b> & <img src=x>")
    page.wait_for_chat("Bob <b>bold</b> & <img src=x>")


def test_strokes_go_both_ways(page: Page, desktop: Desktop) -> None:
    page.wait("shows no ink of the desktop's", lambda: page.ink > 0)
    page.wait("does not see the desktop move", lambda: page.last_place("received"))
    page.draw((0.3, 0.6), (0.5, 0.2), (0.7, 0.6))
    desktop.wait_for_place("Ada", 0.7, 0.6)


def test_who_comes_later_gets_what_was_drawn(page: Page, served: Served) -> None:
    page.draw((0.2, 0.5), (0.8, 0.5))
    page.wait("does not show its own stroke", lambda: page.ink > 0)
    leave(page)
    page.connect(served.relay_url)
    page.wait_for_state("OPEN")
    page.wait("does not show the stroke of before", lambda: page.ink > 0)


def test_the_arrows_move_and_space_draws(page: Page, desktop: Desktop) -> None:
    desktop.wait_for("Ada is here")
    page.choose("log-which", "out")
    page.draw((0.4, 0.8), (0.4, 0.8))
    ActionChains(page.browser).key_down(Keys.SPACE).key_down(Keys.ARROW_UP).perform()
    page.wait("sends no lines", lambda: sum(row.startswith("sent 9 B 02") for row in page.log) > 5)
    ActionChains(page.browser).key_up(Keys.ARROW_UP).key_up(Keys.SPACE).perform()
    page.choose("log-which", "")
    page.wait("was not seen to move up", lambda: near(desktop.place_of("Ada"), page.last_place("sent")))
    x, y = desktop.place_of("Ada")
    assert x == pytest.approx(0.4, abs=0.01)
    assert y < 0.79


def test_the_board_is_cleared_for_everybody(page: Page, desktop: Desktop) -> None:
    desktop.wait_for("Ada is here")
    page["clear"].click()
    desktop.wait_for("Ada wiped the board")
    page.wait_for_chat("Ada cleared the board")


def test_round_trips_and_rates_are_live(page: Page, desktop: Desktop) -> None:
    page.wait("shows no round trip", lambda: page["trip-now"].text.endswith(" ms"))
    page.wait("has no median", lambda: page["trip-summary"].text.startswith("median "))
    page.wait("does not describe its plot", lambda: page["trip-summary"].text in page["plot"].accessible_name)
    page.wait("shows no rate", lambda: not page["rate-in"].text.startswith(("–", "0 ")))


# Closing.


def test_it_closes_with_the_chosen_code_and_reason(page: Page, desktop: Desktop) -> None:
    desktop.wait_for("Ada is here")
    page.close("4321", "Zeit für Tee")
    page.wait_for_state("CLOSED")
    assert page.facts["Close code"] == "4321"
    assert page.facts["Reason"] == "Zeit für Tee"
    assert page.facts["Clean"] == "yes"
    assert page.problem == ""
    desktop.wait_for("Ada has left")
    page.wait("does not say that it is not connected", lambda: page["offline"].text == "Not connected")


def test_what_makes_no_sense_without_a_connection_is_told_in_words(page: Page, desktop: Desktop) -> None:
    desktop.wait_for("Ada is here")
    leave(page)
    page.close()
    page.wait_for_problem("Not closed: there is no connection")
    page["clear"].click()
    page.wait_for_problem("Not cleared: there is no connection")
    page.type("name", "Adele\t")
    page.wait("does not show the new name", lambda: page.people == ["Adele (you)"])
    page["connect-button"].click()
    desktop.wait_for("Adele is here")
    page.type("name", "Ada\t")
    desktop.wait_for("Adele is called Ada now")


def test_without_a_code_it_is_1005(page: Page) -> None:
    page.close("", "")
    page.wait_for_state("CLOSED")
    assert page.facts["Close code"] == "1005, no status received"


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("1001", "", "Not closed: close code 1001 is not available in a browser"),
        ("999", "", "Not closed: 999 may not be sent as a close code"),
        ("soon", "", "Not closed: “soon” is not a close code"),
        ("", "why", "Not closed: a close reason needs a close code"),
        ("1000", "é" * 62, "Not closed: a close reason holds 123 bytes of UTF-8, this one has 124"),
    ],
)
def test_a_refused_close_is_told_in_words_and_the_connection_stays(
    page: Page, code: str, reason: str, words: str
) -> None:
    page.close(code, reason)
    page.wait_for_problem(words)
    assert page.state == "OPEN"
    page.dismiss_problem()
    assert page.problem == ""


# Connecting.


@pytest.mark.parametrize(
    ("url", "protocols", "words"),
    [
        ("", "", "type the address of a board"),
        ("ftp://example.com/", "", "has the scheme 'ftp': use ws:// or wss://"),
        ("ws://127.0.0.1:7777/#part", "", "has a fragment"),
        ("ws://127.0.0.1:25/", "", "browsers refuse port 25"),
        ("ws://two words/", "", "has no valid host name"),
        ("ws://127.0.0.1:7777/", "two words", "'two words' is not a subprotocol"),
        ("ws://127.0.0.1:7777/", "a, a", "a subprotocol may be named once"),
    ],
)
def test_what_cannot_be_connected_to_is_told_in_words(page: Page, url: str, protocols: str, words: str) -> None:
    leave(page)
    page.connect(url, protocols)
    page.wait_for_problem("Not connected: ")
    assert words in page.problem
    assert page.state == "CLOSED"


def test_nobody_listening_is_told_in_words(page: Page, refused_url: str) -> None:
    leave(page)
    page.connect(refused_url)
    page.wait_for_problem(f"no connection to {refused_url}")
    assert page.facts["Close code"] == "1006, abnormal closure"
    assert page.facts["Clean"] == "no"


def test_a_subprotocol_that_the_server_does_not_choose_is_told_in_words(page: Page, served: Served) -> None:
    leave(page)
    page.connect(served.relay_url, "chess, draughts")
    page.wait_for_problem("does it choose one of the subprotocols")
    assert page.state == "CLOSED"


def test_connecting_twice_is_told_in_words(page: Page, served: Served) -> None:
    page.connect(served.relay_url)
    page.wait_for_problem("Not connected: there is a connection already")
    assert page.state == "OPEN"


# Being left.


def test_a_server_that_stops_says_goodbye_and_can_be_found_again(page: Page, other_server: Served) -> None:
    go_to(page, other_server.relay_url)
    assert other_server.stop() == 0
    page.wait_for_problem("The other side has closed the connection (1001, going away, the relay is stopping)")
    page.wait("does not say that it was clean", lambda: page.facts.get("Clean") == "yes")

    other_server.start()
    page.wait_for_state("OPEN")  # by itself
    page.wait("still complains", lambda: page.problem == "")


def test_a_server_that_vanishes_is_told_in_words(page: Page, other_server: Served) -> None:
    go_to(page, other_server.relay_url)
    other_server.kill()
    page.wait_for_problem("The connection has failed (1006, abnormal closure): the connection ended without a Close")
    page.wait("does not say that it was not clean", lambda: page.facts.get("Clean") == "no")
    assert page.people == ["Ada (you)"]
    page.say("Hello?")
    page.wait_for_problem("Not said: there is no connection")
    assert page["say-text"].get_property("value") == "Hello?"


def test_being_sent_away_is_told_with_the_reason(page: Page) -> None:
    page["send-details"].click()
    page.type("send-text", "good evening")
    page["send-text"].submit()
    page.wait_for_problem("(1008, policy violation, not for the board: the text is not JSON)")
    page["send-details"].click()


# Any other server, and the log.


def test_it_works_with_a_plain_echo_server(page: Page, served: Served) -> None:
    go_to(page, served.relay_url + "echo")
    page.say("anybody?")
    page.wait_for_chat("Ada (echo) anybody?")
    page.wait("shows no round trip", lambda: page["trip-now"].text.endswith(" ms"))

    page["send-details"].click()
    for kind, text, shown in (("text", "tea – ☕", "11 B tea – ☕"), ("hex", "00ff7e", "3 B 00 ff 7e")):
        page.choose("send-as", kind)
        page.type("send-text", text)
        page["send-text"].submit()
        page.wait(f"does not log {shown}", partial(has_rows, page, f"sent {shown}", f"received {shown}"))
    page.type("send-text", "0 zz")
    page["send-text"].submit()
    page.wait_for_problem("Not sent: hex is pairs of the digits")
    page["send-details"].click()


def test_the_log_shows_hex_filters_and_pauses(page: Page, desktop: Desktop) -> None:
    page.wait("logs no moves", lambda: page.last_place("received"))
    hex_button, text_button = (
        page.browser.find_element(By.CSS_SELECTOR, f"[name=form][value={value}] + span") for value in ("hex", "text")
    )
    hex_button.click()
    page.wait("shows no text as hex", lambda: any("7b 22 74 79 70 65" in row and '{"type' in row for row in page.log))
    text_button.click()

    page.choose("log-which", "in")
    assert all(row.startswith("received") for row in page.log)
    page.choose("log-which", "text")
    page.wait("shows more than text", lambda: page.log and all("{" in row for row in page.log))
    page.type("log-filter", "echo")
    page.wait("does not filter", lambda: page.log and all('"echo"' in row for row in page.log))
    page.type("log-filter", "")
    page.choose("log-which", "")

    page["log-pause"].click()
    before = page.log
    count = page["log-count"].text
    page.wait("does not count on", lambda: page["log-count"].text != count)
    assert page.log == before
    assert page["log-pause"].get_dom_attribute("aria-pressed") == "true"
    page["log-pause"].click()
    page.wait("does not go on", lambda: page.log != before)


# For everybody.


def test_every_control_has_a_name_and_can_be_reached(page: Page) -> None:
    page["send-details"].click()
    controls = page.browser.find_elements(By.CSS_SELECTOR, "input, select, button, canvas, a, summary, [role]")
    assert len(controls) > 25
    nameless = [control.get_property("outerHTML") for control in controls if is_nameless(control)]
    page["send-details"].click()
    assert nameless == []


def is_nameless(control: WebElement) -> bool:
    return control.is_displayed() and not control.accessible_name and control.aria_role not in ("status", "alert")


AXE = Path(__file__).parents[2] / ".build" / "axe" / "package" / "axe.min.js"

VIOLATIONS = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(
    ({ violations }) => done(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`))),
    (error) => done([String(error)]),
);
"""


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440, 2560])
def test_axe_finds_no_violation(page: Page, width: int, is_dark: bool) -> None:
    if not AXE.is_file():
        assert not os.environ.get("CI"), "axe-core is not there: ./build.sh test fetches it"
        pytest.skip("needs axe-core: ./build.sh test")
    page.show_as(width, 900, is_dark=is_dark, is_phone=width < 768)
    page.browser.execute_script(AXE.read_text("utf-8"))
    found = page.browser.execute_async_script(VIOLATIONS)
    page["clear"].click()
    page.show_as(1440, 1000)
    assert found == []


def test_what_comes_and_goes_moves_nothing(page: Page) -> None:
    script = """
        const parts = [...document.querySelectorAll("section, header")];
        return parts.map((part) => part.getBoundingClientRect().top + scrollY);
    """
    page.show_as(1440, 900)
    before = page.browser.execute_script(script)
    page["send-details"].click()
    page["send-details"].click()
    page.close("4000", "a reason")
    page.wait_for_state("CLOSED")
    page.close()
    page.wait_for_problem("Not closed")
    assert page.browser.execute_script(script) == before


def test_only_what_matters_is_announced(page: Page) -> None:
    live = page.browser.find_elements(By.CSS_SELECTOR, "output, [aria-live], [role=status], [role=alert], [role=log]")
    assert {element.get_dom_attribute("id") for element in live} == {"state", "problem", "loading-text", "chat"}


def test_a_lost_connection_is_tried_again_and_a_button_does_it_at_once(page: Page, other_server: Served) -> None:
    go_to(page, other_server.relay_url)
    other_server.kill()
    page.wait("offers no button", lambda: page["again"].is_displayed() and page["again"].is_enabled())
    page.wait("does not count", lambda: page["offline"].text.startswith(("The connection is lost", "Connecting")))
    other_server.start()
    page.wait_for_state("OPEN")


def test_a_url_that_is_refused_leaves_nothing_of_the_connection_before(page: Page) -> None:
    leave(page)
    assert page.facts["Close code"] == "1000, normal closure"
    page.connect("ftp://example.com/")
    page.wait_for_problem("Not connected: ")
    assert page.facts == {}


def test_the_program_and_the_command_that_joins_are_beside_the_board(page: Page, served: Served) -> None:
    link = page.browser.find_element(By.LINK_TEXT, "One Python file")
    assert link.get_property("href") == f"{served.page_url}board.py"
    assert page["join"].text == f"python web/board.py {served.relay_url}"


def test_state_problems_and_chat_are_announced(page: Page) -> None:
    roles = {id_: page[id_].aria_role for id_ in ("state", "chat", "board")}
    assert roles == {"state": "status", "chat": "log", "board": "application"}
    assert page["problem"].get_dom_attribute("role") == "alert"


def test_nothing_has_to_be_scrolled_sideways(page: Page) -> None:
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    overflow = {}
    for width in (320, 360, 390, 768, 1024, 1440, 2560):
        page.show_as(width, 844, is_phone=width < 768)
        overflow[width] = page.browser.execute_script(script)
    page.show_as(1440, 1000)
    assert set(overflow.values()) == {0}, overflow


def test_it_follows_the_dark_mode(page: Page) -> None:
    def paper() -> str:
        return page.browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")

    light = paper()
    page.show_as(1440, 1000, is_dark=True)
    dark = paper()
    page.show_as(1440, 1000)
    assert brightness(light) > 200
    assert brightness(dark) < 60
    assert paper() == light


def test_a_page_that_cannot_load_python_says_so(browser: Chrome, tmp_path: Path) -> None:
    (tmp_path / "pyodide.mjs").write_text("export const nothing = 1;\n")
    page = Page(browser)
    with Served(tmp_path) as served, in_new_tab(browser):
        for query in ("", "?worker"):
            browser.get(served.page_url + query)
            page.wait("does not fail", lambda: page.state == "FAILED")
            assert page.problem.startswith("The program could not start.")
            assert page["offline"].text == "The program is not running"


@contextmanager
def in_new_tab(browser: Chrome) -> Iterator[None]:
    before = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        yield
    finally:
        browser.close()
        browser.switch_to.window(before)


def go_to(page: Page, url: str) -> None:
    leave(page)
    page.connect(url)
    page.wait_for_state("OPEN")


def leave(page: Page) -> None:
    if page.state != "CLOSED":
        page.close()
        page.wait_for_state("CLOSED")


def near(place: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return bool(place) and place == pytest.approx(other, abs=0.011)


def has_rows(page: Page, *starts: str) -> bool:
    log = page.log
    return all(any(row.startswith(start) for row in log) for start in starts)


def brightness(colour: str) -> float:
    """Return 0 (black) to 255 (white) for "rgb(…)"."""
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3
