"""The Map tab: the experiment repeated at every cell of a grid, on request, cell by cell, and kept for the session."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.document import Document
from bokeh.events import Tap
from bokeh.models import ColorBar, FixedTicker, HoverTool, LinearColorMapper
from bokeh.transform import transform

from gaussapp.app.bar import Bar
from gaussapp.app.beside import Beside
from gaussapp.app.board import Board, Written
from gaussapp.app.controls import COMPACT, Menu, control
from gaussapp.app.download import SaveTable
from gaussapp.app.live import Drawn, Labels, LivePlot
from gaussapp.app.maps import plots
from gaussapp.app.maps.cells import Cells
from gaussapp.app.maps.grid import SPOKEN, MapSettings, Wanted, computed_from, settings_of, wanted
from gaussapp.app.maps.reader import STEPS, Reader, gone_on, nearest
from gaussapp.app.precision.plots import chosen
from gaussapp.app.results import MARKS, STYLE
from gaussapp.app.scene import Scene
from gaussapp.app.sheet import Sheet
from gaussapp.app.slider import Ends
from gaussapp.app.state import PrecisionSettings
from gaussapp.app.tab import Tab
from gaussapp.app.turns import in_document, in_one_message
from gaussapp.grid import Sweep
from gaussapp.model import GaussianModel
from gaussapp.study.words import FITTED

COMPUTE, RESUME = "Compute the map", "Resume"

FIRST = (
    "A map repeats the simulated experiment at every cell of a grid and fits every one of them: where can the fit be "
    "trusted, and how precise is it there?"
)
MEASURED = "A map is of the simulated experiment, whose settings can be varied. Choose Simulate to compute one."

CAPTION = """<p style="margin: 4px 0 4px 13px; opacity: .78">The ring is where the sliders are; a click on a cell sets
them to it. With the keyboard: in the line above, arrow keys choose a cell (the square), Enter sets the sliders to it.
All cells have the noise of one seed: neighbours differ by their settings rather than by chance.</p>"""

CELLS_A_SECOND = 800
"""Cells of which colors and texts are sent again in a second at most, while a map is computed."""

PLACES = """
:host(.axes) { display: grid; grid-template-columns: minmax(8rem, 11rem) minmax(12rem, 1fr) minmax(12rem, 1fr);
  align-items: center; height: max-content; }
