"""What the likelihood says of any quantity of a fit: its error by the delta method, its interval from the profile.

The deviance of a value is what the fit loses when the quantity is held there and everything else is fitted anew; the
interval at a level is where it stays below τ², with τ the quantile of Student's t, or of the normal distribution if the
noise is known. With noise from the residuals this is Bates and Watts' χ² < χ²min (1 + t²/dof) (Nonlinear Regression
Analysis and Its Applications, 1988, eq. 6.2). The robust loss has a deviance of its own
(`gaussapp.fitting.uncertainty.student`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.constrained.constraint import Constraints, constraints_of
from gaussapp.fitting.constrained.control import objective_of
from gaussapp.fitting.constrained.coordinates import Coordinates, coordinates_of
from gaussapp.fitting.constrained.places import parameters_of
from gaussapp.fitting.peak import Array, parameter_names
from gaussapp.fitting.scale import Axis, scaled
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import solution_of
from gaussapp.fitting.stack.loss import Evaluations, StackLoss
from gaussapp.fitting.uncertainty.profile import profile_ends
from gaussapp.fitting.uncertainty.quantity import Quantity, parts_of, quantity_of
from gaussapp.fitting.uncertainty.student import StudentLoss, deviance_unit, rise
from gaussapp.fitting.verdicts.verdict import CAUTION, Estimate

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit


FAR_FROM_ZERO = 100.0
"""Half windows from x = 0 beyond which an exponential baseline's value there is no coordinate to search in."""


MANY = 100
"""Degrees of freedom from which symmetric intervals of robust fits cover as much as they say where there is signal."""


@dataclass(slots=True, eq=False)
class Free:
    """A fit in free coordinates: where it is, its loss there, and what makes a deviance of that."""

    coordinates: Coordinates
    loss: StackLoss
    f: Array  # (F,)
    value: float
    noise: float


def free_of(fit: Fit) -> Free:
    """Return a fit in coordinates of which each of its parameters is one, or a combination of two."""
    control, solution = fit._control, fit._solution
    counts = fit.loss == "poisson"
    scale, layout = solution.scale, solution.layout
    if counts:
        old = scale.axis
        scale = scaled(Axis(old.t, None, old.x, None, old.x0, old.half_window), fit.y, "none")
    constraints = plain(layout.peaks, layout.baseline) if control is None else control.constraints
    basis = "" if layout.baseline != "exponential" else "zero" if is_near_zero(fit) else "middle"
    coordinates = coordinates_of(scale, layout, constraints, counts=counts, basis=basis)
    f = coordinates.nearest(parameters_of(solution, coordinates))
    y = fit.y if counts else scale.y
    if control is not None and fit.loss == "robust":
        loss: StackLoss = StudentLoss(coordinates, scale.t, y, scale.root_weight, control.scale)
        noise = deviance_unit(fit._whitened_residuals(), control.scale, fit._parameters)
    else:
        loss = StackLoss(coordinates, scale.t, y, scale.root_weight, fit.loss)
        noise = 1.0 if counts else fit._point_variance
    with np.errstate(all="ignore"):
        seen = loss.evaluate(f[None, :], np.zeros(1, dtype=np.intp))
    return Free(coordinates, loss, f, float(seen.value[0]), noise)


def is_near_zero(fit: Fit) -> bool:
    """Tell whether x = 0 is so near that an exponential baseline's value there is a number to speak of."""
    scale = fit._solution.scale
    return abs(fit._solution.place.rate * scale.x0) < 100.0 * scale.half_window and abs(scale.x0) < (
        FAR_FROM_ZERO * scale.half_window
    )


def plain(peaks: int, baseline: str) -> Constraints:
    """Return what holds nothing."""
    return constraints_of(parameter_names(peaks, baseline))


def curvature(fit: Fit, seen: Evaluations) -> Array:
    """Return the second derivatives whose inverse is nearest to the covariance at every place, (S, F, F).

    Of the robust loss these are the full ones: the others, never indefinite, take outliers for points that tell much.
    """
    if fit.loss != "robust":
        return seen.positive
    convex = np.linalg.eigvalsh(np.where(np.isfinite(seen.full), seen.full, 0.0)).min(axis=1) > 0.0
    return np.where(convex[:, None, None], seen.full, seen.positive)


def inverse(information: Array) -> Array:
    """Return the inverse of a positive definite matrix; nan if it is not."""
    with np.errstate(all="ignore"):
        scale = 1.0 / np.sqrt(information.diagonal())
        equal = information * scale * scale[:, None]
        if not np.all(np.isfinite(equal)) or np.linalg.cond(equal) > 1e13:
            return np.full(information.shape, math.nan)
        return np.asarray(np.linalg.inv(equal) * scale * scale[:, None])


def quantile(fit: Fit, level: float) -> float:
    """Return what a standard error is multiplied by: the quantile of Student's t, or normal if the noise is known."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, such as 0.95, not {level!r}")
    from scipy.special import ndtri, stdtrit  # takes longer to import than all the rest of the engine

    probability = 0.5 + 0.5 * level
    if fit.absolute_sigma:
        return float(ndtri(probability))
    return float(stdtrit(fit.dof, probability)) if fit.dof else math.inf


def intervals(fit: Fit, level: float, kind: str, of: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Return intervals of quantities; see `Fit.interval`."""
    times = quantile(fit, level)
    if kind not in ("symmetric", "profile", "auto"):
        raise ValueError(f'kind must be "symmetric", "profile" or "auto", not {kind!r}')
    names = [of] if isinstance(of, str) else of
    if kind == "profile" or (kind == "auto" and is_doubtful(fit)):
        return profile_intervals(fit, names, level)
    result = {}
    for name in names:
        value, error = (fit.values[name], fit.errors[name]) if name in fit.values else estimate(fit, name)
        half = times * error
        result[name] = (value - half, value + half) if math.isfinite(half) else (-math.inf, math.inf)
    return result


