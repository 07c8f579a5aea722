"""The loss of a stack of places at once, with gradient and second derivatives: what profiles are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.peak import Array

ELEMENTS = 2_000_000
"""Numbers in one row of the stack at most; more points are taken in parts."""


@dataclass(slots=True)
class Evaluations:
    """Loss, gradient and two second derivatives of a stack, (S,), (S, F), (S, F, F)."""

    value: Array
    gradient: Array
    positive: Array
    full: Array


class StackLoss:
    """The loss of a stack of free coordinates over the same positions: half a sum of squares, or half a deviance."""

    def __init__(self, coordinates: Coordinates, t: Array, y: Array, root_weight: Array | None, loss: str) -> None:
        self.coordinates, self.t, self.root_weight, self.counts = coordinates, t, root_weight, loss == "poisson"
        self.y = y  # (N,) or (R, N)
        self.unit = coordinates.scale.y_unit if self.counts else 1.0

    def evaluate(self, f: Array, data: NDArray[np.intp]) -> Evaluations:
        """Return the loss at every row of `f`, (S, F), for the data set that each belongs to, (S,)."""
        stack, size = f.shape[0], self.coordinates.root.size
        p = f @ self.coordinates.transform.T + self.coordinates.shift
        value, gradient = np.zeros(stack), np.zeros((stack, size))
        positive, full = np.zeros((stack, size, size)), np.zeros((stack, size, size))
        length = max(ELEMENTS // max(stack, 1), 1)
        for first in range(0, self.t.size, length):
            part = slice(first, first + length)
            t, y = self.t[part], self.y[part] if self.y.ndim == 1 else self.y[data, part]
            weight = None if self.root_weight is None else self.root_weight[part]
            jacobian, bends, model = stacked_rows(self.coordinates, p, t)
            if self.counts:
                mean = model * self.unit
                value += counted(y, mean)
                safe = np.maximum(mean, 1e-140)
                slope, bent, fisher = (1.0 - y / safe) * self.unit, y / safe / safe, 1.0 / np.maximum(mean, 1e-30)
                square = self.unit * self.unit
                positive += weighed_products(jacobian, fisher * square)
                full += weighed_products(jacobian, bent * square)
            else:
                slope = model - y if weight is None else weight * model - y
                value += 0.5 * np.vecdot(slope, slope)
                if weight is not None:
                    jacobian *= weight[:, None]
                    slope = slope * weight
                    products = weighed_products(jacobian, None)
                    jacobian /= weight[:, None]
                else:
                    products = weighed_products(jacobian, None)
                positive += products
                full += products
            gradient += np.matmul(slope[:, None, :], jacobian)[:, 0, :]
            for i, j, row in bends:
                bend = np.vecdot(row, slope)
                full[:, i, j] += bend
                if i != j:
                    full[:, j, i] += bend
        transform = self.coordinates.transform
        return Evaluations(
            value, gradient @ transform, transform.T @ positive @ transform, transform.T @ full @ transform
        )


def counted(y: Array, mean: Array) -> Array:
    """Return half the deviance of counts, (S,); inf where a mean is not above zero."""
    from scipy.special import xlogy

    ratio = xlogy(y, y / np.maximum(mean, 1e-140))
    value = np.sum(mean - y + ratio, axis=1)
    value[np.any((mean < 0.0) | ((mean <= 0.0) & (y > 0.0)), axis=1)] = np.inf
    return np.asarray(value)


def weighed_products(jacobian: Array, weight: Array | None) -> Array:
    """Return JᵀJ, weighed, for each of a stack: (S, N, P) to (S, P, P)."""
    right = jacobian if weight is None else jacobian * weight[:, :, None]
    return np.asarray(np.matmul(jacobian.transpose(0, 2, 1), right))


def stacked_rows(coordinates: Coordinates, p: Array, t: Array) -> tuple[Array, list[tuple[int, int, Array]], Array]:
    """Return the Jacobian, (S, N, P), the second derivatives that are not zero, (S, N) each, and the model, (S, N)."""
    peaks = coordinates.peaks
    jacobian = np.empty((p.shape[0], t.size, p.shape[1]))
    bends: list[tuple[int, int, Array]] = []
    model = np.zeros((p.shape[0], t.size))
    for k in range(peaks):
        i = 3 * k
        a, c, w = (p[:, i + side, None] for side in range(3))
        v = (t - c) / w
        vv = v * v
        e = np.exp(np.maximum(-0.5 * vv, -330.0))
        model += a * e
        slope = a / w
        ve = e * v / w
        vve = ve * v
        jacobian[:, :, i], jacobian[:, :, i + 1], jacobian[:, :, i + 2] = e, a * ve, a * vve
        bends += [(i + 1, i, ve), (i + 2, i, vve), (i + 1, i + 1, slope * (vve - e / w))]
        bends += [(i + 2, i + 1, slope * ve * (vv - 2.0)), (i + 2, i + 2, slope * vve * (vv - 3.0))]
    here = 3 * peaks
    if coordinates.layout.rates:
        height, rate = p[:, here, None], p[:, here + 1, None]
        tau = t + coordinates.origin
        decay = np.exp(np.clip(-rate * tau, -600.0, 600.0))
        model += height * decay
        jacobian[:, :, here], jacobian[:, :, here + 1] = decay, -height * tau * decay
        bends += [(here + 1, here, -tau * decay), (here + 1, here + 1, height * tau * tau * decay)]
    else:
        for i, row in enumerate(coordinates.baseline_rows(t, 0.0)):
            jacobian[:, :, here + i] = row
            model += p[:, here + i, None] * row
    return jacobian, bends, model
