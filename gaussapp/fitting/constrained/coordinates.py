"""Coordinates of a constrained model: a box of free ones, and the affine way from these to all parameters.

Parameters are scaled to order one (amplitudes by the unit of y, centers and widths by half the window), so every tie
stays affine and every bound a bound: the constraints are a box, and are kept exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import WIDEST, place
from gaussapp.fitting.constrained.constraint import Constraints
from gaussapp.fitting.large import Chunks
from gaussapp.fitting.peak import Array, parameter_names
from gaussapp.fitting.scale import Scaled
from gaussapp.fitting.solution import Solution, exponential
from gaussapp.fitting.solve import Layout, row_scales

NARROWEST = 1e-9
"""Width, in half windows, that no peak goes below."""

FARTHEST = 1e3
"""Distance of a center from the middle, in half windows, that no peak without a bound goes beyond."""

STEEPEST = 300.0
"""Decay rate, per half window, that no baseline without a bound goes beyond."""


@dataclass(slots=True, eq=False)
class Coordinates:
    """Free coordinates ``f`` of a model and its parameters ``p = factor · f[root] + shift``, all scaled.

    `basis` says where the parameters of a linear or exponential baseline are taken: ``middle`` of the window; ``zero``
    of x, as the user means them, if one of them is held; or the ``ends`` of the window, where a line of counts
    must not be below zero.
    """

    layout: Layout
    scale: Scaled
    names: tuple[str, ...]
    free: tuple[str, ...]
    root: NDArray[np.intp]  # (P,), -1 for a constant
    factor: Array  # (P,)
    shift: Array  # (P,)
    low: Array  # (F,)
    high: Array  # (F,)
    stated: NDArray[np.bool_]  # (2, F): whether the bound was asked for, or holds by nature, and is no mere safeguard
    basis: str
    units: Array  # (P,)
    origins: Array  # (P,)
    transform: Array  # (P, F)

    @property
    def peaks(self) -> int:
        """Number of peaks."""
        return self.layout.peaks

    @property
    def origin(self) -> float:
        """Where the baseline's position is counted from, added to t."""
        return self.scale.x0 / self.scale.half_window if self.basis == "zero" else 0.0

    def parameters(self, f: Array) -> Array:
        """Return all scaled parameters, (P,)."""
        return np.asarray(self.transform @ f + self.shift)

    def user_values(self, f: Array) -> Array:
        """Return all parameters in units of x and y, (P,)."""
        p = self.parameters(f)
        values = p * self.units + self.origins
        here, shift = 3 * self.peaks, self.scale.x0 / self.scale.half_window
        if self.layout.baseline == "linear" and self.basis != "zero":
            level, slope = p[here:]
            if self.basis == "ends":
                level, slope = 0.5 * (level + slope), 0.5 * (slope - level)
            values[here] = self.origins[here] + self.units[here] * (level - shift * slope)
            values[here + 1] = self.units[here + 1] * slope
        elif self.layout.baseline == "exponential" and self.basis != "zero":
            values[here] *= exponential(float(p[here + 1]) * shift)
        return np.asarray(values)

    def scaled_values(self, values: Array) -> Array:
        """Return scaled parameters, (P,), of parameters in units of x and y: what `user_values` undoes."""
        values = values.copy()
        here, shift = 3 * self.peaks, self.scale.x0 / self.scale.half_window
        if self.basis != "zero" and self.layout.baseline == "linear":
            values[here] += values[here + 1] * self.scale.x0
        elif self.basis != "zero" and self.layout.baseline == "exponential":
            values[here] *= exponential(-float(values[here + 1]) * self.scale.half_window * shift)
        p = (values - self.origins) / self.units
        if self.basis == "ends":
            p[here], p[here + 1] = p[here] - p[here + 1], p[here] + p[here + 1]
        return np.asarray(p)

    def nearest(self, p: Array) -> Array:
        """Return free coordinates close to wanted parameters, inside the box, (F,)."""
        f = np.zeros(self.low.size)
        for j in range(f.size):
            follow = self.root == j
            f[j] = np.mean((p[follow] - self.shift[follow]) / self.factor[follow])
        return np.clip(f, self.low, self.high)

    def baseline_rows(self, t: Array, rate: float) -> list[Array]:
        """Return what the baseline's linear parameters multiply."""
        baseline = self.layout.baseline
        if baseline == "none":
            return []
        if baseline == "exponential":
            return [np.exp(np.clip(-rate * (t + self.origin), -600.0, 600.0))]
        if baseline == "constant":
            return [np.ones_like(t)]
        if self.basis == "ends":
            return [0.5 - 0.5 * t, 0.5 + 0.5 * t]
        return [np.ones_like(t), t + self.origin]

    def solution(self, f: Array, status: str, iterations: int, starts: int) -> Solution:
        """Return these coordinates as a `Solution`, its sums taken at them."""
        layout, scale, p = self.layout, self.scale, self.parameters(f)
        peaks = layout.peaks
        centers, widths = p[1 : 3 * peaks : 3].tolist(), p[2 : 3 * peaks : 3].tolist()
        b, rate = p[3 * peaks :].tolist(), 0.0
        if layout.baseline == "linear":
            if self.basis == "ends":
                b = [0.5 * (b[0] + b[1]), 0.5 * (b[1] - b[0])]
            else:
                b = [b[0] + self.origin * b[1], b[1]]
        elif layout.baseline == "exponential":
            rate = b[1]
            b = [b[0] * exponential(-rate * self.origin)]
        at = place(centers, [math.log(width) for width in widths], rate)
        solution = Solution(layout, scale, at, [1.0] * peaks + b, 0.0, [], status, iterations, starts, None)
        growths = [solution.peak(k)[0] for k in range(peaks)]
        solution.beta[:peaks] = [a / g for a, g in zip(p[0 : 3 * peaks : 3].tolist(), growths, strict=True)]
        point = Chunks(scale, layout).evaluate(at, solution.beta)
        scales = np.array(row_scales(solution.beta, layout))
        # A height fixed far beyond the data leaves float64.
        jtj = np.nan_to_num(point.gram * scales * scales[:, None], nan=0.0, posinf=1e300, neginf=-1e300)
        solution.sse, solution.jtj = point.sse, jtj.tolist()
        return solution

    def user_directions(self, f: Array, moving: NDArray[np.bool_]) -> Array:
        """Return derivatives of the parameters, in units as `covariance_in_units`, by moving coordinates, (P, m)."""
        directions = self.transform[:, moving].copy()
        p, layout, scale = self.parameters(f), self.layout, self.scale
        here, shift = 3 * layout.peaks, scale.x0 / scale.half_window
        if layout.baseline == "linear" and self.basis != "zero":
            value, slope = directions[here].copy(), directions[here + 1].copy()
            if self.basis == "ends":
                value, slope = 0.5 * (value + slope), 0.5 * (slope - value)
            directions[here], directions[here + 1] = value - shift * slope, slope
        elif layout.baseline == "exponential":
            if self.basis == "zero":
                directions[here] *= exponential(-float(p[here + 1]) * shift)
            else:
                directions[here] += shift * p[here] * directions[here + 1]
        return directions


