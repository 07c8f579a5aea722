"""The Files tab: of several files chosen at once each is a row and a point, fitted with the settings of the page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import panel as pn
import param
from bokeh.document import Document
from bokeh.events import Tap
from bokeh.models import HoverTool

from gaussapp.app.bar import Bar
from gaussapp.app.beside import Beside
from gaussapp.app.board import Board
from gaussapp.app.controls import COMPACT, Menu, control
from gaussapp.app.download import SaveTable
from gaussapp.app.files import plots, words
from gaussapp.app.files.rows import (
    FileSettings,
    Row,
    Trend,
    csv,
    for_every_file,
    quantities,
    trend,
    work,
)
from gaussapp.app.live import Drawn, Labels, LivePlot, settled
from gaussapp.app.measured import Measured
from gaussapp.app.precision.plots import chosen
from gaussapp.app.scene import Request
from gaussapp.app.state import FitSettings, PrecisionSettings
from gaussapp.app.tab import Tab
from gaussapp.app.turns import in_document, in_one_message

PLACES = """
:host(.choices) { display: grid; grid-template-columns: 13rem 15rem max-content; align-items: center; }
@container (max-width: 620px) { :host(.choices) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
.choices > * { width: auto; }
"""
LEGEND = {"good": "nothing against it", "doubtful": "see its findings", "shown": "shown above", "errors": ""}


class Files(Tab):
    """The tab; there is one while more than one file is at hand.

    Parameters
    ----------
    settings : FileSettings
        What is drawn.
    tabs : PrecisionSettings
        Which tabs there are, and which is open.
    measured : Measured
        Where the files come from, and where the one that is chosen goes to.
    fitting : FitSettings
        How every file is fitted.

    Attributes
    ----------
    rows : list of dict or None
        What is known of every file, as `gaussapp.fit_files` names it; None before it is fitted.
    """

    name = "Files"

    def __init__(self, settings: FileSettings, tabs: PrecisionSettings, measured: Measured, fitting: FitSettings):
        super().__init__(tabs)
        self.settings, self._measured, self._fitting = settings, measured, fitting
        self.rows: list[Row | None] = []
        self._key: tuple[object, ...] | None = None
        self._beside = Beside(self._look)
        self._plot = LivePlot("trend", self._prepare)
        self._pane: pn.pane.HoloViews | None = None
        self._ranges: dict[tuple[str, ...], tuple[float, float]] = {}
        measured.param.watch(self._files_changed, "files")
        measured.param.watch(self._data_changed, "data")
        measured.source.param.watch(self._data_changed, "mode")
        settings.param.watch(lambda *_events: self._show(), ["file_trend", "file_against"])

    @property
    def shown(self) -> int | None:
        """Which of the files is shown above, if it is one of them."""
        if self._measured.source.mode != "My data":
            return None
        table = self._measured.table
        return next((i for i, file in enumerate(self._measured.files) if file.table and file.table is table), None)

    @property
    def busy(self) -> bool:
        """Whether files are being fitted."""
        return self._beside.busy

    # What it follows --------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Fit all files anew if they would be fitted in another way now; the newest way wins."""
        if not self.open or self._pane is None:
            return
        request, columns = self._request, self._measured.columns
        key = (request, *columns.items(), id(self._measured.files))
        if key == self._key:
            return
        self._key = key
        self.rows = [None] * len(self._measured.files)
        self._beside.start(work(self._measured.files, columns, request, self.rows))
        self._beside.give_way()  # until nothing moves any more
        self._show()

    def show(self, index: int) -> None:
        """Show one of the files in the plot above."""
        files = self._measured.files
        if 0 <= index < len(files) and files[index].table is not None:
            # All files are fitted in the same part of x; other data would begin with all of it.
            self._measured.show_file(files[index], {"fit_range": self._fitting.fit_range})

    @property
    def _request(self) -> Request:
        return for_every_file(Request.of(self._fitting, None))

    def _closed(self) -> None:
        if self.busy:
            self._key = None  # the rest is fitted when the tab is opened again
        self._beside.forget()

    def _files_changed(self, *_events: object) -> None:
        """Offer the tab while there is more than one file, and open it for new ones."""
        self._beside.forget()
        self.rows, self._key = [None] * len(self._measured.files), None
        self._ranges.clear()
        others = [tab for tab in self.tabs.param.tab.objects if tab != self.name]
        if len(self._measured.files) > 1:
            self.tabs.param.tab.objects = [*others, self.name]
            self.tabs.tab = self.name
            self.follow()
        elif self.name in self.tabs.param.tab.objects:
            if self.open:
                self.tabs.tab = others[0]
            self.tabs.param.tab.objects = others

    def _data_changed(self, *_events: object) -> None:
        if self.open:
            self._show()

    # What it shows ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self.open:
            self._show()

    @property
    def _quantity(self) -> str:
        names = quantities(self.rows, self._request)
        return chosen(self.settings.file_trend, tuple(names))

    @property
    def _trend(self) -> Trend:
        by_number = self.settings.file_against == "number in the name"
        return trend(self._measured.files, self.rows, self._quantity, by_number=by_number)

    def _show(self) -> None:
        files = self._measured.files
        if self._pane is None or len(files) < 2:
            return
        done = sum(row is not None for row in self.rows)
        names = quantities(self.rows, self._request)
        drawn = self._trend

        def write() -> None:
            for document in self._plot.documents:
                in_document(document, partial(self._write, document, drawn))
            self._bar.text = f"{len(files):,} files" if done == len(files) else f"{done:,} of {len(files):,} files"
            self._bar.share = round(done / len(files), 3) if self.busy else -1.0
            # At once: a menu that loses its value chooses another one by itself.
            self._of.param.update(options=names, value=self._quantity)
            self._summary.show(words.summary(files, self.rows, self._quantity, drawn))
            self._table.show(words.table(files, self.rows, names, self.shown))

        in_one_message(write)

    def _write(self, document: Document, drawn: Trend) -> None:
        made = self._made(drawn)
        for one in self._plot.shown:
            if one.figure.document is document:
                self._plot.fill(one, *made)
        if document.session_context is None:
            pn.io.push_notebook(self._pane)

    def _made(self, drawn: Trend) -> tuple[dict[str, Any], tuple[float, float], tuple[float, float], Labels]:
        name = self._quantity
        across, upwards = plots.extent(drawn)
        ranges = []
        for key, (low, high) in (("x", str(drawn.numbered)), across), (("y", name), upwards):
            self._ranges[key] = settled(self._ranges.get(key), low, high)
            ranges.append(self._ranges[key])
        legend = {glyph: text if self._has(drawn, glyph) else "" for glyph, text in LEGEND.items()}
        x = "number in the name of the file" if drawn.numbered else "file, in order of name"
        labels = Labels(x, name.replace("fwhm", "FWHM").replace("_", " "), legend)
        columns = plots.columns(drawn, [file.name for file in self._measured.files], self.shown)
        return columns, ranges[0], ranges[1], labels

    def _has(self, drawn: Trend, glyph: str) -> bool:
        there = {"good": drawn.trustworthy, "doubtful": ~drawn.trustworthy, "shown": drawn.position == self.shown}
        return bool(glyph in there and there[glyph].any())

    def _prepare(self, drawn: Drawn) -> None:
        figure = drawn.figure
        for glyph in ("good", "doubtful"):
            drawn.sources[glyph].data = {"x": [], "y": [], "name": []}
        points = [drawn.renderers["good"], drawn.renderers["doubtful"]]
        figure.add_tools(
            HoverTool(renderers=points, tooltips=[("file", "@name"), ("", "@x{0.[000000]}, @y{0.[000000]}")])
        )
        figure.on_event(Tap, self._tapped)
        if len(self._measured.files) > 1:
            self._plot.fill(drawn, *self._made(self._trend))

    def _tapped(self, event: Tap) -> None:
        """Show the file whose point was clicked."""
        drawn, name = self._trend, self._quantity
        across, upwards = self._ranges.get(("x", str(drawn.numbered))), self._ranges.get(("y", name))
        if across and upwards and isinstance(event.x, int | float) and isinstance(event.y, int | float):
            index = plots.nearest(drawn, event.x, event.y, across, upwards)
            if index is not None:
                self.show(index)

    def _act(self, asked: Mapping[str, object]) -> None:
        index = str(asked.get("name"))
        if asked.get("action") == "show" and index.isdecimal() and len(index) < 9:
            self.show(int(index))

    # What is on the page ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._pane = pn.pane.HoloViews(
            plots.trend_overlay(self._plot.hook),
            linked_axes=False,
            sizing_mode="stretch_width",
            margin=(0, 8),
            backend="bokeh",
        )
        self._of = Menu(
            label=self.settings.param.file_trend.label,
            options=[self.settings.file_trend],
            value=self.settings.file_trend,
            **COMPACT,
        )
        self._of.param.watch(self._of_chosen, "value")
        self._save = SaveTable(self._csv, margin=(4, 10))
        choices = pn.Column(
            self._of,
            control(self.settings, "file_against"),
            self._save,
            css_classes=["choices"],
            stylesheets=[PLACES],
            sizing_mode="stretch_width",
        )
        self._bar = Bar(sizing_mode="stretch_width", margin=(2, 21))
        self._bar.param.watch(lambda *_events: self._beside.stop(), "stops")
        self._summary = Board(stylesheets=[words.TABLE_STYLE], sizing_mode="stretch_width", margin=(0, 16))
        self._table = Board(stylesheets=[words.TABLE_STYLE], sizing_mode="stretch_width", margin=(4, 16))
        self._table.on_action(self._act)
        self.place[:] = [choices, self._bar, self._pane, self._summary, self._table]

    def _of_chosen(self, event: param.parameterized.Event) -> None:
        if event.new and self._quantity != event.new:
            self.settings.file_trend = event.new

    def _csv(self) -> tuple[str, str]:
        return "files.csv", csv(self._measured.files, self.rows, self._request)