def is_doubtful(fit: Fit) -> bool:
    """Tell whether symmetric intervals are known to cover too little, and profile ones more."""
    if fit.dof <= 0 or fit._perfect:
        return False
    if fit.loss == "robust" and fit.dof < MANY:
        return True
    heights_and_widths = [name for name in fit.names if name.startswith(("amplitude", "width"))]
    return any(not fit.errors[name] <= CAUTION * abs(fit.values[name]) for name in heights_and_widths)


def profile_intervals(fit: Fit, quantities: Iterable[str], level: float) -> dict[str, tuple[float, float]]:
    """Return the profile-likelihood interval of every quantity.

    An end that does not exist, because the deviance never rises that far, is ∓inf (0 for the lower end of a width); one
    at a bound of the parameter is the bound. Where another answer fits nearly as well, the interval spans both.
    """
    names = list(quantities)
    tau = quantile(fit, level)
    if not (math.isfinite(tau) and fit._solution.status != "runaway"):
        return dict.fromkeys(names, (-math.inf, math.inf))
    free = free_of(fit)
    if fit.loss == "robust":
        if fit._perfect:  # its scale is rounding
            return intervals(fit, level, "symmetric", names)
        if not math.isfinite(free.noise):
            return dict.fromkeys(names, (-math.inf, math.inf))
        tau = rise(tau, fit.y.size, fit.dof)
    nowhere = fit.baseline == "exponential" and free.coordinates.basis != "zero"
    known = [name for name in names if not (nowhere and "decay_amplitude" in name)]
    wanted = {name: quantity_of(free.coordinates, name) for name in known}
    sought = [quantity for quantity in wanted.values() if isinstance(quantity, Quantity)]
    if not sought or not free.noise > 0.0:
        return {name: (estimate(fit, name)[0],) * 2 for name in names}
    places = [free.f, *rivals(fit, free, tau)]
    several = len(places)
    with np.errstate(all="ignore"):
        there = free.loss.evaluate(np.array(places), np.zeros(several, dtype=np.intp))
        covariance = np.array([free.noise * inverse(information) for information in curvature(fit, there)])
        ends, _, _ = profile_ends(
            free.loss,
            np.array(places),
            np.full(several, free.value),
            np.full(several, free.noise),
            covariance,
            sought,
            tau,
        )
    result, row = {}, 0
    for name, quantity in wanted.items():
        if not isinstance(quantity, Quantity):
            result[name] = (quantity, quantity)
            continue
        both = quantity.unit * ends[:, row] + quantity.origin
        result[name] = (float(both.min()), float(both.max()))
        row += 1
    return {name: result.get(name, (-math.inf, math.inf)) for name in names}


def rivals(fit: Fit, free: Free, tau: float) -> list[Array]:
    """Return other minima that the search has found and that are within the interval's rise, in free coordinates."""
    control, solution = fit._control, fit._solution
    if control is not None:
        if control.rival is None:
            return []
        unit = free.noise if fit.loss == "robust" else 1.0
        if control.rival.more / unit >= tau * tau:
            return []
        coordinates = objective_of(fit.y, solution, control).coordinates
        other = coordinates.solution(control.rival.f, solution.status, 0, 1)
        return [free.coordinates.nearest(parameters_of(other, free.coordinates))]
    rival = solution.rival
    if rival is None or rival.status == "runaway":
        return []
    if (2.0 * (0.5 * rival.point.sse - free.value)) / free.noise >= tau * tau:
        return []
    other = solution_of(Search(rival, None, solution.layout, 1), solution.scale)
    return [free.coordinates.nearest(parameters_of(other, free.coordinates))]


def estimate(fit: Fit, expression: str) -> Estimate:
    """Return value and standard error of a quantity, by the delta method from the full covariance."""
    operator, first, second = parts_of(expression, fit.names)
    units, covariance = fit._covariance_in_units
    index = {name: i for i, name in enumerate(fit.names)}
    one, i = fit.values[first], index[first]
    if not operator:
        return Estimate(one, fit.errors[first])
    if operator in ("fwhm", "area"):
        return fit.derived[expression.strip()]
    two, j = fit.values[second], index[second]
    if operator == "-":
        value, by_one, by_two = one - two, units[i], -units[j]
    else:
        value = one / two if two else math.nan
        by_one, by_two = (units[i] / two, -value * (units[j] / two)) if two else (math.inf, math.inf)
    if fit.errors[first] == fit.errors[second] == 0.0:
        return Estimate(value, 0.0)
    size = max(abs(by_one), abs(by_two))
    if not size < math.inf:
        return Estimate(value, math.inf)
    a, b = by_one / size, by_two / size
    variance = a * a * covariance[i][i] + b * b * covariance[j][j] + 2.0 * a * b * covariance[i][j]
    # what is tied together varies by rounding only, which may come out below zero
    variance = 0.0 if abs(variance) < 1e-14 * (a * a * covariance[i][i] + b * b * covariance[j][j]) else variance
    return Estimate(value, size * math.sqrt(variance) if 0.0 <= variance < math.inf else math.inf)
