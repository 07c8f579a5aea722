"""The Precision tab: what the fit would give if the experiment were repeated, in step with the sliders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.document import Document
from bokeh.models import FixedTicker

from gaussapp.app.bar import Bar
from gaussapp.app.board import Board, Written
from gaussapp.app.controls import COMPACT, Menu, control
from gaussapp.app.live import Drawn, Echo, Labels, LivePlot, Pace, Range, settled
from gaussapp.app.plots import Columns
from gaussapp.app.precision import words
from gaussapp.app.precision.plots import (
    INTERVALS,
    ROW,
    chosen,
    cloud,
    cloud_extent,
    cloud_overlay,
    histogram_overlay,
    histograms,
    interval_overlay,
    intervals,
    intervals_extent,
)
from gaussapp.app.repeated import Job, Repeater
from gaussapp.app.results import STYLE
from gaussapp.app.scene import Request, Scene
from gaussapp.app.state import PrecisionSettings
from gaussapp.app.tab import Tab
from gaussapp.app.turns import in_document, in_one_message, once_connected, weakly
from gaussapp.fitting import Fit
from gaussapp.model import GaussianModel
from gaussapp.study import Experiment, Study, experiment_of, merged
from gaussapp.study.experiment import of_model

WORDS_STYLE = (
    STYLE
    + """
.count { margin: 4px 0; }
.said { margin: 8px 0 0; padding-left: 30px; } .said li { margin: 2px 0; } .said li:empty { display: none; }
table.study { max-width: 76rem; }
.scroll { overflow-x: auto; }
.parameters.study thead th { white-space: normal; vertical-align: bottom; }
@container (max-width: 1000px) { .parameters.study :is(th, td) { padding: 4px 6px; font-size: .95em; } }
@container (max-width: 600px) {
  .parameters.study td:is([data-column=bias], [data-column=coverage]) { grid-column: 1 / -1; }
  .parameters.study tr { grid-template-columns: minmax(0, 6fr) minmax(0, 7fr); }
  .parameters.study td { padding: 1px 6px; }
  .scroll { overflow-x: visible; }
}
"""
)

PLACES = """
:host(.pictures) { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); height: max-content; }
@container (max-width: 760px) { :host(.pictures) { grid-template-columns: minmax(0, 1fr); } }
"""
CHOICES = """
:host(.choices) { display: grid; grid-template-columns: 10rem 10rem minmax(14rem, 26rem); align-items: center;
  margin-top: 8px; }
