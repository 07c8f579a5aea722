"""Repeats the newest experiment beside the page: a quick look behind every move, many once the sliders rest.

Python's threads take turns, and what ran in one would slow the main plot down. So the experiments are done in processes
of their own, which all sessions of a server share and which give way to it. The work is cut into short blocks, what is
out of date ends with its block, and quick looks keep a distance from one another: the browser has to paint them all.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import panel as pn
from bokeh.document import Document

from gaussapp.app.live import PATIENCE
from gaussapp.app.turns import beside, weakly
from gaussapp.study import Block, Experiment, timed_block
from gaussapp.workers import Processes, cores

QUICK = 1_000
"""Experiments repeated right behind every move."""

ENOUGH = 50
"""Of a quick look that is out of date, after so many what there is gets shown if it has taken `BUDGET` already."""

BUDGET = 0.1
"""Seconds that a quick look may take although there is a newer state: else a drag would never show anything."""

APART = 0.08
"""Seconds from the start of one quick look to the next."""

LOOK = 10
"""Milliseconds between two looks whether what was shown last has reached the browser."""

REST = 300
"""Milliseconds without a move after which the many experiments are done."""

SLOW = 0.5
"""Seconds from which a run shows its progress."""

TICK = 250
"""Milliseconds between two looks at the progress."""

FIRST = 60
"""Experiments done first, which tells how long one takes: from some microseconds to some milliseconds."""

BLOCK = 0.1
"""Seconds of processor time that a block of experiments should take; small ones cost several times as much for each."""

LARGEST = 2_000
"""Experiments in a block at most."""

MOST_PROCESSES = 4
"""Processes that repeat experiments at most; one core is left to the page."""

NICENESS = 5
"""By how much these give way to the page."""

INLINE = 0.15
"""Seconds that experiments may take where there is no event loop to go beside, as in a notebook."""


@dataclass(eq=False)
class Job:
    """Experiments to be done and those done. The thread appends blocks; the event loop sets `stale` and `stopped`."""

    experiment: Experiment
    ticket: Any
    until: int
    blocks: list[Block] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    stale: bool = False
    stopped: bool = False
    error: str = ""

    @property
    def done(self) -> int:
        """Number of experiments done."""
        return sum(block.count for block in self.blocks)

    def run(
        self, ends: Callable[[], bool], compute: Callable[[tuple[Experiment, int, int]], tuple[Block, float]]
    ) -> None:
        """Do the missing blocks, each of some `BLOCK` seconds, until all are done or `ends` says so."""
        size = first_size(self.experiment)
        try:
            while (left := self.until - self.done) > 0 and not ends():
                count = min(size, left)
                block, seconds = compute((self.experiment, self.done, count))
                self.blocks.append(block)
                size = int(min(max(count * BLOCK / max(seconds, 1e-9), 1), LARGEST))
        except ValueError as error:
            self.error = str(error)


def first_size(experiment: Experiment) -> int:
    """Return how many experiments are done first, before it is known how long one takes."""
    if experiment.baseline == "exponential" or experiment.peaks > 1 or experiment.loss == "robust":
        return 10  # fitted one after the other
    return max(1, min(FIRST, 25_000 // experiment.x.size))


@cache
def processes() -> Processes:
    """Return the processes that repeat experiments for all sessions; they end with this one."""
    return Processes(max(1, min(MOST_PROCESSES, cores() - 1)), NICENESS)


def elsewhere(task: tuple[Experiment, int, int]) -> tuple[Block, float]:
    """Return `timed_block`, computed in another process where one can be started."""
    try:
        answer: tuple[Block, float] = processes().compute(timed_block, task)
    except OSError:  # there are too many processes, or too little memory for one more
        return timed_block(task)
    return answer


class Repeater:
    """Repeats what it is given last.

    Parameters
    ----------
    show : callable
        Called on the event loop with a `Job` that has something to show.
    tell : callable
        Called with the share that is done (None when nothing runs for long), to show progress.
    seen : callable
        Says whether what was shown last has reached the browser.
    """

    def __init__(
        self, show: Callable[[Job], None], tell: Callable[[float | None], None], seen: Callable[[], bool] = lambda: True
    ):
        self._show, self._tell, self._seen = show, tell, seen
        self._wanted: tuple[Experiment, Any, int] | None = None
        self._job: Job | None = None
        self._rest: tuple[Job, int] | None = None
        self._timer: object = None
        self._ticking: object = None
        self._last = 0.0
        self._shown: Job | None = None
        self._shown_at = 0.0
        self._held: Job | None = None
        self._looking: object = None

    @property
    def busy(self) -> bool:
        """Whether something is computed, or waits to be computed or shown."""
        return any(each is not None for each in (self._job, self._wanted, self._rest, self._held))

    @property
    def more(self) -> bool:
        """Whether more of the experiments shown last are to come."""
        return self._rest is not None

    @property
    def waiting(self) -> bool:
        """Whether a newer state than the one shown last is computed or waits to be."""
        return self._wanted is not None or (self._job is not None and self._job is not self._shown)

    def follow(self, experiment: Experiment, ticket: Any, count: int) -> None:
        """Repeat an experiment, `count` times in the end; what was asked for before is out of date.

        `ticket` comes back with the `Job`.
        """
        self._wanted, self._rest = (experiment, ticket, count), None
        self._cancel_timer()
        if self._job is not None:
            self._job.stale = True
        elif session_document() is None:
            self._inline()
        else:
            self._later(APART - (time.monotonic() - self._last))

    def stop(self) -> None:
        """End what is running and show what is done."""
        self._wanted, self._rest = None, None
        self._cancel_timer()
        if self._job is not None:
            self._job.stopped = True

    def forget(self) -> None:
        """End what is running and show nothing of it."""
        self.stop()
        self._held = None
        if self._job is not None:
            self._job.stale = True
        self._tell(None)

    def _inline(self) -> None:
        assert self._wanted is not None
        experiment, ticket, _ = self._wanted
        self._wanted = None
        job = Job(experiment, ticket, QUICK)
        job.run(lambda: job.done >= 100 and time.monotonic() - job.started > INLINE, timed_block)
        job.until = job.done  # nothing more comes
        self._show(job)

    def _later(self, seconds: float) -> None:
        document = session_document()
        if seconds <= 0 or document is None:
            self._begin()
        else:
            self._timer = document.add_timeout_callback(weakly(self._begin), max(1, round(1000 * seconds)))

    def _cancel_timer(self) -> None:
        document = session_document()
        if self._timer is not None and document is not None:
            document.remove_timeout_callback(self._timer)
        self._timer = None

    def _begin(self) -> None:
        self._timer = None
        if self._job is not None or self._held is not None:
            return  # one is on its way and one waits for it: a third would only take the browser's time
        if self._wanted is not None:
            experiment, ticket, count = self._wanted
            self._wanted, self._last = None, time.monotonic()
            job = Job(experiment, ticket, min(QUICK, count))
            self._rest = (job, count) if count > QUICK else None
        elif self._rest is not None:
            (job, job.until), self._rest = self._rest, None
            job.started = time.monotonic()
        else:
            return
        document = session_document()
        if document is None:  # the page was left
            return
        self._job = job
        # The thread holds this object weakly: a page that is left must not stay in memory for a long run.
        beside(document, partial(_work, job, document), partial(handed_over, weakref.WeakMethod(self._finished), job))
        if self._ticking is None:
            self._ticking = document.add_timeout_callback(weakly(self._tick), TICK)

    def _tick(self) -> None:
        self._ticking = None
        document = session_document()
        if self._job is None or document is None:
            return
        if time.monotonic() - self._job.started >= SLOW and not self._job.stale:
            self._tell(self._job.done / self._job.until)
        self._ticking = document.add_timeout_callback(weakly(self._tick), TICK)

    def _finished(self, job: Job) -> None:
        self._tell(None)
        if job.stopped or job.error:
            self._rest = None
        out_of_date = job.stale and job.until > QUICK
        try:
            if (job.blocks or job.error) and not out_of_date and not (job.stale and job.stopped):
                self._present(job)
        finally:
            self._job = None
            self._go_on()

    def _go_on(self) -> None:
        if self._wanted is not None:
            self._cancel_timer()
            self._later(APART - (time.monotonic() - self._last))
        elif self._rest is not None:
            document = session_document()
            if document is not None:
                self._timer = document.add_timeout_callback(weakly(self._begin), REST)

    def _present(self, job: Job) -> None:
        """Show a job once the one before has reached the browser; meanwhile the next one is computed."""
        document = session_document()
        if document is None or self._seen() or time.monotonic() - self._shown_at > PATIENCE:
            self._shown, self._shown_at = job, time.monotonic()
            try:
                self._show(job)
            finally:
                self._held = None
            return
        self._held = job
        if self._looking is None:
            self._looking = document.add_timeout_callback(weakly(self._look), LOOK)

    def _look(self) -> None:
        self._looking = None
        if self._held is None:
            return
        self._present(self._held)
        if self._held is None and self._job is None:
            self._go_on()


def _work(job: Job, document: Document) -> None:
    """Run a job in a thread, which only waits for what is computed elsewhere."""
    quick = job.until <= QUICK

    def ends() -> bool:
        if job.stopped or document.session_context is None:
            return True
        if not job.stale:
            return False
        return not quick or (job.done >= min(ENOUGH, job.until) and time.monotonic() - job.started > BUDGET)

    job.run(ends, elsewhere)


def handed_over(finished: weakref.WeakMethod[Any], work: Any, task: asyncio.Future[None]) -> None:
    """Call a method with the work that a thread has done, if its object is still there."""
    there = finished()
    if there is not None:
        there(work)
    task.result()  # what nobody expected is told by the page


def session_document() -> Document | None:
    """Return the document of this session, if there is one with an event loop."""
    document = pn.state.curdoc
    return document if document is not None and document.session_context else None
