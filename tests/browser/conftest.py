"""Drives the app as a user does: a real server, a real browser, and complaints about everything that looks broken.

A test fails when the page asks another host for anything, when the browser's console shows an error, or when a server
writes an error into its log: an app that fails in a callback or while it is built still answers 200.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FrameLocator,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from . import chromium

ROOT = Path(__file__).resolve().parents[2]

TIMEOUT = 60.0
"""Seconds that a server or a page may take on a busy machine."""

FLAGS = [
    "--no-sandbox",  # there is none for root, and the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The list under the address bar is a page of hundreds of scripts, loaded with every window; nobody types there.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # as on a machine without a network
]

ERROR_IN_LOG = re.compile(r"\b(ERROR|CRITICAL)\b|Traceback \(most recent call last\)|Exception")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and run them last: the quick tests report first.

    Playwright's synchronous interface also leaves an event loop running in its thread, which tests of coroutines could
    not stand.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("browser")
            # A browser, a server and a notebook on two slow cores run into each other now and then.
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=2))
    items.sort(key=lambda item: item.path.is_relative_to(here))


# Servers --------------------------------------------------------------------------------------------------------------


class Server:
    """A process that listens on a port, and what it has written so far.

    Parameters
    ----------
    arguments : list of str
        The command; ``{port}`` in it, and in the variables, becomes the number of a free port.
    path : str
        Where the app is on the server.
    log : Path
        The file that takes what the process writes.
    cwd : Path
        The folder it is started in.
    env : dict, optional
        Variables added to the environment.
    """

    def __init__(self, arguments: list[str], path: str, log: Path, cwd: Path = ROOT, env: dict[str, str] | None = None):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}{path}"
        self._log = log
        self._read = 0
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BOKEH_", "PANEL_"))}
        given = {name: self._filled_in(value) for name, value in (env or {}).items()}
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [self._filled_in(argument) for argument in arguments],
                cwd=cwd,
                env={**inherited, "PYTHONUNBUFFERED": "1", **given},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that stop() reaches the processes that it starts in turn
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    @property
    def log(self) -> str:
        """All that the process has written."""
        return self._log.read_text(errors="replace")

    def errors(self) -> list[str]:
        """Return the lines of the log that report an error, each only once: later calls see later lines."""
        new, self._read = self.log[self._read :], len(self.log)
        return [line for line in new.splitlines() if ERROR_IN_LOG.search(line)]

    def stop(self) -> None:
        """End the process and those it has started."""
        for end in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, end)
            except ProcessLookupError:
                break
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()

    def _filled_in(self, text: str) -> str:
        return text.replace("{port}", str(self.port))

    def _wait_until_it_listens(self) -> None:
        give_up = time.monotonic() + TIMEOUT
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._process.args} ended with {self._process.returncode}:\n{self.log}")
            try:
                socket.create_connection(("localhost", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{self._process.args} does not listen:\n{self.log}") from None
                time.sleep(0.1)


def free_port() -> int:
    """Return the number of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start any server: ``start([program, "--port", "{port}"], path="/", cwd=…, env=…)``; it ends with the test."""
    started: list[Server] = []

    def run(arguments: list[str], path: str = "/", **options: object) -> Server:
        started.append(Server(arguments, path, tmp_path / f"server-{len(started)}.log", **options))
        return started[-1]

    yield run
    for server in started:
        server.stop()
    errors = [line for server in started for line in server.errors()]
    assert not errors, "a server's log has errors"


@pytest.fixture
def serve(start: Callable[..., Server]) -> Callable[..., Server]:
    """Start ``panel serve gaussapp`` with more flags: ``serve("--warm", cwd=…, env=…)``; it ends with the test."""

    def run(*flags: str, **options: object) -> Server:
        return start(panel_serve(*flags), "/gaussapp", **options)

    return run


def panel_serve(*flags: str) -> list[str]:
    """Return the command ``panel serve gaussapp`` for a free port.

    It is the script that a user calls: ``python -m panel`` would have the current folder on its path.
    """
    return [str(Path(sysconfig.get_path("scripts"), "panel")), "serve", "gaussapp", "--port", "{port}", *flags]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``panel serve gaussapp`` for all tests that need nothing special of it."""
    server = Server(panel_serve("--warm"), "/gaussapp", tmp_path_factory.mktemp("server") / "server.log")
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """Yield the shared server, and fail when its log has errors after the test."""
    shared_server.errors()
    seen = len(shared_server.log)
    yield shared_server
    assert not shared_server.errors(), f"the server's log has errors:\n{shared_server.log[seen:]}"


