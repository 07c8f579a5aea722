r"""The robust loss, Student's t, for a stack of places at once, and what makes a deviance of it.

Its scale is at its best for every curve, as in the fit. Twice the rise of the loss is no deviance yet, because the
noise is hardly ever Student's t: it is divided by

.. math:: \lambda = \frac{\sum \psi(r_i/s)^2 / (n - p)}{\frac{1}{n} \sum \psi'(r_i/s)},

which makes it one whatever the noise is (Schrader and Hettmansperger, Biometrika 67:93, 1980; Huber and Ronchetti,
Robust Statistics, 2nd ed. 2009, section 7.10), with ψ the derivative of the loss by r/s, the r taken at the minimum.
To second order the interval is then that of the sandwich formula.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.constrained.objective import NU, SMALLEST_SCALE
from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.loss import ELEMENTS, Evaluations, StackLoss, stacked_rows, weighed_products

SETTLED = 1e-10
"""Relative change of a scale below which it is at its best: the loss is flat there, so that its square counts."""


class StudentLoss(StackLoss):
    """The loss of Student's t at its best scale, for a stack of free coordinates over the same data.

    It is counted from that of the scale `near`, that of the fit, near which the others are looked for.
    """

    def __init__(self, coordinates: Coordinates, t: Array, y: Array, root_weight: Array | None, near: float) -> None:
        super().__init__(coordinates, t, y, root_weight, "robust")
        self.near = near

    def evaluate(self, f: Array, data: NDArray[np.intp]) -> Evaluations:
        """Return the loss at every row of `f`, (S, F); there is one data set only."""
        stack, size = f.shape[0], self.coordinates.root.size
        p = f @ self.coordinates.transform.T + self.coordinates.shift
        length = max(ELEMENTS // max(stack, 1), 1)
        parts = [slice(first, first + length) for first in range(0, self.t.size, length)]
        residual = np.empty((stack, self.t.size))
        for part in parts:
            rows = stacked_rows(self.coordinates, p, self.t[part])
            model = rows[2] if self.root_weight is None else rows[2] * self.root_weight[part]
            residual[:, part] = self.y[part] - model
        scale = best_scales(residual, self.near)
        value = self.t.size * np.log(scale / self.near)
        gradient, across, curvature = np.zeros((stack, size)), np.zeros((stack, size)), np.zeros(stack)
        positive, full = np.zeros((stack, size, size)), np.zeros((stack, size, size))
        for part in parts:
            if len(parts) > 1:
                rows = stacked_rows(self.coordinates, p, self.t[part])
            jacobian, bends, _ = rows
            r, s2 = residual[:, part], (scale * scale)[:, None]
            squares = r * r
            below = NU * s2 + squares
            weight = (NU + 1.0) / below
            by_scale = 2.0 * NU * s2 * weight / below * r
            value += 0.5 * (NU + 1.0) * np.sum(np.log1p(squares / (NU * s2)), axis=1)
            curvature += np.vecdot(by_scale, r)
            root = 1.0 if self.root_weight is None else self.root_weight[part]
            slope = -weight * r * root
            gradient += np.matmul(slope[:, None, :], jacobian)[:, 0, :]
            across += np.matmul((by_scale * root)[:, None, :], jacobian)[:, 0, :]
            positive += weighed_products(jacobian, weight * root * root)
            full += weighed_products(jacobian, weight * (NU * s2 - squares) / below * root * root)
            for i, j, row in bends:
                bend = np.vecdot(row, slope)
                full[:, i, j] += bend
                if i != j:
                    full[:, j, i] += bend
        full -= across[:, :, None] * (across / np.maximum(curvature, 1e-300)[:, None])[:, None, :]
        transform = self.coordinates.transform
        return Evaluations(
            value, gradient @ transform, transform.T @ positive @ transform, transform.T @ full @ transform
        )


def best_scales(residual: Array, near: float) -> Array:
    """Return the scale that makes each row of residuals most likely, (S, N) to (S,).

    Newton's method on its logarithm, in which the root of n = (ν + 1) Σ r²/(νs² + r²) is found from anywhere.
    """
    lowest = math.log(SMALLEST_SCALE)
    log_scale = np.full(residual.shape[0], max(math.log(max(near, SMALLEST_SCALE)), lowest))
    length = max(ELEMENTS // max(residual.shape[0], 1), 1)
    for _ in range(100):
        shares, slopes = np.zeros_like(log_scale), np.zeros_like(log_scale)
        s2 = np.exp(2.0 * log_scale)[:, None]
        for first in range(0, residual.shape[1], length):
            squares = residual[:, first : first + length] ** 2
            share = squares / (NU * s2 + squares)
            shares += share.sum(axis=1)
            slopes += (share * (1.0 - share)).sum(axis=1)
        missing = residual.shape[1] - (NU + 1.0) * shares
        slopes *= 2.0 * (NU + 1.0)
        newton = missing / np.maximum(slopes, 1e-12 * residual.shape[1])
        step = np.clip(np.where(np.isfinite(newton), newton, 0.0), -1.0, 1.0)
        moved = np.maximum(log_scale - step, lowest)
        change = np.abs(moved - log_scale)
        log_scale = moved
        if not np.any(change > SETTLED):
            break
    return np.asarray(np.exp(log_scale))


def deviance_unit(residual: Array, scale: float, parameters: int) -> float:
    """Return λ, what twice a rise of the loss is divided by; inf where the noise gives none.

    There is none where more points are far out than near the curve, so that ψ falls on the whole.
    """
    squares = (residual / scale) ** 2
    spare = residual.size - parameters
    slope = float(((NU + 1.0) * (NU - squares) / (NU + squares) ** 2).mean())
    if spare <= 0 or slope <= 0.0:
        return math.inf
    return float(((NU + 1.0) ** 2 * squares / (NU + squares) ** 2).sum()) / spare / slope


def rise(quantile: float, points: int, dof: int) -> float:
    """Return the square root of the deviance that an interval's ends have risen by.

    With t the quantile of Student's t, the interval of normal noise of unknown size is χ²(γ) < χ²min (1 + t²/dof), and
    its deviance with the size of the noise at its best is n log χ².
    """
    return math.sqrt(points * math.log1p(quantile * quantile / dof))
