"""Keeps a drawn plot in step with its data at slider speed.

HoloViews draws each plot once; from then on only what changed is written into the Bokeh data sources behind its glyphs,
which is a hundred times cheaper than drawing again. Three rules keep the page fluid:

* **Only what changed travels.** A column that is the very array that was sent last is not sent again.
* **The ranges are ours.** Auto-ranging would send two messages back for every one received, and an axis that jumps
  with every move hides what the move did. `settled` keeps a range while it still fits.
* **The newest state wins.** `Pace` has one frame on its way to the browser; moves that arrive meanwhile are merged
  into the next one, so that there is never a backlog to replay.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import panel as pn
from bokeh.core.properties import value
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.document import Document
from bokeh.events import ConnectionLost
from bokeh.models import ColumnDataSource, CustomJS, NoOverlap, Plot, Range1d

from gaussapp.app.pixels import Frame
from gaussapp.app.plots import Columns
from gaussapp.app.turns import weakly

FRAMES_UNDER_WAY = 1
"""One on its way to the browser, which reports it before it paints: the next is computed while it does. With more the
page trails the slider."""

PATIENCE = 0.5
"""Seconds after which a frame that was never reported is forgotten: a hidden tab has no animation frames."""

LARGEST_SIZE = (8000, 4500)
"""Pixels of a frame at most."""

UNKNOWN_SIZE = (850, 300)
"""Pixels assumed for a frame that no browser has laid out yet."""

AXIS_WIDTH = 64
"""Pixels kept free for the labels of the y axes."""

Range = tuple[float, float]


@dataclass
class Drawn:
    """The models of one plot in one document."""

    figure: Plot
    sources: dict[str, ColumnDataSource] = field(default_factory=dict)
    renderers: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """What is written beside the axes and in the legend, by the glyph's name; empty entries are hidden."""

    x: str
    y: str
    legend: Mapping[str, str] = field(default_factory=dict)


class LivePlot:
    """The Bokeh models behind one HoloViews plot, wherever it is shown, and the way to update them.

    Parameters
    ----------
    name : str
        Given to the Bokeh figure.
    prepare : callable
        Called with each newly drawn `Drawn`, when all its models are there.
    """

    def __init__(self, name: str, prepare: Callable[[Drawn], None]):
        self.name = name
        self._prepare = prepare
        # A figure lives as long as its document: holding it here would keep every page ever opened in memory.
        self._drawn: weakref.WeakKeyDictionary[Plot, Drawn] = weakref.WeakKeyDictionary()

    def hook(self, glyph: str) -> Callable[[object, object], None]:
        """Return a HoloViews hook that notes the models of `glyph`; ``"figure"`` is the one that runs last."""
        # HoloViews keeps hooks in a global table for as long as their element lives: one that held this plot, and
        # through it the app and the element, would keep every app ever made in memory.
        this = weakref.ref(self)

        def note(plot, element):
            live = this()
            if live is not None:
                live._note(glyph, plot.handles)

        return note

    def _note(self, glyph: str, handles: Mapping[str, Any]) -> None:
        figure = handles["plot"]
        drawn = self._drawn.setdefault(figure, Drawn(weakref.proxy(figure)))
        if glyph != "figure":
            drawn.sources[glyph] = handles["source"]
            drawn.renderers[glyph] = handles["glyph_renderer"]
            return
        figure.name = self.name
        # HoloViews asks for WebGL by default; copying one of its frames costs 100 ms without a GPU.
        figure.output_backend = "canvas"
        figure.toolbar.logo = None
        figure.js_on_change("inner_width", CustomJS(code=_NO_TAB_STOP))  # when it is first laid out
        figure.min_border_left = AXIS_WIDTH  # so that the frames of both plots begin at the same x
        for axis in [*figure.xaxis, *figure.yaxis]:
            axis.major_label_policy = NoOverlap()  # numbers with exponents are long, and a phone is narrow
        self._prepare(drawn)

    @property
    def shown(self) -> list[Drawn]:
        """The plots that exist now, one for each place the app is shown in."""
        return list(self._drawn.values())

    def frame(self, x: Range, y: Range) -> Frame:
        """Return what is in view, at the resolution of the largest place it is shown in."""
        sizes = [_inner_size(drawn.figure) for drawn in self.shown] or [UNKNOWN_SIZE]
        width, height = (max(lengths) for lengths in zip(*sizes, strict=True))
        return Frame(x, y, width, height)

    @property
    def documents(self) -> list[Document]:
        """The documents the plot is shown in."""
        return list({id(document): document for drawn in self.shown if (document := drawn.figure.document)}.values())

    def update(self, document: Document, columns: Mapping[str, Columns], x: Range, y: Range, labels: Labels) -> None:
        """Write what changed into the plots of one document."""
        for drawn in self.shown:
            if drawn.figure.document is document:
                self.fill(drawn, columns, x, y, labels)

    def send_again(self, document: Document) -> None:
        """Send all columns to a document, as if none had arrived."""
        for drawn in self.shown:
            if drawn.figure.document is document:
                for source in drawn.sources.values():
                    source.data.update(dict(source.data))

    @staticmethod
    def fill(drawn: Drawn, columns: Mapping[str, Columns], x: Range, y: Range, labels: Labels) -> None:
        """Write what changed into one plot."""
        for glyph, source in drawn.sources.items():
            if glyph in columns:
                _write(source, columns[glyph])
        _set_range(drawn.figure.x_range, x)
        _set_range(drawn.figure.y_range, y)
        _set_labels(drawn, labels)


