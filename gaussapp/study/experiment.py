"""`Experiment`: all that it takes to simulate a measurement and fit it, as plain arrays that can travel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gaussapp.fitting import Fit, evaluate
from gaussapp.fitting.fit import check_loss, knows_noise
from gaussapp.fitting.peak import Array, parameter_names
from gaussapp.fitting.uncertainty.bound import bounds_at, deviations_of_counts, root_of_bound
from gaussapp.model import GaussianModel
from gaussapp.noise import NORMAL, POISSON, poisson_quantile, unit_noise

STREAM = 2
"""Sets the noise of repeated experiments apart from that of the one on the page, which has the same seed."""

STARTS = ("search", "truth")

LEAST_SQUARES = "least squares"


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """A measurement to be repeated, and how it is fitted. Picklable; made by `experiment_of`.

    Attributes
    ----------
    x, curve
        Positions and noiseless values, (N,).
    noise
        Standard deviation of the noise on each y, (N,); not used for counts.
    distribution
        One of `gaussapp.noise.DISTRIBUTIONS`.
    seed
        Seed of the noise.
    truth
        True parameters of the fitted model by name.
    peaks, baseline
        The model that is fitted.
    sigma
        What the fits are told about the noise, (N,) or None.
    absolute_sigma
        Whether the fits take that as the size of the noise or as weights only.
    start
        ``"search"`` or ``"truth"``.
    loss
        What the fits make small, as in `gaussapp.fit`.
    """

    x: Array
    curve: Array
    noise: Array
    distribution: str
    seed: int
    truth: dict[str, float]
    peaks: int
    baseline: str
    sigma: Array | None
    absolute_sigma: bool
    start: str
    loss: str = LEAST_SQUARES

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that are fitted."""
        return parameter_names(self.peaks, self.baseline)

    def simulate(self, first: int, count: int) -> Array:
        """Return the y of `count` experiments from number `first` on, (count, N).

        The noise of experiment i depends on the seed, on i and on N alone: number i takes the values i·N to i·N + N - 1
        of one long stream of random numbers (PCG64), in which one can begin anywhere.
        """
        points = self.x.size
        unit = unit_noise((self.seed, STREAM), count * points, self.distribution, skip=first * points)
        if self.distribution == POISSON:
            mean = np.tile(np.maximum(self.curve, 0.0), count)
            return poisson_quantile(unit, mean).reshape(count, points)
        y = unit.reshape(count, points)
        y *= self.noise
        y += self.curve
        return y

    def bound(self) -> dict[str, float]:
        """Return the Cramér-Rao bound on every parameter, FWHM and area: exact for normal noise and for counts.

        For other noise this is the bound that normal noise of the same size would have; least squares cannot do better
        there, other methods, such as the robust loss, may.
        """
        return bounds_at(self.x, self.truth, self._deviations(), self.baseline, derived=True)

    def bound_covariance(self) -> Array:
        """Return the inverse Fisher matrix, (P, P), with the squares of `bound` on its diagonal; inf where unknown.

        Rows and columns are in the order of `names`.
        """
        root = root_of_bound(self.x, self.truth, self._deviations(), self.baseline)
        covariance: Array = root.matrix @ root.matrix.T
        covariance[root.unseen] = covariance[:, root.unseen] = math.inf
        return covariance

    def fitted(self, loss: str) -> Experiment:
        """Return the same experiment, its fits making something else small.

        Raises
        ------
        ValueError
            If the loss cannot go with the noise, or with a sigma that is told to the fits.
        """
        check_loss(loss)
        if loss == self.loss:
            return self
        fitted_as(loss, self.distribution)
        return replace(self, loss=loss, absolute_sigma=knows_noise(loss, self.sigma is not None, None))

    def _deviations(self) -> Array:
        # Counts have the simulated curve as their mean, whatever baseline is fitted.
        return deviations_of_counts(self.curve) if self.distribution == POISSON else self.noise


def experiment_of(
    source: GaussianModel | Fit | Experiment,
    *,
    baseline: str = "constant",
    absolute_sigma: bool | None = None,
    counts: bool | None = None,
    seed: int | None = None,
    start: str = "search",
    loss: str | None = None,
) -> Experiment:
    """Return the experiment that a model describes, or the one behind a fit to measured data; or one as it is.

    The arguments are those of `gaussapp.replicate`.

    Raises
    ------
    TypeError
        If `source` is neither a `GaussianModel`, a `Fit` nor an `Experiment`.
    ValueError
        If the noise is 0 or not known, a fit holds parameters, the loss cannot go with the noise, or an option has an
        impossible value.
    """
    if loss is not None:
        check_loss(loss)
    if start not in STARTS:
        raise ValueError(f'start must be "search" or "truth", not {start!r}')
    if isinstance(source, GaussianModel):
        if counts is not None:
            raise ValueError("counts is for a Fit; a GaussianModel says itself what its noise is: set its distribution")
        seed = source.seed if seed is None else seed
        return of_model(source, baseline, absolute_sigma, seed, start, loss or LEAST_SQUARES)
    if isinstance(source, Fit):
        return of_fit(source, absolute_sigma, counts, 1 if seed is None else seed, start, loss)
    if isinstance(source, Experiment):  # says itself all that the other arguments say
        source = source if loss is None else source.fitted(loss)
        return source if seed is None else replace(source, seed=int(seed))
    raise TypeError(f"replicate needs a GaussianModel or a Fit, not {type(source).__name__}")