def coordinates_of(
    scale: Scaled, layout: Layout, constraints: Constraints, *, counts: bool = False, basis: str = ""
) -> Coordinates:
    """Return the coordinates of a model under constraints; of counts, with a baseline that is not below zero."""
    names = parameter_names(layout.peaks, layout.baseline)
    units, origins = units_of(scale, layout)
    basis = basis or basis_of(names[3 * layout.peaks :], constraints, layout.baseline, counts)
    free = tuple(name for name in names if name in constraints.limits)
    index = {name: i for i, name in enumerate(names)}
    place_of = {name: j for j, name in enumerate(free)}
    size = len(names)
    root, factor, shift = np.full(size, -1, dtype=np.intp), np.zeros(size), np.zeros(size)
    for i, name in enumerate(names):
        tie = constraints.roots[name]
        if tie.other:
            r = index[tie.other]
            root[i] = place_of[tie.other]
            factor[i] = tie.factor * (units[r] / units[i])
            # Two origins of 1e9 cancel exactly only if they are taken from each other first.
            shift[i] = ((tie.factor * origins[r] - origins[i]) + tie.shift) / units[i]
        else:
            shift[i] = (tie.shift - origins[i]) / units[i]
    rows = [index[name] for name in free]
    low = (np.array([constraints.limits[name][0] for name in free]) - origins[rows]) / units[rows]
    high = (np.array([constraints.limits[name][1] for name in free]) - origins[rows]) / units[rows]
    stated = np.array([np.isfinite(low), np.isfinite(high)])
    for j, name in enumerate(free):
        if basis == "ends" and name in ("offset", "slope"):
            low[j], stated[0, j] = 0.0, True
        for i in np.flatnonzero(root == j).tolist():
            least, most = safeguard(names[i])
            ends = sorted(((least - shift[i]) / factor[i], (most - shift[i]) / factor[i]))
            if low[j] < ends[0] <= high[j]:
                low[j], stated[0, j] = ends[0], False
            if low[j] <= ends[1] < high[j]:
                high[j], stated[1, j] = ends[1], False
    transform = np.zeros((size, len(free)))
    tied = root >= 0
    transform[np.flatnonzero(tied), root[tied]] = factor[tied]
    return Coordinates(
        layout, scale, names, free, root, factor, shift, low, high, stated, basis, units, origins, transform
    )


def safeguard(name: str) -> tuple[float, float]:
    """Return bounds, scaled, that keep a parameter where float64 can follow it."""
    if name.startswith("width"):
        return NARROWEST, WIDEST
    if name.startswith("center"):
        return -FARTHEST, FARTHEST
    if name == "decay_rate":
        return -STEEPEST, STEEPEST
    return -math.inf, math.inf


def units_of(scale: Scaled, layout: Layout) -> tuple[Array, Array]:
    """Return unit and origin of every parameter: parameter = unit · scaled + origin."""
    units = [scale.y_unit, scale.half_window, scale.half_window] * layout.peaks
    origins = [0.0, scale.x0, 0.0] * layout.peaks
    if layout.baseline in ("constant", "linear"):
        units.append(scale.y_unit)
        origins.append(scale.y0)
    if layout.baseline == "linear":
        units.append(scale.y_unit / scale.half_window)
    elif layout.baseline == "exponential":
        units += [scale.y_unit, 1.0 / scale.half_window]
    return np.array(units), np.array([*origins, *[0.0] * (len(units) - len(origins))])


def basis_of(names: tuple[str, ...], constraints: Constraints, baseline: str, counts: bool) -> str:
    """Return where a baseline's parameters are taken: as the user means them only if the first of them is held."""
    held = {*constraints.fixed, *constraints.ties, *(tie.other for tie in constraints.ties.values())}
    held |= set(constraints.bounds)
    if baseline == "linear" and counts and not held & set(names):
        return "ends"
    first = names[0] if names else ""
    if baseline in ("linear", "exponential") and first in held:
        return "zero"
    return "middle"
