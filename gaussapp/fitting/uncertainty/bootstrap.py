"""The bootstrap of a fit: the same fit to data drawn anew, from the fitted curve and its noise or from the points.

Parametric: the fitted curve with new noise of the size that the fit found (normal; of counts Poisson's; of a robust fit
Student's). Pairs: as many points as there are, drawn with replacement, which also holds where the noise is not the same
everywhere (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 9). Every fit starts where the original
ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.constrained.control import objective_of
from gaussapp.fitting.constrained.descent import descend
from gaussapp.fitting.constrained.objective import NU, Objective
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH, Array
from gaussapp.fitting.scale import Axis
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import baseline_values, solution_of
from gaussapp.fitting.solve import Minimum, minimise
from gaussapp.fitting.stack.solve import Stack, charted, minimise_stack
from gaussapp.fitting.uncertainty.quantity import parts_of

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit

KINDS = ("parametric", "pairs")

ELEMENTS = 1_000_000
"""Points of all data sets that are fitted at once."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Fits to data drawn anew.

    Attributes
    ----------
    names : tuple of str
        Parameters, as those of the fit.
    samples : ndarray of shape (R, P)
        What each fit found, in units of x and y, peaks in the order of the original fit.
    failed : int
        Fits that came to no minimum (the peak was lost, or its best place is at infinity) and are left out.
    kind, seed
        As they were asked for.
    """

    names: tuple[str, ...]
    samples: Array
    failed: int
    kind: str
    seed: int

    @property
    def errors(self) -> Mapping[str, float]:
        """Standard deviation of every parameter over the fits."""
        spread = self.samples.std(axis=0, ddof=1) if len(self.samples) > 1 else np.full(len(self.names), math.inf)
        return MappingProxyType(dict(zip(self.names, spread.tolist(), strict=True)))

    @property
    def covariance(self) -> Array:
        """Covariance of the parameters over the fits, (P, P)."""
        return np.asarray(np.cov(self.samples.T))

    def values_of(self, quantity: str) -> Array:
        """Return a parameter, ``"fwhm"``, ``"area_1"``, or a difference or ratio of two in every fit, (R,)."""
        operator, first, second = parts_of(quantity, self.names)
        one = self.samples[:, self.names.index(first)]
        if not operator:
            return np.asarray(one)
        two = self.samples[:, self.names.index(second)]
        if operator == "fwhm":
            return np.asarray(FWHM_PER_WIDTH * two)
        if operator == "area":
            return np.asarray(AREA_PER_HEIGHT_AND_WIDTH * one * two)
        return np.asarray(one - two if operator == "-" else one / two)

    def interval(self, level: float = 0.95, of: list[str] | None = None) -> dict[str, tuple[float, float]]:
        """Return percentile intervals of the parameters, or of other quantities (Efron and Tibshirani, ch. 13).

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1 or a quantity is not understood.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must be between 0 and 1, such as 0.95, not {level!r}")
        tail = 0.5 - 0.5 * level
        result = {}
        for name in self.names if of is None else of:
            low, high = np.quantile(self.values_of(name), [tail, 1.0 - tail])
            result[name] = (float(low), float(high))
        return result


