"""Fits under constraints and with other losses than least squares: search, covariance and likelihood.

A `Fit` of this kind holds a `Control` beside its `Solution`. The solution's weights are those of the loss at the
minimum (for counts the inverse of their mean), so that curves, bands, residuals and findings need no case of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.algebra import Matrix
from gaussapp.fitting.constrained.constraint import Constraints
from gaussapp.fitting.constrained.coordinates import Coordinates, coordinates_of
from gaussapp.fitting.constrained.descent import End, descend
from gaussapp.fitting.constrained.objective import NORMAL_SCALE, NU, Objective, scale_of
from gaussapp.fitting.constrained.places import Layer, arrangements, parameters_of
from gaussapp.fitting.large import bins_of, search_scaled
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import LARGE, Axis, Scaled, scaled
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import Solution, derivatives, solution_of
from gaussapp.fitting.solve import Layout
from gaussapp.fitting.start import RATES

FOLLOWED = 4
"""Starts that are followed to their minimum."""

MAD = 1.4826022185056018
"""Standard deviation of normal noise over its median distance from 0."""

SIMILAR = 0.02
"""Widths within which two minima are the same answer."""


class Rival(NamedTuple):
    """Another answer: its loss less that of the best, in units of what half a noise variance makes; where it is."""

    more: float
    center: float  # of its first peak, scaled
    width: float
    f: Array  # (K,), the free coordinates


@dataclass(frozen=True, eq=False)
class Control:
    """What a fit was held to, and what its loss says beyond the weighted sum of squares."""

    constraints: Constraints
    loss: str
    f: Array  # (K,), the free coordinates
    directions: Array  # (P, m): derivatives of the parameters, in their units, by free coordinates off their bounds
    active: tuple[tuple[str, float, bool], ...]  # parameters at a bound: name, bound, whether it was asked for
    loss_value: float  # half the deviance of counts; the loss of Student's t with residuals in scaled units
    scale: float  # of Student's t, in scaled units of y; nan for other losses
    deviation: float  # of the noise without outliers (robust loss), in scaled units of y; nan for other losses
    variance: float  # of a whitened point where the residuals' mean square does not give it, in scaled units; or nan
    rival: Rival | None


def controlled(
    scale: Scaled, layout: Layout, constraints: Constraints, loss: str, *, absolute: bool, searched: bool = True
) -> tuple[Solution, Control]:
    """Fit under constraints or with another loss than least squares.

    Without a start, all promising places are followed; with one, the answer is the minimum reached from there. With
    one that names every parameter, nothing else need be `searched`.
    """
    counts = loss == "poisson"
    coordinates = coordinates_of(scale, layout, constraints, counts=counts)
    best, rival, count = (explore if searched else straight)(coordinates, constraints, loss)
    best = in_order(coordinates, Objective(coordinates, loss), best)
    f = best.f
    at_bound = best.active | (f <= coordinates.low) | (f >= coordinates.high)
    # A safeguard that is reached is no bound: the best place is at infinity.
    side = (f >= coordinates.high).astype(int)
    stated = coordinates.stated[side, np.arange(f.size)]
    status = "runaway" if bool(np.any(at_bound & ~stated & best.active)) else best.status
    moving = ~(at_bound & best.active)
    directions = coordinates.user_directions(f, moving)
    objective = Objective(coordinates, loss)
    model = objective.model(coordinates.parameters(f))
    student_scale = deviation = variance = math.nan
    if counts:
        coordinates = replace(coordinates, scale=weighed_by(scale, model))
    elif loss == "robust":
        residual = scale.y - model
        student_scale = scale_of(residual)
        deviation = deviation_without_outliers(residual, student_scale, directions.shape[1])
        variance = sandwich_variance(residual, student_scale, directions.shape[1])
    solution = coordinates.solution(f, status, best.steps, count)
    active = tuple(bounds_reached(coordinates, constraints, f, at_bound & best.active & stated))
    noise = noise_of(solution, scale, loss, directions.shape[1], absolute)
    other = None
    if rival is not None:
        p = coordinates.parameters(rival.f)
        more = (rival.value - best.value) / noise if noise > 0.0 else math.inf
        other = Rival(more, float(p[1]), float(p[2]), in_order(coordinates, objective, rival).f)
    return solution, Control(
        constraints, loss, f, directions, active, best.value, student_scale, deviation, variance, other
    )


def objective_of(y: Array, solution: Solution, control: Control) -> Objective:
    """Return the loss that a fit has minimised, as a function of its free coordinates."""
    scale, layout = solution.scale, solution.layout
    counts = control.loss == "poisson"
    if counts:
        old = scale.axis
        scale = scaled(Axis(old.t, None, old.x, None, old.x0, old.half_window), y, "none")
    return Objective(coordinates_of(scale, layout, control.constraints, counts=counts), control.loss)


def noise_of(solution: Solution, scale: Scaled, loss: str, free: int, absolute: bool) -> float:
    """Return what the loss rises by where a parameter is √2 standard errors off: one for likelihoods."""
    if loss != "least squares":
        return 0.5
    if absolute:
        ratio = scale.sigma_unit / scale.y_unit
        return 0.5 * ratio * ratio  # a power would raise where this is infinite
    spare = scale.y.size - free
    return 0.5 * solution.sse / spare if spare else math.inf


def explore(coordinates: Coordinates, constraints: Constraints, loss: str) -> tuple[End, End | None, int]:
    """Return the best minimum, the best other one and how many starts there were."""
    scale = coordinates.scale
    objective = Objective(coordinates, loss)
    layer, coarse = layer_of(coordinates)
    begun = begun_of(coordinates, constraints)
    answers = [] if coarse is None else [Objective(replace(coordinates, scale=coarse), "least squares")]
    searched = search_scaled(scale, coordinates.layout)
    inside = None if loss != "least squares" or begun else unhindered(coordinates, searched)
    free = all_starts(coordinates, searched, layer, {}, loss) if inside is None else inside
    own = all_starts(coordinates, searched, layer, begun, loss) if begun else []
    judge = answers[0] if answers else objective
    ends = followed(judge, objective, free, loss)
    if own:
        best = reached(judge, own, begun, loss)
        if judge is not objective:
            best = descend(objective, positive_start(objective, best.f) if loss == "poisson" else best.f)
    else:
        best = min(ends, key=lambda end: end.value)
    others = [end for end in ends if end is not best and differ(coordinates, end, best)]
    rival = min(others, key=lambda end: end.value, default=None)
    return best, rival, len(free) + len(own)


def straight(coordinates: Coordinates, constraints: Constraints, loss: str) -> tuple[End, None, int]:
    """Return the minimum that is reached from a start which names every parameter."""
    objective = Objective(coordinates, loss)
    values = np.array([constraints.start[name] for name in coordinates.names])
    f = coordinates.nearest(coordinates.scaled_values(values))
    return descend(objective, positive_start(objective, f) if loss == "poisson" else f), None, 1


def reached(objective: Objective, starts: list[Array], begun: dict[int, float], loss: str) -> End:
    """Return the best minimum within a width of where the user starts, or else the nearest one.

    What the start does not say is filled in, in several ways; some of them may lead far away from what it does say.
    """
    coordinates = objective.coordinates
    usable = [positive_start(objective, f) for f in starts] if loss == "poisson" else starts
    order = sorted(range(len(usable)), key=lambda i: objective.value(usable[i]))[:FOLLOWED]
    ends = [descend(objective, usable[i]) for i in order]
    bent = [i for i, name in enumerate(coordinates.names) if name.startswith(("center", "width"))]
    said = [i for i in bent if int(coordinates.root[i]) in begun]

    def distance(end: End) -> float:
        p = coordinates.parameters(end.f)
        farthest = 0.0
        for i in said:
            value = coordinates.factor[i] * begun[int(coordinates.root[i])] + coordinates.shift[i]
            width = p[3 * (i // 3) + 2]
            away = abs(math.log(p[i] / value)) if i % 3 == 2 else abs(p[i] - value) / width
            farthest = max(farthest, away)
        return farthest

    near = [end for end in ends if distance(end) < 1.0]
    return min(near, key=lambda end: end.value) if near else min(ends, key=distance)


def followed(coarse: Objective, objective: Objective, starts: list[Array], loss: str) -> list[End]:
    """Return the minima reached from the most promising starts; of many points, from bins first."""
    usable = [positive_start(objective, f) for f in starts] if loss == "poisson" else starts
    values = [coarse.value(f) for f in usable]
    order = sorted(range(len(usable)), key=lambda i: values[i])
    chosen: list[Array] = []
    for i in order:
        if np.isfinite(values[i]) and not any(np.array_equal(usable[i], f) for f in chosen):
            chosen.append(usable[i])
        if len(chosen) == FOLLOWED:
            break
    if not chosen:
        chosen = [usable[order[0]]]
    ends: list[End] = []
    lowest = math.inf
    for f in chosen:
        end = descend(coarse, f, ceiling_of(coarse, lowest))
        if end.status != "given up":
            ends.append(end)
            lowest = min(lowest, end.value)
    if coarse is objective:
        return ends
    near = sorted(ends, key=lambda end: end.value)
    return [descend(objective, positive_start(objective, end.f) if loss == "poisson" else end.f) for end in near[:2]]


def ceiling_of(objective: Objective, lowest: float) -> float:
    """Return the loss above which another minimum is clearly worse: by more than 10 noise variances."""
    if objective.loss != "least squares":
        return lowest + 5.0
    return lowest * (1.0 + 10.0 / max(objective.y.size - objective.coordinates.low.size, 1))


def layer_of(coordinates: Coordinates) -> tuple[Layer, Scaled | None]:
    """Return the data that starts are laid over; of many points their bins, and these as data too."""
    scale = coordinates.scale
    if scale.t.size <= LARGE:
        return Layer(coordinates, scale.t, scale.y, scale.root_weight), None
    bins = bins_of(scale.t, scale.root_weight)
    y = bins.collected(scale.y, scale.root_weight)
    axis = Axis(bins.t, bins.root_weight, x0=scale.x0, half_window=scale.half_window, sigma_unit=scale.sigma_unit)
    coarse = replace(scale, axis=axis, t=bins.t, y=y, root_weight=bins.root_weight)
    return Layer(coordinates, bins.t, y, bins.root_weight), coarse


def begun_of(coordinates: Coordinates, constraints: Constraints) -> dict[int, float]:
    """Return the free coordinates that the user's start gives."""
    index = {name: i for i, name in enumerate(coordinates.names)}
    begun = {}
    for j, name in enumerate(coordinates.free):
        if name in constraints.start:
            i = index[name]
            value = (constraints.start[name] - coordinates.origins[i]) / coordinates.units[i]
            if coordinates.basis != "zero" and name in ("offset", "decay_amplitude", "slope"):
                continue  # the middle of the window is where these are taken; they are solved for
            begun[j] = float(np.clip(value, coordinates.low[j], coordinates.high[j]))
    return begun


