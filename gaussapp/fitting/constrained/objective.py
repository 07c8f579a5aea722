r"""What a fit makes small: half a sum of squares, or minus the log likelihood of counts or of Student's t.

With m the model at each point, every loss is a sum over points; its derivatives by m (g: first, h: second, w: a second
one that is never negative) lead to those by the parameters,

.. math::

    \nabla f = J^T g, \qquad \nabla^2 f = J^T h J + \sum_i g_i \nabla^2 m_i \;\approx\; J^T w J .

**Counts** y with mean m (McCullagh and Nelder, Generalized Linear Models, 1989): :math:`f = \sum m - y + y \log(y/m)`,
half the deviance; w = 1/m is Fisher's information.

**Student's t** with ν = 4 degrees of freedom and a scale s found with the rest by maximum likelihood (Lange, Little and
Taylor, J. Am. Stat. Assoc. 84:881, 1989): :math:`f = n \log s + \frac{\nu + 1}{2} \sum \log(1 + r^2/\nu s^2)`. Taking
the best s for every curve makes f a function of the curve alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.large import CHUNK
from gaussapp.fitting.peak import Array

LOSSES = ("least squares", "poisson", "robust")
"""What can be minimised."""

NU = 4.0
"""Degrees of freedom of Student's t in the robust loss."""

NORMAL_SCALE = 0.83100349378219
"""Scale of Student's t that is most likely for normal noise of standard deviation 1."""

SMALLEST_SCALE = 1e-14
"""Scale of the robust loss below which residuals are rounding."""


class Slopes(NamedTuple):
    """A loss and its derivatives by the model at each point; `across` is what a free scale adds to the second ones."""

    value: float
    first: Array  # (N,)
    second: Array  # (N,)
    positive: Array  # (N,)
    across: Array | None = None  # (N,)


@dataclass(slots=True)
class Trial:
    """A loss at one place with gradient and both second derivatives, in free coordinates."""

    f: Array
    value: float
    gradient: Array  # (F,)
    positive: Array  # (F, F), never indefinite
    full: Array  # (F, F)


class Objective:
    """A loss over data as a function of free coordinates.

    `barrier` holds the mean of counts above zero where nothing else does: it counts as that many counts at each point.
    """

    def __init__(self, coordinates: Coordinates, loss: str) -> None:
        scale = coordinates.scale
        self.coordinates, self.loss, self.barrier = coordinates, loss, 0.0
        self._scale: float | None = None  # the last one found, near which the next will be
        self.t, self.y, self.root_weight = scale.t, scale.y, scale.root_weight
        if loss == "poisson":
            self.y = scale.y * scale.y_unit
            positive = self.y > 0.0
            self._self_log = float(np.sum(self.y[positive] * np.log(self.y[positive])))
        # Below this a loss is rounding; half a deviance and a log likelihood are of the order of the number of points.
        self.resolution = 1e-31 * float(self.y.dot(self.y)) if loss == "least squares" else float(self.y.size)

    # ------------------------------------------------------------------ the loss

    def slopes(self, model: Array) -> Slopes:
        """Return the loss and its derivatives by the model, given in the units of `self.y` and whitened."""
        if self.loss == "poisson":
            return self._counts(model)
        residual = self.y - model
        if self.loss == "robust":
            self._scale = scale_of(residual, self._scale)
            return student(residual, self._scale)
        ones = np.ones_like(residual)
        return Slopes(0.5 * float(residual.dot(residual)), -residual, ones, ones)

    def _counts(self, mean: Array) -> Slopes:
        y = self.y + self.barrier
        if not (mean.min() > 0.0 or (mean.min() >= 0.0 and not np.any(y[mean <= 0.0] > 0.0))):
            return Slopes(math.inf, mean, mean, mean)
        safe = np.maximum(mean, 1e-140)
        value = float(np.sum(mean - self.y)) + self._self_log - float(y.dot(np.log(safe)))
        ratio = y / safe
        return Slopes(value, 1.0 - ratio, ratio / safe, 1.0 / np.maximum(mean, 1e-30))

    def value(self, f: Array) -> float:
        """Return the loss alone."""
        p = self.coordinates.parameters(f)
        return self.slopes(self.model(p)).value

    # ------------------------------------------------------------------ the model

    def model(self, p: Array) -> Array:
        """Return the whitened model at all points."""
        total = np.empty_like(self.t)
        for first in range(0, self.t.size, CHUNK):
            part = slice(first, first + CHUNK)
            total[part] = curve(self.coordinates, p, self.t[part])
        if self.loss == "poisson":
            total *= self.coordinates.scale.y_unit
        elif self.root_weight is not None:
            total *= self.root_weight
        return total

    def trial(self, f: Array) -> Trial:
        """Return the loss with its derivatives by the free coordinates."""
        coordinates = self.coordinates
        p = coordinates.parameters(f)
        seen = self.slopes(self.model(p))
        size = p.size
        gradient, positive, full = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
        across = np.zeros(size)
        for first in range(0, self.t.size, CHUNK):
            part = slice(first, first + CHUNK)
            weight = None if self.root_weight is None else self.root_weight[part]
            unit = coordinates.scale.y_unit if self.loss == "poisson" else 1.0
            jacobian, bends = rows_of(coordinates, p, self.t[part])
            factor = unit if weight is None else unit * weight
            slope = seen.first[part] * factor
            gradient += jacobian @ slope
            positive += (jacobian * (seen.positive[part] * factor * factor)) @ jacobian.T
            full += (jacobian * (seen.second[part] * factor * factor)) @ jacobian.T
            if seen.across is not None:
                across += jacobian @ (seen.across[part] * factor)
            for i, j, row in bends:
                bend = float(row @ slope)
                full[i, j] += bend
                if i != j:
                    full[j, i] += bend
        if seen.across is not None:
            full -= np.outer(across, across)
        transform = coordinates.transform
        return Trial(
            f, seen.value, gradient @ transform, transform.T @ positive @ transform, transform.T @ full @ transform
        )


