"""What a map is asked to be: its axes, their values about the present state, and every refusal in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

import numpy as np
import param

from gaussapp.app.precision.tab import simulated
from gaussapp.app.scene import Request
from gaussapp.fitting.peak import parameter_names
from gaussapp.model import GaussianModel
from gaussapp.noise import POISSON
from gaussapp.study import Experiment

AXES = {
    "amplitude": "amplitude",
    "center": "center",
    "width": "width",
    "noise": "noise",
    "offset": "offset",
    "points": "samples",
}
"""What can be varied, by what the page calls it."""

SPOKEN = {name: label for label, name in AXES.items()}

IN_RATIOS = {"amplitude", "width", "noise", "samples"}
"""What is spaced in equal ratios where it can be: its effect on a fit follows powers of it."""

MOST_CELLS = 1_600
"""Cells of one map on the page; `gaussapp.sweep` takes more."""

MOST_STEPS = 60
FEWEST_POINTS = 8
"""Where a range of points that nobody chose begins at least: a fit with a baseline of three parameters needs seven."""

SHOWN = ("spread", "bias", "reported error / spread", "efficiency", "coverage", "failures")


class MapSettings(param.Parameterized):
    """Which map of the experiment is computed, and what is shown of it."""

    map_across = param.Selector(
        default="noise", objects=AXES, label="Across", doc="What changes along the horizontal axis.", precedence=1
    )
    map_across_range = param.Range(
        default=None,
        allow_None=True,
        label="range",
        doc="Its first and its last value; none means about where the sliders are when the map is computed.",
        precedence=2,
    )
    map_across_steps = param.Integer(
        default=12, bounds=(2, MOST_STEPS), softbounds=(2, 40), label="steps", doc="Number of columns.", precedence=3
    )
    map_upwards = param.Selector(
        default="samples", objects=AXES, label="Upwards", doc="What changes along the vertical axis.", precedence=4
    )
    map_upwards_range = param.Range(
        default=None,
        allow_None=True,
        label="range",
        doc="Its first and its last value; none means about where the sliders are when the map is computed.",
        precedence=5,
    )
    map_upwards_steps = param.Integer(
        default=12, bounds=(2, MOST_STEPS), softbounds=(2, 40), label="steps", doc="Number of rows.", precedence=6
    )
    map_experiments = param.Integer(
        default=200,
        bounds=(20, 100_000),
        softbounds=(50, 5_000),
        step=50,
        label="Experiments a cell",
        doc="How often the experiment is repeated in every cell.",
        precedence=7,
    )
    map_shows = param.Selector(
        default="spread", objects=list(SHOWN), label="Shown", doc="What the colors say.", precedence=8
    )
    map_of = param.String(default="center", label="of the", doc="Of which quantity.", precedence=9)


@dataclass(frozen=True)
class Wanted:
    """A map, frozen when it was asked for: what is varied, over which values, and all that the numbers depend on.

    Attributes
    ----------
    across, upwards : str
        Parameters of the model along the axes.
    columns, rows : tuple
        Their values.
    settings : mapping
        All parameters of the model where the sliders were.
    request : Request
        How every experiment is fitted.
    fits : int
        Experiments in a cell.
    choices : mapping
        The settings it was made of, to tell whether they have changed.
    """

    across: str
    upwards: str
    columns: tuple[Any, ...]
    rows: tuple[Any, ...]
    settings: Mapping[str, Any]
    request: Request
    fits: int
    choices: Mapping[str, Any]

    def places(self) -> Iterator[dict[str, Any]]:
        """Return the settings of every cell that differ from the sliders', row by row from below."""
        for row in self.rows:
            for column in self.columns:
                yield {self.upwards: row, self.across: column}

    def key(self, place: Mapping[str, Any]) -> bytes:
        """Return what tells cells with other numbers apart, in a few bytes: settings, their experiments and the fit."""
        settings = {**self.settings, **place}
        everything = (sorted(settings.items()), self.fits, _fit_of(self.request))
        return blake2b(repr(everything).encode(), digest_size=16).digest()

    def experiment(self, place: Mapping[str, Any]) -> Experiment:
        """Return the experiment of a cell.

        Raises
        ------
        ValueError
            If there is none.
        """
        return simulated(self.request, SimpleNamespace(**{**self.settings, **place}))

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is known of every cell."""
        return (*parameter_names(1, self.request.baseline), "fwhm", "area")

    def nearest_first(self) -> list[dict[str, Any]]:
        """Return the places of all cells, those nearest to the sliders first: there one looks first."""
        column, row = self.position(self.settings)
        places = [
            ((i - column) ** 2 + (j - row) ** 2, j, i) for j in range(len(self.rows)) for i in range(len(self.columns))
        ]
        return [{self.upwards: self.rows[j], self.across: self.columns[i]} for _, j, i in sorted(places)]

    def position(self, settings: Mapping[str, Any]) -> tuple[float, float]:
        """Return where settings are on the map, in cells counted from 0; the middle of a cell is a whole number."""
        return _place_among(self.columns, settings[self.across]), _place_among(self.rows, settings[self.upwards])

    def left(self, settings: Mapping[str, Any], request: Request, choices: Mapping[str, Any]) -> str:
        """Say in a sentence in what the page differs from what the map was computed for; nothing if in nothing."""
        differences = [
            f"{SPOKEN.get(name, name.replace('_', ' '))} {_said(value)} (now {_said(settings[name])})"
            for name, value in self.settings.items()
            if name not in (self.across, self.upwards) and settings[name] != value
        ]
        here, there = _fit_of(self.request), _fit_of(request)
        differences += [
            f"{name} {_said(here[name])} (now {_said(there[name])})" for name in here if here[name] != there[name]
        ]
        if differences:
            return f"This map is of {', '.join(dict.fromkeys(differences))}: compute it anew to follow."
        if dict(choices) != dict(self.choices):
            return "Its axes, their ranges or the number of experiments have been changed: compute it anew to see them."
        return ""


def wanted(choices: MapSettings, model: GaussianModel, request: Request) -> Wanted:
    """Return the map that the settings mean about the present state.

    Raises
    ------
    ValueError
        If it cannot be computed; the sentence says why.
    """
    across, upwards = choices.map_across, choices.map_upwards
    if across == upwards:
        raise ValueError(
            f"Across and upwards are both {SPOKEN[across]}, and a map needs two different things: choose another one."
        )
    if model.distribution == POISSON and "noise" in (across, upwards):
        raise ValueError("Poisson counts have no noise that could be varied: choose something else, or another noise.")
    count = choices.map_across_steps * choices.map_upwards_steps
    if count > MOST_CELLS:
        raise ValueError(
            f"{choices.map_across_steps} × {choices.map_upwards_steps} steps are {count:,} cells, and a map on this "
            f"page has at most {MOST_CELLS:,}: take fewer steps, or gaussapp.sweep in Python."
        )
    columns = axis(model, across, choices.map_across_range, choices.map_across_steps)
    rows = axis(model, upwards, choices.map_upwards_range, choices.map_upwards_steps)
    made = Wanted(
        across,
        upwards,
        columns,
        rows,
        settings_of(model),
        replace(request, band="none", certified=None),
        choices.map_experiments,
        computed_from(choices),
    )
    *_, last = made.places()
    made.experiment(last)  # what is wrong with all cells is said before anything is computed
    return made


def settings_of(model: GaussianModel) -> dict[str, Any]:
    """Return the parameters that an experiment depends on."""
    return {name: value for name, value in model.param.values().items() if name not in ("name", "new_noise")}


def computed_from(choices: MapSettings) -> dict[str, Any]:
    """Return the settings with which another map is computed, and not merely shown in another way."""
    return {
        name: value for name, value in choices.param.values().items() if name not in ("name", "map_shows", "map_of")
    }


def axis(model: GaussianModel, name: str, ends: tuple[float, float] | None, steps: int) -> tuple[Any, ...]:
    """Return the values along one axis, spaced evenly or in equal ratios, in as few digits as tell them apart.

    Raises
    ------
    ValueError
        If the range has no width, or holds what the model does not take.
    """
    low, high = around(model, name) if ends is None else ends
    what = f"The range of {SPOKEN[name]} from {low:g} to {high:g}"
    if not low < high:
        raise ValueError(f"{what} has no width: let it end above its beginning.")
    lowest, highest = model.param[name].bounds
    if low < lowest or high > highest:
        raise ValueError(f"{what} leaves what is possible: it may go from {lowest:g} to {highest:g}.")
    ratios = name in IN_RATIOS and low * high > 0 and max(low / high, high / low) >= 2
    values = np.geomspace(low, high, steps) if ratios else np.linspace(low, high, steps)
    if name == "samples":
        whole = tuple(int(value) for value in np.unique(np.rint(values)))
        if len(whole) < 2:
            raise ValueError(f"{what} holds one whole number only: choose a wider one.")
        return whole
    return tidy(values)


def around(model: GaussianModel, name: str) -> tuple[float, float]:
    """Return the range about the present state that is mapped when nobody has chosen one."""
    value = float(getattr(model, name))
    lowest, highest = model.param[name].bounds
    if name == "samples":
        low = max(value / 4, FEWEST_POINTS)
        low, high = round(low), round(max(4 * value, 4 * low))
    elif name == "center":
        window = model.window
        half = (window[1] - window[0]) / 2
        low, high = window if window[0] <= value <= window[1] else (value - half, value + half)
    elif name == "offset" or value == 0.0:
        scale = abs(float(model.amplitude)) or 1.0
        low, high = (0.02 * scale, scale) if name == "noise" else (value - scale / 2, value + scale / 2)
    else:
        low, high = sorted((value / 4, 4 * value))
    low, high = (max(min(_two_digits(end), highest), lowest) for end in (low, high))
    return (low, high) if low < high else (lowest, highest)


def tidy(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """Round all values but the ends to a tenth of their distance or less, so that they read well and stay apart."""
    apart = np.abs(np.diff(values))
    rounded = [float(value) for value in values]
    for i in range(1, len(rounded) - 1):
        digit = math.floor(math.log10(min(apart[i - 1], apart[i]))) - 1
        rounded[i] = round(rounded[i], -digit)
    return tuple(rounded)


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")


def _fit_of(request: Request) -> dict[str, object]:
    """Return what the numbers of a map depend on of the way it is fitted, by what the page calls it."""
    return {
        "baseline": request.baseline,
        "loss": request.loss,
        "interval": request.level,
        "sigma at its word": request.absolute_sigma,
        "part of x": request.fit_range,
    }


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(f"{end:g}" for end in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "automatic"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _place_among(values: Sequence[float], value: float) -> float:
    """Return where a value is among others in rising order, by position; beyond them it is continued evenly."""
    positions = np.arange(len(values), dtype=float)
    if value < values[0]:
        return float((value - values[0]) / (values[1] - values[0]))
    if value > values[-1]:
        return float(positions[-1] + (value - values[-1]) / (values[-1] - values[-2]))
    return float(np.interp(value, values, positions))
