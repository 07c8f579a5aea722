"""`Study`: what repeated experiments say about a fit: bias, spread, coverage, and the bound on all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH, Array
from gaussapp.fitting.stack.verdict import CODES
from gaussapp.study import words
from gaussapp.study.blocks import Block
from gaussapp.study.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd

RUNAWAY = 10.0
"""A fit has run away if an estimate is further from the median than so many (robust) standard deviations, or an error
larger than so many median errors."""

WITHIN_ONE = 0.6826894921370859
"""Share of a normal distribution within one standard deviation."""

Numbers = Mapping[str, float]


def checked_level(level: float) -> float:
    """Return a level as it is, if it is one.

    Raises
    ------
    ValueError
        If it is not between 0 and 1.
    """
    if not (isinstance(level, float | int | np.floating) and 0.0 < level < 1.0):
        raise ValueError(f"level must be between 0 and 1, such as 0.95, not {level!r}")
    return float(level)


class Study:
    """Estimates and reported errors of R repeated experiments, and what they say. Immutable; made by `replicate`.

    Fits that ran away (an estimate more than 10 robust standard deviations from the median, or an error of more than 10
    times the median one) are counted in `runaways` and left out of mean, bias, spread, rmse and reported: a handful of
    them would otherwise be all that these say. They count in the coverage. Fits that failed count nowhere but in
    `failures`.

    Attributes
    ----------
    names, quantities : tuple of str
        Fitted parameters; and the same with ``fwhm`` and ``area``. All mappings below have `quantities` as keys.
    estimates, errors : ndarray of shape (R, P)
        Fitted parameters and their reported standard errors.
    ok : ndarray of bool, shape (R,)
        Which experiments could be fitted.
    truth, mean, bias, bias_error, spread, spread_error, rmse : mapping of str to float
        True values, mean of the estimates, mean − truth and its standard error, standard deviation of the estimates
        (what one would really see) and its standard error, root of the mean squared distance from the truth.
    reported : mapping of str to float
        Root of the mean of the squared reported errors.
    bound, efficiency : mapping of str to float
        Cramér-Rao bound, and bound / spread.
    coverage, coverage_error : mapping of str to float
        Share of experiments whose interval at `level` covers the truth, and its binomial standard error.
    failures, runaways : int
        Number of fits that failed and that ran away.
    verdict_counts : mapping of str to int
        How many fits have each finding.
    sentences : tuple of str
        What is certain of all this, in words.
    """

    def __init__(self, experiment: Experiment, block: Block, level: float = 0.95) -> None:
        if not block.ok.any():
            sentence, _ = Counter(block.failures.values()).most_common(1)[0]
            raise ValueError(f"none of the {block.count} experiments could be fitted: {sentence}")
        for array in (block.estimates, block.errors, block.area_errors, block.bits, block.trustworthy, block.ok):
            array.flags.writeable = False
        here = self.__dict__  # past __setattr__, which refuses
        here["experiment"], here["block"], here["level"] = experiment, block, checked_level(level)

    experiment: Experiment
    block: Block
    level: float

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Study cannot be changed (tried to set {name!r}); make another one instead")

    def __reduce__(self) -> tuple[Any, ...]:
        return Study, (self.experiment, self.block, self.level)

    def __len__(self) -> int:
        return self.block.count

    def at_level(self, level: float) -> Study:
        """Return the same study with intervals at another level."""
        return Study(self.experiment, self.block, level)

    # ------------------------------------------------------------------ one row an experiment

    @property
    def names(self) -> tuple[str, ...]:
        """Fitted parameters."""
        return self.experiment.names

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """Fitted parameters and what is derived from them."""
        return (*self.names, *self._derived)

    @cached_property
    def _derived(self) -> dict[str, tuple[str, int]]:
        """Kind and peak of each derived quantity, by name."""
        peaks = self.experiment.peaks
        suffixes = [""] if peaks == 1 else [f"_{k + 1}" for k in range(peaks)]
        return {f"{kind}{suffix}": (kind, k) for k, suffix in enumerate(suffixes) for kind in ("fwhm", "area")}

    @property
    def estimates(self) -> Array:
        """Fitted parameters, (R, P); nan where a fit failed."""
        return self.block.estimates

    @property
    def errors(self) -> Array:
        """Reported standard errors, (R, P)."""
        return self.block.errors

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which experiments could be fitted, (R,)."""
        return self.block.ok

    def estimate(self, name: str) -> Array:
        """Return the estimates of one quantity, (R,)."""
        return self._of(name)[0]

    def error(self, name: str) -> Array:
        """Return the reported standard errors of one quantity, (R,)."""
        return self._of(name)[1]

    def _of(self, name: str) -> tuple[Array, Array]:
        if name in self.names:
            i = self.names.index(name)
            return self.estimates[:, i], self.errors[:, i]
        if name not in self._derived:
            raise ValueError(f"there is no {name!r} in this study; it has {', '.join(self.quantities)}")
        kind, k = self._derived[name]
        amplitude, width = self.estimates[:, 3 * k], self.estimates[:, 3 * k + 2]
        if kind == "fwhm":
            return FWHM_PER_WIDTH * width, FWHM_PER_WIDTH * self.errors[:, 3 * k + 2]
        with np.errstate(all="ignore"):
            return AREA_PER_HEIGHT_AND_WIDTH * amplitude * width, self.block.area_errors[:, k]

    def interval(self, name: str) -> tuple[Array, Array]:
        """Return the ends of every experiment's interval of one quantity at `level`, (R,) each."""
        value, error = self._of(name)
        with np.errstate(all="ignore"):
            half = self._quantile * error
            known = np.isfinite(half) & np.isfinite(value)
            low, high = np.where(known, value - half, -np.inf), np.where(known, value + half, np.inf)
        return low, high

    def covers(self, name: str) -> NDArray[np.bool_]:
        """Return which experiments' intervals cover the truth, (R,); False where a fit failed."""
        low, high = self.interval(name)
        truth = self.truth[name]
        return np.asarray(self.ok & (low <= truth) & (truth <= high))

    @property
    def _quantile(self) -> float:
        probability = 0.5 + 0.5 * self.level
        dof = self.experiment.x.size - len(self.names)
        if self.experiment.absolute_sigma:
            return float(ndtri(probability))
        return float(stdtrit(dof, probability)) if dof else math.inf

    @cached_property
    def ran_away(self) -> NDArray[np.bool_]:
        """Which fits are left out of the moments: they have failed or run away, (R,)."""
        away = ~self.ok
        rows = np.flatnonzero(self.ok)
        with np.errstate(all="ignore"):
            for values, errors in zip(self.estimates[rows].T, self.errors[rows].T, strict=True):
                low, middle, high = np.quantile(values, [0.5 - 0.5 * WITHIN_ONE, 0.5, 0.5 + 0.5 * WITHIN_ONE])
                far = ~(abs(values - middle) <= RUNAWAY * 0.5 * (high - low))
                far |= ~(errors <= RUNAWAY * np.median(errors))
                away[rows[far]] = True
        away.flags.writeable = False
        return away

    # ------------------------------------------------------------------ one number a quantity

    def _each(self, compute: Any) -> Numbers:
        with np.errstate(all="ignore"):
            return MappingProxyType({name: float(compute(name)) for name in self.quantities})

    def _kept(self, name: str) -> tuple[Array, Array]:
        """Return estimates and errors of the fits that did not run away."""
        value, error = self._of(name)
        keep = ~self.ran_away
        return value[keep], error[keep]

    @cached_property
    def truth(self) -> Numbers:
        """True values."""
        truth = self.experiment.truth

        def derived(kind: str, k: int) -> float:
            amplitude, width = truth[self.names[3 * k]], truth[self.names[3 * k + 2]]
            return FWHM_PER_WIDTH * width if kind == "fwhm" else AREA_PER_HEIGHT_AND_WIDTH * amplitude * width

        return MappingProxyType(
            {name: truth[name] if name in self.names else derived(*self._derived[name]) for name in self.quantities}
        )

    @cached_property
    def mean(self) -> Numbers:
        """Mean of the estimates."""
        return self._each(lambda name: mean_of(self._kept(name)[0]))

    @cached_property
    def bias(self) -> Numbers:
        """Mean less truth."""
        return self._each(lambda name: self.mean[name] - self.truth[name])

    @cached_property
    def bias_error(self) -> Numbers:
        """Standard error of the bias."""
        return self._each(lambda name: self.spread[name] / math.sqrt(max(self._number, 1)))

    @cached_property
    def spread(self) -> Numbers:
        """Standard deviation of the estimates; nan of fewer than two."""
        return self._each(lambda name: deviation_of(self._kept(name)[0]))

    @cached_property
    def spread_error(self) -> Numbers:
        """Standard error of the spread, from the fourth moment: right for heavy tails too."""
        return self._each(lambda name: error_of_deviation(self._kept(name)[0]))

    @cached_property
    def rmse(self) -> Numbers:
        """Root of the mean squared distance from the truth."""
        return self._each(lambda name: root_mean_square(self._kept(name)[0] - self.truth[name]))

    @cached_property
    def reported(self) -> Numbers:
        """Root of the mean squared reported error."""
        return self._each(lambda name: root_mean_square(self._kept(name)[1]))

    @cached_property
    def reported_error(self) -> Numbers:
        """Standard error of `reported`."""

        def error(name: str) -> float:
            squares = self._kept(name)[1] ** 2
            return deviation_of(squares) / math.sqrt(max(squares.size, 1)) / (2.0 * self.reported[name])

        return self._each(error)

    @cached_property
    def bound(self) -> Numbers:
        """Cramér-Rao bound: exact for normal noise and Poisson counts, for other noise that of least squares."""
        return MappingProxyType(self.experiment.bound())

    @cached_property
    def efficiency(self) -> Numbers:
        """Bound over spread."""
        return self._each(lambda name: np.divide(self.bound[name], self.spread[name]))

    @cached_property
    def coverage(self) -> Numbers:
        """Share of the fits whose interval covers the truth."""
        return self._each(lambda name: np.count_nonzero(self.covers(name)) / self._fitted)

    @cached_property
    def coverage_error(self) -> Numbers:
        """Binomial standard error of the coverage; with one more hit and one more miss, so that it is never 0."""

        def error(name: str) -> float:
            share = (self.coverage[name] * self._fitted + 1.0) / (self._fitted + 2.0)
            return math.sqrt(share * (1.0 - share) / self._fitted)

        return self._each(error)

    # ------------------------------------------------------------------ counts and words

    @cached_property
    def _fitted(self) -> int:
        return int(np.count_nonzero(self.ok))

    @cached_property
    def _number(self) -> int:
        """Fits that the moments are made of."""
        return int(np.count_nonzero(~self.ran_away))

    @property
    def failures(self) -> int:
        """Number of experiments that could not be fitted; why is in ``block.failures``."""
        return len(self) - self._fitted

    @property
    def runaways(self) -> int:
        """Number of fits that ran away."""
        return self._fitted - self._number

    @cached_property
    def verdict_counts(self) -> Mapping[str, int]:
        """How many fits have each finding, those that none has left out."""
        counts = {code: int(np.count_nonzero(self.block.bits >> i & 1)) for i, code in enumerate(CODES)}
        return MappingProxyType({code: count for code, count in counts.items() if count})

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What these experiments are enough to be certain of (3.3 standard errors), in words."""
        return tuple(words.sentences(self))

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, one row a quantity: true, mean, bias, spread, reported error, bound and the rest."""
        import pandas as pd

        index = pd.Index(self.quantities, name="quantity")
        columns = {name: [getattr(self, name)[key] for key in self.quantities] for name in words.COLUMNS}
        return pd.DataFrame(columns, index=index)

    def __repr__(self) -> str:
        return words.text(self)

    def _repr_html_(self) -> str:
        return words.html(self)


def mean_of(values: Array) -> float:
    """Return the mean; nan of nothing."""
    return float(values.mean()) if values.size else math.nan


def deviation_of(values: Array) -> float:
    """Return the standard deviation with n - 1; nan of fewer than two."""
    return float(values.std(ddof=1)) if values.size > 1 else math.nan


def error_of_deviation(values: Array) -> float:
    """Return the standard error of the standard deviation: var(s²) = (m₄ - s⁴)/n."""
    if values.size < 2:
        return math.nan
    centered = values - values.mean()
    square = float(np.mean(centered**2))
    if square == 0.0:
        return 0.0
    fourth = float(np.mean((centered / math.sqrt(square)) ** 4))
    return 0.5 * math.sqrt(square * max(fourth - 1.0, 0.0) / values.size)


def root_mean_square(values: Array) -> float:
    """Return the root of the mean square; nan of nothing."""
    return math.sqrt(float(np.mean(values * values))) if values.size else math.nan
