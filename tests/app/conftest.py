"""An app that is shown, a server with visitors, and a watch on what would otherwise only be logged."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from bokeh.client import pull_session
from bokeh.client.session import ClientSession
from bokeh.document import Document
from bokeh.document.events import MessageSentEvent
from bokeh.events import DocumentReady, DoubleTap, Reset
from bokeh.model import Model
from bokeh.models import ColumnDataSource, Plot
from bokeh.protocol import Protocol

import gaussapp
from gaussapp.app import repeated, view
from gaussapp.app.state import changed
from gaussapp.data import Data
from gaussapp.model import GaussianModel


class Failures(logging.Handler):
    """Collects what HoloViews says of hooks that failed: it swallows their exceptions."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        if "could not be applied" in record.getMessage():
            self.records.append(record.getMessage())


@pytest.fixture
def failed_hooks() -> Iterator[list[str]]:
    """What HoloViews could not apply, in words."""
    handler = Failures()
    logger = logging.getLogger("param")
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)


@pytest.fixture
def app(shown: Shown) -> view.GaussApp:
    return shown.app


class Here:
    """Takes the place of the processes that repeat experiments: the thread that waits for them does their work."""

    @staticmethod
    def compute(_function, task):
        return repeated.timed_block(task)


@pytest.fixture(autouse=True)
def no_other_process(monkeypatch):
    """Each takes most of a second to start; test_repeated.py is about them."""
    monkeypatch.setattr(repeated, "processes", Here)


@pytest.fixture(autouse=True)
def every_hook_runs(failed_hooks):
    """A hook that fails leaves a plot that looks right and never moves again."""
    yield
    assert failed_hooks == []


@dataclass
class Shown:
    """An app in a document of its own, as a notebook or a page shows it, without a session."""

    app: view.GaussApp
    document: Document
    events: list = field(default_factory=list)

    def figure(self, name: str) -> Plot:
        return self.document.select_one({"name": name, "type": Plot})

    def source(self, glyph: str, plot: str = "fit") -> ColumnDataSource:
        live = self.app._fit_plot if plot == "fit" else self.app._residual_plot
        return next(drawn for drawn in live.shown if drawn.figure.document is self.document).sources[glyph]

    @property
    def x_range(self) -> tuple[float, float]:
        return self.figure("fit").x_range.start, self.figure("fit").x_range.end

    @property
    def y_range(self) -> tuple[float, float]:
        return self.figure("fit").y_range.start, self.figure("fit").y_range.end

    @property
    def table(self) -> tuple[str, ...]:
        return tuple(self.app._results.texts)


def show(app: view.GaussApp) -> Shown:
    """Show an app in a new document."""
    document = Document()
    document.add_root(app._layout.get_root(document))
    shown = Shown(app, document)
    document.on_change(shown.events.append)
    return shown


@pytest.fixture(scope="session")
def shelf() -> list[Shown]:
    """An app that is shown already: building one and drawing it takes a second."""
    return []


@pytest.fixture
def shown(shelf: list[Shown]) -> Iterator[Shown]:
    """An app as good as new."""
    shown = shelf.pop() if shelf else show(view.GaussApp())
    yield shown
    app, figure = shown.app, shown.figure("fit")
    app.source.param.update(mode="Simulate", sample="", x="", y="", sigma="")
    app.measured.data = None
    app.precision.tab = "Fit"
    app._precision.study = app._planner.plan = app._planner._question = None
    app.reset()
    figure._trigger_event(Reset(figure))
    app._message.visible = False
    shown.events.clear()
    shelf.append(shown)  # not after a failure above: then the next test gets a new one