def unhindered(coordinates: Coordinates, searched: Search) -> list[Array] | None:
    """Return the unconstrained answers as starts if the best one keeps all constraints: then nothing else is better."""
    starts = []
    for minimum in (searched.best, searched.rival):
        if minimum is None:
            continue
        p = parameters_of(solution_of(Search(minimum, None, coordinates.layout, 1), coordinates.scale), coordinates)
        f = coordinates.nearest(p)
        kept = np.allclose(coordinates.parameters(f), p, rtol=1e-12, atol=1e-12)
        if not kept and minimum is searched.best:
            return None
        if kept:
            starts.append(f)
    return starts


def all_starts(
    coordinates: Coordinates, searched: Search, layer: Layer, begun: dict[int, float], loss: str
) -> list[Array]:
    """Return starts: the grid's, the unconstrained answers brought into the box, and what the loss asks for besides."""
    rates = rates_of(coordinates, searched, begun)
    starts = [f for rate in rates for f in layer.grid_starts(rate, begun)]
    if loss == "robust":
        for y in without_outliers(layer, searched, coordinates):
            other = Layer(coordinates, layer.t, y, layer.root_weight)
            starts += [f for rate in rates[:1] for f in other.grid_starts(rate, begun)]
    minima = [searched.best] if searched.rival is None else [searched.best, searched.rival]
    for minimum in minima:
        solution = solution_of(Search(minimum, None, coordinates.layout, 1), coordinates.scale)
        for p in arrangements(parameters_of(solution, coordinates), coordinates):
            f = coordinates.nearest(p)
            for j, value in begun.items():
                f[j] = value
            starts.append(layer.with_linear_best(f))
    return starts


