"""What a simulated experiment can tell at best: its settings, and the exact bound on everything one asks of a peak."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.bound import bound_covariance
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH, Array, evaluate

if TYPE_CHECKING:
    from gaussapp.model import GaussianModel

__all__ = ["QUANTITIES", "Experiment", "quantities"]

QUANTITIES = ("amplitude", "center", "width", "fwhm", "area")
"""What may be asked of a peak."""

BASELINES = ("none", "constant", "linear")
"""Baselines that may be fitted: a model without a decay says nothing on the precision of one."""


@dataclass(frozen=True)
class Experiment:
    """The settings of a `gaussapp.GaussianModel` that the precision of its fit depends on."""

    amplitude: float
    center: float
    width: float
    offset: float
    window: tuple[float, float]
    samples: int
    noise: float
    counts: bool

    @classmethod
    def of(cls, model: GaussianModel) -> Experiment:
        """Return the settings of a model, by value."""
        from gaussapp.noise import POISSON

        low, high = model.window
        return cls(
            float(model.amplitude),
            float(model.center),
            float(model.width),
            float(model.offset),
            (float(low), float(high)),
            int(model.samples),
            float(model.noise),
            model.distribution == POISSON,
        )

    @property
    def truth(self) -> dict[str, float]:
        """True parameters by name."""
        return {name: getattr(self, name) for name in ("amplitude", "center", "width", "offset")}

    def bound(self, baseline: str) -> dict[str, float]:
        """Return the smallest standard deviation of every quantity that an unbiased estimate can have.

        Raises
        ------
        ValueError
            If counts have a mean that is not above zero somewhere: their noise there is zero, and says nothing.
        """
        x = np.linspace(*self.window, self.samples)
        names, covariance = bound_covariance(x, self.truth, self._deviation(x), baseline=baseline)
        index = [names.index(name) for name in ("amplitude", "center", "width")]
        return quantities(self.amplitude, self.width, covariance[np.ix_(index, index)])

    def _deviation(self, x: Array) -> Array | float:
        """Return the standard deviation of the noise at x."""
        if not self.counts:
            return self.noise
        mean = evaluate(x, self.truth, "constant")
        if not np.all(mean > 0.0):
            raise ValueError(
                f"counts need a mean above zero everywhere in the window, and this one falls to {mean.min():g}: set an "
                f"offset above {max(0.0, -self.amplitude):g}"
            )
        return np.sqrt(mean)


def quantities(amplitude: float, width: float, covariance: Array) -> dict[str, float]:
    r"""Return the standard deviation of every quantity of a peak.

    The full width at half maximum is :math:`2\sqrt{2\ln 2}\,w`, the area :math:`S = \sqrt{2\pi} A w`; to first order

    .. math:: \mathrm{var}\,S = 2\pi\,(w^2\,\mathrm{var}\,A + A^2\,\mathrm{var}\,w + 2 A w\,\mathrm{cov}(A, w)).

    Parameters
    ----------
    amplitude, width
        Of the peak.
    covariance
        Of amplitude, center and width, (3, 3).

    Examples
    --------
    >>> round(quantities(2.0, 0.5, np.diag([0.04, 0.01, 0.0025]))["area"], 9)  # 0.2 · 0.5 and 2 · 0.05, times √(2π)
    0.35449077
    """
    amplitude_deviation, center, width_deviation = (math.sqrt(v) for v in covariance.diagonal().tolist())
    variance = (width * amplitude_deviation) ** 2 + (amplitude * width_deviation) ** 2
    variance += 2.0 * amplitude * width * float(covariance[0, 2])
    known = math.isfinite(amplitude_deviation) and math.isfinite(width_deviation)
    # The area may be known where rounding leaves a trace below zero: amplitude and width that go against each other.
    area = AREA_PER_HEIGHT_AND_WIDTH * math.sqrt(max(variance, 0.0)) if known else math.inf
    return {
        "amplitude": amplitude_deviation,
        "center": center,
        "width": width_deviation,
        "fwhm": FWHM_PER_WIDTH * width_deviation,
        "area": area,
    }
