"""The Plan tab: how many points, which noise or which window gives a wanted precision, for what is on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document

from gaussapp.app.bar import Bar
from gaussapp.app.board import Board
from gaussapp.app.controls import COMPACT, control
from gaussapp.app.live import Drawn, Echo, LivePlot, Pace, Range
from gaussapp.app.planner import words
from gaussapp.app.planner.plot import Check, columns, extents, labels, plan_overlay, set_ticks, settled_on_log_axis
from gaussapp.app.planner.search import Question, Search, Searcher, question_of
from gaussapp.app.planner.setting import set_sliders, why_not
from gaussapp.app.precision.tab import WORDS_STYLE
from gaussapp.app.precision.words import problem
from gaussapp.app.repeated import Job, Repeater, session_document
from gaussapp.app.scene import Scene
from gaussapp.app.state import PlanSettings, PrecisionSettings
from gaussapp.app.tab import Tab
from gaussapp.app.turns import in_document, in_one_message, once_connected, weakly
from gaussapp.fitting import Fit
from gaussapp.model import GaussianModel
from gaussapp.planning import Plan
from gaussapp.study import Experiment, Study, experiment_of, merged

EXPERIMENTS = 4_000
"""Experiments that a plan is verified with: they tell the spread to about 1 %."""

FEWEST = 200
WORK = 20_000_000
"""Points of all these experiments together, from which on there are fewer of them, but not fewer than `FEWEST`."""

STYLE = (
    WORDS_STYLE
    + """