def _inner_size(figure: Plot) -> tuple[int, int]:
    """Width and height of the frame in pixels, as the browser has reported them, at most those of a large screen.

    Any client may report any size, and memory grows with their product.
    """
    try:
        width, height = int(figure.inner_width), int(figure.inner_height)
    except UnsetValueError:
        return UNKNOWN_SIZE
    return min(max(width, 1), LARGEST_SIZE[0]), min(max(height, 1), LARGEST_SIZE[1])


def _write(source: ColumnDataSource, columns: Columns) -> None:
    """Assign the columns that are not already there, in one event.

    Bokeh wants all columns of a source to be of one length at every moment, so a new length means all of them at once.
    """
    new = {name: column for name, column in columns.items() if not _same(source.data.get(name), column)}
    if not new:
        return
    if len(new) == len(columns) or any(len(source.data[name]) != len(column) for name, column in new.items()):
        source.data = dict(columns)
    else:
        source.data.update(new)


def _same(there: object, column: object) -> bool:
    """Whether a column holds what is there already; comparing is cheaper than sending."""
    if isinstance(column, list):  # of one picture
        return isinstance(there, list) and len(there) == len(column) and all(map(_same, there, column))
    return there is column or np.array_equal(there, column)


def _set_labels(drawn: Drawn, labels: Labels) -> None:
    for axis, text in ((drawn.figure.xaxis[0], labels.x), (drawn.figure.yaxis[0], labels.y)):
        if axis.axis_label != text:
            axis.axis_label = text
    glyphs = {renderer: glyph for glyph, renderer in drawn.renderers.items()}
    for item in drawn.figure.legend[0].items if drawn.figure.legend else []:
        text = labels.legend.get(glyphs.get(item.renderers[0], ""), "")
        if item.visible != bool(text):
            item.visible = bool(text)
        if text and item.label != value(text):
            item.label = value(text)


def _set_range(axis: Range1d, wanted: Range) -> None:
    if (axis.start, axis.end) != wanted:
        axis.update(start=wanted[0], end=wanted[1])