def rates_of(coordinates: Coordinates, searched: Search | None, begun: dict[int, float]) -> list[float]:
    """Return decay rates to lay the grid for."""
    if not coordinates.layout.rates:
        return [0.0]
    i = coordinates.root.size - 1
    j = int(coordinates.root[i])
    if j < 0:
        return [float(coordinates.shift[i])]
    if j in begun:
        return [float(coordinates.factor[i] * begun[j] + coordinates.shift[i])]
    wanted = [*([] if searched is None else [searched.best.point.place.rate]), *RATES[::6]]
    ends = coordinates.factor[i] * np.array([coordinates.low[j], coordinates.high[j]]) + coordinates.shift[i]
    return sorted(set(np.clip(wanted, ends.min(), ends.max()).tolist()), key=abs)


def without_outliers(layer: Layer, searched: Search, coordinates: Coordinates) -> list[Array]:
    """Return the data with single points that stand out pulled back: to the median of five, and to the best curve."""
    order = np.argsort(layer.t, kind="stable")
    y = (layer.y / layer.root_weight)[order]
    padded = np.concatenate([y[:2], y, y[-2:]])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    off = y - smooth
    limit = 3.0 * 1.4826 * float(np.median(abs(off)))
    pulled = np.empty_like(y)
    pulled[order] = np.where(abs(off) > limit, smooth, y)
    median = np.empty_like(y)
    median[order] = smooth
    return [pulled * layer.root_weight, median * layer.root_weight]


