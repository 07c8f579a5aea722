"""GaussApp: the pieces put together, shown inline in a notebook, embedded in a site, or served as a page."""

from __future__ import annotations

import logging
import os
from asyncio import Future
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.document import Document
from bokeh.events import DoubleTap, RangesUpdate, Reset
from panel.util import edit_readonly

from gaussapp.app.address import Address
from gaussapp.app.board import Board
from gaussapp.app.comparing import Comparing
from gaussapp.app.controls import COMPACT, controls, section
from gaussapp.app.files.rows import FileSettings
from gaussapp.app.files.tab import Files
from gaussapp.app.hands import Hands
from gaussapp.app.live import Drawn, Echo, Labels, LivePlot, Pace, Range, extent, settled
from gaussapp.app.maps.grid import MapSettings
from gaussapp.app.maps.tab import Maps
from gaussapp.app.measured import Measured
from gaussapp.app.notebook import InNotebook, Rooms
from gaussapp.app.part import PartOfX
from gaussapp.app.places import PLACES, ROOMS
from gaussapp.app.planner.tab import Planner
from gaussapp.app.plots import columns, fit_overlay, legend, residual_overlay, true_curve
from gaussapp.app.precision.tab import Precision
from gaussapp.app.rest import ProfileAtRest
from gaussapp.app.results import STYLE, results
from gaussapp.app.saved import document_of
from gaussapp.app.scene import Intervals, Request, Scene, compute
from gaussapp.app.scheme import TEMPLATE, Appearance, Scheme
from gaussapp.app.state import ON_THE_PAGE, FitSettings, PlanSettings, PrecisionSettings, Source, restore, settable
from gaussapp.app.turns import beside, in_document, in_one_message, once_connected
from gaussapp.data import Data, shortened
from gaussapp.fitting import Fit
from gaussapp.model import GaussianModel

log = logging.getLogger(__name__)

BACKGROUND_FROM = 20_000
"""Points above which a fit runs in a thread. Other fits than a plain one of one peak take longer and always do."""

OTHER_FITS = {"loss", "errors", "fit_range", "same_width", "fixed", "bounds", "ties"}
"""Settings of the fit with which models compare differently."""

NOTHING_YET = "Choose or drop a file, paste a table, or take a sample. Until then the simulated peak stays on the page."

GROUPS = {
    "Peak": ["amplitude", "center", "width"],
    "Noise": ["distribution", "noise", "offset", "seed", "sigma_known", "new_noise"],
    "Sampling": ["samples", "window"],
}


