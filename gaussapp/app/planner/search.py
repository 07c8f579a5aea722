"""Looks for a plan beside the event loop once the sliders rest; one that is out of date ends with its next bound."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bokeh.document import Document

from gaussapp.app.repeated import SLOW, handed_over, session_document
from gaussapp.app.scene import Scene
from gaussapp.app.state import PlanSettings
from gaussapp.app.turns import beside, weakly
from gaussapp.fitting import Fit
from gaussapp.model import GaussianModel
from gaussapp.noise import POISSON
from gaussapp.planning import BASELINES, Design, Plan, plan
from gaussapp.planning.plan import start_of

REST = 300
"""Milliseconds without a move after which the search begins: it would slow the main plot down during one."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be planned.

    Attributes
    ----------
    source : GaussianModel or Fit
        The model, or the fit to measured data.
    wanted, vary, baseline : str
        As in `gaussapp.plan`.
    target : float or None
        None for half of what there is now.
    about : tuple
        What else the answer depends on, to be compared.
    data : object
        The measured data, which are compared by identity.
    loss : str
        What the fits make small with which the plan is verified.
    """

    source: GaussianModel | Fit
    wanted: str
    target: float | None
    vary: str
    baseline: str
    about: tuple[object, ...] = ()
    data: object = None
    loss: str = "least squares"

    def same(self, other: Question | None) -> bool:
        """Tell whether the answer to another question is that to this one."""
        if other is None or self.data is not other.data:
            return False
        names = ("wanted", "target", "vary", "baseline", "about", "loss")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def frozen(self) -> Question:
        """Return the question with a copy of the model, which may change at any moment."""
        return self if isinstance(self.source, Fit) else replace(self, source=deepcopy(self.source))

    def answer(self, cancelled: Callable[[], bool]) -> Plan:
        """Return the plan.

        Raises
        ------
        ValueError
            If there is none; the sentence says why.
        concurrent.futures.CancelledError
            If `cancelled` says so.
        """
        target = self.target
        if target is None:
            design: Design = start_of(self.source)[0]
            target = half_of(design.bound(self.baseline), self.wanted)
        targets: Mapping[str, Any] = {self.wanted: target}
        return plan(self.source, vary=self.vary, baseline=self.baseline, cancelled=cancelled, **targets)


def half_of(bound: Mapping[str, float], name: str) -> float:
    """Return half of a precision, in two digits.

    Raises
    ------
    ValueError
        If there is none.
    """
    half = float(f"{0.5 * bound[name]:.1e}")
    if not 0.0 < half < 1e300:
        spelled = name.replace("fwhm", "FWHM")
        raise ValueError(f"such data cannot tell the {spelled} now, so there is no precision to halve: type one")
    return half


def question_of(scene: Scene, model: GaussianModel | None, settings: PlanSettings) -> Question:
    """Return what is asked about what is on the page: the model, or the fit to measured data (no `model`).

    The model is not copied yet.

    Raises
    ------
    ValueError
        If there is nothing to plan from; the sentence says why.
    """
    request = scene.request
    asked = {"wanted": settings.wanted, "target": settings.target, "vary": settings.vary, "loss": request.loss}
    if model is None:
        if scene.fit is None:
            raise ValueError(scene.problem)
        about = (tuple(scene.fit.values.items()), scene.fit.x.size, scene.fit.absolute_sigma)
        return Question(scene.fit, baseline=scene.fit.baseline, about=about, data=scene.data, **asked)
    if request.peaks != 1:
        raise ValueError(
            f"The simulated experiment has one peak, so it cannot be planned with {request.peaks} peaks fitted: set "
            "Peaks to 1."
        )
    if request.fit_range is not None:
        raise ValueError("A plan is for all the points of the window: empty the part of x to fit.")
    if request.baseline not in BASELINES:
        raise ValueError(f"A plan can be made with no, a constant or a linear baseline, not an {request.baseline} one.")
    counts = model.distribution == POISSON
    if model.noise == 0.0 and not counts and not (settings.vary == "noise" and settings.target is not None):
        raise ValueError("Noise is 0, so everything is known exactly: set it above 0 to plan.")
    about = (Design.of(model), model.distribution)
    return Question(model, baseline=request.baseline, about=about, **asked)


@dataclass(eq=False)
class Search:
    """A question that is being answered. The thread writes the answer; the event loop sets `stopped`."""

    question: Question
    started: float = field(default_factory=time.monotonic)
    stopped: bool = False
    plan: Plan | None = None
    error: str = ""

    def run(self, left: Callable[[], bool]) -> None:
        """Answer, unless the page was `left` meanwhile."""
        try:
            self.plan = self.question.answer(lambda: self.stopped or left())
        except CancelledError:
            self.stopped = True
        except ValueError as error:
            self.error = str(error)


class Searcher:
    """Answers the newest question.

    Parameters
    ----------
    ask : callable
        Returns the question of now; None if there is none, or it is answered.
    show : callable
        Called on the event loop with a `Search` that has ended. It is `stopped` where the user did it.
    tell : callable
        Called with whether a search takes long.
    """

    def __init__(
        self, ask: Callable[[], Question | None], show: Callable[[Search], None], tell: Callable[[bool], None]
    ):
        self._ask, self._show, self._tell = ask, show, tell
        self._search: Search | None = None
        self._dropped = False
        self._due = 0.0
        self._timer: object = None
        self._ticking: object = None
        self._loop_timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether a plan is looked for or about to be."""
        return self._search is not None or self._timer is not None

    def follow(self, rest: int = REST) -> None:
        """Ask anew once nothing has moved for a while; what is looked for now is out of date."""
        self._drop()
        self._due = time.monotonic() + rest / 1000
        document = session_document()
        if document is None:
            self._without_session()
            return
        if self._timer is not None and rest < REST:
            self._cancel_timer(document)
        if self._timer is None:  # else it finds at its end that there is more to wait: setting it anew costs every move
            self._timer = document.add_timeout_callback(weakly(self._begin), rest)

    def stop(self) -> None:
        """End what is running, because the user says so."""
        if self._search is not None:
            self._search.stopped = True

    def forget(self) -> None:
        """End what is running and show nothing of it."""
        document = session_document()
        if self._timer is not None and document is not None:
            self._cancel_timer(document)
        self._drop()

    def _drop(self) -> None:
        if self._search is not None:
            self._search.stopped = self._dropped = True

    def _cancel_timer(self, document: Document) -> None:
        document.remove_timeout_callback(self._timer)
        self._timer = None

    def _without_session(self) -> None:
        """Answer when a notebook's event loop has rested; without a loop, now: whoever runs a script can wait."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._now()
            return
        if self._loop_timer is not None:
            self._loop_timer.cancel()
        self._loop_timer = loop.call_later(REST / 1000, weakly(self._now))

    def _now(self) -> None:
        question = self._ask()
        if question is not None:
            search = Search(question)
            search.run(lambda: False)
            self._show(search)

    def _begin(self) -> None:
        self._timer = None
        document = session_document()
        if document is None:
            return
        left = self._due - time.monotonic()
        if left > 0.0 or self._search is not None:  # which ends with its next bound
            self._timer = document.add_timeout_callback(weakly(self._begin), max(20, round(1000 * left)))
            return
        question = self._ask()
        if question is None:
            return
        self._search, self._dropped = Search(question), False
        # The thread holds this object weakly: a page that is left must not stay in memory for a long search.
        search = self._search
        beside(
            document, partial(_work, search, document), partial(handed_over, weakref.WeakMethod(self._finished), search)
        )
        if self._ticking is None:
            self._ticking = document.add_timeout_callback(weakly(self._tick), round(1000 * SLOW))

    def _tick(self) -> None:
        self._ticking = None
        document, search = session_document(), self._search
        if search is None or document is None:
            return
        left = SLOW - (time.monotonic() - search.started)
        if left <= 0.0 and not search.stopped:
            self._tell(True)
        self._ticking = document.add_timeout_callback(weakly(self._tick), max(round(1000 * left), 250))

    def _finished(self, search: Search) -> None:
        self._search = None
        self._tell(False)
        if not self._dropped:
            self._show(search)


def _work(search: Search, document: Document) -> None:
    """Answer in a thread."""
    search.run(lambda: document.session_context is None)
