"""Data made ready for a fit: unusable rows left out, x and y of order one, and the way back.

Least squares in the units of the data fails silently where these are far from one or where x has a large offset (a
time stamp, a wavelength in metres). Here ``t = (x - x0) / h`` runs over [-1, 1], y is divided by its largest
magnitude (after its mean is taken off, if the baseline can give it back), and rows are multiplied by ``sigma0 / sigma``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussapp.fitting.peak import Array


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a data set that can be used."""

    x: Array
    y: Array
    sigma: Array | None
    left_out: int


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """Data in scaled coordinates and what leads back to the units of x and y."""

    t: Array
    y: Array  # whitened: multiplied by root_weight
    root_weight: Array | None  # sigma_unit / sigma; None if all weights are equal
    x0: float
    half_window: float
    y0: float
    y_unit: float
    sigma_unit: float  # sigma of a row of weight one, in units of y; 1 if there is no sigma


def usable_rows(x: Any, y: Any, sigma: Any = None) -> Rows:
    """Return the finite rows with sigma above zero as read-only float64 arrays, and count the others.

    Raises
    ------
    TypeError
        If something is not a sequence of real numbers.
    ValueError
        If shapes differ or no row is left.
    """
    x, y = column(x, "x"), column(y, "y")
    if x.size != y.size:
        raise ValueError(f"x has {x.size} points but y has {y.size}; they must be equally long")
    if sigma is not None:
        sigma = column(sigma, "sigma", scalar=True)
        if sigma.ndim == 0:
            sigma = np.full(y.size, sigma)
        if sigma.size != y.size:
            raise ValueError(f"sigma has {sigma.size} points but y has {y.size}; give one for each y, or a single number")
    if y.size == 0:
        raise ValueError("there are no points to fit")
    # A dot product is finite only if every term is: the cheapest test for the ordinary case.
    finite = math.isfinite(float(x.dot(x))) and math.isfinite(float(y.dot(y)))
    left_out = 0
    if not finite or (sigma is not None and not (math.isfinite(float(sigma.dot(sigma))) and sigma.min() > 0.0)):
        keep = np.isfinite(x) & np.isfinite(y)
        if sigma is not None:
            keep &= np.isfinite(sigma) & (sigma > 0.0)
        left_out = int(keep.size - np.count_nonzero(keep))
        if left_out == keep.size:
            raise ValueError(f"none of the {keep.size} rows can be used: x and y must be finite, and sigma above zero")
        if left_out:
            x, y = x[keep], y[keep]
            sigma = None if sigma is None else sigma[keep]
    return Rows(frozen(x), frozen(y), None if sigma is None else frozen(sigma), left_out)


def column(values: Any, name: str, *, scalar: bool = False) -> Array:
    """Return `values` as a one-dimensional float64 array."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            if array.dtype.kind == "c":
                raise TypeError(f"{name} must be real numbers, not complex ones")
            array = array.astype(float)
        elif array.dtype != np.float64:
            array = array.astype(float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a sequence of numbers: {error}") from None
    if array.ndim != 1 and not (scalar and array.ndim == 0):
        raise ValueError(f"{name} must have one dimension, not {array.ndim} (its shape is {array.shape})")
    return np.asarray(getattr(array, "filled", lambda _: array)(np.nan) if np.ma.isMaskedArray(array) else array)


def frozen(array: Array) -> Array:
    """Return a read-only contiguous array that nobody else can write to."""
    if array.flags.writeable or array.base is not None or not array.flags.c_contiguous:
        array = array.copy()
        array.flags.writeable = False
    return array


def scaled(rows: Rows, baseline: str) -> Scaled:
    """Bring `rows` to order one.

    Raises
    ------
    ValueError
        If all x are equal, or if x or y span more than float64 can hold.
    """
    x, y = rows.x, rows.y
    low, high = float(x.min()), float(x.max())
    if low == high:
        raise ValueError(f"all {x.size} points have the same x = {low!r}; a peak needs points at different x")
    x0, half_window = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
    if not 1e-290 < half_window < 1e290:
        raise ValueError(f"x runs from {low!r} to {high!r}, which float64 cannot resolve; change the unit of x")
    t = (x - x0) / half_window
    y0 = 0.0
    if baseline in ("constant", "linear"):
        y0 = float(y.sum()) / y.size
        y = y - y0
    y_unit = max(float(y.max()), -float(y.min()))
    if not math.isfinite(y_unit):
        raise ValueError(f"y runs from {rows.y.min()!r} to {rows.y.max()!r}, which float64 cannot hold; change its unit")
    if y_unit == 0.0:
        y_unit = 1.0
    y = y / y_unit
    sigma_unit, root_weight = 1.0, None
    if rows.sigma is not None:
        smallest, largest = float(rows.sigma.min()), float(rows.sigma.max())
        sigma_unit = smallest
        if largest > smallest:
            sigma_unit = math.sqrt(smallest) * math.sqrt(largest)
            root_weight = sigma_unit / rows.sigma
            y = y * root_weight
    return Scaled(t, y, root_weight, x0, half_window, y0, y_unit, sigma_unit)
