"""`Fits`: what came out of fitting a stack of data sets, as arrays and row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import place
from gaussapp.fitting.fit import fit
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH, Array, parameter_names
from gaussapp.fitting.result import Fit
from gaussapp.fitting.scale import scaled, usable
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import solution_of
from gaussapp.fitting.solve import Layout, Minimum, Problem
from gaussapp.fitting.stack.verdict import CODES, bits_of

if TYPE_CHECKING:
    import pandas as pd

FAILED, TOGETHER, ALONE = range(3)
"""How a row was fitted: not at all, in the stack, or by itself."""


@dataclass(slots=True)
class Columns:
    """Results of R data sets, one row each; nan where a row could not be fitted.

    `values` and `errors` are (R, P), `area_error` (R, K), `answer` and `rival` (R, 2), with decay rates (R, 3): center,
    log width and rate in scaled coordinates of rows fitted in the stack; all others (R,). `held` counts parameters at a
    bound. What follows from these (areas, criteria, degrees of freedom) is not kept: there may be millions of rows.
    """

    values: Array
    errors: Array
    area_error: Array
    chi2: Array
    r_squared: Array
    minus_two_log_likelihood: Array
    points: NDArray[np.int32]
    left_out: NDArray[np.int32]
    bits: NDArray[np.int32]
    trustworthy: NDArray[np.bool_]
    how: NDArray[np.int8]
    answer: Array
    rival: Array
    starts: NDArray[np.int16]
    iterations: NDArray[np.int16]
    held: NDArray[np.int8]

    def put(self, rows: slice, others: Columns) -> None:
        """Replace some rows."""
        for column in fields(Columns):
            getattr(self, column.name)[rows] = getattr(others, column.name)

    @property
    def nbytes(self) -> int:
        """Memory that the columns take."""
        return sum(int(getattr(self, column.name).nbytes) for column in fields(Columns))


def empty_columns(count: int, layout: Layout) -> Columns:
    """Return columns for so many rows, all of them not fitted."""

    def nan(*shape: int) -> Array:
        return np.full((count, *shape), np.nan)

    def zeros(kind: type) -> NDArray[Any]:
        return np.zeros(count, dtype=kind)

    return Columns(
        nan(layout.size),
        nan(layout.size),
        nan(layout.peaks),
        nan(),
        nan(),
        nan(),
        zeros(np.int32),
        zeros(np.int32),
        zeros(np.int32),
        zeros(np.bool_),
        zeros(np.int8),
        nan(2 + layout.rates),
        nan(2 + layout.rates),
        zeros(np.int16),
        zeros(np.int16),
        zeros(np.int8),
    )


def put_fit(columns: Columns, row: int, result: Fit) -> None:
    """Write the results of one fit into a row."""
    estimates = list(result.derived.values())[1::2]
    columns.values[row] = list(result.values.values())
    columns.errors[row] = list(result.errors.values())
    columns.area_error[row] = [area.error for area in estimates]
    columns.chi2[row], columns.r_squared[row] = result.chi2, result.r_squared
    columns.minus_two_log_likelihood[row] = result._minus_two_log_likelihood
    columns.points[row], columns.left_out[row] = result.y.size, result.left_out
    columns.how[row] = ALONE
    columns.starts[row], columns.iterations[row] = result._solution.starts, result._solution.iterations
    columns.held[row] = result._solution.layout.size - result._parameters


def put_verdicts(columns: Columns, row: int, result: Fit) -> None:
    """Write the findings on one fit into a row."""
    columns.bits[row] = bits_of(result.verdicts)
    columns.trustworthy[row] = result.trustworthy


def fit_at(
    x: Array,
    y: Array,
    sigma: Array | None,
    layout: Layout,
    absolute: bool,
    columns: Columns,
    row: int,
    best: Minimum | None = None,
) -> Fit:
    """Return the `Fit` of a row whose place is known, without a search; `best` is a minimum found by itself."""
    axis, used, left_out = usable(x, y, sigma)
    scale = scaled(axis, used, layout.baseline)
    problem = Problem(scale.t, scale.y, scale.root_weight, layout)
    status, steps = ("converged", int(columns.iterations[row])) if best is None else (best.status, best.iterations)
    if best is None:
        center, log_width, *rates = columns.answer[row].tolist()
        at = place([center], [log_width], *rates)
    else:
        at = best.point.place
    here = Minimum(problem.evaluate(at), status, steps)
    center, log_width, *rates = columns.rival[row].tolist()
    rival = None
    if math.isfinite(center):
        rival = Minimum(problem.evaluate(place([center], [log_width], *rates)), "converged", steps)
    found = Search(here, rival, layout, int(columns.starts[row]))
    return Fit(used, left_out, absolute, solution_of(found, scale))


class Fits(Sequence[Fit]):
    """The fits of R data sets with one model. Immutable; made by `fit_many`.

    ``fits[i]`` is the full `Fit` of one data set, with its curve, bands, intervals and verdicts in words, made from the
    data, which are kept by reference: do not change them in between.

    Attributes
    ----------
    names : tuple of str
        Parameters, as in `Fit.names`.
    values, errors : ndarray of shape (R, P)
        Parameters and standard errors, columns in the order of `names`; nan in rows that could not be fitted.
    failures : mapping of int to str
        Why a row could not be fitted, one sentence each.
    ok : ndarray of bool, shape (R,)
        Which rows were fitted.
    chi2, dof, reduced_chi2, r_squared, aic, bic : ndarray of shape (R,)
        As in `Fit`.
    fwhm, fwhm_error, area, area_error : ndarray of shape (R,), or (R, K) for K > 1 peaks
        Derived quantities.
    loss : str
        What was made small, as in `Fit`.
    points, left_out : ndarray of int, shape (R,)
        Points used, and points that could not be used.
    trustworthy : ndarray of bool, shape (R,)
        Rows without a warning or worse.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        sigma: Any,
        layout: Layout,
        absolute: bool,
        columns: Columns,
        failures: Mapping[int, str],
        loss: str = "least squares",
    ) -> None:
        for column in fields(columns):
            getattr(columns, column.name).flags.writeable = False
        self._x, self._y, self._sigma = x, y, sigma
        self._layout, self._columns = layout, columns
        self.absolute_sigma, self.loss = absolute, loss
        self.names = parameter_names(layout.peaks, layout.baseline)
        self.failures: Mapping[int, str] = MappingProxyType(dict(failures))

    def __reduce__(self) -> tuple[Any, ...]:
        parts = self._x, self._y, self._sigma, self._layout, self.absolute_sigma, self._columns, dict(self.failures)
        return Fits, (*parts, self.loss)

    def __len__(self) -> int:
        return int(self._columns.how.size)

    def __getitem__(self, index: Any) -> Any:
        """Return the `Fit` of one data set.

        Raises
        ------
        IndexError
            If there is no such row.
        ValueError
            If it could not be fitted, with the reason.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= row < len(self):
            raise IndexError(f"there is no data set {index}: the stack has {len(self)}")
        if row in self.failures:
            raise ValueError(f"data set {row} could not be fitted: {self.failures[row]}")
        x, y, sigma = row_of(self._x, row), row_of(self._y, row, stacked=True), row_of(self._sigma, row)
        if self._columns.how[row] == TOGETHER and self.loss == "least squares":
            return fit_at(x, y, sigma, self._layout, self.absolute_sigma, self._columns, row)
        layout = self._layout
        options: dict[str, Any] = {"absolute_sigma": self.absolute_sigma, "loss": self.loss}
        return fit(x, y, sigma, baseline=layout.baseline, peaks=layout.peaks, **options)

    def __iter__(self) -> Iterator[Fit]:
        """Yield every `Fit` in turn; a row that could not be fitted raises as `fits[i]` does."""
        return (self[row] for row in range(len(self)))

    # ------------------------------------------------------------------ the model

    @property
    def baseline(self) -> str:
        """Name of the baseline."""
        return self._layout.baseline

    @property
    def peaks(self) -> int:
        """Number of peaks."""
        return self._layout.peaks

    # ------------------------------------------------------------------ arrays

    @property
    def values(self) -> Array:
        """Fitted parameters, (R, P), in units of x and y."""
        return self._columns.values

    @property
    def errors(self) -> Array:
        """Standard errors, (R, P); inf where the data do not determine a parameter."""
        return self._columns.errors

    def value(self, name: str) -> Array:
        """Return one parameter, ``fwhm`` or ``area`` (with several peaks ``fwhm_1`` …) of every row, (R,)."""
        return self._by_name(name)[0]

    def error(self, name: str) -> Array:
        """Return the standard error of one parameter, ``fwhm`` or ``area`` of every row, (R,)."""
        return self._by_name(name)[1]

    def _by_name(self, name: str) -> tuple[Array, Array]:
        if name in self.names:
            column = self.names.index(name)
            return self.values[:, column], self.errors[:, column]
        derived = self._derived()
        if name not in derived:
            raise ValueError(f"there is no {name!r} in these fits; they have {', '.join([*self.names, *derived])}")
        return derived[name]

    def _derived(self) -> dict[str, tuple[Array, Array]]:
        """Return values and errors of the derived quantities by name."""
        result = {}
        for k in range(self.peaks):
            suffix = "" if self.peaks == 1 else f"_{k + 1}"
            width, error = self.values[:, 3 * k + 2], self.errors[:, 3 * k + 2]
            result[f"fwhm{suffix}"] = FWHM_PER_WIDTH * width, FWHM_PER_WIDTH * error
            result[f"area{suffix}"] = self._areas()[:, k], self._columns.area_error[:, k]
        return result

    def _of_peaks(self, array: Array) -> Array:
        array = array[:, 0] if self.peaks == 1 else array
        array.flags.writeable = False
        return array

    @property
    def fwhm(self) -> Array:
        """Full width at half maximum, (R,) or (R, K)."""
        return self._of_peaks(FWHM_PER_WIDTH * self.values[:, 2 : 3 * self.peaks : 3])

    @property
    def fwhm_error(self) -> Array:
        """Standard error of the full width at half maximum, (R,) or (R, K)."""
        return self._of_peaks(FWHM_PER_WIDTH * self.errors[:, 2 : 3 * self.peaks : 3])

    @property
    def area(self) -> Array:
        """Area between peak and baseline, (R,) or (R, K)."""
        return self._of_peaks(self._areas())

    def _areas(self) -> Array:
        heights, widths = (self.values[:, first : 3 * self.peaks : 3] for first in (0, 2))
        return AREA_PER_HEIGHT_AND_WIDTH * heights * widths

    @property
    def area_error(self) -> Array:
        """Standard error of the area, (R,) or (R, K)."""
        return self._of_peaks(self._columns.area_error)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which rows were fitted, (R,)."""
        return np.asarray(self._columns.how != FAILED)

    @property
    def points(self) -> NDArray[np.int32]:
        """Points used, (R,)."""
        return self._columns.points

    @property
    def left_out(self) -> NDArray[np.int32]:
        """Points not finite, masked, or with a sigma not above zero, (R,)."""
        return self._columns.left_out

    @property
    def dof(self) -> NDArray[np.int32]:
        """Degrees of freedom, (R,), in which a parameter at a bound is not free; 0 in rows that could not be fitted."""
        return np.asarray(np.maximum(self.points - np.int32(self._layout.size) + self._columns.held, np.int32(0)))

    @property
    def chi2(self) -> Array:
        """Sum of squared residuals over sigma, or without sigma of squared residuals; of counts Pearson's, (R,)."""
        return self._columns.chi2

    @property
    def reduced_chi2(self) -> Array:
        """χ² over the degrees of freedom, (R,); nan where there are none."""
        return np.asarray(np.divide(self.chi2, self.dof, out=np.full(len(self), np.nan), where=self.dof > 0))

    @property
    def r_squared(self) -> Array:
        """Share of the (weighted) variance of y that the curve explains, (R,)."""
        return self._columns.r_squared

    @property
    def _free(self) -> int:
        known = self.loss == "poisson" or (self.absolute_sigma and self._sigma is not None)
        return self._layout.size + (0 if known else 1)

    @property
    def aic(self) -> Array:
        """Akaike's information criterion, (R,)."""
        return self._columns.minus_two_log_likelihood + 2.0 * self._free

    @property
    def bic(self) -> Array:
        """Schwarz's information criterion, (R,)."""
        return np.asarray(self._columns.minus_two_log_likelihood + self._free * np.log(np.maximum(self.points, 1)))

    # ------------------------------------------------------------------ findings

    @property
    def trustworthy(self) -> NDArray[np.bool_]:
        """Which rows have no finding that is a warning or worse, (R,)."""
        return self._columns.trustworthy

    def has(self, code: str) -> NDArray[np.bool_]:
        """Return which rows have a finding, (R,), by its code.

        Raises
        ------
        ValueError
            If there is no such finding.
        """
        if code not in CODES:
            raise ValueError(f"there is no verdict {code!r}; there are {', '.join(CODES)}")
        return np.asarray((self._columns.bits >> CODES.index(code)) & 1 == 1)

    def codes(self, row: int) -> tuple[str, ...]:
        """Return the codes of all findings on one row, in the order of `gaussapp.fitting.stack.verdict.CODES`."""
        bits = int(self._columns.bits[row])
        return tuple(code for i, code in enumerate(CODES) if bits >> i & 1)

    @property
    def verdict_counts(self) -> Mapping[str, int]:
        """How many rows have each finding, those that none has left out."""
        counts = {code: int(np.count_nonzero(self.has(code))) for code in CODES}
        return MappingProxyType({code: count for code, count in counts.items() if count})

    # ------------------------------------------------------------------ tables and text

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, one row a data set: values with errors, goodness of fit, verdict codes, failures."""
        import pandas as pd

        table: dict[str, Any] = {}
        for i, name in enumerate(self.names):
            table[name], table[f"{name}_error"] = self.values[:, i], self.errors[:, i]
        for name, (value, error) in self._derived().items():
            table[name], table[f"{name}_error"] = value, error
        for name in ("chi2", "dof", "reduced_chi2", "r_squared", "aic", "bic", "points", "left_out", "trustworthy"):
            table[name] = getattr(self, name)
        patterns, which = np.unique(self._columns.bits, return_inverse=True)
        words = [" ".join(code for i, code in enumerate(CODES) if bits >> i & 1) for bits in patterns.tolist()]
        table["verdicts"] = np.array(words, dtype=object)[which] if words else np.empty(0, dtype=object)
        failure = np.full(len(self), "", dtype=object)
        for row, sentence in self.failures.items():
            failure[row] = sentence
        table["failure"] = failure
        return pd.DataFrame(table, index=pd.RangeIndex(len(self), name="data_set"))

    def __repr__(self) -> str:
        ok = int(np.count_nonzero(self.ok))
        trusted = int(np.count_nonzero(self.trustworthy))
        lines = [f"{len(self)} fits of {', '.join(self.names)}: {trusted} trustworthy, {len(self) - ok} failed"]
        if ok:
            with np.errstate(all="ignore"):
                middle, errors = (np.nanmedian(part[self.ok], axis=0) for part in (self.values, self.errors))
            width = max(map(len, self.names))
            for name, value, error in zip(self.names, middle, errors, strict=True):
                lines.append(f"  {name:<{width}}  median {value:.6g}, median standard error {error:.3g}")
        counts = ", ".join(f"{code} {count}" for code, count in self.verdict_counts.items() if code != "trustworthy")
        if counts:
            lines.append(f"  verdicts: {counts}")
        for row, sentence in list(self.failures.items())[:3]:
            lines.append(f"  data set {row}: {sentence}")
        if len(self.failures) > 3:
            lines.append(f"  … and {len(self.failures) - 3} more")
        return "\n".join(lines)


def row_of(values: Any, row: int, *, stacked: bool = False) -> Any:
    """Return what belongs to one row of an array that may be shared by all of them (`stacked`: is not)."""
    if values is None or (not stacked and values.ndim < 2):
        return values
    return values[row]