def extent(values: np.ndarray) -> Range:
    """Return the lowest and the highest of the values that are finite; 0 and 1 if none is."""
    low, high = float(np.min(values)), float(np.max(values))
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def settled(now: Range | None, low: float, high: float, room: float = 0.06) -> Range:
    """Keep the range that is shown while it still fits; otherwise choose a round one.

    Parameters
    ----------
    now : (float, float) or None
        The range that is shown.
    low, high : float
        What has to be in view.
    room : float
        Free space at both ends, as a share of what is in view.

    Returns
    -------
    (float, float)
        `now` when [low, high] is inside it and fills at least 45 % of it, else limits rounded outwards to a fifth of a
        power of ten.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return now or (0.0, 1.0)
    if now is not None and now[0] <= low and high <= now[1] and (high - low) >= 0.45 * (now[1] - now[0]):
        return now
    span = high - low or max(abs(low), 1e-300) * 0.1
    low, high = low - room * span, high + room * span
    step = 10.0 ** math.floor(math.log10(high - low)) / 5 if high > low else 1.0
    if not step > 0 or not math.isfinite(low / step) or not math.isfinite(high / step):
        return low, high
    rounded = math.floor(low / step) * step, math.ceil(high / step) * step
    return rounded if rounded[0] < rounded[1] and all(map(math.isfinite, rounded)) else (low, high)


class Pace:
    """Draws at the speed at which the browser takes frames in; what is asked for meanwhile becomes one next frame.

    Parameters
    ----------
    draw : callable
        Called with the number of the frame to draw.
    """

    def __init__(self, draw: Callable[[int], None]):
        self._draw = draw
        self._wanted = False
        self._drawing = False
        self._holds = 0
        self._drawn_frames = 0
        self._received_frames = 0
        self._last = 0.0
        self._watch: object = None

    @property
    def wanted(self) -> bool:
        """Whether a newer state than the one being drawn is waiting."""
        return self._wanted

    @property
    def under_way(self) -> int:
        """Frames that were sent and not yet reported by the browser."""
        return self._drawn_frames - self._received_frames

    def other(self) -> int:
        """Return a number for a frame that somebody else draws; it is waited for like those drawn here."""
        self._drawn_frames += 1
        self._last = time.monotonic()
        return self._drawn_frames

    def is_received(self, frame: int) -> bool:
        """Whether the browser has reported a frame."""
        return self._received_frames >= frame

    def ask(self) -> None:
        """Ask for a frame that shows the newest state."""
        self._wanted = True
        self._go()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Draw once, at the end, however often a frame is asked for within."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._go()

    def received(self, frame: int) -> None:
        """Note that a frame has reached the browser (and with it all the earlier ones)."""
        self._received_frames = max(self._received_frames, min(frame, self._drawn_frames))
        self._go()

    def forget(self) -> None:
        """Stop waiting for frames that are not going to be reported."""
        self._received_frames = self._drawn_frames
        self._go()

    def _go(self) -> None:
        if self._drawing or self._holds or not self._wanted:
            return
        if self.under_way >= FRAMES_UNDER_WAY:
            self._wait()
            return
        self._drawing, self._wanted = True, False
        self._drawn_frames += 1
        self._last = time.monotonic()
        frame = self._drawn_frames
        try:
            self._draw(frame)
        except BaseException:
            self._received_frames = max(self._received_frames, frame)  # it never will be
            raise
        finally:
            self._drawing = False
            self._go()

    def _wait(self) -> None:
        """Make sure that somebody comes back if no report ever does."""
        document = pn.state.curdoc
        if document is None or not document.session_context:
            self.forget()
        elif self._watch is None:
            self._watch = document.add_timeout_callback(weakly(self._overdue), int(PATIENCE * 1000))

    def _overdue(self) -> None:
        self._watch = None
        if self._wanted and time.monotonic() - self._last >= PATIENCE * 0.9:
            self.forget()
        else:
            self._go()


class Echo:
    """Has the browser report the frames it receives, and ask whether its session is still alive.

    The number of the frame travels in the `end` of a range that no plot uses; the browser writes it back into its
    `start` before it paints. (Any model with two numbers would do; a range is the smallest that every Bokeh has.)
    After a lost connection the browser writes a negative number there, which comes back as it is: a session that does
    not answer is one of a restarted server, which knows nothing of the page, and the page loads itself again, with the
    settings in its address.

    Parameters
    ----------
    received : callable
        Called with the number of a frame.
    again : callable
        Called with a document whose browser may have missed something.
    """

    def __init__(self, received: Callable[[int], None], again: Callable[[Document], None] = lambda _document: None):
        self._received = received
        self._again = again
        self._models: weakref.WeakSet[Range1d] = weakref.WeakSet()

    def attach(self, drawn: Drawn) -> None:
        """Report through the document of a plot that was just drawn."""
        model = Range1d(start=0, end=0, name="frames")
        model.on_change("start", partial(self._reported, weakref.ref(model)))
        drawn.figure.tags = [*drawn.figure.tags, model]
        document = pn.state.curdoc
        # A notebook does not wait for reports: they would only delay moves.
        if document is not None and document.session_context:
            model.js_on_change("end", CustomJS(args={"model": model}, code=_REPORT))
            document.js_on_event(ConnectionLost, CustomJS(args={"model": model}, code=_ASK))
        self._models.add(model)

    def send(self, document: Document, frame: int) -> None:
        """Write the number of the frame to a document, before what it shows.

        The animation frame that the browser reports it in then comes before those in which Bokeh paints, and after what
        the hand has done meanwhile, which so is in the frame that follows.
        """
        for model in self._models:
            if model.document is document:
                model.end = frame

    def _reported(self, reference: weakref.ref[Range1d], _attribute: str, _old: object, frame: float) -> None:
        model = reference()
        if model is None or not math.isfinite(frame):
            return
        if frame >= 0:
            self._received(int(frame))
        elif model.document is not None:
            self._again(model.document)
            model.end = frame


# Nothing can be done with the keyboard in a plot; its tools have tab stops of their own.
_NO_TAB_STOP = """
    requestAnimationFrame(() => {
        const view = Bokeh.index.find_one(cb_obj)
        if (view) { view.canvas_view.events_el.tabIndex = -1 }
    })
"""

_REPORT = """
    const frame = model.end
    if (frame > 0) { requestAnimationFrame(() => { model.start = frame }) }
"""

_ASK = """
    if (model.asking) { return }
    model.asking = true
    const connection = cb_data.connection.deref()
    const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
    const token = -1 - Math.random()
    const ask = async () => {
        while (connection.socket?.readyState !== WebSocket.OPEN) {
            // Bokeh gives up after a few attempts; a server may take longer to come back.
            await pause(2000)
            const reached = await fetch(window.location.href, {method: "HEAD"}).then(() => true, () => false)
            if (reached && connection.socket?.readyState !== WebSocket.OPEN) {
                void connection.reconnect()
                await pause(1000)
            }
        }
        await pause(1000) // until the server has acknowledged the connection
        model.start = token
        for (let tries = 0; tries < 20 && model.end !== token; tries++) { await pause(250) }
        if (model.end !== token) { window.location.reload() }
        model.asking = false
    }
    void ask()
"""
