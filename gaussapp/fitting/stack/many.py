"""``fit_many()``: a stack of data sets at once, each as `fit` would fit it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.fit import MAX_PEAKS, check_loss, fit, knows_noise
from gaussapp.fitting.peak import Array, baseline_names
from gaussapp.fitting.report import model_words
from gaussapp.fitting.scale import LARGE, Axis, axis_of, lay_axis
from gaussapp.fitting.solve import Layout, layout_of
from gaussapp.fitting.stack.alone import fit_from, scaled_peak
from gaussapp.fitting.stack.answers import Given, put_odd, put_ordinary
from gaussapp.fitting.stack.counts_summary import Counted, fit_counts, place_of_counts
from gaussapp.fitting.stack.fits import TOGETHER, Columns, Fits, empty_columns, fit_at, put_fit, put_verdicts
from gaussapp.fitting.stack.search import StackSearch, search_stack
from gaussapp.fitting.stack.solve import Stack
from gaussapp.fitting.stack.start import StackStarts, find_starts_stack, of_lists
from gaussapp.fitting.stack.summary import Units
from gaussapp.fitting.stack.verdict import BIT, like_counts
from gaussapp.fitting.start import find_starts
from gaussapp.fitting.verdicts.caution import MOST_COUNTS

CHUNK_VALUES = 200_000
"""Values of y in one chunk at most: its scratch arrays stay in the processor's caches."""

CHUNK_ROWS = 5000
"""Rows in one chunk at most: of so many, the time that NumPy takes to begin an operation is next to nothing."""

SHARED = 4
"""Rows with the same usable x and sigma from which they are a stack of their own, if points of theirs are left out.

Rows that share x and sigma and lack no point always are, so that their digits do not depend on how many there are.
"""

UNDETERMINED = BIT["not_identified"] | BIT["baseline_not_identified"]
"""Findings that say that other parameters fit the data as well."""

COUNTED = tuple(each.name for each in fields(Counted) if each.name not in ("together", "doubtful"))
"""Columns that rows of counts have from their stack."""

SEVERAL = BIT["not_identified"] | BIT["no_peak_found"] | BIT["two_answers"]
"""Findings on counts with which the way to an answer may decide which of several it is."""

FAR_FROM_ONE = 1e150
"""Magnitude of y beyond which squares of it may not be finite; such a row is fitted by itself."""