.answer { font-size: 1.15rem; margin: 6px 0 2px; padding-left: 10px; border-left: 3px solid #D55E00; }
table.plan { max-width: 40rem; margin-top: 8px; }
@container (max-width: 600px) {
  .parameters.plan tr { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .parameters.plan td:empty { display: none; }
}
"""
)

CHOICES = """
:host(.choices) { display: grid; grid-template-columns: 11rem minmax(9rem, 13rem) 15rem auto; align-items: center;
  justify-content: start; margin-top: 8px; gap: 4px 10px; }
@container (max-width: 900px) { :host(.choices) { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); } }
.choices > * { width: auto; }
"""

MEASURED = (
    "Planned from the fit: its values are taken for the truth. More points would be spread over x as those measured "
    "are, with the noise found there."
)


MOST_INLINE = 20_000
"""Points of an experiment up to which it is simulated where there is no event loop to go beside, as in a notebook."""


@dataclass(frozen=True)
class ToCheck:
    """Experiments that are to be simulated, and of which plan they are the ``answer`` or the ``present``."""

    plan: Plan
    place: str


class Planner(Tab):
    """The tab: what gives a wanted precision.

    Parameters
    ----------
    tabs : PrecisionSettings
        Which tab is open.
    settings : PlanSettings
        What is asked.
    state : callable
        Returns the scene on the page and the model behind it, None when the data are measured.
    pace, echo : Pace, Echo
        Of the page: what is sent from here goes to the same browser.
    tell : callable
        Shows a sentence of a severity.

    Attributes
    ----------
    plan : Plan or None
        What is shown.
    checks : dict of str to Check
        What simulated experiments say of it: of its ``answer`` and of the ``present``.
    problem : str
        Why there is no plan, in a sentence.
    """

    name = "Plan"

    def __init__(
        self,
        tabs: PrecisionSettings,
        settings: PlanSettings,
        state: Callable[[], tuple[Scene, GaussianModel | None]],
        pace: Pace,
        echo: Echo,
        tell: Callable[[str, str], None],
    ):
        super().__init__(tabs)
        self.settings = settings
        self._state, self._tell = state, tell
        self._pace, self._echo = pace, echo
        self._frame = 0
        self.plan: Plan | None = None
        self.checks: dict[str, Check] = {}
        self._verified: set[str] = set()
        self.problem = ""
        self._now: tuple[Scene, GaussianModel | None] | None = None
        self._question: Question | None = None
        self._searcher = Searcher(self._ask, self._found, self._searching)
        self._repeater = Repeater(self._simulated, self._progress, lambda: self._pace.is_received(self._frame))
        self._plot = LivePlot("plan", self._prepare)
        self._ranges: dict[tuple[str, ...], Range] = {}
        self._narrower: dict[str, tuple[float, float]] = {}  # what sliders spanned before they were widened
        self._pane: pn.pane.HoloViews | None = None
        settings.param.watch(lambda *_events: self.follow(rest=1), ["wanted", "target", "vary"])
        settings.param.watch(lambda *_events: self.apply(), "apply")
        self._tab_changed()

    @property
    def busy(self) -> bool:
        """Whether a plan is looked for or verified."""
        return self._searcher.busy or self._repeater.busy

    @property
    def documents(self) -> list[Document]:
        """Where it is shown."""
        return self._plot.documents

    # What it follows --------------------------------------------------------------------------------------------------

    def follow(self, rest: int | None = None) -> None:
        """Plan for what is on the page once it has not moved for `rest` milliseconds."""
        if self.open and self.documents:
            self._now = self._state()
            self._repeater.forget()
            self._searcher.follow(*(() if rest is None else (rest,)))

    def _opened(self) -> None:
        self.follow(rest=1)

    def _closed(self) -> None:
        self._searcher.forget()
        self._repeater.forget()

    def stop(self) -> None:
        """End what is running; what is done is shown."""
        self._searcher.stop()
        self._repeater.stop()

    # What it asks -----------------------------------------------------------------------------------------------------

    def _ask(self) -> Question | None:
        """Return the question of now; None if there is none, or its answer is known."""
        assert self._now is not None
        try:
            question = question_of(*self._now, self.settings)
        except ValueError as error:
            self._question = None
            self._refuse(str(error))
            return None
        if question.same(self._question):
            self._verify()
            return None
        return question.frozen()

    def _found(self, search: Search) -> None:
        """Show what a search has found."""
        if not self.open:
            return
        self._question = search.question if search.plan or search.error else None
        if search.plan is None:
            self._refuse(search.error or "The search was stopped. Any change begins it anew.")
            return
        self.plan, self.checks, self._verified, self.problem = search.plan, {}, set(), ""
        self._show()
        self._verify()

    def _verify(self) -> None:
        """Simulate what is not verified yet: the answer first, then the present."""
        plan, question = self.plan, self._question
        if plan is None or question is None:
            return
        for place in ("answer", "present"):
            experiment = None if place in self._verified else experiment_at(place, plan, question)
            if experiment is not None and (session_document() or experiment.x.size <= MOST_INLINE):
                count = min(EXPERIMENTS, max(FEWEST, WORK // experiment.x.size))
                self._repeater.follow(experiment, ToCheck(plan, place), count)
                return

    def _simulated(self, job: Job) -> None:
        """Show what simulated experiments say."""
        asked: ToCheck = job.ticket
        plan = self.plan
        if not self.open or plan is not asked.plan:
            return
        try:
            if job.error:
                raise ValueError(job.error)
            study = Study(job.experiment, merged(job.blocks))
        except ValueError as error:
            self._verified.add(asked.place)
            self._bar.text = f"The plan cannot be verified: {error}."
            return
        (wanted,) = plan.targets
        at = plan.value_at if asked.place == "answer" else plan.present_at
        self.checks[asked.place] = Check(
            at,
            study.spread[wanted],
            study.spread_error[wanted],
            study.bound[wanted],
            len(study),
            study.runaways,
            job.experiment.x.size,
        )
        self._show()
        if not (self._repeater.more or job.stopped or job.stale):
            self._verified.add(asked.place)
            self._verify()

    def _searching(self, long: bool) -> None:
        self._bar.share = None if long else -1.0
        if long:
            self._bar.text = "Looking for the plan: so many points take a while …"

    def _progress(self, share: float | None) -> None:
        if self._pane is not None:
            self._bar.share = -1.0 if share is None else round(share, 3)

    # What it does -----------------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Change the simulated experiment to what was found, and keep the precision it was found for."""
        plan, (_, model) = self.plan, self._state()
        if (sentence := why_not(plan, model)) or plan is None or model is None:
            self._tell(sentence, "warning")
            return
        (target,) = plan.targets.values()
        span = model.param[plan.vary].softbounds
        try:
            set_sliders(model, plan)
        except ValueError as error:
            self._tell(f"The sliders cannot be set to the plan: {error}", "error")
            return
        if model.param[plan.vary].softbounds != span:
            self._narrower.setdefault(plan.vary, span)
        self.settings.target = target  # half of what there is now would be another one

    def narrow(self, model: GaussianModel) -> None:
        """Give the sliders that were widened for a plan their range back."""
        for name, span in self._narrower.items():
            model.param[name].softbounds = span
        self._narrower.clear()

    # What it shows ----------------------------------------------------------------------------------------------------

    def _refuse(self, sentence: str) -> None:
        self.plan, self.checks, self.problem = None, {}, sentence[:1].upper() + sentence[1:].rstrip(".") + "."

        def write() -> None:
            self._words.show(problem(self.problem))
            self._bar.text = ""
            self._pictures.visible = False

        in_one_message(write)

    def _show(self) -> None:
        plan, question = self.plan, self._question
        assert plan is not None
        assert question is not None
        self._frame = self._pace.other()
        in_one_message(partial(self._write_all, plan, question, self._made()))

    def _write_all(self, plan: Plan, question: Question, made: tuple[Any, ...]) -> None:
        if self.plan is not plan:
            return  # there is a newer one by now
        (wanted,) = plan.targets
        given = question.target is not None
        for document in self.documents:
            in_document(document, partial(self._write, document, made))
        self._words.show(words.answer(plan, wanted, given, self.checks, self._notes(question)))
        self._table.show(words.table(plan))
        self._bar.text = words.headline(self.checks, question.loss)
        self._target.placeholder = "" if given else f"half of now: {plan.targets[wanted]:.4g}"
        self._button.visible = not isinstance(question.source, Fit)
        self._pictures.visible = True

    def _notes(self, question: Question) -> list[str]:
        """Return what else is to be known of a plan."""
        assert self._now is not None
        notes = [MEASURED] if isinstance(question.source, Fit) else []
        if self._now[0].request.fixed:
            notes.append("The plan is for a fit of all parameters: with one held, the others are known better.")
        return notes

    def _write(self, document: Document, made: tuple[Any, ...]) -> None:
        self._echo.send(document, self._frame)
        self._plot.update(document, *made)
        for drawn in self._plot.shown:
            if drawn.figure.document is document:
                set_ticks(drawn.figure)
        if document.session_context is None:
            self._pace.received(self._frame)
            pn.io.push_notebook(self._pane)

    def _made(self) -> tuple[Any, ...]:
        """Return columns, ranges and labels of the plot."""
        plan = self.plan
        assert plan is not None
        (wanted,) = plan.targets
        across, upwards = extents(plan, wanted, self.checks)
        x, y = self._settled(("x", plan.vary), across), self._settled(("y", wanted), upwards)
        return columns(plan, wanted, self.checks, x), x, y, labels(plan, wanted, self.checks)

    def _settled(self, key: tuple[str, ...], extent: Range) -> Range:
        self._ranges[key] = settled_on_log_axis(self._ranges.get(key), *extent)
        return self._ranges[key]

    def _prepare(self, drawn: Drawn) -> None:
        """Fill a plot that was just drawn with what is known, or have it computed."""
        if self.plan is not None:
            self._plot.fill(drawn, *self._made())
            set_ticks(drawn.figure)
            return
        document = pn.state.curdoc
        if document is not None and document.session_context:
            once_connected(document, weakly(self._opened))

    # What is on the page ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        sizing: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (0, 8)}
        self._pane = pn.pane.HoloViews(plan_overlay(self._plot.hook), linked_axes=False, backend="bokeh", **sizing)
        self._bar = Bar(sizing_mode="stretch_width", margin=(2, 21))
        self._bar.param.watch(lambda *_events: self.stop(), "stops")
        self._target = control(self.settings, "target")
        self._button = pmui.Button.from_param(self.settings.param.apply, variant="outlined", description="", **COMPACT)
        choices = pn.Column(
            control(self.settings, "wanted"),
            self._target,
            control(self.settings, "vary"),
            self._button,
            css_classes=["choices"],
            stylesheets=[CHOICES],
            sizing_mode="stretch_width",
        )
        self._words = Board(stylesheets=[STYLE], sizing_mode="stretch_width", margin=(4, 16))
        self._table = Board(stylesheets=[STYLE], sizing_mode="stretch_width", margin=(4, 16))
        self._pictures = pn.Column(self._pane, self._table, sizing_mode="stretch_width")
        self.place[:] = [choices, self._bar, self._words, self._pictures]


def experiment_at(place: str, plan: Plan, question: Question) -> Experiment | None:
    """Return the experiment that is to be simulated for the ``answer`` or the ``present``; None if there is none."""
    if place == "answer" and not plan.reachable and plan.vary == "samples":
        return None  # of as many points as there may be at all
    try:
        if place == "answer":
            return plan.experiment_fitted(question.loss)
        return experiment_of(question.source, baseline=plan.baseline, loss=question.loss)
    except ValueError:  # without noise, or with a loss that it has no data for
        return None