def positive_start(objective: Objective, f: Array) -> Array:
    """Return a start at which the mean of all counts is above zero: heights turned up or a baseline put under it."""
    coordinates = objective.coordinates
    if math.isfinite(objective.value(f)):
        return f
    p = coordinates.parameters(f)
    peaks = coordinates.peaks
    level = max(float(objective.y.mean()) / coordinates.scale.y_unit, 1e-6)
    for lift in (0.01, 0.1, 1.0):
        q = p.copy()
        q[: 3 * peaks : 3] = np.maximum(q[: 3 * peaks : 3], lift * level)
        if coordinates.layout.baseline in ("constant", "linear"):
            q[3 * peaks] = max(q[3 * peaks], lift * level)
            if coordinates.layout.baseline == "linear":
                q[-1] = max(q[-1], lift * level) if coordinates.basis == "ends" else (1.0 - min(lift, 1.0)) * q[-1]
        elif coordinates.layout.rates:
            q[3 * peaks] = max(q[3 * peaks], lift * level)
        other = coordinates.nearest(q)
        if math.isfinite(objective.value(other)):
            return other
    return f


def differ(coordinates: Coordinates, one: End, other: End) -> bool:
    """Tell whether two minima are different peaks."""
    p, q = (
        coordinates.parameters(end.f)[: 3 * coordinates.peaks].reshape(coordinates.peaks, 3) for end in (one, other)
    )
    p, q = p[np.argsort(p[:, 1])], q[np.argsort(q[:, 1])]
    widths = np.maximum(p[:, 2], q[:, 2])
    return bool(np.any(abs(p[:, 1:] - q[:, 1:]) > SIMILAR * widths[:, None]))


def in_order(coordinates: Coordinates, objective: Objective, best: End) -> End:
    """Return the same minimum with its peaks numbered in order of center, where the constraints allow that."""
    peaks = coordinates.peaks
    p = coordinates.parameters(best.f)
    blocks = p[: 3 * peaks].reshape(peaks, 3)
    order = np.argsort(blocks[:, 1], kind="stable")
    if np.array_equal(order, np.arange(peaks)):
        return best
    wanted = np.concatenate([blocks[order].ravel(), p[3 * peaks :]])
    f = coordinates.nearest(wanted)
    if not np.allclose(coordinates.parameters(f), wanted, rtol=1e-9, atol=1e-9):
        return best
    end = descend(objective, f)
    return end if end.value <= best.value + 1e-9 * max(abs(best.value), objective.resolution) else best


