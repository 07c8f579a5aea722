"""Data made ready for a fit: unusable rows left out, x and y of order one, and the way back.

Least squares in the units of the data fails silently where these are far from one or where x has a large offset (a
time stamp, a wavelength in metres). Here ``t = (x - x0) / h`` runs over [-1, 1], y is divided by its largest magnitude
(after its mean is taken off, if the baseline can give it back), and rows are multiplied by ``sigma0 / sigma``.

What depends on x and sigma alone is an `Axis`; the last few are kept, because a page fits the same x again and again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array

if TYPE_CHECKING:
    from gaussapp.fitting.start import Grid

LARGE = 8192
"""Points above which nothing is kept and the search runs on bins."""


@dataclass(slots=True, eq=False)
class Axis:
    """Positions and weights in scaled coordinates; arrays are read-only, because an axis is shared."""

    t: Array  # (N,), about [-1, 1]
    root_weight: Array | None = None  # square root of each weight; None if all are 1
    x: Array | None = None  # the positions as they were given,
    sigma: Array | None = None  # and the standard deviations
    x0: float = 0.0
    half_window: float = 1.0
    sigma_unit: float = 1.0  # sigma of a row of weight one, in units of y; 1 if there is no sigma
    grids: dict[int, Grid] = field(default_factory=dict, repr=False)  # filled by gaussapp.fitting.start
    _order: list[NDArray[np.intp] | None] = field(default_factory=list, repr=False)
    _distinct: Array | None = field(default=None, repr=False)

    @property
    def order(self) -> NDArray[np.intp] | None:
        """What sorts the points by position; None if they are sorted."""
        if not self._order:
            in_order = bool(np.all(self.t[1:] >= self.t[:-1]))
            self._order.append(None if in_order else np.argsort(self.t, kind="stable"))
        return self._order[0]

    def points_between(self, low: float, high: float) -> int:
        """Return the number of different positions in an interval."""
        if self._distinct is None:
            self._distinct = np.unique(self.t)
        return int(self._distinct.searchsorted(high, "right") - self._distinct.searchsorted(low))

    def __reduce__(self) -> tuple[Any, ...]:
        return Axis, (self.t, self.root_weight, self.x, self.sigma, self.x0, self.half_window, self.sigma_unit)


@dataclass(slots=True, eq=False)
class Scaled:
    """Data in scaled coordinates and what leads back to the units of x and y."""

    axis: Axis
    t: Array
    y: Array  # whitened: multiplied by root_weight
    root_weight: Array | None
    x0: float
    half_window: float
    y0: float
    y_unit: float
    sigma_unit: float


def usable(x: Any, y: Any, sigma: Any = None) -> tuple[Axis, Array, int]:
    """Return the axis and y of the rows that are finite and have a sigma above zero, and how many do not.

    Raises
    ------
    TypeError
        If something is not a sequence of real numbers.
    ValueError
        If shapes differ, no row is left, all x are equal, or x spans more than float64 can resolve.
    """
    x, y = column(x, "x"), column(y, "y")
    if x.size != y.size:
        raise ValueError(f"x has {x.size} points but y has {y.size}; they must be equally long")
    if y.size == 0:
        raise ValueError("there are no points to fit")
    if sigma is not None:
        sigma = column(sigma, "sigma", scalar=True)
        if sigma.ndim == 0:
            sigma = np.full(y.size, sigma)
        if sigma.size != y.size:
            raise ValueError(f"sigma has {sigma.size} points but y has {y.size}; give one for each y, or one number")
    # A dot product is finite only if every term is: the cheapest test for the ordinary case.
    axis = axis_of(x, sigma) if math.isfinite(y.dot(y)) else None
    if axis is not None:
        return axis, frozen(y), 0
    keep = np.isfinite(x) & np.isfinite(y)
    if sigma is not None:
        keep &= np.isfinite(sigma) & (sigma > 0.0)
    left_out = int(keep.size - np.count_nonzero(keep))
    if left_out == keep.size:
        raise ValueError(f"none of the {keep.size} rows can be used: x and y must be finite, and sigma above zero")
    x, y = x[keep], y[keep]
    low, high = float(y.min()), float(y.max())
    if max(abs(low), abs(high)) > 1e307:
        raise ValueError(f"y runs from {low!r} to {high!r}, which float64 cannot fit; change its unit")
    axis = lay_axis(frozen(x), None if sigma is None else frozen(sigma[keep]))
    return axis, frozen(y), left_out


def column(values: Any, name: str, *, scalar: bool = False) -> Array:
    """Return `values` as a one-dimensional float64 array; masked entries become nan."""
    if type(values) is np.ndarray and values.dtype == np.float64 and values.ndim == 1:
        return values
    try:
        if np.ma.isMaskedArray(values):
            values = np.ma.filled(values.astype(float), np.nan)
        array = np.asarray(values)
        if array.dtype.kind == "c":
            raise TypeError("they are complex")
        array = np.asarray(array, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be a sequence of real numbers: {error}") from None
    if array.ndim != 1 and not (scalar and array.ndim == 0):
        raise ValueError(f"{name} must have one dimension, not {array.ndim} (its shape is {array.shape})")
    return array


def frozen(array: Array) -> Array:
    """Return a read-only contiguous array that nobody else can write to."""
    if array.flags.writeable or array.base is not None or not array.flags.c_contiguous:
        array = array.copy()
        array.flags.writeable = False
    return array


def axis_of(x: Array, sigma: Array | None) -> Axis | None:
    """Return the axis of x and sigma, from the latest few if it is there; None if a row cannot be used."""
    if x.size > LARGE:
        if not are_usable(x, sigma):
            return None
        return lay_axis(frozen(x), None if sigma is None else frozen(sigma))
    return _axis_of(x.tobytes(), None if sigma is None else sigma.tobytes())


@lru_cache(maxsize=8)
def _axis_of(x_bytes: bytes, sigma_bytes: bytes | None) -> Axis | None:
    # Arrays over bytes cannot be written to, whatever happens to the arrays that these came from.
    x, sigma = np.frombuffer(x_bytes), None if sigma_bytes is None else np.frombuffer(sigma_bytes)
    return lay_axis(x, sigma) if are_usable(x, sigma) else None


def are_usable(x: Array, sigma: Array | None) -> bool:
    """Tell whether all x are finite and all sigma finite and above zero."""
    if not math.isfinite(x.dot(x)):
        return False
    return sigma is None or (math.isfinite(sigma.dot(sigma)) and bool(sigma.min() > 0.0))


def lay_axis(x: Array, sigma: Array | None) -> Axis:
    """Bring x to [-1, 1] and sigma to weights."""
    low, high = float(x.min()), float(x.max())
    if low == high:
        raise ValueError(f"all {x.size} points have the same x = {low!r}; a peak needs points at different x")
    x0, half_window = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
    if not 1e-290 < half_window < 1e290:
        raise ValueError(f"x runs from {low!r} to {high!r}, which float64 cannot resolve; change the unit of x")
    t = x - x0
    t /= half_window
    t.flags.writeable = False
    if sigma is None:
        return Axis(t, None, x, None, x0, half_window)
    smallest, largest = float(sigma.min()), float(sigma.max())
    if smallest == largest:
        return Axis(t, None, x, sigma, x0, half_window, smallest)
    root_weight = smallest / sigma
    root_weight.flags.writeable = False
    return Axis(t, root_weight, x, sigma, x0, half_window, smallest)


def scaled(axis: Axis, y: Array, baseline: str) -> Scaled:
    """Bring y to order one and whiten it."""
    y0 = 0.0
    if baseline in ("constant", "linear"):
        y0 = float(np.add.reduce(y)) / y.size
        y = y - y0
    y_unit = max(float(np.maximum.reduce(y)), -float(np.minimum.reduce(y))) or 1.0
    y = y / y_unit
    if axis.root_weight is not None:
        y *= axis.root_weight
    return Scaled(axis, axis.t, y, axis.root_weight, axis.x0, axis.half_window, y0, y_unit, axis.sigma_unit)
