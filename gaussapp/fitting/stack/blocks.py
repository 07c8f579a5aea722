"""``fit_blocks()``: data sets without number, fitted block after block in the memory that one block takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gaussapp.fitting.stack.fits import Fits
from gaussapp.fitting.stack.many import CHUNK_VALUES, array_of, fit_many

BLOCKS = 25
"""Chunks of `fit_many` in a block cut from an array: five million values, 40 MB of data."""

BLOCK_ROWS = 100_000
"""Rows in such a block at most."""


def fit_blocks(x: Any, Y: Any, sigma: Any = None, **options: Any) -> Iterator[Fits]:
    """Fit the same model to any number of data sets, and yield the fits of one block of them after another.

    What `fit_many` returns grows by some 150 bytes with every data set. Here nothing is kept: once a block's fits have
    been used and let go, so is their memory, so that the whole takes what one block takes, however many there are.

    Parameters
    ----------
    x
        Positions: (N,) for all data sets, or (R, N) if `Y` is an array.
    Y
        Measured values: an array (R, N), also a `numpy.memmap`, that is cut into blocks of 100 000 rows (fewer of more
        than 50 points); or anything that yields blocks, (r, N) each, such as a generator that reads them.
    sigma
        Standard deviation of y: one number, (N,), or (R, N) if `Y` is an array.
    options
        As those of `fit_many`; `progress` hears of the rows of a block.

    Yields
    ------
    Fits
        Those of the next block, as `fit_many` would give them.

    Raises
    ------
    TypeError
        If `Y` is neither an array nor yields any, or as `fit_many` does.
    ValueError
        If x or sigma have a row for every data set but `Y` is no array, or as `fit_many` does.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-2, 2, 9)
    >>> peaks = (height * np.exp(-0.5 * (x / 0.5) ** 2) for height in range(1, 4))
    >>> [round(float(fits.value("amplitude")[0]), 9) for fits in fit_blocks(x, (peak[None] for peak in peaks))]
    [1.0, 2.0, 3.0]
    """
    shared = [(name, values) for name, values in (("x", x), ("sigma", sigma)) if np.ndim(values) == 2]
    if isinstance(Y, np.ndarray) or hasattr(Y, "__array__"):
        return _of_array(x, array_of(Y, "Y"), sigma, options)
    if not isinstance(Y, Iterable):
        raise TypeError(f"Y must be an array or yield arrays of data sets, not {Y!r}")
    if shared:
        name, values = shared[0]
        raise ValueError(
            f"{name} has a row for every data set, its shape is {np.shape(values)}, but Y yields blocks; give both as "
            "arrays, or call fit_many on every block"
        )
    return (fit_many(x, block, sigma, **options) for block in Y)


def _of_array(x: Any, y: Any, sigma: Any, options: dict[str, Any]) -> Iterator[Fits]:
    """Yield the fits of an array's blocks; x and sigma are cut with it where they have as many rows."""
    if y.ndim != 2:
        raise ValueError(f"Y must have two dimensions, one row a data set, not {y.ndim} (its shape is {y.shape})")
    count, points = y.shape
    x, sigma = array_of(x, "x"), None if sigma is None else array_of(sigma, "sigma")
    for name, values in (("x", x), ("sigma", sigma)):
        if values is not None and values.ndim == 2 and values.shape != y.shape:
            raise ValueError(f"{name} must have one row for every data set, as Y {y.shape}, not {values.shape}")
    rows = max(1, min(BLOCK_ROWS, BLOCKS * CHUNK_VALUES // max(points, 1)))

    def part(values: Any, block: slice) -> Any:
        return values[block] if values is not None and values.ndim == 2 else values

    blocks = (slice(first, first + rows) for first in range(0, count, rows))
    return (fit_many(part(x, block), y[block], part(sigma, block), **options) for block in blocks)
