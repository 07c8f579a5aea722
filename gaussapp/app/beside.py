"""Long work beside the event loop: a thread does it in small steps, and the page looks now and then at what there is.

Python's threads take turns, so the work gives way while sliders move. A thread of its own, because work that takes
minutes would hold up those that all sessions share.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bokeh.document import Document

from gaussapp.app.repeated import session_document
from gaussapp.app.turns import told, weakly

TICK = 200
"""Milliseconds between two looks at what has been done."""

QUIET = 0.3
"""Seconds after a move during which the work waits."""

Ends = Callable[[], bool]
"""Asked between two small steps of the work: whether it is to end."""


@dataclass(eq=False)
class Run:
    """Work that was begun. The thread sets `ended` and `error`, the event loop the others."""

    stopped: bool = False
    ended: bool = False
    error: BaseException | None = None
    quiet_until: float = 0.0


class Beside:
    """Does one thing at a time; what was begun before ends at its next step.

    Parameters
    ----------
    look : callable
        Called on the event loop while something runs, and once when it has ended.
    """

    def __init__(self, look: Callable[[], None]):
        self._look = look
        self._run: Run | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being done."""
        return self._run is not None

    def start(self, work: Callable[[Ends], None]) -> None:
        """Begin something; without an event loop, as in a script, do all of it now.

        `work` is called in a thread, must not hold what is on the page (a page that is left would stay in memory), and
        returns when it is done or what it is given says True.
        """
        self.forget()
        run = self._run = Run()
        document = session_document()
        if document is None and not _loop_runs():
            _do(work, run, lambda: run.stopped)
            self._finish(run)
            return
        there = weakref.ref(self)

        def ends() -> bool:
            while not (run.stopped or _is_left(document) or there() is None) and time.monotonic() < run.quiet_until:
                time.sleep(0.02)
            return run.stopped or _is_left(document) or there() is None

        threading.Thread(target=_do, args=(work, run, ends), name="gaussapp work", daemon=True).start()
        self._later(TICK)

    def stop(self) -> None:
        """End what is done; it is looked at once more."""
        if self._run is not None:
            self._run.stopped = True

    def forget(self) -> None:
        """End what is done without looking at it again."""
        self.stop()
        self._run = None

    def give_way(self) -> None:
        """Let the work wait a little: something moves."""
        if self._run is not None:
            self._run.quiet_until = time.monotonic() + QUIET

    def _later(self, milliseconds: int) -> None:
        document = session_document()
        if document is not None:
            document.add_timeout_callback(partial(told, weakly(self._tick)), milliseconds)
        elif _loop_runs():
            asyncio.get_running_loop().call_later(milliseconds / 1000, weakly(self._tick))

    def _tick(self) -> None:
        run = self._run
        if run is None:
            return
        if run.ended:
            self._finish(run)
            return
        try:
            self._look()
        finally:
            self._later(TICK)

    def _finish(self, run: Run) -> None:
        self._run = None
        self._look()
        if run.error is not None:
            raise run.error  # what nobody expected is told by the page


def _do(work: Callable[[Ends], None], run: Run, ends: Ends) -> None:
    try:
        work(ends)
    except BaseException as error:
        run.error = error
    finally:
        run.ended = True


def _is_left(document: Document | None) -> bool:
    return document is not None and document.session_context is None


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
