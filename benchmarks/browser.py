"""Starts the two pages' servers and drives them in the system's Chromium: what the benchmarks here share."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paint import Drag, Entry, Move, read_drag, read_move
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from tornado.websocket import websocket_connect

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
    handle: str  # CSS of what has the keyboard's focus on a slider, {name} is the parameter
    grip: str  # CSS of what the mouse takes hold of, in its middle
    value: str  # JavaScript function of (name) that returns the slider's value
    track: str  # CSS of the slider's whole track
    arguments: str = ""  # more of the URL's query
    environment: dict[str, str] = field(default_factory=dict)


REFERENCE = App(
    name="reference",
    command=("-m", "bokeh", "serve", str(HERE / "reference_app.py"), "--log-level", "warning"),
    path="/reference_app",
    handle='.bk-Slider:has-text("{name}:") .noUi-handle',
    grip='.bk-Slider:has-text("{name}:") .noUi-handle',
    value=BOKEH_SLIDER_VALUE,
    track='.bk-Slider:has-text("{name}:") .noUi-base',
)
GAUSSAPP = App(
    name="gaussapp",
    command=("-m", "panel", "serve", str(HERE.parent / "gaussapp"), "--log-level", "warning"),
    path="/gaussapp",
    handle='input[type=range][aria-label="{name}" i]',
    grip='input[type=range][aria-label="{name}" i]',
    value="""(name) => Number(detector.find(`input[type=range][aria-label="${name}" i]`).value)""",
    track='input[type=range][aria-label="{name}" i]',
)


@dataclass
class Server:
    """A running server of one of the pages."""

    app: App
    port: int
    process: subprocess.Popen

    def cpu(self) -> float:
        """Milliseconds of processor time the server has used so far (from Linux's /proc)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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


@dataclass(frozen=True)
class Chromium:
    """The running browser and where it can be talked to directly."""

    browser: Browser
    devtools: int  # port


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """Run the system's Chromium, headless, drawing in software."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        raise RuntimeError("no chromium found on the PATH: install Chromium, the benchmarks drive the system's own")
    with sync_playwright() as playwright:
        port = free_port()
        flags = [*FLAGS, f"--remote-debugging-port={port}"]
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        try:
            yield Chromium(browser, port)
        finally:
            browser.close()


class Visitor:
    """Somebody with the page open: moves its sliders and reads what was seen when."""

    def __init__(self, chromium: Chromium, server: Server, samples: int, *, timeout: float = 60) -> None:
        self.server, self.app, self.samples = server, server.app, samples
        context = chromium.browser.new_context(viewport={"width": 1280, "height": 800})
        self.page: Page = context.new_page()
        self.page.set_default_timeout(timeout * 1000)
        self.page.add_init_script(path=HERE / "detector.js")
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        target = context.new_cdp_session(self.page).send("Target.getTargetInfo")["targetInfo"]["targetId"]
        self.devtools = f"ws://127.0.0.1:{chromium.devtools}/devtools/page/{target}"

    def open(self) -> "Visitor":
        """Open the page and wait until it is at rest."""
        self.arrive()
        self.page.evaluate("detector.quiet(1000)")
        return self

    def arrive(self) -> tuple[float, float]:
        """Open the page; return when plots and table were first painted, and when no loading screen lay over them."""
        self.page.goto(self.server.url(self.samples), wait_until="commit")
        self.page.wait_for_function("window.detector?.ready()")
        painted = time.monotonic()
        self.page.wait_for_function("!detector.covered()")
        return painted, time.monotonic()

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

    def drag(self, parameter: str, seconds: float = 3, rate: float = 60, settle: float = 2) -> Drag:
        """Drag a parameter's slider to and fro; the button stays down until the page has come to rest."""
        self.page.bring_to_front()
        self.page.evaluate("(name) => detector.attach(name)", parameter)
        handle = self.page.locator(self.app.grip.format(name=parameter)).first.bounding_box()
        track = self.page.locator(self.app.track.format(name=parameter)).first.bounding_box()
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.evaluate("detector.quiet(300)")
        self.page.evaluate("detector.take().length")
        path = zigzag(x, track["x"] + 0.2 * track["width"], track["x"] + 0.8 * track["width"], int(seconds * rate))
        Mouse(self.devtools).run(path, y, rate)
        time.sleep(settle)
        self.page.evaluate(f"detector.settled({self.app.value}, '{parameter}', 20000)")
        drag = read_drag(self.page.evaluate("detector.take()"), self.value(parameter))
        self.page.mouse.up()
        return drag


def zigzag(x: float, left: float, right: float, count: int) -> list[float]:
    """Return `count` positions two pixels apart, to and fro between `left` and `right`: each is another value."""
    positions, step = [], 2.0
    for _ in range(count):
        if not left <= x + step <= right:
            step = -step
        x += step
        positions.append(x)
    return positions


class Mouse:
    """Moves the mouse at a steady rate, whether or not the page keeps up, as a hand does.

    Playwright's own mouse waits for the page after each event, so it would slow down with the page.
    """

    def __init__(self, devtools: str) -> None:
        self.devtools = devtools

    def run(self, positions: list[float], y: float, rate: float) -> None:
        """Send one move for each x, `rate` a second, the left button down."""
        thread = threading.Thread(target=asyncio.run, args=(self._send(positions, y, rate),))
        thread.start()
        thread.join()

    async def _send(self, positions: list[float], y: float, rate: float) -> None:
        connection = await websocket_connect(self.devtools, on_message_callback=lambda _reply: None)
        start = time.monotonic()
        for number, x in enumerate(positions):
            move = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
            call = {"id": number + 1, "method": "Input.dispatchMouseEvent", "params": move}
            await connection.write_message(json.dumps(call))
            await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
        await asyncio.sleep(0.5)
        connection.close()
