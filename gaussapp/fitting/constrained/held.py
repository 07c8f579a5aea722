"""What a fit under constraints or with another loss shows of itself: exact values, chances, odd points."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.constrained.control import Control, objective_of, positive_start
from gaussapp.fitting.constrained.descent import descend
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import LARGE
from gaussapp.fitting.solve import row_scales
from gaussapp.fitting.verdicts.chance import (
    chance_of_peak,
    chance_of_peak_in_known_noise,
    chance_of_t,
    chance_of_z,
)

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit


def exact_values(control: Control, values: dict[str, float]) -> dict[str, float]:
    """Return values that are known to the last digit: fixed and tied ones, and those at a bound.

    Free values go no further than their limits, which the units of x and y can carry them past by a last digit.
    """
    limits = control.constraints.limits
    exact = {name: min(max(values[name], low), high) for name, (low, high) in limits.items() if name in values}
    exact = {name: value for name, value in exact.items() if value != values[name]}
    exact.update({name: bound for name, bound, asked in control.active if asked})
    exact.update(control.constraints.fixed)
    known = {**values, **exact}
    for name, root in control.constraints.roots.items():
        if name in exact:
            continue
        if not root.other:
            exact[name] = root.shift
        elif root.other != name:
            exact[name] = root.factor * known[root.other] + root.shift
    return exact


def held_names(control: Control) -> list[str]:
    """Return the parameters that cannot move: constants, those at a bound, and what is tied to them."""
    # Where a line of counts is zero at one end, neither its offset nor its slope is held.
    at_bound = {control.constraints.roots[name].other for name, _, asked in control.active if asked}
    return [name for name, root in control.constraints.roots.items() if not root.other or root.other in at_bound]


def chance_in_noise(fit: Fit, control: Control, k: int) -> float:
    """Return how often noise alone holds a peak as good as peak k, with all else as it is held; 0 if k was asked for.

    As `gaussapp.fitting.verdicts.verdict.chance_in_noise`; a peak whose place is fixed has not been looked for
    elsewhere.
    """
    objective = objective_of(fit.y, fit._solution, control)
    coordinates = objective.coordinates
    j = int(coordinates.root[3 * k])
    if j < 0 or np.count_nonzero(coordinates.root == j) > 1 or not coordinates.low[j] <= 0.0 <= coordinates.high[j]:
        return 0.0
    low, high = coordinates.low.copy(), coordinates.high.copy()
    low[j] = high[j] = 0.0
    without = replace(coordinates, low=low, high=high)
    start = control.f.copy()
    start[j] = 0.0
    other = objective_of(fit.y, fit._solution, control)
    other.coordinates = without
    if control.loss == "poisson":  # without a baseline, or with one that ended at zero, there is nothing left
        start = positive_start(other, start)
    values = [descend(other, start).value]
    placed = bool(np.all(coordinates.root[3 * k + 1 : 3 * k + 3] < 0))
    if fit.baseline == "none" and fit.peaks == 1 and not placed:
        values.append(value_of_level(fit, control))
    return max(chance_of_gain(fit, control, value, placed) for value in values)


def value_of_level(fit: Fit, control: Control) -> float:
    """Return the loss of the best constant; inf for the robust one, which is not held against it."""
    if control.loss == "robust":
        return math.inf
    if control.loss == "poisson":
        mean, positive = float(fit.y.mean()), fit.y[fit.y > 0.0]
        return float(np.sum(positive * np.log(positive / mean))) if mean > 0.0 else 0.0
    scale = fit._solution.scale
    ones = np.ones(scale.y.size) if scale.root_weight is None else scale.root_weight
    level = float(scale.y.dot(ones)) / float(ones.dot(ones))
    rest = scale.y - level * ones
    return 0.5 * float(rest.dot(rest))


def chance_of_gain(fit: Fit, control: Control, without: float, placed: bool) -> float:
    """Return how often noise makes the loss fall this far with a peak."""
    gain = 2.0 * (without - control.loss_value)
    if math.isinf(gain) and gain > 0.0:
        return 0.0
    if not gain > 0.0:
        return 1.0
    unknown = control.loss == "least squares" and not fit.absolute_sigma
    if unknown and placed:
        return chance_of_t(math.sqrt(gain * fit.dof / max(2.0 * control.loss_value, 1e-300)), fit.dof)
    if unknown:
        return chance_of_peak(gain / (2.0 * without), fit.y.size - (fit._parameters - 3), fit.y.size)
    if control.loss == "least squares":
        gain /= max(fit._point_variance * max(1.0, fit.reduced_chi2 if fit.dof else 1.0), 1e-300)
    return 2.0 * chance_of_z(math.sqrt(gain)) if placed else chance_of_peak_in_known_noise(gain, fit.y.size)


def scatter_of_counts(fit: Fit) -> float:
    """Return by how many standard deviations Pearson's χ² is larger than Poisson's noise makes it.

    Its variance is 2 n + Σ 1/m: more than that of χ² where counts are low.
    """
    mean = np.maximum(fit.curve(fit.x), 1e-3)
    return (fit.chi2 - fit.dof) / math.sqrt(2.0 * fit.dof + float(np.sum(1.0 / mean)))


def unlikeliest_count(fit: Fit) -> tuple[int, float]:
    """Return the count that is farthest from its mean, and how often Poisson's law has one like it among so many."""
    from scipy.special import gammainc, gammaincc

    mean = np.maximum(fit.curve(fit.x), 1e-12)
    more = np.where(fit.y > 0.0, gammainc(np.maximum(fit.y, 1e-12), mean), 1.0)  # of a count at least as large
    fewer = gammaincc(fit.y + 1.0, mean)
    chance = np.minimum(more, fewer)
    worst = int(chance.argmin())
    return worst, min(2.0 * float(chance[worst]) * fit.y.size, 1.0)


def robust_outliers(fit: Fit) -> tuple[int, float, float]:
    """Return how many points lie more than 5 standard deviations off, the farthest one's x and its distance."""
    distance: Array = np.abs(fit.standardized)
    worst = int(distance.argmax())
    return int(np.count_nonzero(distance > 5.0)), float(fit.x[worst]), float(distance[worst])


def highest_leverage(fit: Fit) -> tuple[float, float]:
    """Return the largest diagonal entry of the hat matrix J (JᵀJ)⁻¹ Jᵀ, and x of its point; of many points 0."""
    if fit.y.size > LARGE or not math.isfinite(fit._unit_covariance[0][0]):
        return 0.0, math.nan
    solution = fit._solution
    scale, layout = solution.scale, solution.layout
    jacobian = fit._rows(scale.t)[: layout.size] * np.array(row_scales(solution.beta, layout))[:, None]
    if scale.root_weight is not None:
        jacobian *= scale.root_weight
    leverage = np.einsum("pn,pn->n", np.array(fit._unit_covariance) @ jacobian, jacobian)
    highest = int(leverage.argmax())
    return float(leverage[highest]), scale.x0 + scale.half_window * float(scale.t[highest])
