"""The experiment behind a fit to measured data, with more points or less noise than it had."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from gaussapp.fitting import Fit, evaluate
from gaussapp.noise import POISSON
from gaussapp.planning.design import QUANTITIES, Design, Limits
from gaussapp.study import Experiment, experiment_of

LIMITS = Limits(1_000_000, math.inf, (-math.inf, math.inf))
"""What may be planned at most from measured data."""


@dataclass(frozen=True)
class MeasuredDesign(Design):
    """The settings behind a fit; `noise` is the root of the mean squared noise.

    More or fewer points are spread over x as those that were measured, each with the noise that was found there; other
    noise is in the same proportion everywhere.
    """

    measured: Experiment = field(compare=False)
    found: float = field(compare=False)

    @classmethod
    def of_fit(cls, fit: Fit) -> MeasuredDesign:
        """Return the settings behind a fit.

        Raises
        ------
        ValueError
            If it is of several peaks, or its noise is not known.
        """
        if fit.peaks != 1:
            raise ValueError(
                f"a plan is made for one peak, not {fit.peaks}: fit the part of x with the one that matters"
            )
        experiment = experiment_of(fit)
        counts = experiment.distribution == POISSON
        noise = 0.0 if counts else math.sqrt(float(np.mean(experiment.noise**2)))
        values = {name: float(fit.values[name]) for name in ("amplitude", "center", "width")}
        window = float(fit.x.min()), float(fit.x.max())
        return cls(
            **values,
            offset=float(fit.values.get("offset", 0.0)),
            window=window,
            samples=int(fit.x.size),
            noise=noise,
            counts=counts,
            measured=experiment,
            found=noise,
        )

    def experiment(self) -> Experiment:
        """Return the experiment with these numbers of points and this noise."""
        made = self.measured
        if self.samples != made.x.size:
            made = spread_out(made, self.samples)
        if self.noise == self.found:
            return made
        factor = self.noise / self.found
        sigma = None if made.sigma is None else factor * made.sigma
        return replace(made, noise=factor * made.noise, sigma=sigma)

    def bound(self, baseline: str) -> dict[str, float]:
        """Return the smallest standard deviation of every quantity that an unbiased estimate can have."""
        if self.noise == 0.0 and not self.counts:
            return dict.fromkeys(QUANTITIES, 0.0)
        with np.errstate(over="ignore"):
            found = self.experiment().bound()
        return {name: found[name] for name in QUANTITIES}


def spread_out(experiment: Experiment, samples: int) -> Experiment:
    """Return an experiment with another number of points, spread over x as those that are there.

    The points are at the same quantiles of x: the first half of them has the first half of the others.
    """
    order = np.argsort(experiment.x, kind="stable")
    there = (np.arange(order.size) + 0.5) / order.size
    ranks = (np.arange(samples) + 0.5) / samples
    x = np.interp(ranks, there, experiment.x[order])
    noise = np.interp(ranks, there, experiment.noise[order])
    sigma = None if experiment.sigma is None else np.interp(ranks, there, experiment.sigma[order])
    curve = evaluate(x, experiment.truth, experiment.baseline)
    return replace(experiment, x=x, curve=curve, noise=noise, sigma=sigma)
