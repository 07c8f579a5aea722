"""A map as a picture: what its cells, its colors and its color bar say; no state.

Cells are drawn with the same size, whatever their values are: even, in ratios or whole numbers. Where a color comes
from is computed here, so that the color bar can be even, logarithmic or centered on what is ideal without another plot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.palettes import Cividis256, PuOr, interp_palette

from gaussapp.app.maps.grid import SPOKEN, Wanted
from gaussapp.app.plots import Columns, Hook, overlay
from gaussapp.fitting.peak import Array
from gaussapp.grid import Cell, Sweep
from gaussapp.study.words import spoken

RISING = tuple(Cividis256)
"""From little to much, told apart with any eyes."""

AROUND = tuple(interp_palette(PuOr[11], 255))
"""Below, at and above what is ideal; orange and purple are told apart with any eyes."""

NOTHING = "#8C8C8C"
"""Of a cell in which nothing could be fitted."""

TICKS = 7
"""Values written along an axis or a color bar at most."""

WIDE = 5.0
"""Largest over smallest from which a color bar is logarithmic."""

BY_CHANCE = 3.0
"""Standard errors that the colors about an ideal reach at least: else mere chance would look like much."""

LEAST_REACH = {"bias": 1e-12, "reported error / spread": 0.1, "efficiency": 0.1, "coverage": 0.03}
"""How far they reach at least however many experiments there are."""

SIDES = ("left", "right", "bottom", "top")
INFORMATION = {
    "where": "where",
    "spread": "spread",
    "bias": "bias",
    "ratio": "reported / spread",
    "efficiency": "efficiency",
    "coverage": "coverage",
    "failures": "failed or ran away",
}
"""What a cell says of itself, by the name of its column: what it is called on the page."""


@dataclass(frozen=True)
class Colors:
    """How numbers become colors.

    Attributes
    ----------
    tones : ndarray, (rows, columns)
        Places on the palette, 0 to 1; nan for a cell that was not reached, -1 where nothing could be fitted.
    palette : tuple of str
        The colors.
    ticks : dict of float to str
        What is written along the color bar, by place.
    """

    tones: Array
    palette: tuple[str, ...]
    ticks: dict[float, str]


def values(sweep: Sweep, shown: str, quantity: str) -> Array:
    """Return the number that is shown of every cell, (rows, columns); nan where there is none."""
    if shown == "failures":
        return (sweep.map("failures") + sweep.map("runaways")) / sweep.fits
    if not sweep.names or quantity not in sweep.names:
        return np.full(sweep.shape, math.nan)
    if shown == "reported error / spread":
        with np.errstate(all="ignore"):
            return sweep.map("reported", quantity) / sweep.map("spread", quantity)
    return sweep.map(shown, quantity)


def colors(sweep: Sweep, shown: str, quantity: str) -> Colors:
    """Return the colors of a map."""
    numbers = values(sweep, shown, quantity)
    known = numbers[np.isfinite(numbers)]
    reached = np.array([cell is not None for cell in sweep.cells]).reshape(sweep.shape)
    ideal = {"bias": 0.0, "reported error / spread": 1.0, "efficiency": 1.0, "coverage": sweep.level}.get(shown)
    if ideal is None:
        made = _rising(numbers, known)
    else:
        least = max(LEAST_REACH[shown], BY_CHANCE * chance(sweep, shown, quantity))
        made = _around(numbers, known, ideal, least, percent=shown == "coverage")
    if shown == "failures":
        made = _rising(100.0 * numbers, 100.0 * known, " %")
    tones = np.where(reached & ~np.isfinite(made.tones), -1.0, made.tones)
    return Colors(tones, made.palette, made.ticks)


def chance(sweep: Sweep, shown: str, quantity: str) -> float:
    """Return the standard error that a number of one cell has where all is well."""
    if shown == "coverage":
        return math.sqrt(sweep.level * (1.0 - sweep.level) / sweep.fits)
    if shown != "bias":
        return math.sqrt(0.5 / sweep.fits)
    errors = sweep.map("bias_error", quantity) if quantity in sweep.names else np.empty(0)
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if known.size else 0.0


def _rising(numbers: Array, known: Array, unit: str = "") -> Colors:
    """Return colors from the smallest to the largest, in ratios where they are far apart."""
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if low <= 0.0:
        low, high = min(low, 0.0), max(high, 1.0 if unit else 1e-12)
    if not low < high:
        low, high = 0.9 * low, 1.1 * high
    ratios = low > 0.0 and high / low > WIDE
    scale: Callable[[Array], Array] = np.log if ratios else np.asarray
    bottom, top = (float(scale(np.array(end))) for end in (low, high))
    ticks = _in_ratios(low, high) if ratios else _evenly(low, high)
    with np.errstate(all="ignore"):
        tones = (scale(numbers) - bottom) / (top - bottom)
    places = {float((scale(np.array(tick)) - bottom) / (top - bottom)): f"{_short(tick)}{unit}" for tick in ticks}
    return Colors(tones, RISING, places)


def _around(numbers: Array, known: Array, ideal: float, least: float, *, percent: bool) -> Colors:
    """Return colors about an ideal, equally far to both sides; a few cells far off do not make all others pale."""
    away = np.abs(known - ideal)
    reach = max(float(np.quantile(away, 0.95)) if away.size else 0.0, least)
    tones = np.clip(0.5 + 0.5 * (numbers - ideal) / reach, 0.0, 1.0)
    ticks = [ideal + tick for tick in _evenly(-reach, reach)]
    words = {tick: f"{100 * tick:.3g} %" if percent else _short(tick) for tick in ticks if not percent or tick <= 1.0}
    return Colors(tones, AROUND, {0.5 + 0.5 * (tick - ideal) / reach: word for tick, word in words.items()})


def _evenly(low: float, high: float) -> list[float]:
    """Return round numbers, evenly spaced, zero among them where it is inside."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def _in_ratios(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten, or of these as few as fit."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(ticks) <= TICKS + 1:
            return ticks
    return ticks[:: -(-len(ticks) // TICKS)]


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def cells(wanted: Wanted, sweep: Sweep, made: Colors) -> Columns:
    """Columns of the cells: where they are, how they are colored, and what they say of themselves."""
    rows, columns = sweep.shape
    left = np.tile(np.arange(columns, dtype=float) - 0.5, rows)
    bottom = np.repeat(np.arange(rows, dtype=float) - 0.5, columns)
    return {"left": left, "right": left + 1.0, "bottom": bottom, "top": bottom + 1.0, "tone": made.tones.ravel()}


def information(wanted: Wanted, sweep: Sweep, quantity: str) -> Columns:
    """Columns of what the cells say of themselves, each number with its own error."""
    said: dict[str, list[str]] = {name: [] for name in INFORMATION}
    for place, cell in zip(wanted.places(), sweep.cells, strict=True):
        texts = of_itself(place, cell, sweep.fits, quantity)
        for name, column in said.items():
            column.append(texts.get(name, "–"))
    return {name: np.array(column) for name, column in said.items()}


def of_itself(place: Mapping[str, Any], cell: Cell | None, fits: int, quantity: str) -> dict[str, str]:
    """Return what a cell says of itself, by the name of its column; of one without numbers only where it is and why."""
    texts = {"where": ", ".join(f"{SPOKEN[name]} {value:g}" for name, value in reversed(place.items()))}
    if cell is None:
        return texts | {"failures": "not computed yet"}
    if cell["error"]:
        return texts | {"failures": cell["error"]}
    away = cell["failures"] + cell["runaways"]
    texts |= about(cell["results"][quantity], fits)
    return texts | {"failures": f"{100 * away / fits:.2g} % ({away} of {fits:,})"}


def read_out(place: Mapping[str, Any], cell: Cell | None, fits: int, quantity: str) -> str:
    """Return all that a cell says of itself in one line."""
    texts = of_itself(place, cell, fits, quantity)
    where = texts.pop("where")
    if len(texts) == 1:
        return f"{where}: {texts['failures']}"
    return f"{spoken(quantity)} at {where}: " + ", ".join(f"{INFORMATION[name]} {text}" for name, text in texts.items())


def about(results: Mapping[str, float | str], fits: int) -> dict[str, str]:
    """Return what is known of a quantity in a cell in words, each number with its own error."""
    number = {name: float(value) for name, value in results.items()}
    spread, error = number["spread"], number["spread_error"]
    relative = error / spread if spread > 0 else math.nan
    reported = number["reported"]
    ratio = reported / spread if spread > 0 else math.nan
    doubt = math.hypot(relative, number["reported_error"] / reported if reported > 0 else math.nan)
    efficiency = number["efficiency"]
    return {
        "spread": _with_error(spread, error),
        "bias": _with_error(number["bias"], number["bias_error"]),
        "ratio": _with_error(ratio, ratio * doubt),
        "efficiency": _with_error(efficiency, efficiency * relative),
        "coverage": f"{_with_error(100 * number['coverage'], 100 * number['coverage_error'])} %",
    }


def _with_error(value: float, error: float) -> str:
    """Write a number in the digits that its error leaves."""
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(error) and error > 0):
        return _short(value)
    places = max(0, 1 - math.floor(math.log10(error)))
    if places > 9 or abs(value) >= 1e7:
        return f"{value:.4g} ± {error:.1g}".replace("-", "−")
    return f"{value:.{places}f} ± {error:.{places}f}".replace("-", "−")


def ticks(values: tuple[float, ...]) -> dict[float, str]:
    """Return what is written along an axis, by position: the first and the last value, and some between them."""
    last = len(values) - 1
    count = min(TICKS, len(values))
    chosen = {round(i * last / (count - 1)) for i in range(count)}
    return {float(i): _short(values[i]) for i in sorted(chosen)}


def title(sweep: Sweep, shown: str, quantity: str) -> str:
    """Return what the colors are of, in words."""
    if shown == "failures":
        return "fits that failed or ran away"
    level = f"{100 * sweep.level:g} % coverage" if shown == "coverage" else shown
    return f"{level} of the {spoken(quantity)}"


NOWHERE: Columns = {"x": np.empty(0), "y": np.empty(0)}
"""Of a mark that is not on the map."""


def inside(wanted: Wanted, x: float, y: float) -> dict[str, object] | None:
    """Return the settings of the cell at a place of the plot; None beside the map."""
    column, row = math.floor(x + 0.5), math.floor(y + 0.5)
    if not (0 <= column < len(wanted.columns) and 0 <= row < len(wanted.rows)):
        return None
    return {wanted.upwards: wanted.rows[row], wanted.across: wanted.columns[column]}


def here(wanted: Wanted, position: tuple[float, float]) -> Columns:
    """Columns of a mark at a place; none when it is off the map."""
    x, y = position
    there = -0.5 <= x <= len(wanted.columns) - 0.5 and -0.5 <= y <= len(wanted.rows) - 0.5
    return {"x": np.array([x], dtype=float), "y": np.array([y], dtype=float)} if there else dict(NOWHERE)


# Drawing --------------------------------------------------------------------------------------------------------------


def map_overlay(hook: Callable[[str], Hook]) -> hv.Overlay:
    """Draw a map, empty; `hook(name)` is called with the models of each glyph."""
    squares = hv.Rectangles([(-0.5, -0.5, 0.5, 0.5)])
    point = ([0.0], [0.0])
    parts = {
        "cells": squares.opts(backend="bokeh", line_color="#80808060", line_width=0.5),
        "edge": hv.Scatter(point, "x", "y").opts(
            backend="bokeh", fill_color=None, line_color="black", line_width=6, size=17
        ),
        "here": hv.Scatter(point, "x", "y").opts(
            backend="bokeh", fill_color=None, line_color="white", line_width=2.5, size=17
        ),
        "read edge": hv.Scatter(point, "x", "y").opts(
            backend="bokeh", fill_color=None, line_color="black", line_width=6, size=22, marker="square"
        ),
        "read": hv.Scatter(point, "x", "y").opts(
            backend="bokeh", fill_color=None, line_color="white", line_width=2.5, size=22, marker="square"
        ),
    }
    return overlay(
        parts,
        hook,
        height=430,
        show_legend=False,
        toolbar=None,
        default_tools=[],
        show_grid=False,
    )