class GaussApp(InNotebook):
    """The live app: data, truth, fit and uncertainty move together.

    Show it as the last expression of a notebook cell, put it in any Panel layout, or serve ``GaussApp().page()``.

    Parameters
    ----------
    data : Data, optional
        Measured data to start with; without, a peak is simulated.
    model : GaussianModel, optional
        The simulated experiment. Setting its parameters moves the page.
    settings : FitSettings, optional
        How it is fitted and what is shown.
    precision : PrecisionSettings, optional
        Which tab is open, and what the Precision tab shows.
    planning : PlanSettings, optional
        What the Plan tab is asked.
    maps, trend : MapSettings, FileSettings, optional
        What the tabs Map and Files show.

    Attributes
    ----------
    data : Data
        What is fitted now.
    fit : Fit or None
        The fit of it; None when `problem` says why there is none.
    problem : str
        Empty, or one sentence.

    Examples
    --------
    >>> app = GaussApp()
    >>> app.model.center = 0.5
    >>> round(app.fit.values["center"], 1)
    0.5
    """

    model = param.ClassSelector(class_=GaussianModel, constant=True, doc="The simulated experiment.")
    settings = param.ClassSelector(class_=FitSettings, constant=True, doc="How it is fitted and shown.")
    precision = param.ClassSelector(class_=PrecisionSettings, constant=True, doc="What the Precision tab shows.")
    planning = param.ClassSelector(class_=PlanSettings, constant=True, doc="What the Plan tab is asked.")
    maps = param.ClassSelector(class_=MapSettings, constant=True, doc="Which map is computed.")
    trend = param.ClassSelector(class_=FileSettings, constant=True, doc="What is drawn of several files.")
    source = param.ClassSelector(class_=Source, constant=True, doc="Where the data come from.")

    def __init__(self, data: Data | None = None, **params: object):
        for name in ("model", "settings", "precision", "planning", "maps", "trend", "source"):
            params.setdefault(name, type(self).param[name].class_())
        super().__init__(**params)
        self._pace = Pace(self._draw)
        self.measured = Measured(self.source, self.tell, self._pace.held)
        if data is not None:
            self.measured.data = data
            self.source.mode = "My data"
        self._scene: Scene | None = None
        self._x_range: Range | None = None
        self._y_range: Range | None = None
        self._residual_range: Range | None = None
        self._chosen_view: tuple[Range, Range] | None = None
        self._stale = False
        self._saving = False
        self._echo = Echo(self._pace.received, self._send_again)
        self._fit_plot = LivePlot("fit", self._prepare_fit_plot)
        self._residual_plot = LivePlot("residuals", self._prepare_residual_plot)
        self._part = PartOfX(self.settings)
        self._hands = Hands(self.settings, lambda: self.scene, self.tell)
        self._profile = ProfileAtRest(self._show_profile)
        self._comparing = Comparing(self.settings, self._inputs, self.tell)
        self._appearance = Appearance()
        self._address = Address(self._owners(), self.tell)
        self._precision = Precision(self.precision, self._shown, self._pace, self._echo)
        self._planner = Planner(self.precision, self.planning, self._shown, self._pace, self._echo, self.tell)
        self._maps = Maps(self.maps, self.precision, self._shown)
        self._files = Files(self.trend, self.precision, self.measured, self.settings)
        self._tabs = (self._precision, self._planner, self._maps, self._files)
        self._build()
        self.model.param.watch(self._changed, [*settable(self.model)])
        self.settings.param.watch(self._changed, settable(self.settings))
        for shown in (self.precision, self.planning, self.maps, self.trend, self._appearance):
            shown.param.watch(self._tabs_changed, settable(shown))
        self.source.param.watch(self._source_changed, ["mode"])
        self.measured.param.watch(self._data_changed, "data")

    # What Python reads ------------------------------------------------------------------------------------------------

    @property
    def scene(self) -> Scene:
        """The newest state, computed when it is first asked for."""
        if self._scene is None:
            self._scene = compute(*self._inputs())
        return self._scene

    @property
    def data(self) -> Data:
        """The data that are fitted now, simulated or measured."""
        return self.scene.data

    @data.setter
    def data(self, data: Data) -> None:
        with self._pace.held():
            self.measured.suggestion = {}
            self.source.mode = "My data"
            self.measured.data = data

    @property
    def fit(self) -> Fit | None:
        """The fit of the data, or None when `problem` says why there is none."""
        return self.scene.fit

    @property
    def problem(self) -> str:
        """Why there is no fit, in one sentence; empty when there is one."""
        return self.scene.problem

    def reset(self) -> None:
        """Set every parameter back to its default, and every slider to its range. Data that were read stay."""
        kept = {"mode": self.source.mode, "sample": self.source.sample, "tab": self.precision.tab}
        kept["theme"] = self._appearance.theme
        restore(kept, self._owners())
        self._planner.narrow(self.model)

    def _owners(self) -> list[param.Parameterized]:
        """Return what the address of the page and Reset are about."""
        owners = [self.source, self.model, self.settings, self.precision, self.planning, self.maps, self.trend]
        return [*owners, self._appearance]

    def _shown(self) -> tuple[Scene, GaussianModel | None]:
        """Return what is on the page, and the model behind it if it is simulated."""
        own = self.source.mode == "My data" and self.measured.data is not None
        return self.scene, None if own else self.model

    def _inputs(self) -> tuple[Data, Request]:
        if self.source.mode == "My data" and self.measured.data is not None:
            return self.measured.data, Request.of(self.settings, None, self.measured.certified(self.settings))
        noise = self.model.noise if self.model.distribution == "normal" and self.model.noise > 0 else None
        return self.model.simulate(), Request.of(self.settings, noise)

    # What a change does -----------------------------------------------------------------------------------------------

    def _changed(self, *events: param.parameterized.Event) -> None:
        with self._pace.held():
            if any(event.obj is not self.settings or event.name in OTHER_FITS for event in events):
                self._comparing.forget()
            if events[0].obj is self.model and self.settings.start:
                self.settings.start = {}  # where peaks of other data were seen
            self._hands.follow(*events)
            self._scene = None
            self._pace.ask()
        self._address.note()

    def _tabs_changed(self, *_events: param.parameterized.Event) -> None:
        self._fit_tab.visible = self.precision.tab == "Fit"
        self._address.note()

    def _source_changed(self, *events: param.parameterized.Event) -> None:
        with self._pace.held():
            self._show_controls()
            self._new_points()
            self.settings.param.update(fit_range=None, start={})
            self._changed(*events)

    def _data_changed(self, *events: param.parameterized.Event) -> None:
        with self._pace.held():
            self._new_points()
            self.settings.param.update(**{"fit_range": None, "start": {}} | self.measured.suggestion)
            self._show_part()
            self._changed(*events)

    def _new_points(self) -> None:
        """Forget what belonged to the points that were shown before."""
        self._chosen_view = self._x_range = self._y_range = None
        self._message.visible = False
        if self.source.mode == "My data" and self.measured.data is None:
            self.tell(NOTHING_YET, "info")

    def _draw(self, frame: int) -> None:
        """Compute what is not computed yet and show it; what takes long is computed off the event loop."""
        if not self._documents():
            self._stale = True  # brought up to date when it is next shown
            self._pace.received(frame)
            return
        document = pn.state.curdoc
        if self._scene is not None or document is None or not document.session_context or not self._takes_long():
            self._show(self.scene, frame)
            return
        beside(document, lambda: compute(*self._inputs()), partial(self._show_computed, frame))

    def _takes_long(self) -> bool:
        """Whether the event loop, and with it every other user, would be held for more than a few milliseconds."""
        own = self.measured.data if self.source.mode == "My data" else None
        points = self.model.samples if own is None else len(own)
        return not self.settings.plain or points > BACKGROUND_FROM

    def _show_computed(self, frame: int, task: Future[Scene]) -> None:
        scene = task.result()
        if not self._pace.wanted:
            self._scene = scene
        self._show(scene, frame)

    def _show(self, scene: Scene, frame: int) -> None:
        self._settle(scene)
        made = self._columns(scene)
        in_one_message(partial(self._write_all, scene, made, frame))
        self._profile.note(scene)
        for tab in self._tabs:
            tab.follow()

    def _show_profile(self, scene: Scene, intervals: Intervals) -> None:
        """Show the asymmetric intervals of a scene, if it is still the one that is shown."""
        if self._scene is scene:
            self._scene = replace(scene, profile=intervals)
            in_one_message(lambda: self._results.show(results(self.scene)))

    def _send_again(self, document: Document) -> None:
        """Send everything to a browser whose connection was lost for a while."""

        def send() -> None:
            self._fit_plot.send_again(document)
            self._residual_plot.send_again(document)
            self._results.param.update(form="", texts=[])
            self._results.show(results(self.scene))

        in_one_message(send)

    def _write_all(self, scene: Scene, made: dict[str, dict[str, object]], frame: int) -> None:
        for document in self._documents():
            in_document(document, partial(self._write, document, scene, made, frame))
        self._results.show(results(scene))

    def _write(self, document: Document, scene: Scene, made: dict[str, dict[str, object]], frame: int) -> None:
        self._echo.send(document, frame)
        fit_labels, residual_labels = _labels(scene)
        self._fit_plot.update(document, made, self._x_range, self._y_range, fit_labels)
        self._residual_plot.update(document, made, self._x_range, self._residual_range, residual_labels)
        self._part.mark_all(document)
        if document.session_context is None:
            pn.io.push_notebook(self._fit_pane, self._residual_pane)

    def _documents(self) -> list[Document]:
        return self._fit_plot.documents

    # What is in view --------------------------------------------------------------------------------------------------

    def _settle(self, scene: Scene) -> None:
        """Decide the ranges of the axes: the user's while zoomed in, else round ones that change seldom."""
        self._stale = False
        data, fit = scene.data, scene.fit
        if self._chosen_view is None:
            low, high = extent(data.x)
            if self._x_range is None or not (self._x_range[0] <= low <= high <= self._x_range[1]):
                self._x_range = settled(None, low, high, room=0.02)
            else:
                self._x_range = settled(self._x_range, low, high, room=0.02)
            self._y_range = settled(self._y_range, *self._heights(scene))
        else:
            self._x_range, self._y_range = self._chosen_view
        reach = 3.0
        if fit is not None:
            finite = fit.standardized[np.isfinite(fit.standardized)]
            reach = max(reach, float(np.max(np.abs(finite), initial=0.0)))
        self._residual_range = settled(self._residual_range, -reach, reach)

    @staticmethod
    def _heights(scene: Scene) -> Range:
        data = scene.data
        spread = data.sigma if data.sigma is not None and len(data.x) <= 2000 else 0.0
        (low, _), (_, high) = extent(data.y - spread), extent(data.y + spread)
        if data.truth is not None:
            inside = true_curve(data.truth, data.x[:: max(1, len(data.x) // 500)])
            low, high = min(low, float(inside.min())), max(high, float(inside.max()))
        return low, high

    def _columns(self, scene: Scene) -> dict[str, dict[str, object]]:
        return columns(
            scene,
            self._fit_plot.frame(self._x_range, self._y_range),
            self._residual_plot.frame(self._x_range, self._residual_range),
        )

    def _show_part(self) -> None:
        """Show the part of x that is fitted and as much again around it: a small peak is lost in a long scan."""
        part, data = self.settings.fit_range, self.measured.data
        if part is None or data is None:
            return
        x, y = data.x, data.y
        around = (part[1] - part[0]) / 2
        near = y[(x >= part[0] - around) & (x <= part[1] + around)]
        if len(near):
            heights = settled(None, *extent(near))
            self._chosen_view = (part[0] - around, part[1] + around), heights

    def _zoomed(self, event: RangesUpdate) -> None:
        ends = (event.x0, event.x1, event.y0, event.y1)
        if (
            all(isinstance(end, int | float) and abs(end) < 1e300 for end in ends)
            and ends[0] < ends[1]
            and ends[2] < ends[3]
        ):
            self._chosen_view = ends[:2], ends[2:]
            self._pace.ask()

    def _unzoomed(self, _event: Reset) -> None:
        self._chosen_view = self._x_range = self._y_range = None
        self._pace.ask()

    # What is on the page ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        scene = self.scene
        self._settle(scene)
        first = self._columns(scene)
        sizing = {"sizing_mode": "stretch_width", "margin": (0, 8), "backend": "bokeh"}
        self._fit_pane = pn.pane.HoloViews(fit_overlay(first, self._fit_plot.hook), linked_axes=False, **sizing)
        self._residual_pane = pn.pane.HoloViews(
            residual_overlay(first, self._residual_plot.hook), linked_axes=False, **sizing
        )
        self._results = Board(stylesheets=[STYLE], sizing_mode="stretch_width", margin=(4, 16))
        self._results.show(results(scene))
        self._results.on_action(self._hands.act)
        self._fit_tab = pn.Column(
            self._results, self._comparing.board, sizing_mode="stretch_width", visible=self.precision.tab == "Fit"
        )
        tabs = pmui.RadioButtonGroup.from_param(
            self.precision.param.tab, label="", description="", size="small", margin=(4, 16)
        )
        self._message = pmui.Alert("", severity="error", closeable=True, visible=False, sizing_mode="stretch_width")
        self._mode = pmui.RadioButtonGroup.from_param(
            self.source.param.mode, sizing_mode="stretch_width", margin=(8, 10)
        )
        self._simulated = pn.Column(
            *[section(title, *controls(self.model, names)) for title, names in GROUPS.items()],
            sizing_mode="stretch_width",
        )
        self._own = pn.Column(section("My data", *self.measured.panel()), sizing_mode="stretch_width")
        names = [name for name in settable(self.settings) if name not in ON_THE_PAGE]
        fitting = section("Fit", *controls(self.settings, names), self._comparing.button)
        reset = pmui.Button(label="Reset", variant="text", on_click=lambda _event: self.reset(), **COMPACT)
        side = pn.Column(self._mode, self._simulated, self._own, fitting, reset, css_classes=["side"])
        self._plots = pn.Column(self._message, self._fit_pane, self._residual_pane, css_classes=["plots"])
        numbers = pn.Column(tabs, self._fit_tab, *[tab.place for tab in self._tabs], css_classes=["numbers"])
        self._show_controls()
        rooms = pn.Column(
            side, self._plots, numbers, css_classes=["rooms"], stylesheets=[PLACES], sizing_mode="stretch_width"
        )
        self._layout = Rooms(rooms, stylesheets=[ROOMS], sizing_mode="stretch_width")

    def _show_controls(self) -> None:
        own = self.source.mode == "My data"
        self._own.visible, self._simulated.visible = own, not own

    def _prepare_fit_plot(self, drawn: Drawn) -> None:
        figure = drawn.figure
        figure.legend.click_policy = "hide"
        for companion in ("data picture", "error bars", "left out"):
            drawn.renderers["data"].js_link("visible", drawn.renderers[companion], "visible")
        self._part.attach(drawn)
        if not self._saving:
            figure.on_event(RangesUpdate, self._zoomed)
            figure.on_event(Reset, self._unzoomed)
            figure.on_event(DoubleTap, self._hands.tapped)
            self._part.listen(drawn)
            self._echo.attach(drawn)
            document = pn.state.curdoc
            if document is not None and document.session_context:
                once_connected(document)
        self._catch_up()
        self._fit_plot.fill(drawn, self._columns(self.scene), self._x_range, self._y_range, _labels(self.scene)[0])
        self._profile.note(self.scene)

    def _prepare_residual_plot(self, drawn: Drawn) -> None:
        self._catch_up()
        if self._fit_plot.shown:  # drawn just before, in the same document
            drawn.figure.x_range = self._fit_plot.shown[-1].figure.x_range
        made, labels = self._columns(self.scene), _labels(self.scene)[1]
        self._residual_plot.fill(drawn, made, self._x_range, self._residual_range, labels)

    def _catch_up(self) -> None:
        """Bring ranges and table to the newest state if it came while nothing was shown."""
        if self._stale:
            self._settle(self.scene)
            self._results.show(results(self.scene))

    def page(self) -> pmui.Page:
        """Return the page to serve; its address follows the settings and sets them."""
        page = pmui.Page(
            title="gaussapp",
            main=[self._layout],
            sx={"& .MuiToolbar-root": {"minHeight": "48px", "height": "48px"}},
            busy_indicator=None,
            template=TEMPLATE,
        )
        # A page follows the server's busy state even when it shows no indicator: two walks over its models an event.
        # And what follows that state is kept as long as the server runs, the page of a visitor who has left included.
        with edit_readonly(page):
            page.busy = False
        for _names, watcher in page._param__private.ref_watchers:
            watcher.inst.param.unwatch(watcher)
        self._address.follow()
        Scheme(self._appearance).follow(page)
        return page

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what is shown now as one HTML file that opens without a server and without a network."""
        self._saving = True  # nobody will be there to report to
        try:
            plots = [hv.render(pane.object, backend="bokeh") for pane in (self._fit_pane, self._residual_pane)]
        finally:
            self._saving = False
        numbers = results(self.scene, live=False).html
        Path(path).write_text(document_of(shortened(self.data.name), plots, numbers), encoding="utf-8")

    def tell(self, sentence: str, severity: str = "error") -> None:
        """Show a sentence above the plot, or take it away if it is empty. It is escaped here."""
        self._message.param.update(object=escape(sentence), severity=severity, visible=bool(sentence))


def _labels(scene: Scene) -> tuple[Labels, Labels]:
    """Return the labels of the fit plot and of the residual plot."""
    x, y = shortened(scene.data.x_label), shortened(scene.data.y_label)
    return Labels("", y, legend(scene)), Labels(x, "residual / σ")
