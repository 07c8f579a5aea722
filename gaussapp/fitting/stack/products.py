"""Matrix products whose rows do not depend, to the last digit, on how many rows there are or where each one stands.

BLAS chooses its kernel, and shares the work out to threads, by the shape of a product, and other kernels round
otherwise. A data set would then have other digits in a stack of another height. Here every product that reaches BLAS
has the same height.
"""

from __future__ import annotations

import numpy as np

from gaussapp.fitting.peak import Array

HEIGHT = 48
"""Rows of each product: a multiple of the rows that the kernels of all processors take at once (4, 8, 24)."""

WIDTH = 128
"""Columns of each product at most: so small a one is not shared out to threads, which would cut it anywhere."""


def row_products(rows: Array, matrix: Array) -> Array:
    """Return ``rows @ matrix``, (R, M), of (R, K) and (K, M), each row the same in whatever stack it stands.

    >>> rows, matrix = np.random.default_rng(0).normal(size=(100, 200)), np.vander(np.linspace(-1, 1, 200), 5)
    >>> bool((row_products(rows[7:20], matrix) == row_products(rows, matrix)[7:20]).all())
    True
    """
    count, inner = rows.shape
    columns = matrix.shape[1]
    whole = count - count % HEIGHT
    result = np.empty((count, columns))
    if whole < count:
        last = np.zeros((HEIGHT, inner))
        last[: count - whole] = rows[whole:]
    for first in range(0, columns, WIDTH):
        part = slice(first, first + WIDTH)
        if whole:
            tiles = np.ascontiguousarray(rows[:whole]).reshape(whole // HEIGHT, HEIGHT, inner) @ matrix[:, part]
            result[:whole, part] = tiles.reshape(whole, -1)
        if whole < count:
            result[whole:, part] = (last @ matrix[:, part])[: count - whole]
    return result