def fit_many(
    x: Any,
    Y: Any,
    sigma: Any = None,
    *,
    baseline: str = "none",
    peaks: int = 1,
    absolute_sigma: bool | None = None,
    loss: str = "least squares",
    progress: Callable[[int, int], object] | None = None,
) -> Fits:
    """Fit the same model to many data sets at once, each from its own search, as `fit` would alone.

    With one peak the search for starts, the minimisation, errors and verdicts run over whole arrays, up to 5000 data
    sets at a time, for least squares and for counts; ``docs/stack.md`` has the speed. Several peaks, and the robust
    loss, are fitted one data set after another.

    Parameters
    ----------
    x
        Positions: (N,) for all data sets, or (R, N).
    Y
        Measured values, (R, N), one row a data set; any array, also a `numpy.memmap` or a masked one. Masked points and
        those that are not finite are left out and counted.
    sigma
        Standard deviation of y: one number, (N,), or (R, N). Points where it is not above zero are left out.
    baseline, peaks, absolute_sigma, loss
        As in `fit`. With ``loss="poisson"`` a row that holds no counts is one that cannot be fitted.
    progress
        Called with the number of rows done and of all rows, after every chunk.

    Returns
    -------
    Fits
        Arrays of shape (R, P); ``fits[i]`` is the `Fit` of one data set. A row that cannot be fitted (too few points,
        all x equal) has nan there and a sentence in ``fits.failures``; it does not touch the others.

    Raises
    ------
    TypeError
        If x, Y or sigma are not numbers, or `peaks` is not an integer.
    ValueError
        If shapes do not fit together, an option has an impossible value, or a loss cannot go with sigma.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-2, 2, 9)
    >>> Y = np.array([[1.0], [2.0], [3.0]]) * np.exp(-0.5 * ((x - 0.25) / 0.5) ** 2)
    >>> fit_many(x, Y).value("amplitude").round(9)
    array([1., 2., 3.])
    """
    baseline_names(baseline)
    check_loss(loss)
    if isinstance(peaks, bool) or not isinstance(peaks, int | np.integer):
        raise TypeError(f"peaks must be a whole number, not {peaks!r}")
    if not 1 <= peaks <= MAX_PEAKS:
        raise ValueError(f"peaks must be between 1 and {MAX_PEAKS}, not {peaks}")
    y = array_of(Y, "Y")
    if y.ndim != 2:
        raise ValueError(f"Y must have two dimensions, one row a data set, not {y.ndim} (its shape is {y.shape})")
    count, points = y.shape
    x = array_of(x, "x")
    if x.shape not in ((points,), (count, points)):
        raise ValueError(f"x must have the shape ({points},) or ({count}, {points}) to go with Y, not {x.shape}")
    if sigma is not None:
        sigma = array_of(sigma, "sigma")
        if sigma.shape not in ((), (points,), (count, points)):
            raise ValueError(
                f"sigma must be one number or have the shape ({points},) or ({count}, {points}), not {sigma.shape}"
            )
        if sigma.ndim == 0:
            sigma = np.full(points, float(sigma))
    layout = layout_of(int(peaks), baseline)
    absolute = knows_noise(loss, sigma is not None, absolute_sigma)
    columns = empty_columns(count, layout)
    failures: dict[int, str] = {}
    step = max(1, min(CHUNK_ROWS, CHUNK_VALUES // max(points, 1)))
    for first in range(0, count, step):
        rows = slice(first, first + step)
        x_part, s_part = (each if each is None or each.ndim < 2 else each[rows] for each in (x, sigma))
        part, failed = fit_rows(numbers(x_part), numbers(y[rows]), numbers(s_part), layout, absolute, loss=loss)
        columns.put(rows, part)
        failures |= {first + row: sentence for row, sentence in failed.items()}
        if progress is not None:
            progress(min(first + step, count), count)
    return Fits(x, y, sigma, layout, absolute, columns, failures, loss)


def array_of(values: Any, name: str) -> Any:
    """Return `values` as an array of real numbers, as it is if it is one: it may be larger than memory."""
    if not isinstance(values, np.ndarray):
        try:
            values = np.asarray(values)
        except ValueError as error:
            raise ValueError(f"{name} must be an array with rows of equal length: {error}") from None
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, not of {values.dtype}")
    return values


def numbers(values: Any) -> Any:
    """Return an array as float64, nan where it is masked."""
    if values is None:
        return None
    if np.ma.isMaskedArray(values):
        return np.ma.filled(values.astype(float), np.nan)
    return np.asarray(values, dtype=float)


def fit_rows(
    x: Array,
    y: Array,
    sigma: Array | None,
    layout: Layout,
    absolute: bool,
    *,
    loss: str = "least squares",
    start: Mapping[str, float] | None = None,
    same_as_alone: bool = True,
) -> tuple[Columns, dict[int, str]]:
    """Fit the rows of one chunk.

    Parameters
    ----------
    x, sigma
        (N,) or (R, N), float64; sigma may be None.
    y
        (R, N), float64.
    layout
        The model.
    absolute
        Whether sigma is the size of the noise.
    loss
        What is made small, as in `fit`.
    start
        Where all of them start, by parameter name, instead of looking for starts: every row ends in the minimum that
        is reached from there, and no other answer is known.
    same_as_alone
        Whether a row whose data do not determine the peak is searched once more by itself: of many answers that are
        equally good it then has the one that `fit` gives, at twenty times the cost.

    Returns
    -------
    tuple
        Columns, and a sentence for every row that could not be fitted.
    """
    rows = Rows(x, y, sigma, layout, absolute, loss, start, same_as_alone)
    with np.errstate(all="ignore"):
        rows.fit()
    return rows.columns, rows.failures


class Rows:
    """One chunk of data sets on its way to results."""

    def __init__(
        self,
        x: Array,
        y: Array,
        sigma: Array | None,
        layout: Layout,
        absolute: bool,
        loss: str,
        start: Mapping[str, float] | None,
        same_as_alone: bool,
    ) -> None:
        self.x, self.y, self.sigma, self.layout, self.absolute, self.loss = x, y, sigma, layout, absolute, loss
        self.start, self.same_as_alone = start, same_as_alone
        self.columns = empty_columns(y.shape[0], layout)
        self.failures: dict[int, str] = {}

    def fit(self) -> None:
        """Fit all rows."""
        keep = np.isfinite(self.y) & np.isfinite(self.x)
        if self.sigma is not None:
            keep &= np.isfinite(self.sigma) & (self.sigma > 0.0)
        size = keep.sum(axis=1)
        self.columns.points[:] = size
        self.columns.left_out[:] = keep.shape[1] - size
        apart: dict[int, list[int]] = {}
        layout, plain = self.layout, self.loss == "least squares"
        one_by_one = layout.peaks > 1 or self.loss == "robust" or (layout.rates > 0 and not plain)
        for members in self.alike(keep):
            number = int(size[members[0]])
            few = members.size < SHARED and (self.has_own_points or number < keep.shape[1])
            if number < layout.size:
                self.refuse(members, number)
            elif one_by_one or number > LARGE or number < layout.size + 3 or (few and not plain):
                for row in members.tolist():
                    self.fit_alone(row)
            elif few:
                apart.setdefault(number, []).extend(members.tolist())
            else:
                self.fit_sharing(members, keep[members[0]])
        for unlike in apart.values():
            self.fit_unlike(np.array(unlike), keep)

    @property
    def has_own_points(self) -> bool:
        """Whether x or sigma are given for each row."""
        return self.x.ndim == 2 or (self.sigma is not None and self.sigma.ndim == 2)

    def alike(self, keep: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
        """Yield groups of rows with the same usable x and sigma."""
        count = keep.shape[0]
        given = [part for part in (self.x, self.sigma) if part is not None and part.ndim == 2]
        if all(bool((part == part[:1]).all()) for part in given):
            given = []  # every row has the same
        if not given and bool(keep.all()):
            yield np.arange(count)
            return
        keys: dict[bytes, list[int]] = {}
        packed = np.packbits(keep, axis=1)
        for row in range(count):
            key = b"".join([packed[row].tobytes(), *(part[row].tobytes() for part in given)])
            keys.setdefault(key, []).append(row)
        for members in keys.values():
            yield np.array(members)

    def at(self, row: int) -> tuple[Array, Array, Array | None]:
        """Return x, y and sigma of a row."""
        x = self.x if self.x.ndim == 1 else self.x[row]
        sigma = self.sigma if self.sigma is None or self.sigma.ndim == 1 else self.sigma[row]
        return x, self.y[row], sigma

    def refuse(self, members: NDArray[np.intp], number: int) -> None:
        """Say of rows that they have too few points, as `fit` would."""
        if number == 0:
            total = self.y.shape[1]
            sentence = "there are no points to fit"
            if total:
                sentence = f"none of the {total} rows can be used: x and y must be finite, and sigma above zero"
        else:
            sentence = (
                f"{number} usable points are fewer than the {self.layout.size} "
                f"{'' if self.loss == 'least squares' else 'free '}parameters of "
                f"{model_words(self.layout.peaks, self.layout.baseline)}; add points or choose a simpler model"
            )
        self.failures |= dict.fromkeys(members.tolist(), sentence)

    def fit_alone(self, row: int) -> None:
        """Fit a row by itself."""
        x, y, sigma = self.at(row)
        layout = self.layout
        try:
            if self.start is None:
                options: dict[str, Any] = {"absolute_sigma": self.absolute, "loss": self.loss}
                result = fit(x, y, sigma, baseline=layout.baseline, peaks=layout.peaks, **options)
            else:
                result = fit_from(x, y, sigma, layout, self.absolute, self.start, self.loss)
        except ValueError as error:
            self.failures[row] = str(error)
            return
        put_fit(self.columns, row, result)
        put_verdicts(self.columns, row, result)

    def fit_sharing(self, members: NDArray[np.intp], keep: NDArray[np.bool_]) -> None:
        """Fit rows with the same usable points."""
        x, _, sigma = self.at(int(members[0]))
        order = np.flatnonzero(keep)
        order = order[np.argsort(x[order], kind="stable")]
        try:
            axis = axis_of(x[order], None if sigma is None else sigma[order])
        except ValueError as error:
            self.failures |= dict.fromkeys(members.tolist(), str(error))
            return
        if axis is None:  # squares of x or sigma are not finite
            for row in members.tolist():
                self.fit_alone(row)
            return
        whole = order.size == keep.size and bool((order == np.arange(order.size)).all())
        if whole:
            y = self.y if members.size == self.y.shape[0] else self.y[members]
        else:
            y = self.y[np.ix_(members, order)]
        if self.loss == "poisson":
            self.fit_counts(members, axis, y)
            return
        log_variance = 0.0 if sigma is None else 2.0 * float(np.log(sigma[order]).sum())

        def starts(whitened: Array) -> StackStarts:
            return find_starts_stack(axis, whitened, self.layout.baseline)

        units = (axis.x0, axis.half_window, axis.sigma_unit)
        self.fit_stack(members, axis.t, axis.root_weight, y, units, log_variance, starts)

    def fit_unlike(self, members: NDArray[np.intp], keep: NDArray[np.bool_]) -> None:
        """Fit rows that have as many points each, but not the same ones."""
        axes: list[Axis] = []
        kept: list[int] = []
        values: list[Array] = []
        for row in members.tolist():
            x, y, sigma = self.at(row)
            order = np.flatnonzero(keep[row])
            order = order[np.argsort(x[order], kind="stable")]
            try:
                axes.append(lay_axis(x[order], None if sigma is None else sigma[order]))
            except ValueError as error:
                self.failures[row] = str(error)
                continue
            kept.append(row)
            values.append(y[order])
        if not axes:
            return
        t = np.array([axis.t for axis in axes])
        weight: Array | None = None
        if any(axis.root_weight is not None for axis in axes):
            weight = np.array([np.ones(axis.t.size) if axis.root_weight is None else axis.root_weight for axis in axes])
        log_variance = np.array([0.0 if axis.sigma is None else 2.0 * np.log(axis.sigma).sum() for axis in axes])
        units = tuple(np.array([getattr(axis, name) for axis in axes]) for name in ("x0", "half_window", "sigma_unit"))

        def starts(whitened: Array) -> StackStarts:
            return of_lists([find_starts(a, row, self.layout.baseline) for a, row in zip(axes, whitened, strict=True)])

        self.fit_stack(np.array(kept), t, weight, np.array(values), units, log_variance, starts)

    def fit_counts(self, members: NDArray[np.intp], axis: Axis, y: Array) -> None:
        """Fit rows of counts, sorted by x, as one stack; those that need it by themselves."""
        columns, baseline = self.columns, self.layout.baseline
        counts = (y.min(axis=1) >= 0.0) & (y.max(axis=1) > 0.0) & (y.max(axis=1) < MOST_COUNTS)
        counts &= (y == np.floor(y)).all(axis=1)
        rows = members[counts]
        together = np.zeros(members.size, dtype=bool)
        if rows.size:
            start = None if self.start is None else place_of_counts(self.start, axis, baseline)
            found = fit_counts(axis, y if counts.all() else y[counts], baseline, start)
            left_out = columns.left_out[rows] > 0
            found.bits[left_out] |= BIT["rows_left_out"]
            keep = found.together
            if self.same_as_alone:
                keep = keep & (found.bits & SEVERAL == 0) & ~found.doubtful
            for name in COUNTED:
                getattr(columns, name)[rows[keep]] = getattr(found, name)[keep]
            columns.how[rows[keep]] = TOGETHER
            together[counts] = keep
        for row in members[~together].tolist():
            self.fit_alone(row)

    def given_starts(self, count: int, units: tuple[Any, ...]) -> StackStarts:
        """Return the start that was given, of one peak, for every row."""
        assert self.start is not None
        center, log_width, rate = scaled_peak(self.start, "", units[0], units[1])
        ones = np.ones(count)
        return StackStarts(np.arange(count), center * ones, log_width * ones, rate * ones, np.inf * ones)

    def fit_stack(
        self,
        members: NDArray[np.intp],
        t: Array,
        weight: Array | None,
        y: Array,
        units: tuple[Any, ...],
        log_variance: Any,
        find: Callable[[Array], StackStarts],
    ) -> None:
        """Fit rows of y, sorted by x, as one stack; those that need it by themselves."""
        layout, columns = self.layout, self.columns
        y0 = y.sum(axis=1) / y.shape[1] if layout.baseline in ("constant", "linear") else np.zeros(y.shape[0])
        whitened = y - y0[:, None]
        y_unit = np.maximum(whitened.max(axis=1), -whitened.min(axis=1))
        plain = (y_unit > 0.0) & (y_unit < FAR_FROM_ONE) & (abs(y0) < FAR_FROM_ONE)
        if plain.all():
            whitened /= y_unit[:, None]
        else:  # others take the place of rows that cannot go along, and are not looked at
            whitened = np.where(plain[:, None], whitened / y_unit[:, None], np.exp(-4.0 * t * t))
        if weight is not None:
            whitened *= weight
        stack = Stack(t, whitened, weight, layout)
        starts = find(whitened) if self.start is None else self.given_starts(whitened.shape[0], units)
        found = search_stack(stack, starts)
        columns.rival[members] = found.rival.coordinates(layout.rates)
        columns.starts[members] = found.starts
        weighted = self.sigma is not None
        given = Given(
            Units(units[0], units[1], y0, y_unit, units[2]),
            log_variance,
            columns.left_out[members],
            np.zeros(y.shape[0], dtype=bool) if weighted else like_counts(y),
            self.absolute,
            weighted,
        )
        ordinary, odd = np.flatnonzero(plain & ~found.odd), np.flatnonzero(plain & found.odd)
        alone = unjudged = np.empty(0, dtype=np.intp)
        if ordinary.size:
            alone, unjudged = put_ordinary(columns, members, stack, found, ordinary, given)
        if odd.size and layout.rates:
            self.put_each(members, stack, found, odd)
        elif odd.size:
            others, unsure = put_odd(columns, members, stack, found, odd, given)
            alone, unjudged = np.append(alone, others), np.append(unjudged, unsure)
            undetermined = columns.bits[members[odd]] & UNDETERMINED != 0
            if self.same_as_alone:
                alone = np.append(alone, np.setdiff1d(odd[undetermined], others))
        for i in np.setdiff1d(unjudged, alone).tolist():
            row, best = int(members[i]), found.ends.minimum(stack, i) if found.odd[i] else None
            put_verdicts(columns, row, fit_at(*self.at(row), layout, self.absolute, columns, row, best))
        for i in [*alone.tolist(), *np.flatnonzero(~plain).tolist()]:
            self.fit_alone(int(members[i]))

    def put_each(self, members: NDArray[np.intp], stack: Stack, found: StackSearch, odd: NDArray[np.intp]) -> None:
        """Write the results of odd answers on an exponential baseline, one after another."""
        for i in odd.tolist():
            row = int(members[i])
            best = found.ends.minimum(stack, i)
            result = fit_at(*self.at(row), self.layout, self.absolute, self.columns, row, best)
            put_fit(self.columns, row, result)
            put_verdicts(self.columns, row, result)
            if self.same_as_alone and self.columns.bits[row] & UNDETERMINED:
                self.fit_alone(row)
