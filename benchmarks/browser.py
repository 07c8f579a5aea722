"""Starts the two pages' servers and drives them in the system's Chromium: what the benchmarks here share."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paint import Drag, Entry, Move, read_drag, read_move
from playwright.sync_api import Browser, CDPSession, Locator, Page, sync_playwright

HERE = Path(__file__).parent
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
BOKEH_SLIDER_VALUE = "(name) => detector.models().find((model) => model.title === name && 'step' in model).value"


@dataclass(frozen=True)
class App:
    """How one of the pages is started and found its way around in."""

    name: str
    command: tuple[str, ...]  # arguments for the Python interpreter; the port is added
    path: str
    handle: str  # CSS of a slider's handle, {name} is the parameter
    value: str  # JavaScript function of (name) that returns the slider's value
    track: str  # CSS of the slider's whole track
    arguments: str = ""  # more of the URL's query
    environment: dict[str, str] = field(default_factory=dict)


REFERENCE = App(
    name="reference",
    command=("-m", "bokeh", "serve", str(HERE / "reference_app.py"), "--log-level", "warning"),
    path="/reference_app",
    handle='.bk-Slider:has-text("{name}:") .noUi-handle',
    value=BOKEH_SLIDER_VALUE,
    track='.bk-Slider:has-text("{name}:") .noUi-base',
)
GAUSSAPP = App(
    name="gaussapp",
    command=("-m", "panel", "serve", str(HERE.parent / "gaussapp"), "--log-level", "warning"),
    path="/gaussapp",
    handle='.MuiSlider-thumb input[aria-label="{name}" i]',
    value="""(name) => Number(detector.find(`.MuiSlider-thumb input[aria-label="${name}" i]`).value)""",
    track='.MuiSlider-root:has(input[aria-label="{name}" i])',
)


@dataclass
class Server:
    """A running server of one of the pages."""

    app: App
    port: int
    process: subprocess.Popen

    def url(self, samples: int) -> str:
        """Address of the page showing `samples` points."""
        return f"http://127.0.0.1:{self.port}{self.app.path}?samples={samples}{self.app.arguments}"


def free_port() -> int:
    """Return a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serve(app: App, *, wait: bool = True) -> Iterator[Server]:
    """Run the server of `app` and stop it in the end; `wait` until it listens."""
    port = free_port()
    command = [sys.executable, *app.command, "--port", str(port), "--allow-websocket-origin", f"127.0.0.1:{port}"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), **app.environment}
    process = subprocess.Popen(command, env=environment)
    try:
        if wait:
            wait_until_listening(port, process)
        yield Server(app, port, process)
    finally:
        process.terminate()
        process.wait(20)


def wait_until_listening(port: int, process: subprocess.Popen, seconds: float = 60) -> None:
    """Return once a server answers on `port`; raise RuntimeError when its process ends first or time runs out."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode} before it listened on port {port}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"no server listened on port {port} within {seconds} s")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium, headless, drawing in software."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        raise RuntimeError("no chromium found on the PATH: install Chromium, the benchmarks drive the system's own")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody with the page open: moves its sliders and reads what was seen when."""

    def __init__(self, browser: Browser, server: Server, samples: int, *, timeout: float = 60) -> None:
        self.app, self.samples = server.app, samples
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page: Page = context.new_page()
        self.page.set_default_timeout(timeout * 1000)
        self.page.add_init_script(path=HERE / "detector.js")
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(server.url(samples))
        self.page.wait_for_function("detector.ready() && !detector.covered()")
        self.page.evaluate("detector.quiet(1000)")
        self.cdp: CDPSession = context.new_cdp_session(self.page)

    def close(self) -> None:
        """Close the page and its context."""
        self.page.context.close()

    def handle(self, parameter: str) -> Locator:
        """Return the handle of a parameter's slider."""
        return self.page.locator(self.app.handle.format(name=parameter)).first

    def value(self, parameter: str) -> float:
        """Return where a parameter's slider stands."""
        return self.page.evaluate(self.app.value, parameter)

    def press(self, parameter: str, key: str, pause: float = 0.3) -> list[Entry]:
        """Press a key on a parameter's slider and return the log once the page is quiet again."""
        self.page.bring_to_front()
        self.page.evaluate("(name) => detector.attach(name)", parameter)
        self.handle(parameter).focus()
        self.page.evaluate("detector.quiet(100)")
        self.page.evaluate("detector.take().length")
        self.page.keyboard.press(key)
        time.sleep(pause)  # no question is put to the page while it is at work
        self.page.evaluate(f"detector.settled({self.app.value}, '{parameter}')")
        return self.page.evaluate("detector.take()")

    def move(self, parameter: str, key: str, pause: float = 0.3) -> Move:
        """Press a key on a parameter's slider and return when what was seen."""
        log = self.press(parameter, key, pause)
        return read_move(log, self.value(parameter))

    def drag(self, parameter: str, seconds: float = 3, rate: float = 60, settle: float = 3) -> Drag:
        """Drag a parameter's slider to and fro; the button stays down until the page has come to rest."""
        self.page.bring_to_front()
        self.page.evaluate("(name) => detector.attach(name)", parameter)
        handle = self.handle(parameter).locator("xpath=..").bounding_box()
        track = self.page.locator(self.app.track.format(name=parameter)).first.bounding_box()
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        left, right = track["x"] + 0.2 * track["width"], track["x"] + 0.8 * track["width"]
        self._mouse("mouseMoved", x, y)
        self._mouse("mousePressed", x, y)
        self.page.evaluate("detector.quiet(200)")
        self.page.evaluate("detector.take().length")
        start, step = time.monotonic(), 2.0  # two pixels an event: each is another value
        for event in range(int(seconds * rate)):
            x += step
            if not left < x < right:
                step, x = -step, x - 2 * step
            self._mouse("mouseMoved", x, y)
            time.sleep(max(0.0, start + (event + 1) / rate - time.monotonic()))
        time.sleep(settle)
        self.page.evaluate("detector.quiet(500)")
        drag = read_drag(self.page.evaluate("detector.take()"))
        self._mouse("mouseReleased", x, y)
        return drag

    def _mouse(self, kind: str, x: float, y: float) -> None:
        buttons = 0 if kind == "mouseMoved" and not getattr(self, "_down", False) else 1
        self._down = kind == "mousePressed" or (getattr(self, "_down", False) and kind != "mouseReleased")
        event = {"type": kind, "x": x, "y": y, "button": "left" if buttons else "none", "buttons": buttons}
        self.cdp.send("Input.dispatchMouseEvent", {**event, "clickCount": 1})
