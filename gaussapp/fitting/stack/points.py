"""Trial points of a stack of minimisations, and small symmetric systems solved for all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array

Rows = list[list[Array]]
"""A small matrix for each of a stack: entries of shape (R,)."""


@dataclass(slots=True)
class Points:
    """A trial point of each of a stack, as lists of arrays (R,); a peak's coordinates are those of `chart.Place`."""

    first: list[Array]
    second: list[Array]
    tails: list[NDArray[np.bool_]]
    rate: Array
    beta: list[Array]
    sse: Array
    jtj: Rows  # lower triangle
    slopes: list[Array]

    @property
    def tail(self) -> list[bool]:
        """Which peaks are tails for `gaussapp.fitting.solve.curved`: none, `steps` sees to these."""
        return [False] * len(self.first)

    def centers_and_log_widths(self) -> list[tuple[Array, Array]]:
        """Return (c, log w) of every peak, (R,) each."""
        return [
            (np.where(tail, -0.5 * h / k, h), np.where(tail, -0.5 * np.log(np.where(tail, -2.0 * k, 1.0)), k))
            for h, k, tail in zip(self.first, self.second, self.tails, strict=True)
        ]

    def chosen(self, rows: NDArray[np.intp]) -> Points:
        """Return some of the points."""
        return Points(
            [value[rows] for value in self.first],
            [value[rows] for value in self.second],
            [value[rows] for value in self.tails],
            self.rate[rows],
            [value[rows] for value in self.beta],
            self.sse[rows],
            [[value[rows] for value in row] for row in self.jtj],
            [value[rows] for value in self.slopes],
        )

    def replace(self, rows: NDArray[np.intp], others: Points, from_rows: NDArray[np.bool_]) -> None:
        """Put some of other points in the place of some of these."""
        pairs: list[tuple[Any, Any]] = [(self.rate, others.rate), (self.sse, others.sse)]
        pairs += zip(self.first, others.first, strict=True)
        pairs += zip(self.second, others.second, strict=True)
        pairs += zip(self.tails, others.tails, strict=True)
        pairs += zip(self.beta, others.beta, strict=True)
        pairs += zip(self.slopes, others.slopes, strict=True)
        for mine, theirs in zip(self.jtj, others.jtj, strict=True):
            pairs += zip(mine, theirs, strict=True)
        for old, new in pairs:
            old[rows] = new[from_rows]


@dataclass(slots=True)
class Underway:
    """How far minimisations of one peak each have come, (R,) each: what their next steps depend on.

    `near` says whether Newton's step is tried next; `previous` is the length of the last step.
    """

    first: Array
    second: Array
    tails: NDArray[np.bool_]
    rates: Array
    damping: Array
    near: NDArray[np.bool_]
    previous: Array
    iterations: NDArray[np.intp]

    def chosen(self, rows: NDArray[np.intp]) -> Underway:
        """Return some of them."""
        return Underway(*(getattr(self, each.name)[rows] for each in fields(self)))

    def beside(self, others: Underway) -> Underway:
        """Return these and others."""
        pairs = ((getattr(self, each.name), getattr(others, each.name)) for each in fields(self))
        return Underway(*(np.concatenate(pair) for pair in pairs))


def chosen_matrix(matrix: Rows, rows: NDArray[np.intp]) -> Rows:
    """Return the matrices of some of a stack."""
    return [[value[rows] for value in row] for row in matrix]


def mirrored(matrix: Rows) -> Rows:
    """Return symmetric matrices, given by their lower triangle, in full."""
    size = len(matrix)
    return [[matrix[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]


def template_coordinates(first: Array, second: Array, tail: NDArray[np.bool_]) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return center and inverse width of v, (R,) each, so that ``v = (t - center) · inverse``; and which are tails."""
    flank = np.flatnonzero(tail)
    inverse = np.exp(-second)
    if not flank.size:
        return first, inverse, flank
    return np.where(tail, 0.0, first), np.where(tail, 1.0, inverse), flank


def tail_exponent(t: Array, h: Array, k: Array) -> Array:
    """Return ``h t + k t² - m`` at positions (N,) or (R, N), with m its largest value in the window, (R, N)."""
    top = np.clip(-0.5 * h / k, -1.0, 1.0)
    exponent = t * k[:, None]
    exponent += h[:, None]
    exponent *= t
    exponent -= (top * (h + k * top))[:, None]
    return exponent


def solve_stack(
    matrix: Rows, right: list[Array], damping: Array | float, linear: int, tolerance: float
) -> tuple[list[Array], NDArray[np.bool_]]:
    """Solve a symmetric system for each of a stack by LDLᵀ, and tell which are positive definite.

    As `gaussapp.fitting.algebra.eliminate`, with every number an array of shape (R,).
    """
    n = len(right)
    definite = np.ones(right[0].shape, dtype=bool)
    lower: Rows = []
    inverse: list[Array] = []
    x = list(right)
    for i in range(n):
        row = list(matrix[i][:i])
        for j in range(i):
            for k in range(j):
                row[j] = row[j] - row[k] * lower[j][k]
        pivot = matrix[i][i]
        floor = abs(tolerance * pivot)
        for j in range(i):
            if j == linear:
                pivot = pivot + damping * pivot
            share = row[j] * inverse[j]
            pivot = pivot - row[j] * share
            x[i] = x[i] - share * x[j]
            row[j] = share
        if i == linear:
            pivot = pivot + damping * pivot
        positive = pivot > floor
        definite &= positive | ((pivot >= -floor) & (abs(x[i]) <= floor))  # nothing to see, nowhere to go
        inverse.append(np.where(positive, 1.0 / np.where(positive, pivot, 1.0), 0.0))
        lower.append(row)
    for i in range(n - 1, -1, -1):
        x[i] = x[i] * inverse[i]
        for k in range(i + 1, n):
            x[i] = x[i] - np.where(inverse[i] != 0.0, lower[k][i] * x[k], 0.0)
    return x, definite
