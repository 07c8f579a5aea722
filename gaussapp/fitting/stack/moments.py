"""One peak at positions that all rows of a stack share: all products that a step needs, as moments of t."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import LINEAR_COLUMNS, Layout
from gaussapp.fitting.stack.points import Points, Rows, tail_exponent, template_coordinates
from gaussapp.fitting.stack.products import row_products
from gaussapp.fitting.start import line_basis


class Moments:
    r"""One peak at positions that all rows share: every product is a moment :math:`\sum_n f_n t_n^k`.

    Moments of a whole stack are one matrix product with the powers of t. Those of a tail's v = t are there already;
    those of :math:`v = (t - c) / w` follow by the binomial theorem. Of the digits, :math:`(c / w)^k` are lost, which
    leaves more than enough for a step.

    A constant or linear baseline is taken off the data and off the peak's rows beforehand, which for the peak's own
    parameters is the same step as with the baseline's among the unknowns: a stack of peaks without a baseline is left.
    """

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout) -> None:
        self.t, self.y, self.root_weight = t, y, root_weight
        self.powers = np.ascontiguousarray(t[:, None] ** np.arange(5))
        self.scratch = np.empty((2, *y.shape))  # fresh memory costs as much as the arithmetic
        self.columns = LINEAR_COLUMNS[layout.baseline]
        for column in line_basis(t, root_weight, layout.baseline):
            self.y = self.y - np.vecdot(self.y, column)[:, None] * column
        if self.columns:
            self.basis = line_coefficients(t, root_weight, y.shape[0], self.columns)

    def evaluate(
        self,
        rows: NDArray[np.intp],
        first: list[Array],
        second: list[Array],
        tails: list[NDArray[np.bool_]],
        rate: Array,
    ) -> Points:
        """Return the points of some rows, as those of a peak without a baseline."""
        everything = rows.size == self.y.shape[0]
        y = self.y if everything else self.y[rows]
        weight = self.root_weight
        if weight is not None and weight.ndim == 2 and not everything:
            weight = weight[rows]
        c, inverse, flank = template_coordinates(first[0], second[0], tails[0])
        e, product = self.scratch[:, : rows.size]
        np.subtract(self.t, c[:, None], out=e)
        e *= inverse[:, None]
        np.multiply(e, e, out=e)
        e *= -0.5
        if flank.size:
            e[flank] = tail_exponent(self.t, first[0][flank], second[0][flank])
        sharp = np.flatnonzero(inverse > 12.0)
        if sharp.size:  # products of far ends must not become denormal numbers, which are slow
            e[sharp] = np.maximum(e[sharp], -330.0)
        np.exp(e, out=e)
        if weight is not None:
            e *= weight
        np.multiply(e, e, out=product)
        among = about(row_products(product, self.powers), c, inverse)
        gram: Rows = [[among[0]], [among[1], among[2]], [among[2], among[3], among[4]]]
        across = np.zeros((rows.size, self.columns))  # coefficients by power of t: what the baseline takes of e
        if self.columns:
            flat = e if weight is None else np.multiply(e, weight, out=product)
            in_t = row_products(flat, self.powers[:, : self.columns + 2])
            basis = self.basis if everything else self.basis[rows]
            for i in range(self.columns):
                taken = basis[:, i, :1] * in_t[:, :3]
                if i:
                    taken += basis[:, i, 1:] * in_t[:, 1:4]
                share = about(taken, c, inverse)
                across += share[0][:, None] * basis[:, i]
                for p in range(3):
                    for q in range(p + 1):
                        gram[p][q] = gram[p][q] - share[p] * share[q]
        seen = gram[0][0] > 1e-13 * among[0]
        a = np.where(seen, np.vecdot(e, y) / np.where(seen, gram[0][0], 1.0), 0.0)
        residual = np.multiply(e, -a[:, None], out=product)
        residual += y
        if self.columns:
            part = row_products(a[:, None] * across, self.powers[:, : self.columns].T)
            residual += part if weight is None else np.multiply(part, weight, out=part)
        sse = np.vecdot(residual, residual)
        e *= residual
        slopes = about(row_products(e, self.powers), c, inverse)
        for p in (1, 2):
            gram[p] = [gram[p][0] * a, *(value * (a * a) for value in gram[p][1:])]
        return Points(first, second, tails, rate, [a], sse, gram, slopes)


def line_coefficients(t: Array, root_weight: Array | None, count: int, columns: int) -> Array:
    """Return the columns of `line_basis`, without the weights, as polynomials: coefficients of 1 and t, (R, q, q)."""
    weight = np.ones((1, t.size)) if root_weight is None else np.atleast_2d(root_weight * root_weight)
    total = weight.sum(axis=1)
    coefficients = np.zeros((weight.shape[0], columns, columns))
    coefficients[:, 0, 0] = 1.0 / np.sqrt(total)
    if columns == 2:
        mean = row_products(weight, t[:, None])[:, 0] / total
        about_mean = t - mean[:, None]
        coefficients[:, 1, 1] = 1.0 / np.sqrt(np.vecdot(weight, about_mean * about_mean))
        coefficients[:, 1, 0] = -mean * coefficients[:, 1, 1]
    return np.broadcast_to(coefficients, (count, columns, columns))


def about(moments: Array, center: Array, inverse: Array) -> list[Array]:
    """Return the moments of (t - center) · inverse, (R,) each, from those of t, (R, n)."""
    result = list(np.ascontiguousarray(moments.T))
    for i in range(1, len(result)):
        for k in range(len(result) - 1, i - 1, -1):
            result[k] = result[k] - center * result[k - 1]
    scale = inverse
    for k in range(1, len(result)):
        result[k] = result[k] * scale
        scale = scale * inverse
    return result