@container (max-width: 620px) { :host(.axes) { grid-template-columns: minmax(0, 1fr); } }
.axes > * { width: auto; }
"""
ROWS = "".join(
    f"<tr><td>{label}</td><td>@{name}</td></tr>" for name, label in plots.INFORMATION.items() if name != "where"
)
TOOLTIP = f'<div style="max-width: 19rem"><b>@where</b><table style="border-spacing: 6px 0">{ROWS}</table></div>'
"""Texts in it are escaped by Bokeh."""


class Maps(Tab):
    """The tab: a map, computed when it is asked for.

    Parameters
    ----------
    settings : MapSettings
        Which map, and what is shown of it.
    tabs : PrecisionSettings
        Which tab is open.
    state : callable
        Returns the scene on the page and the model behind it, None when the data are measured.

    Attributes
    ----------
    wanted : Wanted or None
        The map that is shown.
    problem : str
        Why it was not computed, in a sentence.
    """

    name = "Map"

    def __init__(
        self,
        settings: MapSettings,
        tabs: PrecisionSettings,
        state: Callable[[], tuple[Scene, GaussianModel | None]],
    ):
        super().__init__(tabs)
        self.settings, self._state = settings, state
        self.wanted: Wanted | None = None
        self.problem = ""
        self._cells = Cells()
        self._read_cell: tuple[int, int] | None = None  # chosen with the keyboard; else where the sliders are
        self._beside = Beside(self._look)
        self._interrupted = self._complete = False
        self._shown_at = 0.0
        self._plot = LivePlot("map", self._prepare)
        self._pane: pn.pane.HoloViews | None = None
        settings.param.watch(lambda *_events: self._show(), ["map_shows", "map_of"])
        settings.param.watch(lambda *_events: self.follow(), list(computed_from(settings)))
        self._tab_changed()

    @property
    def busy(self) -> bool:
        """Whether cells are being computed."""
        return self._beside.busy

    @property
    def sweep(self) -> Sweep | None:
        """What is known of the map that is shown."""
        return None if self.wanted is None else self._cells.sweep(self.wanted)

    # What can be done -------------------------------------------------------------------------------------------------

    def compute(self) -> None:
        """Compute the map that the settings mean, or what is missing of the one that was stopped."""
        scene, model = self._state()
        if not self._resumable():
            try:
                if model is None:
                    raise ValueError(MEASURED)
                self.wanted, self._read_cell = wanted(self.settings, model, scene.request), None
            except ValueError as error:
                self._beside.forget()
                self.problem = str(error)
                self._say()
                return
        assert self.wanted is not None
        self.problem, self._interrupted, self._complete = "", False, False
        self._beside.start(self._cells.work(self.wanted))
        self._show()

    def stop(self) -> None:
        """End what is running; finished cells stay, and can be continued."""
        self._beside.stop()

    def follow(self) -> None:
        """Mark where the sliders are now, and say when they have left the map; nothing is computed."""
        if self.open and self._pane is not None:
            self._beside.give_way()
            in_one_message(self._write_place)

    def _write_place(self) -> None:
        self._mark()
        self._say()
        self._read()

    def _opened(self) -> None:
        if self._interrupted and self._resumable():
            self.compute()
        else:
            self.follow()
            self._show()

    def _closed(self) -> None:
        self._interrupted = self._interrupted or self.busy
        self.stop()

    def _tapped(self, event: Tap) -> None:
        """Set the sliders to the cell that was clicked."""
        if self.wanted is not None and _is_number(event.x) and _is_number(event.y):
            self._set_sliders(plots.inside(self.wanted, event.x, event.y))

    def _set_sliders(self, place: dict[str, object] | None) -> None:
        _, model = self._state()
        if model is not None and place is not None:
            self._read_cell = None
            model.param.update(**place)

    def _key(self, key: str) -> None:
        """Read out the cell that a key leads to, or set the sliders to the one that is read out."""
        if self.wanted is None:
            return
        if key == "Enter":
            self._set_sliders(plots.inside(self.wanted, *self._cell))
        elif key == "Escape":
            self._read_cell = None
        elif key in STEPS:
            self._read_cell = gone_on(self._cell, key, len(self.wanted.columns), len(self.wanted.rows))
        in_one_message(self._write_place)

    @property
    def _cell(self) -> tuple[int, int]:
        """The cell that is read out, (column, row)."""
        assert self.wanted is not None
        if self._read_cell is not None:
            return self._read_cell
        _, model = self._state()
        position = self.wanted.position(self.wanted.settings if model is None else settings_of(model))
        return nearest(position, len(self.wanted.columns), len(self.wanted.rows))

    def _resumable(self) -> bool:
        """Whether the map that is shown is the one that the settings mean, and not complete."""
        return self.wanted is not None and not self._complete and not self._left()

    def _left(self) -> str:
        """Say in what the page differs from what the map was computed for."""
        scene, model = self._state()
        if self.wanted is None:
            return ""
        if model is None:
            return "This map is of the simulated experiment, not of the measured data above."
        return self.wanted.left(settings_of(model), scene.request, computed_from(self.settings))

    # What it shows ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Show what has been computed meanwhile."""
        if self.wanted is None or not self.open:
            return
        size = len(self.wanted.columns) * len(self.wanted.rows)
        if not self.busy or time.monotonic() - self._shown_at > size / CELLS_A_SECOND:
            self._show()

    def _show(self) -> None:
        """Show the map, in whatever state it is."""
        if self.wanted is None or self._pane is None:
            return
        self._shown_at = time.monotonic()
        sweep = self._cells.sweep(self.wanted)
        reached = sum(cell is not None for cell in sweep.cells)
        self._complete = sweep.complete
        made = self._made(sweep)

        def write() -> None:
            for document in self._plot.documents:
                in_document(document, partial(self._write, document, made))
            of = f"{reached:,} of {len(sweep.cells):,}" if not sweep.complete else f"{reached:,}"
            how = f"{sweep.baseline} baseline, {FITTED[sweep.loss]}"
            self._bar.text = f"{of} cells of {sweep.fits:,} experiments, {how}"
            self._bar.share = round(reached / len(sweep.cells), 3) if self.busy else -1.0
            # At once: a menu that loses its value chooses another one by itself.
            self._of.param.update(options=list(self.wanted.quantities), value=self._quantity)
            self._of.disabled = self.settings.map_shows == "failures"
            self._picture.visible = True
            self._save.disabled = not reached
            self._say()
            self._read()

        in_one_message(write)

    @property
    def _quantity(self) -> str:
        assert self.wanted is not None
        return chosen(self.settings.map_of, self.wanted.quantities)

    def _say(self) -> None:
        """Say what keeps the map from being computed, or in what it is not of the present state."""
        if self._pane is None:
            return
        left = self._left()
        label = RESUME if not left and not self.busy and self._resumable() else COMPUTE
        if self._button.label != label:
            self._button.label = label
        self._words.show(said(self.problem, "bad") if self.problem else said(left, "note"))

    def _read(self) -> None:
        """Say the numbers of one cell."""
        if self.wanted is None or self._pane is None:
            return
        place = plots.inside(self.wanted, *self._cell)
        assert place is not None
        text = plots.read_out(place, self._cells.get(self.wanted, place), self.wanted.fits, self._quantity)
        if self._reader.text != text:
            self._reader.text = text

    def _mark(self) -> None:
        made = self._marks()
        for document in self._plot.documents:
            in_document(document, partial(self._write_marks, document, made))

    def _marks(self) -> dict[str, Any]:
        _, model = self._state()
        here = read = plots.NOWHERE
        if self.wanted is not None and model is not None:
            here = plots.here(self.wanted, self.wanted.position(settings_of(model)))
        if self.wanted is not None and self._read_cell is not None:
            read = plots.here(self.wanted, self._read_cell)
        return {"edge": here, "here": dict(here), "read edge": read, "read": dict(read)}

    def _made(self, sweep: Sweep) -> tuple[dict[str, Any], plots.Colors, str]:
        assert self.wanted is not None
        shown, quantity = self.settings.map_shows, self._quantity
        colors = plots.colors(sweep, shown, quantity)
        squares = plots.cells(self.wanted, sweep, colors) | plots.information(self.wanted, sweep, quantity)
        return {"cells": squares} | self._marks(), colors, plots.title(sweep, shown, quantity)

    def _write(self, document: Document, made: tuple[dict[str, Any], plots.Colors, str]) -> None:
        for drawn in self._plot.shown:
            if drawn.figure.document is document:
                self._fill(drawn, *made)
        self._push(document)

    def _write_marks(self, document: Document, made: dict[str, Any]) -> None:
        for drawn in self._plot.shown:
            if drawn.figure.document is document:
                figure = drawn.figure
                ends = (figure.x_range.start, figure.x_range.end), (figure.y_range.start, figure.y_range.end)
                LivePlot.fill(drawn, made, *ends, Labels(figure.xaxis[0].axis_label, figure.yaxis[0].axis_label))
        self._push(document)

    def _push(self, document: Document) -> None:
        if document.session_context is None:
            pn.io.push_notebook(self._pane)

    def _fill(self, drawn: Drawn, columns: dict[str, Any], colors: plots.Colors, title: str) -> None:
        """Write a map into one plot."""
        map_, figure = self.wanted, drawn.figure
        assert map_ is not None
        ranges = (-0.5, len(map_.columns) - 0.5), (-0.5, len(map_.rows) - 0.5)
        LivePlot.fill(drawn, columns, *ranges, Labels(SPOKEN[map_.across], SPOKEN[map_.upwards]))
        for axis, values in ((figure.xaxis[0], map_.columns), (figure.yaxis[0], map_.rows)):
            _set_ticks(axis, plots.ticks(values))
        (bar,) = figure.select(ColorBar)
        if tuple(bar.color_mapper.palette) != colors.palette:
            bar.color_mapper.palette = list(colors.palette)
        if bar.title != title:
            bar.title = title
        _set_ticks(bar, colors.ticks)

    def _prepare(self, drawn: Drawn) -> None:
        """Give a plot that was just drawn its colors, what the pointer shows, and the map that there is."""
        figure, cells = drawn.figure, drawn.renderers["cells"]
        drawn.sources["cells"].data = {name: [] for name in (*plots.SIDES, "tone", *plots.INFORMATION)}
        mapper = LinearColorMapper(
            palette=list(plots.RISING), low=0.0, high=1.0, low_color=plots.NOTHING, nan_color="rgba(0, 0, 0, 0)"
        )
        for glyph in (cells.glyph, cells.nonselection_glyph, cells.selection_glyph, cells.muted_glyph):
            if hasattr(glyph, "fill_color"):
                glyph.fill_color = transform("tone", mapper)
        bar = ColorBar(color_mapper=mapper, height=12, title_text_font_style="normal")
        figure.add_layout(bar, "above")
        for axis in (bar, figure.xaxis[0], figure.yaxis[0]):
            axis.ticker = FixedTicker(ticks=[], minor_ticks=[])
        figure.add_tools(HoverTool(renderers=[cells], tooltips=TOOLTIP))
        figure.on_event(Tap, self._tapped)
        if self.wanted is not None:
            self._fill(drawn, *self._made(self._cells.sweep(self.wanted)))

    # What is on the page ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._pane = pn.pane.HoloViews(
            plots.map_overlay(self._plot.hook),
            linked_axes=False,
            sizing_mode="stretch_width",
            margin=(0, 8),
            backend="bokeh",
        )
        axes = [self._axis("map_across"), self._axis("map_upwards")]
        self._of = Menu(
            label=self.settings.param.map_of.label,
            options=[self.settings.map_of],
            value=self.settings.map_of,
            **COMPACT,
        )
        self._of.param.watch(self._of_chosen, "value")
        shown = pn.Column(
            control(self.settings, "map_shows"),
            self._of,
            control(self.settings, "map_experiments"),
            css_classes=["axes"],
            stylesheets=[PLACES],
            sizing_mode="stretch_width",
        )
        options = COMPACT | {"sizing_mode": None, "width": 200}
        self._button = pmui.Button(label=COMPUTE, variant="outlined", **options)
        self._button.on_click(lambda _event: self.compute())
        self._save = SaveTable(self._table, disabled=True, margin=(4, 10))
        self._bar = Bar(text=FIRST, sizing_mode="stretch_width", margin=(2, 21))
        self._bar.param.watch(lambda *_events: self.stop(), "stops")
        self._words = Board(stylesheets=[STYLE], sizing_mode="stretch_width", margin=(0, 16))
        self._reader = Reader(sizing_mode="stretch_width", margin=(4, 21, 0, 21))
        self._reader.on_key(self._key)
        caption = pn.pane.HTML(CAPTION, sizing_mode="stretch_width", margin=(0, 8))
        self._picture = pn.Column(self._pane, self._reader, caption, sizing_mode="stretch_width", visible=False)
        self.place[:] = [*axes, shown, pn.FlexBox(self._button, self._save), self._bar, self._words, self._picture]

    def _axis(self, name: str) -> pn.Column:
        """Return the controls of one axis: what, from where to where, in how many steps."""
        ends = control(self.settings, f"{name}_range")
        assert isinstance(ends, Ends)
        ends.placeholder = "auto"
        return pn.Column(
            control(self.settings, name),
            ends,
            control(self.settings, f"{name}_steps"),
            css_classes=["axes"],
            stylesheets=[PLACES],
            sizing_mode="stretch_width",
        )

    def _of_chosen(self, event: param.parameterized.Event) -> None:
        if event.new and (self.wanted is None or self._quantity != event.new):
            self.settings.map_of = event.new

    def _table(self) -> tuple[str, str]:
        """Return the name and the text of the table of all cells."""
        sweep = self.sweep
        assert sweep is not None
        return f"map_{'_'.join(reversed(sweep.grid))}.csv", sweep.to_frame().to_csv(index=False)


def said(sentence: str, severity: str) -> Written:
    """Write a sentence, or nothing."""
    sheet = Sheet()
    sheet.html('<ul class="verdicts" role="status">')
    if sentence:
        sheet.text(f'<li class="{severity}" data-mark="{MARKS[severity]}"><span>', sentence, "</span></li>")
    sheet.html("</ul>")
    return sheet.written()


def _set_ticks(axis: Any, ticks: dict[float, str]) -> None:
    """Write values along an axis or a color bar; a color bar keeps the ticker that it began with."""
    if axis.major_label_overrides != ticks:
        axis.ticker.ticks = sorted(ticks)
        axis.major_label_overrides = ticks


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e300