def bootstrap(fit: Fit, fits: int, kind: str, seed: int) -> Bootstrap:
    """Fit data drawn anew `fits` times; see `Fit.bootstrap`."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if isinstance(fits, bool) or not isinstance(fits, int | np.integer):
        raise TypeError(f"fits must be a whole number, not {fits!r}")
    if fits < 2:
        raise ValueError(f"fits must be 2 or more, not {fits}")
    if kind == "parametric" and not math.isfinite(fit._point_variance):
        raise ValueError("there are no degrees of freedom, so that the noise to draw is not known; add points")
    random = np.random.default_rng(seed)
    plain = fit._control is None
    found = list(stacked(fit, int(fits), kind, random) if plain else one_by_one(fit, int(fits), kind, random))
    samples = np.concatenate(found) if found else np.empty((0, len(fit.names)))
    good = np.isfinite(samples).all(axis=1)
    return Bootstrap(fit.names, samples[good], int(fits - np.count_nonzero(good)), kind, seed)


def stacked(fit: Fit, fits: int, kind: str, random: np.random.Generator) -> Iterator[Array]:
    """Yield the parameters of unconstrained least-squares fits, block by block, (r, P)."""
    solution = fit._solution
    scale, layout = solution.scale, solution.layout
    points = scale.t.size
    weight = np.ones(points) if scale.root_weight is None else scale.root_weight
    curve = fit._scaled_curve(scale.t) * weight
    deviation = math.sqrt(fit._point_variance)
    places = solution.place.centers_and_log_widths()
    block = max(ELEMENTS // points, 1)
    for first in range(0, fits, block):
        size = min(block, fits - first)
        root_weight = scale.root_weight
        if kind == "parametric":
            y = curve + deviation * random.standard_normal((size, points))
        else:
            counts = random.multinomial(points, np.full(points, 1.0 / points), size)
            root_weight = np.sqrt(counts) * weight
            y = np.sqrt(counts) * scale.y
        start = np.tile(np.array(places), (size, 1, 1))
        stack = Stack(scale.t, y, root_weight, layout)
        found = minimise_stack(stack, start[:, :, 0], start[:, :, 1], np.full(size, solution.place.rate))
        peaks = charted(found.centers, found.log_widths)
        beta = np.array(stack.evaluate(np.arange(size), *peaks, found.rates).beta).T
        values = np.empty((size, len(fit.names)))
        values[:, 0 : 3 * layout.peaks : 3] = scale.y_unit * beta[:, : layout.peaks]
        values[:, 1 : 3 * layout.peaks : 3] = scale.x0 + scale.half_window * found.centers
        values[:, 2 : 3 * layout.peaks : 3] = scale.half_window * np.exp(found.log_widths)
        values[:, 3 * layout.peaks :] = baselines(fit, beta[:, layout.peaks :], found.rates)
        for row in np.flatnonzero(found.delicate).tolist():
            values[row] = parameters_alone(fit, minimise(stack.row(row), solution.place))
        yield in_order_of_center(values, layout.peaks)


def baselines(fit: Fit, b: Array, rates: Array) -> Array:
    """Return the baseline's parameters in units of x and y, (r, B)."""
    scale, baseline = fit._solution.scale, fit.baseline
    shift = scale.x0 / scale.half_window
    if baseline == "none":
        return b
    if baseline == "constant":
        return np.asarray(scale.y0 + scale.y_unit * b)
    if baseline == "linear":
        level = scale.y0 + scale.y_unit * (b[:, 0] - b[:, 1] * shift)
        return np.column_stack([level, scale.y_unit * b[:, 1] / scale.half_window])
    with np.errstate(over="ignore"):
        return np.column_stack([scale.y_unit * b[:, 0] * np.exp(rates * shift), rates / scale.half_window])


def parameters_alone(fit: Fit, minimum: Minimum) -> list[float]:
    """Return the parameters of a fit that was finished by itself; nan if it ran away."""
    if minimum.status == "runaway":
        return [math.nan] * len(fit.names)
    scale = fit._solution.scale
    other = solution_of(Search(minimum, None, fit._solution.layout, 1), scale)
    values = []
    for k in range(fit.peaks):
        amplitude, center, width = other.peak(k)
        values += [amplitude * scale.y_unit, scale.x0 + scale.half_window * center, scale.half_window * width]
    return [*values, *baseline_values(other)]


def in_order_of_center(values: Array, peaks: int) -> Array:
    """Return parameters with the peaks of every row in order of center."""
    if peaks > 1:
        blocks = values[:, : 3 * peaks].reshape(-1, peaks, 3)
        order = np.argsort(blocks[:, :, 1], axis=1)
        values[:, : 3 * peaks] = np.take_along_axis(blocks, order[:, :, None], axis=1).reshape(-1, 3 * peaks)
    return values


def one_by_one(fit: Fit, fits: int, kind: str, random: np.random.Generator) -> Iterator[Array]:
    """Yield the parameters of fits under constraints or with other losses, one a time, (1, P)."""
    control = fit._control
    assert control is not None
    objective = objective_of(fit.y, fit._solution, control)
    coordinates = objective.coordinates
    scale, points = coordinates.scale, fit.y.size
    weight = np.ones(points) if scale.root_weight is None else scale.root_weight
    model = objective.model(coordinates.parameters(control.f))  # whitened; of counts their means
    for _ in range(fits):
        t, y, root_weight = scale.t, scale.y, scale.root_weight
        if kind == "pairs":
            rows = np.sort(random.integers(0, points, points))
            t, y, root_weight = t[rows], y[rows], None if root_weight is None else weight[rows]
        elif control.loss == "poisson":
            y = random.poisson(np.maximum(model, 0.0)) / scale.y_unit
        elif control.loss == "robust":
            y = model + control.scale * random.standard_t(NU, points)
        else:
            y = model + math.sqrt(fit._point_variance) * random.standard_normal(points)
        axis = Axis(t, root_weight, x0=scale.x0, half_window=scale.half_window, sigma_unit=scale.sigma_unit)
        drawn = replace(coordinates, scale=replace(scale, axis=axis, t=t, y=y, root_weight=root_weight))
        end = descend(Objective(drawn, control.loss), control.f)
        yield drawn.user_values(end.f)[None, :]
