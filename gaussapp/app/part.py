"""The part of x that is fitted, chosen by dragging over the plot and changed by dragging its edges."""

from __future__ import annotations

import math
import weakref

from bokeh.events import SelectionGeometry
from bokeh.models import BoxAnnotation, BoxSelectTool

from gaussapp.app.live import Drawn
from gaussapp.app.plots import DATA
from gaussapp.app.state import FitSettings


class PartOfX:
    """Keeps ``settings.fit_range`` and the shaded part of every plot the same.

    A tool of the plot chooses the part; the edges of the shade can be dragged afterwards.
    """

    def __init__(self, settings: FitSettings):
        self._settings = settings
        self._shades: weakref.WeakSet[BoxAnnotation] = weakref.WeakSet()
        self._marking = False

    def attach(self, drawn: Drawn) -> None:
        """Add the tool and the shade to a plot that was just drawn."""
        shade = BoxAnnotation(
            fill_color=DATA,
            fill_alpha=0.07,
            line_color=DATA,
            line_alpha=0.5,
            level="underlay",
            name="part of x",
            editable=True,
            resizable="x",
            movable="x",
        )
        tool = BoxSelectTool(dimensions="width", renderers=[], description="Drag over the part of x to fit")
        drawn.figure.add_layout(shade)
        drawn.figure.add_tools(tool)
        self._shades.add(shade)
        self.mark(shade)

    def listen(self, drawn: Drawn) -> None:
        """Follow what the user does with the tool and the shade of a plot."""
        drawn.figure.on_event(SelectionGeometry, self._selected)
        for shade in drawn.figure.center:
            if isinstance(shade, BoxAnnotation):
                shade.on_change("left", self._dragged)
                shade.on_change("right", self._dragged)

    def mark_all(self, document: object) -> None:
        """Move the shade of every plot in a document to where the settings have it."""
        for shade in self._shades:
            if shade.document is document:
                self.mark(shade)

    def mark(self, shade: BoxAnnotation) -> None:
        """Move one shade to where the settings have it."""
        part = self._settings.fit_range
        left, right = part if part is not None else (None, None)
        self._marking = True
        try:
            if shade.visible != (part is not None):
                shade.visible = part is not None
            if part is not None and _ends(shade) != part:
                shade.update(left=left, right=right)
        finally:
            self._marking = False

    def _selected(self, event: SelectionGeometry) -> None:
        if event.final and event.geometry.get("type") == "rect":
            self._choose(event.geometry["x0"], event.geometry["x1"])

    def _dragged(self, _attribute: str, _old: object, _new: object) -> None:
        if self._marking or self._settings.fit_range is None:
            return
        shade = next((shade for shade in self._shades if _ends(shade) != self._settings.fit_range), None)
        if shade is not None:
            self._choose(shade.left, shade.right)

    def _choose(self, one_end: object, other_end: object) -> None:
        if _are_numbers(one_end, other_end) and one_end != other_end:
            self._settings.fit_range = (min(one_end, other_end), max(one_end, other_end))


def _ends(shade: BoxAnnotation) -> tuple[object, object]:
    """Return the ends of a shade, the lower one first.

    A shade that is moved by more than its length is for a moment the wrong way round, because the browser tells one
    edge after the other. It is left so: the other edge is on its way.
    """
    ends = shade.left, shade.right
    return (min(ends), max(ends)) if _are_numbers(*ends) else ends


def _are_numbers(*ends: object) -> bool:
    return all(isinstance(end, int | float) and math.isfinite(end) for end in ends)
