"""Reads out one cell of a map in words: for the keyboard, for screen readers, and for fingers, which cannot hover."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import param
from panel.custom import JSComponent

STEPS = {
    "ArrowLeft": (-1.0, 0.0),
    "ArrowRight": (1.0, 0.0),
    "ArrowDown": (0.0, -1.0),
    "ArrowUp": (0.0, 1.0),
    "Home": (-math.inf, 0.0),
    "End": (math.inf, 0.0),
    "PageDown": (0.0, -math.inf),
    "PageUp": (0.0, math.inf),
}
"""Columns and rows that a key goes on by; to the edge at most."""

STYLE = """
:host { display: block; }
.cells { padding: 6px 8px; border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: 4px;
  font-size: 0.92rem; font-variant-numeric: tabular-nums; cursor: default; }
.cells:focus { outline: 2px solid #0072B2; outline-offset: 1px; }
"""


class Reader(JSComponent):
    """A line under a map with the numbers of one cell; keys go on from there, and Enter takes the cell."""

    text = param.String(default="", doc="What there is to say of the cell.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = (
        f"""
    const keys = new Set({[*STEPS, "Enter", "Escape"]})
    """
        + """
    export function render({model}) {
      const line = Object.assign(document.createElement("div"), {
        className: "cells", tabIndex: 0, role: "application", ariaRoleDescription: "cells of the map",
        ariaLabel: "Cell of the map: arrow keys choose another one, Enter sets the sliders to it",
      })
      const words = document.createElement("div")
      words.setAttribute("aria-live", "polite")
      line.append(words)
      const show = () => { words.textContent = model.text }
      line.addEventListener("keydown", (event) => {
        if (!keys.has(event.key) || event.ctrlKey || event.altKey || event.metaKey) { return }
        event.preventDefault() // the page would scroll
        model.send_msg({key: event.key})
      })
      model.on("text", show)
      show()
      return line
    }
    """
    )
    _busy__ignore: ClassVar[list[str]] = ["text"]
    _pressed: Callable[[str], None] | None = None

    def on_key(self, act: Callable[[str], None]) -> None:
        """Call `act` with the name of a key that was pressed."""
        self._pressed = act

    def _handle_msg(self, data: object) -> None:
        key = data.get("key") if isinstance(data, Mapping) else None  # a client may send anything
        if self._pressed is not None and isinstance(key, str):
            self._pressed(key)


def gone_on(cell: tuple[int, int], key: str, columns: int, rows: int) -> tuple[int, int]:
    """Return the cell that a key leads to, (column, row), of a map of so many columns and rows."""
    across, upwards = STEPS.get(key, (0.0, 0.0))
    return _within(cell[0] + across, columns), _within(cell[1] + upwards, rows)


def nearest(position: tuple[float, float], columns: int, rows: int) -> tuple[int, int]:
    """Return the cell, (column, row), nearest to a place on a map or beside it."""
    return _within(position[0], columns), _within(position[1], rows)


def _within(place: float, count: int) -> int:
    return round(min(max(place, 0.0), count - 1.0))