def curve(coordinates: Coordinates, p: Array, t: Array) -> Array:
    """Return the scaled model at scaled positions."""
    peaks = coordinates.peaks
    b = p[3 * peaks :]
    rows = coordinates.baseline_rows(t, float(b[-1]) if coordinates.layout.rates else 0.0)
    total = np.zeros_like(t)
    for value, row in zip(b, rows, strict=False):
        total += value * row
    for amplitude, center, width in p[: 3 * peaks].reshape(peaks, 3):
        z = (t - center) / width
        total += amplitude * np.exp(np.maximum(-0.5 * z * z, -330.0))
    return total


def rows_of(coordinates: Coordinates, p: Array, t: Array) -> tuple[Array, list[tuple[int, int, Array]]]:
    """Return the Jacobian, (P, N), and the second derivatives that are not zero, as (row, column, (N,))."""
    peaks = coordinates.peaks
    jacobian = np.empty((p.size, t.size))
    bends: list[tuple[int, int, Array]] = []
    for k in range(peaks):
        a, c, w = p[3 * k : 3 * k + 3]
        i = 3 * k
        v = (t - c) / w
        vv = v * v
        e = np.exp(np.maximum(-0.5 * vv, -330.0))
        ve = e * v / w
        vve = ve * v
        jacobian[i], jacobian[i + 1], jacobian[i + 2] = e, a * ve, a * vve
        bends += [(i + 1, i, ve), (i + 2, i, vve)]
        bends.append((i + 1, i + 1, (a / w) * (vve - e / w)))
        bends.append((i + 2, i + 1, (a / w) * ve * (vv - 2.0)))
        bends.append((i + 2, i + 2, (a / w) * vve * (vv - 3.0)))
    here = 3 * peaks
    if coordinates.layout.rates:
        decay_amplitude, rate = p[here:]
        tau = t + coordinates.origin
        decay = coordinates.baseline_rows(t, float(rate))[0]
        jacobian[here], jacobian[here + 1] = decay, -decay_amplitude * tau * decay
        bends.append((here + 1, here, -tau * decay))
        bends.append((here + 1, here + 1, decay_amplitude * tau * tau * decay))
    else:
        for i, row in enumerate(coordinates.baseline_rows(t, 0.0)):
            jacobian[here + i] = row
    return jacobian, bends


def scale_of(residual: Array, near: float | None = None) -> float:
    """Return the scale of Student's t that makes the residuals most likely: the root of n = (ν+1) Σ r²/(νs²+r²)."""
    squares = residual * residual
    n = residual.size
    least = max(1e-3 * math.sqrt(float(squares.mean())), SMALLEST_SCALE)
    log_scale = math.log(max(float(np.median(np.abs(residual))) if near is None else near, least))
    for _ in range(100):
        s2 = math.exp(2.0 * log_scale)
        below = NU * s2 + squares
        share = squares / below
        missing = n - (NU + 1.0) * float(share.sum())
        slope = (NU + 1.0) * float((share * (2.0 * NU * s2 / below)).sum())
        newton = missing / slope if slope > 1e-12 * n else math.copysign(1.0, missing)
        step = max(min(newton, 1.0), -1.0)
        log_scale = max(log_scale - step, math.log(SMALLEST_SCALE))
        if abs(step) < 1e-8 or (log_scale <= math.log(SMALLEST_SCALE) and step > 0.0):
            break
    return math.exp(log_scale)


def student(residual: Array, scale: float) -> Slopes:
    """Return the loss of Student's t at its best scale."""
    squares = residual * residual
    s2 = scale * scale
    below = NU * s2 + squares
    weight = (NU + 1.0) / below
    bent = weight * (NU * s2 - squares) / below
    by_scale = 2.0 * NU * s2 * weight / below * residual
    curvature = float(np.sum(by_scale * residual))
    value = residual.size * math.log(scale) + 0.5 * (NU + 1.0) * float(np.sum(np.log1p(squares / (NU * s2))))
    return Slopes(value, -weight * residual, bent, weight, by_scale / math.sqrt(max(curvature, 1e-300)))
