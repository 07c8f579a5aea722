"""Points, measured or simulated, in the form in which everything else takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LARGEST", "Array", "Data", "shortened"]

Array = npt.NDArray[np.float64]

LARGEST = 1e300
"""Larger magnitudes are refused: their squares overflow, and no axis can show them."""


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Points (x, y) with, where known, the standard deviation of each y. Immutable.

    Parameters
    ----------
    x, y : array_like, shape (N,)
        Positions and values, in any unit. NaN and infinities are kept: a fit leaves those rows out and says how many.
    sigma : array_like, shape (N,), or float, optional
        Standard deviation of each y, in the unit of y; a single number holds for all points.
    name : str
        What the data are called in titles, tables and files.
    truth : mapping of str to float, optional
        For simulated data the values they were made from: ``amplitude``, ``center``, ``width``, ``offset``.
    x_label, y_label : str
        Axis labels, with the unit where there is one.
    counts : bool
        Whether y are counts of events (non-negative integers), whose noise is Poisson's.
    source : str
        One line on where the data come from and under which licence.

    Raises
    ------
    TypeError
        If x, y or sigma do not consist of real numbers.
    ValueError
        If they are not one-dimensional, empty, of different lengths, or hold a finite magnitude above 1e300.

    Examples
    --------
    >>> data = Data([400, 405, 410], [0.1, 0.9, 0.2], sigma=0.05, name="line")
    >>> data
    Data('line', 3 points, x from 400 to 410, with sigma)
    >>> len(data.select(402, 410))
    2
    """

    x: Array
    y: Array
    sigma: Array | None = None
    name: str = "data"
    truth: Mapping[str, float] | None = None
    x_label: str = "x"
    y_label: str = "y"
    counts: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        x = _column("x", self.x)
        y = _column("y", self.y)
        sigma = self.sigma
        if sigma is not None:
            sigma = _column("sigma", np.full(len(x), sigma) if np.ndim(sigma) == 0 else sigma)
        for other, values in (("y", y), ("sigma", sigma)):
            if values is not None and len(values) != len(x):
                raise ValueError(
                    f"x has {len(x)} values and {other} has {len(values)}: each point needs one of both; "
                    "give arrays of the same length"
                )
        if not len(x):
            raise ValueError("there are no points: x and y are empty")
        truth = None if self.truth is None else MappingProxyType(dict(self.truth))
        self.__dict__.update(x=x, y=y, sigma=sigma, truth=truth, counts=bool(self.counts))

    @classmethod
    def trusted(cls, x: Array, y: Array, sigma: Array | None = None, **fields: Any) -> Data:
        """Make Data of arrays that are known to be right, without copying or checking them.

        For arrays of our own making, where a million points are made anew at every move of a slider. The arrays are
        set read-only.
        """
        data = object.__new__(cls)
        for values in (x, y, sigma):
            if values is not None:
                values.flags.writeable = False
        data.__dict__.update(x=x, y=y, sigma=sigma, **fields)
        return data

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        finite = self.x[np.isfinite(self.x)]
        span = f"x from {finite.min():g} to {finite.max():g}" if len(finite) else "no finite x"
        extras = [
            text
            for text, present in (
                ("with sigma", self.sigma is not None),
                ("counts", self.counts),
                ("with truth", self.truth is not None),
            )
            if present
        ]
        points = f"{len(self)} point{'s' * (len(self) != 1)}"
        return f"Data({', '.join([repr(self.name), points, span, *extras])})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle and copy keep: a mapping proxy cannot be pickled."""
        return {**self.__dict__, "truth": None if self.truth is None else dict(self.truth)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        truth = state["truth"]
        self.__dict__.update(state, truth=None if truth is None else MappingProxyType(truth))
        for values in (self.x, self.y, self.sigma):
            if values is not None:
                values.flags.writeable = False

    def select(self, low: float, high: float) -> Data:
        """Return the points with low <= x <= high.

        Raises
        ------
        ValueError
            If low and high are not an interval, or no point lies in it.
        """
        if not low <= high:
            raise ValueError(f"the range from {low:g} to {high:g} is empty: give the lower end first")
        inside = (self.x >= low) & (self.x <= high)
        if inside.all():
            return self
        if not inside.any():
            raise ValueError(f"no point of {shortened(self.name)!r} lies between {low:g} and {high:g}: {self!r}")
        sigma = None if self.sigma is None else self.sigma[inside]
        kept = {name: getattr(self, name) for name in ("name", "truth", "x_label", "y_label", "counts", "source")}
        return Data.trusted(self.x[inside], self.y[inside], sigma, **kept)

    def to_frame(self) -> pd.DataFrame:
        """Return the points as a table with the columns x, y and, where known, sigma."""
        import pandas as pd

        columns = {"x": self.x, "y": self.y} | ({} if self.sigma is None else {"sigma": self.sigma})
        return pd.DataFrame(columns)


def _column(name: str, values: object) -> Array:
    """Return values as a read-only float64 copy, or say what is wrong with them."""
    try:
        given = np.ma.filled(values, np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)
        if given.dtype.kind in "cMmSUV":
            raise TypeError(f"{given.dtype} is not a real number")
        column = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be real numbers: {error}") from None
    if column.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional: it has the shape {column.shape}")
    with np.errstate(invalid="ignore"):
        huge = (np.abs(column) > LARGEST) & np.isfinite(column)
    if huge.any():
        row = int(huge.argmax())
        raise ValueError(
            f"{name} holds {column[row]:g} in row {row + 1} of {len(column)}: magnitudes above {LARGEST:g} cannot be "
            "computed with; leave the row out or change the unit"
        )
    column.flags.writeable = False
    return column


def shortened(text: str, longest: int = 80) -> str:
    """Return text on one line, cut to at most ``longest`` characters, the cut marked by an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
