"""The address of the page: it follows the settings and sets them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import panel as pn
import param

from gaussapp.app.state import from_query, to_query
from gaussapp.app.turns import weakly

DELAY = 400
"""Milliseconds of rest after which the address of the page is brought up to date."""


class Address:
    """Keeps the query part of the page's address and the settings the same.

    Parameters
    ----------
    owners : sequence of param.Parameterized
        Whose parameters are in the address.
    tell : callable
        Shows a sentence of a severity.
    """

    def __init__(self, owners: Sequence[param.Parameterized], tell: Callable[[str, str], None]):
        self._owners = owners
        self._tell = tell
        self._watch: object = None
        self.location: pn.io.location.Location | None = None

    def follow(self) -> None:
        """Apply the address of the page that is being built, and from now on every change of it."""
        if pn.state.location is None:
            return
        self.location = pn.state.location
        self._read()
        self.location.param.watch(self._read, "search")

    def note(self) -> None:
        """Note that a setting has changed: the address is written when nothing has changed for a while."""
        document = pn.state.curdoc
        if self.location is None or document is None or not document.session_context:
            return
        if self._watch is not None:
            document.remove_timeout_callback(self._watch)
        self._watch = document.add_timeout_callback(weakly(self._write), DELAY)

    def _read(self, *_events: object) -> None:
        search = self.location.search or ""
        if search == to_query(self._owners):
            return
        problems = from_query(search, self._owners)
        if problems:
            self._tell(" ".join(problems), "warning")

    def _write(self) -> None:
        self._watch = None
        self.location.search = to_query(self._owners)