# The browser ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Start a browser of Chromium's family; where there is none, one is installed first."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    with sync_playwright() as playwright:
        browser = chromium.start(playwright, FLAGS, say)
        expect.set_options(timeout=TIMEOUT * 1000)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Collect what is wrong with the pages of a test; it fails when anything is left at its end.

    A test that provokes an error clears the list once it has looked at it.
    """
    found: list[str] = []
    yield found
    assert not found, "the browser complains"


@pytest.fixture
def new_page(browser: Browser, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Open a page that is watched, as a new visitor: ``new_page(viewport={"width": 390, "height": 844})``."""
    contexts: list[BrowserContext] = []

    def open_page(**options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.set_default_timeout(TIMEOUT * 1000)
        watch(context, complaints)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """Open one page that is watched."""
    return new_page()


def watch(context: BrowserContext, complaints: list[str]) -> None:
    """Note requests to other hosts, errors in the console, and uncaught exceptions of all pages of a context."""

    def request(seen: Request) -> None:
        place = urlsplit(seen.url)
        if place.scheme in {"http", "https", "ws", "wss"} and place.hostname not in {"localhost", "127.0.0.1"}:
            complaints.append(f"asks another host: {seen.url}")

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    context.on("request", request)
    context.on("console", console)
    context.on("weberror", lambda error: complaints.append(f"uncaught: {error.error}"))


# The app --------------------------------------------------------------------------------------------------------------


class LiveApp:
    """The app as it is seen in a page, in a frame of a page or in a cell of a notebook.

    Parameters
    ----------
    where : Page, FrameLocator or Locator
        What to look for it in.
    """

    def __init__(self, where: Page | FrameLocator | Locator):
        self.where = where

    def ready(self) -> LiveApp:
        """Wait until it can be used: the table has numbers and the sliders are there."""
        expect(self.cell("amplitude", "fitted")).to_have_text(re.compile(r"\d"))
        expect(self.slider("center")).to_be_attached()
        return self

    def cell(self, parameter: str, column: str) -> Locator:
        """Return a cell of the parameter table; columns are true, fitted, error, interval, pull and bound."""
        return self.where.locator(f'tr[data-parameter="{parameter}"] td[data-column="{column}"]')

    def number(self, parameter: str, column: str) -> float:
        """Return the number in a cell of the parameter table."""
        return float(self.cell(parameter, column).inner_text().replace("−", "-"))

    def table(self) -> dict[str, dict[str, str]]:
        """Return the texts of the parameter table, by parameter and column."""
        rows = self.where.locator("table.parameters").evaluate(
            "table => [...table.querySelectorAll('tr[data-parameter]')].map(row => [row.dataset.parameter,"
            " [...row.querySelectorAll('td')].map(cell => [cell.dataset.column, cell.textContent])])"
        )
        return {parameter: dict(cells) for parameter, cells in rows}

    def slider(self, label: str) -> Locator:
        """Return a slider by its label."""
        return self.where.locator(f'input[type="range"][aria-label="{label}"]')

    def field(self, label: str) -> Locator:
        """Return the field beside a slider."""
        return self.slider(label).locator("xpath=following-sibling::input")

    def press(self, label: str, key: str = "ArrowRight", times: int = 1) -> None:
        """Move a slider with the keyboard."""
        slider = self.slider(label)
        for _ in range(times):
            slider.press(key)

    def type(self, label: str, text: str) -> None:
        """Type a value into the field beside a slider and leave it with Enter."""
        self.field(label).fill(text)
        self.field(label).press("Enter")

    def follows_its_slider(self) -> None:
        """Move the center with the keyboard and see the table follow: true and fitted value change."""
        before = self.table()["center"]
        self.press("center", times=20)
        expect(self.cell("center", "fitted")).not_to_have_text(before["fitted"])
        newest = f"{float(self.slider('center').input_value()):.2f}".replace("-", "−")
        expect(self.cell("center", "true")).to_have_text(re.compile(f"^{re.escape(newest)}0*$"))


@pytest.fixture
def fits_sideways() -> Callable[[Page, str, list[tuple[int, int]]], None]:
    """Return a check that at these sizes nothing scrolls sideways, and that what a selector finds is in view."""

    def check(page: Page, selector: str, sizes: list[tuple[int, int]]) -> None:
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(500)  # until everything has its new place
            assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") == 0
            boxes = [place.bounding_box() for place in page.locator(selector).all()]
            assert boxes
            assert all(box["x"] >= 0 and box["x"] + box["width"] <= width + 1 for box in boxes), (width, boxes)

    return check


@pytest.fixture
def live() -> type[LiveApp]:
    """Return `LiveApp`, for a page that was opened by the test: ``live(page).ready()``."""
    return LiveApp


@pytest.fixture
def open_app(server: Server, new_page: Callable[..., Page]) -> Callable[..., LiveApp]:
    """Open the app on the shared server: ``open_app("?width=0.4", viewport=…).ready()``; its page is ``.where``."""

    def run(query: str = "", **options: object) -> LiveApp:
        page = new_page(**options)
        page.goto(server.url + query)
        return LiveApp(page)

    return run


@pytest.fixture
def app(open_app: Callable[..., LiveApp]) -> LiveApp:
    """Open the app on the shared server and wait until it can be used."""
    return open_app().ready()
