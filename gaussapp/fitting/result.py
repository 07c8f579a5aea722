"""`Fit`: what came out of a fit, how sure it is, and whether it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gaussapp.fitting import goodness, report
from gaussapp.fitting.algebra import Matrix
from gaussapp.fitting.choice import Choice
from gaussapp.fitting.constrained.control import Control, held_covariance
from gaussapp.fitting.constrained.held import exact_values, held_names
from gaussapp.fitting.lazy import lazy
from gaussapp.fitting.peak import Array, parameter_names
from gaussapp.fitting.solution import Solution, baseline_values, covariance_in_units, curve_at, rows_at, unit_covariance
from gaussapp.fitting.uncertainty import likelihood
from gaussapp.fitting.uncertainty.band import band_of
from gaussapp.fitting.uncertainty.derived import derived_of
from gaussapp.fitting.verdicts.caution import about_control
from gaussapp.fitting.verdicts.chance import chance_of_chi2
from gaussapp.fitting.verdicts.verdict import Estimate, Verdict, judge

if TYPE_CHECKING:
    import pandas as pd

    from gaussapp.fitting.uncertainty.bootstrap import Bootstrap


class Fit:
    """A fitted model: what came out, how sure it is, and whether it can be trusted. Immutable.

    Made by `fit`; everything beyond the parameters is computed when it is first asked for.

    Attributes
    ----------
    names : tuple of str
        ``amplitude, center, width`` and the baseline's parameters; with several peaks ``amplitude_1, …`` in order of
        center.
    values, errors : mapping of str to float
        Parameters and their standard errors, in units of x and y.
    covariance, correlation : ndarray of shape (P, P)
        In the order of `names`.
    chi2, dof, reduced_chi2, p_value, rmse, r_squared, aic, aicc, bic
        Goodness of fit. Without sigma, χ² is the residual sum of squares in squared units of y, and its p-value nan.
    x, y, sigma : ndarray of shape (N,)
        The rows that were used.
    residuals, standardized : ndarray of shape (N,)
        y − curve, and the same over the standard error of a point.
    left_out : int
        Rows that could not be used.
    fwhm, area : Estimate or tuple of Estimate
        Full width at half maximum and area of the peak, or of each peak.
    derived : mapping of str to Estimate
        ``fwhm, area``, or ``fwhm_1, area_1, fwhm_2 …``.
    choice : Choice or None
        With ``peaks="auto"``, the numbers of peaks that were tried and, in ``choice.reason``, why this one.
    verdicts : tuple of Verdict
        Findings, the gravest first. ``trustworthy`` is True if none is a warning or worse.
    """

    x: Array
    y: Array
    sigma: Array | None
    left_out: int
    absolute_sigma: bool
    choice: Choice | None
    _solution: Solution
    _control: Control | None

    def __init__(
        self,
        y: Array,
        left_out: int,
        absolute_sigma: bool,
        solution: Solution,
        control: Control | None = None,
        choice: Choice | None = None,
    ) -> None:
        # Past __setattr__, which refuses.
        here = self.__dict__
        here["y"], here["left_out"], here["absolute_sigma"], here["_solution"] = y, left_out, absolute_sigma, solution
        here["_control"], here["choice"] = control, choice
        here["x"], here["sigma"] = solution.scale.axis.x, solution.scale.axis.sigma

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Fit cannot be changed (tried to set {name!r}); fit again instead")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Fit cannot be changed (tried to delete {name!r})")

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (self.y, self.left_out, self.absolute_sigma, self._solution, self._control, self.choice)

    def __copy__(self) -> Fit:
        return self

    # ------------------------------------------------------------------ parameters

    @property
    def baseline(self) -> str:
        """Name of the baseline."""
        return self._solution.layout.baseline

    @property
    def peaks(self) -> int:
        """Number of peaks."""
        return self._solution.layout.peaks

    @property
    def loss(self) -> str:
        """What was made small: ``least squares``, ``poisson`` or ``robust``."""
        return "least squares" if self._control is None else self._control.loss

    @property
    def fixed(self) -> Mapping[str, float]:
        """Parameters that were held, and at what."""
        return MappingProxyType({} if self._control is None else self._control.constraints.fixed)

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        """Bounds of parameters, infinite where there is none."""
        return MappingProxyType({} if self._control is None else self._control.constraints.bounds)

    @property
    def ties(self) -> Mapping[str, str]:
        """Parameters that follow another one, and how."""
        ties = {} if self._control is None else self._control.constraints.ties
        return MappingProxyType({name: str(tie) for name, tie in ties.items()})

    @lazy
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of the covariance."""
        return parameter_names(self.peaks, self.baseline)

    @lazy
    def values(self) -> Mapping[str, float]:
        """Fitted parameters by name, in units of x and y."""
        solution = self._solution
        scale = solution.scale
        numbers: list[float] = []
        for k in range(solution.layout.peaks):
            amplitude, center, width = solution.peak(k)
            numbers += [amplitude * scale.y_unit, scale.x0 + scale.half_window * center, scale.half_window * width]
        numbers += baseline_values(solution)
        values = dict(zip(self.names, numbers, strict=True))
        if self._control is not None:
            values.update(exact_values(self._control, values))
        return MappingProxyType(values)

    @lazy
    def errors(self) -> Mapping[str, float]:
        """Return the standard errors by name; ``inf`` where the data do not determine a parameter."""
        units, covariance = self._covariance_in_units
        variances = [covariance[i][i] for i in range(len(units))]
        errors = [unit * math.sqrt(v) if v >= 0.0 else math.inf for unit, v in zip(units, variances, strict=True)]
        known = dict(zip(self.names, errors, strict=True))
        if self._control is not None:
            known.update(dict.fromkeys(held_names(self._control), 0.0))
        return MappingProxyType(known)

    @lazy
    def covariance(self) -> Array:
        """Covariance of the parameters, (P, P), from JᵀJ at the solution."""
        units, covariance = self._covariance_in_units
        with np.errstate(all="ignore"):
            result = np.asarray(np.array(covariance) * np.outer(units, units))
        result.flags.writeable = False
        return result

    @lazy
    def _covariance_in_units(self) -> tuple[list[float], Matrix]:
        """Return the unit of each parameter, and the covariance in these, which never overflows."""
        return covariance_in_units(self._solution, self._unit_covariance, self._point_variance)

    @lazy
    def correlation(self) -> Array:
        """Correlation of the parameters, (P, P)."""
        with np.errstate(all="ignore"):
            covariance = np.array(self._covariance_in_units[1])
            deviation = np.sqrt(covariance.diagonal())
            correlation = np.asarray(covariance / deviation / deviation[:, None])
        correlation[np.diag_indices(len(self.names))] = 1.0
        correlation.flags.writeable = False
        return correlation

    @lazy
    def _unit_covariance(self) -> Matrix:
        """Inverse of JᵀJ in the order of the rows; of what is free, if something is held."""
        if self._control is not None:
            return held_covariance(self._solution, self._control)
        return unit_covariance(self._solution)

    @lazy
    def _point_variance(self) -> float:
        """Variance of a whitened point in scaled coordinates."""
        scale = self._solution.scale
        if self._control is not None and not math.isnan(self._control.variance):
            return self._control.variance
        if self.absolute_sigma:
            ratio = scale.sigma_unit / scale.y_unit
            return ratio * ratio
        return self._solution.sse / self.dof if self.dof else math.inf

    def interval(
        self, level: float = 0.95, kind: str = "symmetric", of: Iterable[str] | None = None
    ) -> dict[str, tuple[float, float]]:
        """Return confidence intervals of the parameters, or of other quantities.

        Parameters
        ----------
        level
            Probability that an interval covers.
        kind
            ``"symmetric"``: value ± t · standard error, with the quantile of Student's t for `dof` degrees of freedom;
            if the noise is known the normal quantile. ``"profile"``: where the quantity may be held without the fit of
            all else becoming worse by more than the square of that quantile; longer on the side where the data say
            less, and closer to the level at low signal to noise. An end that does not exist is infinite. ``"auto"``:
            profile where symmetric ones are known to cover too little (a standard error above a tenth of the height
            or width of a peak; a robust fit of fewer than 100 degrees of freedom).
        of
            Quantities: parameters, ``"fwhm"``, ``"area"`` (with several peaks ``"area_2"``), and differences and ratios
            of two parameters such as ``"center_2 - center_1"``. By default all parameters.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1, `kind` is unknown, or a quantity is not understood.
        """
        return likelihood.intervals(self, level, kind, self.names if of is None else of)

    def estimate(self, quantity: str) -> Estimate:
        """Return value and standard error of a parameter, ``"fwhm"``, ``"area_1"``, or a difference or ratio.

        The error follows from the full covariance to first order (delta method), so that ``"center_2 - center_1"`` and
        ``"amplitude_2 / amplitude_1"`` know how their parts are correlated.

        Raises
        ------
        ValueError
            If the quantity is not understood.
        """
        return likelihood.estimate(self, quantity)

    def bootstrap(self, fits: int = 1000, kind: str = "parametric", seed: int = 0) -> Bootstrap:
        """Fit data drawn anew, and return what these fits found.

        Parameters
        ----------
        fits
            How many.
        kind
            ``"parametric"``: the fitted curve with new noise of the size and kind that the fit found. ``"pairs"``: the
            points themselves, drawn with replacement.
        seed
            The same seed draws the same data.

        Raises ValueError or TypeError if `fits` is no whole number of at least 2, or `kind` or the noise is not known.
        """
        from gaussapp.fitting.uncertainty.bootstrap import bootstrap

        return bootstrap(self, fits, kind, seed)

    def _quantile(self, level: float) -> float:
        return likelihood.quantile(self, level)

    # ------------------------------------------------------------------ goodness of fit

    @lazy
    def dof(self) -> int:
        """Degrees of freedom: points less free parameters; one that ended at a bound is not free."""
        return int(self.y.size - self._parameters)

    @lazy
    def _parameters(self) -> int:
        """Count the free parameters, those that ended at a bound not among them."""
        return self._solution.layout.size if self._control is None else int(self._control.directions.shape[1])

    @lazy
    def chi2(self) -> float:
        """Sum of squared residuals over sigma; without sigma the residual sum of squares, in squared units of y.

        Of counts Pearson's: the variance of each is its fitted mean.
        """
        scale = self._solution.scale
        ratio = scale.y_unit / scale.sigma_unit
        return self._solution.sse * ratio * ratio

    @property
    def deviance(self) -> float:
        """Twice the log likelihood that counts lose to a curve through every point; of other losses χ²."""
        if self._control is not None and self._control.loss == "poisson":
            return 2.0 * self._control.loss_value
        return self.chi2

    @property
    def reduced_chi2(self) -> float:
        """χ² over the degrees of freedom; nan if there are none."""
        return self.chi2 / self.dof if self.dof else math.nan

    @lazy
    def p_value(self) -> float:
        """How often noise of the given sigma has a χ² at least as large; nan if sigma does not say the noise."""
        if not (self.absolute_sigma and self.sigma is not None and self.dof):
            return math.nan
        return chance_of_chi2(self.chi2, self.dof)[1]

    @lazy
    def rmse(self) -> float:
        """Root of the mean squared residual, in units of y."""
        with np.errstate(over="ignore"):
            return self._solution.scale.y_unit * math.sqrt(float(np.dot(self._raw, self._raw)) / self.y.size)

    @lazy
    def r_squared(self) -> float:
        """Share of the (weighted) variance of y that the curve explains; nan if y is constant."""
        return goodness.r_squared(self._solution)

    @lazy
    def _minus_two_log_likelihood(self) -> float:
        """-2 log L, with every constant."""
        return goodness.minus_two_log_likelihood(self)

    @property
    def _free(self) -> int:
        """Number of free quantities, the unknown noise included."""
        known = self.loss == "poisson" or (self.absolute_sigma and self.sigma is not None)
        free = self._solution.layout.size if self._control is None else int(self._control.f.size)
        return free + (0 if known else 1)

    @property
    def aic(self) -> float:
        """Akaike's information criterion, from the full likelihood (normal noise is counted if it is not known)."""
        return self._minus_two_log_likelihood + 2.0 * self._free

    @property
    def aicc(self) -> float:
        """AIC corrected for few points; inf if there are too few for it."""
        spare = self.y.size - self._free - 1
        return self.aic + 2.0 * self._free * (self._free + 1) / spare if spare > 0 else math.inf

    @property
    def bic(self) -> float:
        """Schwarz's information criterion."""
        return self._minus_two_log_likelihood + self._free * math.log(self.y.size)

    # ------------------------------------------------------------------ curves

    def _rows(self, t: Array) -> Array:
        """Return the rows at scaled positions (n,), not yet multiplied by the amplitudes, (rows, n)."""
        return rows_at(self._solution, t)

    def _scaled(self, x: ArrayLike) -> Array:
        scale = self._solution.scale
        return np.asarray((np.asarray(x, dtype=float).ravel() - scale.x0) / scale.half_window)

    def _scaled_curve(self, t: Array) -> Array:
        """Return the curve at scaled positions, (n,), in scaled units of y."""
        return curve_at(self._solution, t)

    def curve(self, x: ArrayLike) -> Array:
        """Return the fitted curve at `x`, of the shape of `x`, in units of y."""
        scale = self._solution.scale
        return np.asarray(scale.y0 + scale.y_unit * self._scaled_curve(self._scaled(x))).reshape(np.shape(x))

    def components(self, x: ArrayLike) -> Array:
        """Return each peak and the baseline (last) at `x`, (K + 1, N); their sum is the curve."""
        solution = self._solution
        scale, peaks = solution.scale, solution.layout.peaks
        linear = self._rows(self._scaled(x))[: solution.layout.linear]
        parts = scale.y_unit * np.array(solution.beta)[:, None] * linear
        return np.array([*parts[:peaks], scale.y0 + parts[peaks:].sum(axis=0)])

    def baseline_curve(self, x: ArrayLike) -> Array:
        """Return the fitted baseline at `x`, of the shape of `x`."""
        return np.asarray(self.components(x)[-1]).reshape(np.shape(x))

    def band(self, x: ArrayLike, level: float = 0.95, kind: str = "confidence") -> tuple[Array, Array]:
        """Return lower and upper edge of a pointwise band around the curve.

        Parameters
        ----------
        x
            Positions.
        level
            Probability that the band covers, at each single x.
        kind
            ``"confidence"``: where the true curve is. ``"prediction"``: where one further measurement would fall (with
            sigma given, its noise at x is interpolated between the points).

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1 or `kind` is unknown.
        """
        return band_of(self, x, level, kind)

    @lazy
    def _raw(self) -> Array:
        """Residuals in scaled units of y, not whitened, (N,)."""
        scale = self._solution.scale
        y = scale.y if scale.root_weight is None else scale.y / scale.root_weight
        return y - self._scaled_curve(scale.t)

    def _whitened_residuals(self) -> Array:
        weight = self._solution.scale.root_weight
        return self._raw if weight is None else self._raw * weight

    @lazy
    def residuals(self) -> Array:
        """Measured less fitted, (N,), in units of y."""
        residuals = self._raw * self._solution.scale.y_unit
        residuals.flags.writeable = False
        return residuals

    @lazy
    def standardized(self) -> Array:
        """Residuals over the standard error of a point, (N,); 0 where there is neither."""
        raw = self._whitened_residuals()
        deviation = math.sqrt(self._point_variance)
        if self._control is not None and self._control.loss == "robust":
            deviation = self._control.deviation
        standardized = raw / deviation if deviation > 0.0 else np.zeros_like(raw)
        standardized.flags.writeable = False
        return standardized

    @lazy
    def derived(self) -> Mapping[str, Estimate]:
        """Full width at half maximum and area of every peak, with errors from the full covariance."""
        return derived_of(self)

    @property
    def fwhm(self) -> Estimate | tuple[Estimate, ...]:
        """Full width at half maximum, 2√(2 ln 2) · width; a tuple for several peaks."""
        return self._derived("fwhm")

    @property
    def area(self) -> Estimate | tuple[Estimate, ...]:
        """Area between peak and baseline, √(2π) · amplitude · width; a tuple for several peaks."""
        return self._derived("area")

    def _derived(self, name: str) -> Estimate | tuple[Estimate, ...]:
        if self.peaks == 1:
            return self.derived[name]
        return tuple(self.derived[f"{name}_{k + 1}"] for k in range(self.peaks))

    @lazy
    def verdicts(self) -> tuple[Verdict, ...]:
        """Return the findings on this fit, the gravest first."""
        with np.errstate(all="ignore"):
            return judge(self, about_control(self))

    @lazy
    def _perfect(self) -> bool:
        """Whether the residuals are no more than rounding."""
        y = self._solution.scale.y
        return self._solution.sse <= 1e-20 * max(float(y.dot(y)), 1e-300)

    @property
    def trustworthy(self) -> bool:
        """Whether no finding is a warning or worse."""
        return not any(verdict.severity in ("warning", "bad") for verdict in self.verdicts)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return a DataFrame: one row a parameter; value, error, low and high of the interval at `level`."""
        import pandas as pd

        intervals = self.interval(level)
        rows = [(self.values[n], self.errors[n], *intervals[n]) for n in self.names]
        index = pd.Index(self.names, name="parameter")
        return pd.DataFrame(rows, index=index, columns=["value", "error", "low", "high"])

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return everything but the arrays of points as plain numbers and strings, ready for JSON.

        Numbers that are not finite become None.
        """
        return report.as_dict(self, level)

    def __repr__(self) -> str:
        return report.text(self)

    def _repr_html_(self) -> str:
        return report.html(self)


def restored(
    y: Array, left_out: int, absolute: bool, solution: Solution, control: Control | None, choice: Choice | None
) -> Fit:
    """Return a Fit from its pickled parts, its arrays read-only again."""
    axis = solution.scale.axis
    for array in (y, axis.x, axis.sigma, axis.t, axis.root_weight):
        if array is not None:
            array.flags.writeable = False
    return Fit(y, left_out, absolute, solution, control, choice)
