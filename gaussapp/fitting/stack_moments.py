"""One peak at positions that all rows of a stack share: all products that a step needs, as moments of t."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import Layout
from gaussapp.fitting.stack_points import Points, Rows, solve_stack, tail_exponent, template_coordinates


class Moments:
    r"""One peak at positions that all rows share: every product is a moment :math:`\sum_n f_n t_n^k`.

    Moments of a whole stack are one matrix product with the powers of t. Those of a tail's v = t are there already;
    those of :math:`v = (t - c) / w` follow by the binomial theorem. Of the digits, :math:`(c / w)^k` are lost, which
    leaves more than enough for a step.
    """

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout) -> None:
        self.t, self.y, self.root_weight, self.layout = t, y, root_weight, layout
        self.powers = np.ascontiguousarray(t[:, None] ** np.arange(5))
        self.scratch = np.empty((2, *y.shape))  # fresh memory costs as much as the arithmetic
        self.columns = layout.linear - 1
        self.ones: Array | None = None  # products of the baseline's columns among themselves, (R,) or numbers
        if self.columns:
            whitened = y if root_weight is None else y * root_weight
            self.level = whitened @ self.powers[:, : self.columns]
            weight = np.ones(t.size) if root_weight is None else root_weight * root_weight
            self.ones = np.tile(weight @ self.powers[:, :3], (1 if weight.ndim == 2 else y.shape[0], 1))

    def evaluate(
        self,
        rows: NDArray[np.intp],
        first: list[Array],
        second: list[Array],
        tails: list[NDArray[np.bool_]],
        rate: Array,
    ) -> Points:
        """Return the points of some rows."""
        columns = self.columns
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
        if inverse.max(initial=0.0) > 12.0:  # products of far ends must not become denormal numbers, which are slow
            np.maximum(e, -330.0, out=e)
        np.exp(e, out=e)
        if weight is not None:
            e *= weight
        np.multiply(e, e, out=product)
        among = about(product @ self.powers, c, inverse)
        gram: Rows = [[among[0]]]
        right = [np.vecdot(e, y)]
        if columns:
            assert self.ones is not None
            ones = self.ones if everything else self.ones[rows]
            level = self.level if everything else self.level[rows]
            flat = e if weight is None else np.multiply(e, weight, out=product)
            in_t = flat @ self.powers[:, : columns + 2]
            across = [about(in_t[:, :3], c, inverse)]
            if columns == 2:
                across.append(about(in_t[:, 1:4], c, inverse))
            for i in range(columns):
                gram.append([across[i][0], *(ones[:, i + j] for j in range(i + 1))])
                right.append(level[:, i])
        beta = solve_stack([row.copy() for row in gram], right, 0.0, 0, 1e-13)[0]
        residual = np.multiply(e, -beta[0][:, None], out=product)
        residual += y
        for i in range(columns):
            part: Array = beta[1 + i][:, None] * self.t if i else beta[1][:, None]
            residual -= part if weight is None else part * weight
        sse = np.vecdot(residual, residual)
        e *= residual
        slopes = about(e @ self.powers, c, inverse)
        along: list[Array] = []
        if columns:
            if weight is not None:
                residual *= weight
            along = list((residual @ self.powers[:, :columns]).T)
        a = beta[0]
        for power in (1, 2):
            row = [among[power], *(across[i][power] for i in range(columns))]
            row += [among[power + other] * a for other in range(1, power + 1)]
            gram.append([value * a for value in row])
        return Points(first, second, tails, rate, beta, sse, gram, [slopes[0], *along, *slopes[1:]])


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