def of_model(
    model: GaussianModel, baseline: str, absolute: bool | None, seed: int, start: str, loss: str = LEAST_SQUARES
) -> Experiment:
    """Return the experiment of a model."""
    names = parameter_names(1, baseline)
    counts, noise, offset = model.distribution == POISSON, float(model.noise), float(model.offset)
    if noise == 0.0 and not counts:
        raise ValueError("noise is 0: every experiment would give the same data; set it above 0")
    x = np.linspace(*model.window, model.samples)
    known = {
        "amplitude": float(model.amplitude),
        "center": float(model.center),
        "width": float(model.width),
        "offset": offset,
        "decay_amplitude": offset,
    }
    # Sigma that is the same everywhere says nothing but the size of the noise, which the other losses do not ask for.
    sigma = np.full(x.size, noise) if model.sigma_known and not counts and loss == LEAST_SQUARES else None
    fitted_as(loss, model.distribution)
    return Experiment(
        x=x,
        curve=evaluate(x, known, "constant"),
        noise=np.full(x.size, math.nan if counts else noise),
        distribution=model.distribution,
        seed=int(seed),
        truth={name: known.get(name, 0.0) for name in names},
        peaks=1,
        baseline=baseline,
        sigma=sigma,
        absolute_sigma=knows_noise(loss, sigma is not None, absolute),
        start=start,
        loss=loss,
    )


def fitted_as(loss: str, distribution: str) -> None:
    """Refuse a loss for counts where the noise makes none."""
    if loss == "poisson" and distribution != POISSON:
        raise ValueError(
            f'loss="poisson" needs counts, but the noise of this experiment is {distribution}: choose Poisson counts '
            "for the noise, or another loss"
        )


def of_fit(
    fit: Fit, absolute: bool | None, counts: bool | None, seed: int, start: str, loss: str | None = None
) -> Experiment:
    """Return the experiment whose truth is a fitted curve, with noise of the size of sigma or of the residuals."""
    held = [*fit.fixed, *fit.bounds, *fit.ties]
    if held:
        raise ValueError(
            f"the fit holds {', '.join(dict.fromkeys(held))}, but an experiment is repeated with every parameter free: "
            "fit without fixed, bounds and ties to see how precise that is"
        )
    loss = fit.loss if loss is None else loss
    counts = are_counts(fit) if counts is None else bool(counts)
    if counts and fit.sigma is not None:
        raise ValueError("counts=True goes with a fit without sigma; counts have the root of their mean as noise")
    noise = np.full(fit.x.size, math.nan)
    if not counts:
        # Where sigma only weighs the points, the residuals say how large the noise is.
        scale = 1.0 if fit.absolute_sigma and fit.sigma is not None else deviation_of_residuals(fit)
        if not (math.isfinite(scale) and scale > 0.0):
            raise ValueError(
                "the fit leaves no residuals to tell the size of the noise; fit more points, or give sigma"
            )
        noise = scale * (np.ones(fit.x.size) if fit.sigma is None else fit.sigma)
    distribution = POISSON if counts else NORMAL
    fitted_as(loss, distribution)
    if absolute is None and loss == fit.loss:
        absolute = fit.absolute_sigma
    return Experiment(
        x=fit.x,
        curve=fit.curve(fit.x),
        noise=noise,
        distribution=distribution,
        seed=int(seed),
        truth=dict(fit.values),
        peaks=fit.peaks,
        baseline=fit.baseline,
        sigma=fit.sigma,
        absolute_sigma=knows_noise(loss, fit.sigma is not None, absolute),
        start=start,
        loss=loss,
    )


def deviation_of_residuals(fit: Fit) -> float:
    """Return the standard deviation of the noise that the residuals say, over sigma if there is one; no outliers'."""
    if fit.loss == "robust":
        raw = fit.residuals if fit.sigma is None else fit.residuals / fit.sigma
        standardized = fit.standardized
        worst = int(abs(standardized).argmax())
        return float(raw[worst] / standardized[worst]) if standardized[worst] else 0.0
    return math.sqrt(fit.reduced_chi2)


def are_counts(fit: Fit) -> bool:
    """Tell whether the data of a fit are counts: whole numbers, none below zero, and no sigma."""
    return fit.sigma is None and bool(np.all(fit.y >= 0.0) and np.all(fit.y == np.rint(fit.y)))