@dataclass
class Counts:
    """How often something was computed."""

    simulated: int = 0
    fitted: int = 0

    def taken(self) -> tuple[int, int]:
        """Return (simulate, fit) since the last time."""
        counts, self.simulated, self.fitted = (self.simulated, self.fitted), 0, 0
        return counts


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Count simulations and fits, wherever they are made."""
    counts = Counts()
    simulate, fit = GaussianModel.simulate, view.compute.__globals__["fit"]

    def counted_simulate(self):
        counts.simulated += 1
        return simulate(self)

    def counted_fit(*args, **kwargs):
        counts.fitted += 1
        return fit(*args, **kwargs)

    monkeypatch.setattr(GaussianModel, "simulate", counted_simulate)
    monkeypatch.setitem(view.compute.__globals__, "fit", counted_fit)
    return counts


def three_peaks() -> Data:
    x = np.linspace(0.0, 30.0, 301)
    peaks = ((3.0, 8.0, 1.0), (2.0, 14.0, 1.2), (1.0, 22.0, 0.8))
    y = sum(a * np.exp(-0.5 * ((x - c) / w) ** 2) for a, c, w in peaks)
    return Data(x, y + 0.5 + 0.02 * np.random.default_rng(3).normal(size=x.size))


def double_click(shown: Shown, x: float) -> None:
    figure = shown.figure("fit")
    figure._trigger_event(DoubleTap(figure, x=x, y=1.0))


def ask(app: view.GaussApp, **asked: object) -> None:
    """What the browser sends when something in the table is clicked."""
    app._results._handle_msg(asked)


def centers(app: view.GaussApp) -> list[float]:
    return [value for name, value in app.fit.values.items() if name.startswith("center")]


# A server with visitors ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """One change in a patch. It must not hold a model: that would keep the session in memory."""

    model: str
    attribute: str
    columns: frozenset[str]

    @classmethod
    def of(cls, event: object) -> Sent:
        model, attribute = getattr(event, "model", None), getattr(event, "attr", type(event).__name__)
        return cls(type(model).__name__, attribute, frozenset(getattr(event, "cols", None) or ()))


@dataclass
class Server:
    """A running ``panel serve gaussapp`` in a thread of this process, so that a test can look into its sessions."""

    port: int
    apps: list[view.GaussApp]
    messages: list[tuple[str, tuple[Sent, ...]]]
    log: list[logging.LogRecord]
    visitors: list[Visitor] = field(default_factory=list)

    def visit(self, **settings: str) -> Visitor:
        """Open the page, as a browser does."""
        before = len(self.apps)
        session = pull_session(url=f"http://localhost:{self.port}/gaussapp", arguments=settings)
        visitor = Visitor(self, session, self.apps.pop() if len(self.apps) > before else None)
        self.visitors.append(visitor)
        ready = MessageSentEvent(session.document, "bokeh_event", DocumentReady())
        session.document.callbacks.trigger_on_change(ready)
        visitor.settle()
        return visitor

    def leave(self) -> None:
        """Close what is still open; nothing may hold an app any more."""
        for visitor in self.visitors:
            visitor.session.close()
            visitor.app = None
        self.visitors.clear()


@dataclass
class Visitor:
    """One open page: what the browser would hold, and the app behind it."""

    server: Server
    session: ClientSession
    app: view.GaussApp | None

    def settle(self) -> None:
        """Wait until the server has handled everything that was sent to it."""
        self.session.force_roundtrip()

    def control(self, label: str) -> Model:
        """Return the model of the widget with this label."""
        return next(
            model
            for model in self.session.document.select({"type": Model})
            if getattr(getattr(model, "data", None), "label", None) == label
        )

    def set(self, label: str, value: object) -> None:
        """Move a slider or choose from a menu."""
        self.control(label).data.value = value
        self.settle()

    def receive(self) -> None:
        """Report the newest frame as received."""
        (frame,) = (model.end for model in self.app._echo._models)
        self.session.document.select_one({"name": "frames"}).start = frame
        self.settle()

    def start_over(self) -> None:
        """Set everything back, in the session's own turn, and wait until it is shown."""
        (document,) = self.app._fit_plot.documents
        document.add_next_tick_callback(self.app.reset)
        wait_for(lambda: not changed([self.app.model, self.app.settings]))
        self.receive()
        self.receive()
        self.server.messages.clear()
        self.server.log.clear()

    def patches(self) -> list[tuple[Sent, ...]]:
        """Take the patches that the server has sent since the last time."""
        patches = [events for kind, events in self.server.messages if kind == "PATCH-DOC"]
        self.server.messages.clear()
        return patches


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    import panel as pn

    patch = pytest.MonkeyPatch()
    apps, messages, records = [], [], []
    page, create, here = view.GaussApp.page, Protocol.create, threading.get_ident()

    def noted_page(self):
        apps.append(self)
        return page(self)

    def noted_create(self, kind, *args, **kwargs):
        if threading.get_ident() != here:
            messages.append((kind, tuple(map(Sent.of, args[0])) if kind == "PATCH-DOC" else ()))
        return create(self, kind, *args, **kwargs)

    patch.setattr(view.GaussApp, "page", noted_page)
    patch.setattr(Protocol, "create", noted_create)
    server = pn.serve(
        {"gaussapp": str(Path(gaussapp.__file__).parent / "main.py")},
        port=0,
        threaded=True,
        show=False,
        verbose=False,
        unused_session_lifetime_milliseconds=200,
        check_unused_sessions_milliseconds=100,
    )
    running = wait_for(lambda: next((each[0] for each in pn.state._servers.values()), None))
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append
    logging.getLogger().addHandler(handler)
    yield Server(running.port, apps, messages, records)
    logging.getLogger().removeHandler(handler)
    server.stop()
    patch.undo()


@pytest.fixture
def server(running_server: Server) -> Iterator[Server]:
    """A running server; who visits it during a test leaves afterwards."""
    running_server.log.clear()
    running_server.messages.clear()
    yield running_server
    running_server.leave()


@pytest.fixture(scope="session")
def first_visitor(running_server: Server) -> Visitor:
    """A page that stays open: opening one takes a second."""
    visitor = running_server.visit()
    running_server.visitors.clear()  # who is on this list leaves after the test
    return visitor


@pytest.fixture
def visitor(first_visitor: Visitor) -> Visitor:
    """An open page, as good as new."""
    first_visitor.start_over()
    return first_visitor


def in_turn(visitor: Visitor, work: Callable[[], object]) -> None:
    """Do something in the session's own turn."""
    done = threading.Event()
    (document,) = visitor.app._fit_plot.documents

    def call() -> None:
        work()
        done.set()

    document.add_next_tick_callback(call)
    assert done.wait(20)


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> object:
    """Return what `condition` gives once it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.02)
    return found


def on_a_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
