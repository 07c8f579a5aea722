"""Work that waits until nothing moves: the slider keeps its speed, and what is shown at rest is complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import panel as pn
from bokeh.document import Document

from gaussapp.app.scene import Intervals, Scene, profile_of
from gaussapp.app.turns import beside, weakly

REST = 120
"""Milliseconds without a newer scene after which the work begins."""


class ProfileAtRest:
    """Computes the asymmetric intervals of the newest scene, in a thread, once no newer one has come for a while.

    Parameters
    ----------
    show : callable
        Called with the scene and its intervals, if it is still the newest.
    """

    def __init__(self, show: Callable[[Scene, Intervals], None]):
        self._show = show
        self._newest: Scene | None = None
        self._watch: object = None
        self._document: Document | None = None
        self._timer: asyncio.TimerHandle | None = None

    def note(self, scene: Scene) -> None:
        """Take a scene as the newest one; compute what it awaits when it has rested."""
        document = pn.state.curdoc
        self._newest = scene if scene.awaits_profile else None
        if document is None or not document.session_context:
            self._without_session()
            return
        if self._watch is not None:
            document.remove_timeout_callback(self._watch)
            self._watch = None
        if self._newest is not None:
            self._document = document
            self._watch = document.add_timeout_callback(weakly(self._begin), REST)

    def _without_session(self) -> None:
        """Compute when a notebook's event loop has rested; without a loop, now: whoever runs a script can wait."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._now()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(REST / 1000, weakly(self._now)) if self._newest is not None else None

    def _now(self) -> None:
        if (scene := self._newest) is not None:
            self._finish(scene, profile_of(scene.fit, scene.request))

    def _begin(self) -> None:
        self._watch = None
        scene, document = self._newest, self._document
        if scene is None or document is None:
            return
        beside(document, partial(profile_of, scene.fit, scene.request), partial(self._computed, scene))

    def _computed(self, scene: Scene, task: asyncio.Future[Intervals]) -> None:
        self._finish(scene, task.result())

    def _finish(self, scene: Scene, intervals: Intervals) -> None:
        if self._newest is scene:
            self._newest = None
            self._show(scene, intervals)
