"""Damped Newton steps in a box: the smallest loss from one start, under bounds that are kept exactly.

A coordinate at a bound that the loss pushes outwards is held there for the step (Bertsekas, SIAM J. Control Optim.
20:221, 1982); one that a step would carry over its bound stops at it, and the others are solved for again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.constrained.objective import Objective, Trial
from gaussapp.fitting.peak import Array

MAX_STEPS = 150
"""Bound on the steps of one minimisation."""

BARRIER_STEPS = 40
"""The same for one barrier."""

BARRIERS = (1e-2, 1e-5, 1e-8)
"""Counts added to each point, one after the other, where the mean would have to touch zero."""


@dataclass(slots=True)
class End:
    """Where a descent ended."""

    f: Array
    value: float
    status: str  # converged, iterations or given up
    steps: int
    active: NDArray[np.bool_]  # (F,), coordinates at a bound that the loss pushes against


def descend(objective: Objective, start: Array, ceiling: float = np.inf) -> End:
    """Return the minimum of a loss in the box, reached from `start`; given up once it is near and above `ceiling`."""
    end, blocked = descend_once(objective, start, ceiling)
    if blocked and objective.loss == "poisson":
        best = end
        for barrier in BARRIERS:
            objective.barrier = barrier
            end, _ = descend_once(objective, end.f, max_steps=BARRIER_STEPS)
        objective.barrier = 0.0
        value = objective.value(end.f)
        if value < best.value:
            return End(end.f, value, end.status, best.steps + end.steps, end.active)
        end = best
    return end


def descend_once(
    objective: Objective, start: Array, ceiling: float = np.inf, max_steps: int = MAX_STEPS
) -> tuple[End, bool]:
    """Return the minimum from `start` and whether the last steps were cut short where the loss ends."""
    coordinates = objective.coordinates
    low, high = coordinates.low, coordinates.high
    here = objective.trial(np.clip(start, low, high))
    damping, near, taken, cut = 1e-3, False, 0, 0
    status = "iterations"
    while taken < max_steps and np.isfinite(here.value):
        held = pushed(here, low, high)
        newton = near
        size = max(abs(here.value), objective.resolution)
        if objective.loss == "least squares" and here.value <= objective.resolution:
            status = "converged"
            break
        while True:
            damped = 0.0 if newton and damping < 1e-4 else damping
            step = box_step(here.full if newton else here.positive, here, damped, low, high, held)
            if step is None and newton:
                newton, damping = False, max(damping, 1e-3)
                continue
            if step is None:
                return End(here.f, here.value, "converged", taken, held), cut > 2
            taken += 1
            reach = length(coordinates, here.f, step)
            step = step * min(1.0, 1.4 / reach) if reach > 1.4 else step
            gain = -float(here.gradient @ step)
            if gain <= 1e-18 * size:
                return End(here.f, here.value, "converged", taken, held), cut > 2
            last = newton and damping < 1e-4 and gain < 1e-12 * size and reach < 1e-3
            where = np.clip(here.f + step, low, high)
            value = objective.value(where)
            if value <= here.value or (last and value <= here.value + 1e-13 * size):
                break
            cut = cut + 1 if not np.isfinite(value) else cut
            if damping > 1e12 or taken >= max_steps or (gain < 1e-14 * size and not newton):
                ended = "converged" if damping > 1e12 or gain < 1e-14 * size else "iterations"
                return End(here.f, here.value, ended, taken, held), cut > 2
            damping = max(10.0 * damping, 1e-2)
        gained = here.value - value
        here = objective.trial(where)
        if last:
            status = "converged"
            break
        if gained > 0.25 * 0.5 * gain:
            damping *= 0.1
        near = reach < 0.5
        if near and here.value - 10.0 * max(gained, gain) > ceiling:
            status = "given up"
            break
    return End(here.f, here.value, status, taken, pushed(here, low, high)), cut > 2


def pushed(here: Trial, low: Array, high: Array) -> NDArray[np.bool_]:
    """Tell which coordinates are at a bound that the loss pushes them against."""
    outwards = ((here.f <= low) & (here.gradient > 0.0)) | ((here.f >= high) & (here.gradient < 0.0))
    return np.asarray(outwards | (low == high))


def box_step(
    matrix: Array, here: Trial, damping: float, low: Array, high: Array, held: NDArray[np.bool_]
) -> Array | None:
    """Return a step that does not leave the box; None if the matrix is not positive definite."""
    free = ~held
    step = np.zeros(free.size)
    while free.any():
        block = matrix[np.ix_(free, free)]
        right = -here.gradient[free] - matrix[np.ix_(free, ~free)] @ step[~free]
        solved = solve_damped(block, right, damping)
        if solved is None:
            return None
        step[free] = solved
        reached = here.f + step
        over = free & ((reached > high) | (reached < low))
        if not over.any():
            break
        step[over] = np.where(reached > high, high, low)[over] - here.f[over]
        free &= ~over
    return step


def solve_damped(matrix: Array, right: Array, damping: float) -> Array | None:
    """Return the solution of a system whose diagonal is raised by `damping`; None if it is not positive definite."""
    scale = 1.0 / np.sqrt(np.maximum(np.abs(matrix.diagonal()), 1e-280))
    equal = matrix * scale * scale[:, None]
    equal[np.diag_indices(right.size)] += damping + 1e-15
    try:
        np.linalg.cholesky(equal)
        return np.asarray(np.linalg.solve(equal, right * scale) * scale)
    except np.linalg.LinAlgError:
        return None


def length(coordinates: Coordinates, f: Array, step: Array) -> float:
    """Return the longest part of a step: centers in widths, widths in factors, rates in halves of themselves."""
    peaks = coordinates.peaks
    p, moved = coordinates.parameters(f), coordinates.transform @ step
    widths = p[2 : 3 * peaks : 3]
    longest = float(np.max(np.abs(moved[1 : 3 * peaks : 3]) / widths))
    change = moved[2 : 3 * peaks : 3] / widths
    longest = max(longest, float(np.max(np.where(change < 0.0, -2.0 * change, 0.5 * change))))
    if coordinates.layout.rates:
        longest = max(longest, abs(float(moved[-1])) / max(1.0, 0.5 * abs(float(p[-1]))))
    return longest