@container (max-width: 620px) { :host(.choices) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
@container (max-width: 620px) { .experiments { grid-column: 1 / -1; } }
.choices > *, .experiments { width: auto; }
"""

CAPTION = """<p style="margin: 0 0 4px 13px; opacity: .78">Solid ellipses: 1σ and 95 % as the fit shown above reports
them, about its own values. Dashed: the same of the Cramér-Rao bound, about {truth}. Histograms: bars below them span
one reported error and one bound to both sides of {truth}; the line marks the mean.</p>"""

LEGENDS = {
    "cloud": {name: name for name in ("estimates", "bound", "reported", "this fit", "truth")},
    "histograms": {"bars": "estimates"} | {name: name for name in ("mean", "reported", "bound", "truth")},
}


@dataclass(frozen=True)
class Asked:
    """What a study is shown with."""

    fit: Fit | None
    level: float
    measured: bool
    wanted: int


def experiment_for(scene: Scene, model: GaussianModel | None) -> Experiment:
    """Return the experiment behind what is shown: that of the model, or of a fit to measured data (no `model`).

    Raises
    ------
    ValueError
        If there is none that could be repeated; the sentence says why.
    """
    request = scene.request
    if model is None and scene.fit is None:
        raise ValueError(scene.problem)
    if request.fixed or request.bounds or request.ties:
        raise ValueError(
            "An experiment is repeated with every parameter free, which would say nothing of this fit: free what is "
            "held, bounded or tied in the table to see the precision without it."
        )
    if model is None:
        return experiment_of(scene.fit, start="truth" if scene.fit.peaks > 1 else "search")
    return simulated(request, model)


def simulated(request: Request, model: GaussianModel | SimpleNamespace) -> Experiment:
    """Return the experiment of a model, or of any object with its parameters, fitted as requested.

    Raises
    ------
    ValueError
        If it cannot be repeated; the sentence says why.
    """
    if request.peaks != 1:
        raise ValueError(
            f"The simulated experiment has one peak, so it cannot be repeated with {request.peaks} peaks fitted: set "
            "Peaks to 1 to see its precision."
        )
    experiment = of_model(model, request.baseline, request.absolute_sigma, model.seed, "search", request.loss)
    if request.fit_range is None:
        return experiment
    low, high = request.fit_range
    inside = (experiment.x >= low) & (experiment.x <= high)
    if not inside.any():
        raise ValueError("There is no point in the part of x that is fitted: choose a larger part.")
    sigma = None if experiment.sigma is None else experiment.sigma[inside]
    parts = {name: getattr(experiment, name)[inside] for name in ("x", "curve", "noise")}
    return replace(experiment, sigma=sigma, **parts)


def same(one: Experiment, other: Experiment) -> bool:
    """Tell whether two experiments give the same numbers."""

    def equal(name: str) -> bool:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
            return np.array_equal(mine, theirs, equal_nan=True)
        return bool(mine is theirs or (type(mine) is type(theirs) and mine == theirs))

    return all(map(equal, Experiment.__slots__))


class Precision(Tab):
    """The tab: the experiment repeated.

    Parameters
    ----------
    settings : PrecisionSettings
        What it shows.
    state : callable
        Returns the scene on the page and the model behind it, None when the data are measured.
    pace, echo : Pace, Echo
        Of the page: what is sent from here goes to the same browser.

    Attributes
    ----------
    study : Study or None
        What is shown.
    problem : str
        Why nothing is, in a sentence.
    """

    name = "Precision"

    def __init__(
        self,
        settings: PrecisionSettings,
        state: Callable[[], tuple[Scene, GaussianModel | None]],
        pace: Pace,
        echo: Echo,
    ):
        super().__init__(settings)
        self.settings = settings
        self._state = state
        self._pace, self._echo = pace, echo
        self._frame = 0
        self.study: Study | None = None
        self.problem = ""
        self._asked: Asked | None = None
        self._until = 0
        self._repeater = Repeater(self._computed, self._progress, self._seen)
        self._plots = {name: LivePlot(name, partial(self._prepare, name)) for name in _OVERLAYS}
        self._ranges: dict[tuple[str, ...], Range] = {}
        self._panes: list[pn.pane.HoloViews] = []
        settings.param.watch(self._choice_changed, ["horizontal", "vertical", "singles"])
        settings.param.watch(lambda *_events: self.follow(), "experiments")
        settings.param.watch(self._one_more, "one_more")
        settings.param.watch(lambda *_events: settings.param.update(singles=0), "from_none")
        self._tab_changed()

    @property
    def busy(self) -> bool:
        """Whether experiments are being repeated or wait for it."""
        return self._repeater.busy

    @property
    def documents(self) -> list[Document]:
        """Where it is shown."""
        return self._plots["intervals"].documents

    # What it follows --------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Repeat the experiment that is on the page now; the newest wins."""
        if not self.open or not self.documents:
            return
        scene, model = self._state()
        asked = Asked(scene.fit, scene.request.level, model is None, self.settings.experiments)
        try:
            experiment = experiment_for(scene, model)
        except ValueError as error:
            self._repeater.forget()
            self._asked = asked
            self._refuse(str(error))
            return
        known = self.study
        if known is not None and not self.busy and len(known) == asked.wanted and same(experiment, known.experiment):
            self._asked = asked
            self._take(known.at_level(asked.level))
            return
        self._repeater.follow(experiment, asked, asked.wanted)

    def stop(self) -> None:
        """End what is running; what is done is shown."""
        self._repeater.stop()

    def _closed(self) -> None:
        self._repeater.forget()

    def _choice_changed(self, *_events: object) -> None:
        if self.study is not None and self.open:
            self._show()

    def _one_more(self, *_events: object) -> None:
        highest = self.settings.param.singles.bounds[1]
        self.settings.singles = min(self.settings.singles + 1, highest)

    def _computed(self, job: Job) -> None:
        """Show what a job has done."""
        if not self.open:
            return
        self._asked, self._until = job.ticket, job.until
        try:
            if job.error:
                raise ValueError(job.error)
            study = Study(job.experiment, merged(job.blocks), job.ticket.level)
        except ValueError as error:
            job.stopped = True  # more of them would not do better
            self._refuse(str(error))
        else:
            self._take(study)

    def _seen(self) -> bool:
        return self._pace.is_received(self._frame)

    def _progress(self, share: float | None) -> None:
        wanted = -1.0 if share is None else round(share, 3)
        if self._panes and self._bar.share != wanted:
            self._bar.share = wanted

    # What it shows ----------------------------------------------------------------------------------------------------

    def _refuse(self, sentence: str) -> None:
        self.study, self.problem = None, sentence[:1].upper() + sentence[1:].rstrip(".") + "."

        def write() -> None:
            self._findings.show(words.problem(self.problem))
            self._bar.text = ""
            self._pictures.visible = self._caption.visible = self._single.visible = False

        in_one_message(write)

    def _take(self, study: Study) -> None:
        self.study, self.problem = study, ""
        self._show()

    @property
    def _names(self) -> tuple[str, str]:
        assert self.study is not None
        quantities = self.study.quantities
        return chosen(self.settings.horizontal, quantities), chosen(self.settings.vertical, quantities)

    def _show(self) -> None:
        study, asked = self.study, self._asked
        assert study is not None
        assert asked is not None
        # While a newer state waits, as in a drag, only what is nearest to the sliders: painting takes the browser
        # longer than all the fits take.
        parts = ["cloud"] if self._repeater.waiting else list(self._plots)
        made = {name: self._made(name) for name in parts}
        self._frame = self._pace.other()
        in_one_message(partial(self._write_all, study, asked, made))

    def _write_all(self, study: Study, asked: Asked, made: dict[str, tuple[Any, ...]]) -> None:
        if self.study is not study:
            return  # there is a newer one by now
        for document in self.documents:
            in_document(document, partial(self._write, document, made))
        self._findings.show(words.findings(study, measured=asked.measured))
        self._bar.text = words.headline(study, self._until)
        across, upwards = self._names
        last = self.settings.singles
        self._count.show(words.count(study, across, last, measured=asked.measured))
        for select, name in ((self._across, across), (self._upwards, upwards)):
            if select.options != list(study.quantities):
                select.options = list(study.quantities)
            select.value = name
        self._caption.show(Written(CAPTION.format(truth="the fitted values" if asked.measured else "the truth"), ()))
        self._pictures.visible = self._caption.visible = self._single.visible = True

    def _write(self, document: Document, made: dict[str, tuple[Any, ...]]) -> None:
        self._echo.send(document, self._frame)
        for name, new in made.items():
            plot = self._plots[name]
            plot.update(document, *new)
            if name == "histograms":
                for drawn in plot.shown:
                    if drawn.figure.document is document:
                        self._set_rows(drawn)
        if document.session_context is None:
            self._pace.received(self._frame)
            pn.io.push_notebook(*self._panes)

    def _made(self, name: str) -> tuple[dict[str, Columns], Range, Range, Labels]:
        """Return columns, ranges and labels of one plot."""
        study, asked = self.study, self._asked
        assert study is not None
        assert asked is not None
        across, upwards = self._names
        spelled = across.replace("fwhm", "FWHM").replace("_", " ")
        if name == "cloud":
            made = cloud(study, asked.fit, across, upwards)
            x = self._settled((name, across), *cloud_extent(study, made, across, "x"))
            y = self._settled((name, upwards), *cloud_extent(study, made, upwards, "y"))
            legend = LEGENDS[name] | {"truth": "" if asked.measured else "truth"}
            return made, x, y, Labels(spelled, upwards.replace("fwhm", "FWHM").replace("_", " "), legend)
        if name == "histograms":
            made, reach = histograms(study)
            x = self._settled((name,), -reach, reach, room=0.0)
            truth = "fitted value" if asked.measured else "truth"
            labels = Labels(f"(estimate − {truth}) / bound", "", LEGENDS[name] | {"truth": truth})
            return made, x, (0.0, float(len(study.names))), labels
        last = min(self.settings.singles, len(study))
        truth = "fitted value" if asked.measured else "truth"
        legend = {"truth": truth, "holds": f"holds the {truth}", "misses": f"misses the {truth}", "values": ""}
        first = max(0, last - INTERVALS)
        y = self._settled((name, across), *intervals_extent(study, across))
        return (
            intervals(study, across, last),
            (float(first), first + INTERVALS + 1.0),
            y,
            Labels("experiment", spelled, legend),
        )

    def _settled(self, key: tuple[str, ...], low: float, high: float, room: float = 0.06) -> Range:
        self._ranges[key] = settled(self._ranges.get(key), low, high, room)
        return self._ranges[key]

    def _set_rows(self, drawn: Drawn) -> None:
        """Write the names of the parameters beside their histograms."""
        assert self.study is not None
        figure, names = drawn.figure, self.study.names
        labels = {len(names) - i - 0.5: name.replace("_", " ") for i, name in enumerate(names)}
        axis = figure.yaxis[0]
        if axis.major_label_overrides != labels:
            axis.update(ticker=FixedTicker(ticks=sorted(labels), minor_ticks=[]), major_label_overrides=labels)
            figure.height = max(380, 120 + ROW * len(names))

    def _prepare(self, name: str, drawn: Drawn) -> None:
        """Fill a plot that was just drawn with what is known, or have it computed."""
        figure = drawn.figure
        if name == "histograms":
            figure.ygrid.visible = False
            figure.yaxis[0].major_tick_line_color = None
        if self.study is not None:
            self._plots[name].fill(drawn, *self._made(name))
            if name == "histograms":
                self._set_rows(drawn)
        elif name == "intervals":
            document = pn.state.curdoc
            if document is not None and document.session_context:
                once_connected(document, weakly(self.follow))

    # What is on the page ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        sizing: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (0, 8), "backend": "bokeh"}
        panes = {
            name: pn.pane.HoloViews(draw(self._plots[name].hook), linked_axes=False, **sizing)
            for name, draw in _OVERLAYS.items()
        }
        self._panes = list(panes.values())
        self._bar = Bar(sizing_mode="stretch_width", margin=(2, 21))
        self._bar.param.watch(lambda *_events: self.stop(), "stops")
        self._across, self._upwards = self._select("horizontal"), self._select("vertical")
        experiments = control(self.settings, "experiments")
        experiments.css_classes = ["experiments"]
        choices = pn.Column(
            self._across,
            self._upwards,
            experiments,
            css_classes=["choices"],
            stylesheets=[CHOICES],
            sizing_mode="stretch_width",
        )
        self._pictures = pn.Column(
            panes["cloud"],
            panes["histograms"],
            css_classes=["pictures"],
            stylesheets=[PLACES],
            sizing_mode="stretch_width",
        )
        # A board, as a pane of HTML that is shown before the browser has laid it out stops with an error.
        self._caption = Board(stylesheets=[WORDS_STYLE], sizing_mode="stretch_width", margin=(0, 8))
        self._findings = Board(stylesheets=[WORDS_STYLE], sizing_mode="stretch_width", margin=(4, 16))
        self._count = Board(stylesheets=[WORDS_STYLE], sizing_mode="stretch_width", margin=(8, 21, 0, 29))
        options = COMPACT | {"sizing_mode": None, "width": 210}
        buttons = [
            pmui.Button.from_param(self.settings.param[name], variant="outlined", description="", **options)
            for name in ("one_more", "from_none")
        ]
        self._single = pn.Column(
            self._count, pn.FlexBox(*buttons), panes["intervals"], sizing_mode="stretch_width", margin=(6, 0)
        )
        for part in (self._pictures, self._caption, self._single):
            part.visible = self.study is not None  # until then plots of nothing
        self.place[:] = [choices, self._bar, self._pictures, self._caption, self._findings, self._single]

    def _select(self, name: str) -> Menu:
        """Make the menu of quantities for one axis; which there are is known with the first study."""
        parameter = self.settings.param[name]
        value = getattr(self.settings, name)
        select = Menu(label=parameter.label, description=parameter.doc, options=[value], value=value, **COMPACT)

        def to_parameter(event: param.parameterized.Event) -> None:
            if event.new and (
                self.study is None or chosen(getattr(self.settings, name), self.study.quantities) != event.new
            ):
                setattr(self.settings, name, event.new)

        select.param.watch(to_parameter, "value")
        return select


_OVERLAYS = {"cloud": cloud_overlay, "histograms": histogram_overlay, "intervals": interval_overlay}