def bounds_reached(
    coordinates: Coordinates, constraints: Constraints, f: Array, reached: NDArray[np.bool_]
) -> list[tuple[str, float, bool]]:
    """Return the parameters whose bound holds a coordinate: name, bound and whether the user asked for it."""
    index = {name: i for i, name in enumerate(coordinates.names)}
    p = coordinates.parameters(f) * coordinates.units + coordinates.origins
    found = []
    for j in np.flatnonzero(reached):
        free = coordinates.free[j]
        followers = [n for n in coordinates.names if coordinates.root[index[n]] == j and n in constraints.bounds]
        named = False
        for name in followers:
            for bound in constraints.bounds[name]:
                if math.isfinite(bound) and abs(bound - p[index[name]]) <= 1e-9 * (
                    abs(bound) + coordinates.units[index[name]]
                ):
                    found.append((name, bound, True))
                    named = True
                    break
        if not named:
            found.append((free, 0.0, False))
    return found


def weighed_by(scale: Scaled, mean: Array) -> Scaled:
    """Return counts as data whose variance is their fitted mean, so that the residuals are Pearson's."""
    spread = np.sqrt(np.maximum(mean, 1e-12 * float(mean.max()) + 1e-300))
    least = float(spread.min())
    root_weight = least / spread
    root_weight.flags.writeable = False
    old = scale.axis
    axis = Axis(old.t, root_weight, old.x, None, old.x0, old.half_window, least)
    return replace(scale, axis=axis, y=scale.y * root_weight, root_weight=root_weight, sigma_unit=least)


def deviation_without_outliers(residual: Array, scale: float, parameters: int) -> float:
    """Return the standard deviation of the noise from the median distance of the residuals, which few outliers move.

    The scale of Student's t, made for long tails, is half as large again with one outlier in ten. It stands in where
    more than half of the points lie on the curve.
    """
    spare = max(residual.size - parameters, 1)
    median = MAD * float(np.median(np.abs(residual))) * math.sqrt(residual.size / spare)
    return median if median > scale * 1e-3 else scale / NORMAL_SCALE


def sandwich_variance(residual: Array, scale: float, parameters: int) -> float:
    r"""Return the variance that (JᵀJ)⁻¹ is multiplied by for an M-estimator, in scaled units.

    .. math:: K^2 s^2 \frac{\sum \psi(r_i/s)^2 / (n - p)}{(\frac{1}{n} \sum \psi'(r_i/s))^2}, \qquad
              K = 1 + \frac{p}{n} \frac{\mathrm{var}\,\psi'}{(\mathrm{mean}\,\psi')^2}

    (Huber and Ronchetti, Robust Statistics, 2nd ed. 2009, section 7.6).
    """
    n = residual.size
    squares = (residual / scale) ** 2
    psi_squared = (NU + 1.0) ** 2 * squares / (NU + squares) ** 2
    slope = (NU + 1.0) * (NU - squares) / (NU + squares) ** 2
    mean = float(slope.mean())
    if n <= parameters or mean <= 0.0:
        return math.inf
    correction = 1.0 + parameters / n * float(slope.var()) / (mean * mean)
    return correction**2 * scale * scale * float(psi_squared.sum()) / (n - parameters) / (mean * mean)


def held_covariance(solution: Solution, control: Control) -> Matrix:
    """Return the unit covariance in the order of the rows, of what is free: B (Bᵀ JᵀJ B)⁻¹ Bᵀ.

    B has the derivatives of the rows' coordinates by the free ones; inf on the diagonal, nan beside it where the data
    do not determine what is free.
    """
    size = solution.layout.size
    unknown = [[math.inf if i == j else math.nan for j in range(size)] for i in range(size)]
    with np.errstate(all="ignore"):
        try:
            back = np.linalg.solve(derivatives(solution), control.directions)
        except np.linalg.LinAlgError:
            return unknown
        information = back.T @ np.array(solution.jtj) @ back
        diagonal = information.diagonal()
        if not diagonal.size:
            return np.zeros((size, size)).tolist()
        if not diagonal.min() > 0.0:
            return unknown
        scale = 1.0 / np.sqrt(diagonal)
        equal = information * scale * scale[:, None]
        if not np.all(np.isfinite(equal)) or np.linalg.cond(equal) > 1e13:
            return unknown
        rows = back * scale
        result: Matrix = (rows @ np.linalg.inv(equal) @ rows.T).tolist()
    return result
