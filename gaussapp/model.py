"""The simulated experiment: a Gaussian peak on an offset, sampled in a window, under noise of a chosen kind."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import param

from gaussapp.data import Data
from gaussapp.noise import DISTRIBUTIONS, NORMAL, POISSON, poisson_quantile, unit_noise

__all__ = ["GaussianModel"]

Array = npt.NDArray[np.float64]

BLOCK = 8192
"""Points computed at a time: so many, with their scratch space, stay in the processor's nearest caches."""

REACH = 39.0
"""Beyond this many widths from its center, exp(-z²/2) is zero in double precision."""


class FiniteNumber(param.Number[float]):
    """A number that is neither NaN, which passes any comparison with bounds, nor infinite, nor made by a function."""

    def __get__(self, obj: Any, objtype: Any = None) -> Any:
        # param looks at every reading whether the number is made by a function, which takes longer than a small fit's
        # whole curve.
        return param.Parameter.__get__(self, obj, objtype)

    def _validate_value(self, val: Any, allow_None: bool) -> None:
        super()._validate_value(val, allow_None)
        if isinstance(val, (bool, np.bool_)) or callable(val) or (val is not None and not math.isfinite(val)):
            raise ValueError(f"{self.label or self.name} must be a finite number, not {val!r}")


class Interval(param.Range[tuple[float, float]]):
    """Two finite numbers, the lower one first and truly lower."""

    def _validate(self, val: Any) -> None:
        pair = isinstance(val, tuple) and len(val) == 2 and all(isinstance(end, int | float) for end in val)
        if pair and not (all(math.isfinite(end) for end in val) and val[0] < val[1]):
            raise ValueError(
                f"{self.label or self.name} must be two finite numbers, the lower one first and different from the "
                f"other, not {val!r}"
            )
        super()._validate(val)  # type: ignore[no-untyped-call]


class GaussianModel(param.Parameterized):
    r"""One Gaussian peak, measured with noise.

    .. math:: y_i = A \exp\left(-\frac{(x_i - \mu)^2}{2\sigma^2}\right) + \mathrm{offset} + \mathrm{noise}\cdot e_i

    with N equally spaced :math:`x_i` from one end of the window to the other, amplitude A, center μ, width σ, and
    :math:`e_i` of mean 0 and standard deviation 1, whatever their distribution. Poisson counts are drawn with the
    noiseless curve as their mean instead.

    The :math:`e_i` depend on seed and distribution alone, so that moving a slider changes one thing (common random
    numbers), and the first ones stay when more points are taken. Equal parameters give equal data on every machine.

    The soft bounds are what the sliders span, the bounds what may be set at all. To widen a slider, assign to
    ``model.param.center.softbounds``; to go beyond the bounds, assign to ``.bounds`` or make a subclass.

    Examples
    --------
    >>> model = GaussianModel(amplitude=2, noise=0.1)
    >>> model.simulate()
    Data('simulated', 25 points, x from -2 to 2, with truth)
    """

    amplitude = FiniteNumber(
        default=3.0,
        bounds=(-1e6, 1e6),
        softbounds=(-5.0, 5.0),
        step=0.01,
        precedence=10,
        label="amplitude",
        doc="Height of the peak above its offset, in the unit of y; a negative one is a dip.",
    )
    center = FiniteNumber(
        default=0.0,
        bounds=(-1e6, 1e6),
        softbounds=(-5.0, 5.0),
        step=0.01,
        precedence=11,
        label="center",
        doc="Position of the peak, in the unit of x.",
    )
    width = FiniteNumber(
        default=0.5,
        bounds=(1e-6, 1e6),
        softbounds=(0.01, 2.0),
        step=0.01,
        precedence=12,
        label="width",
        doc="Standard deviation of the peak, in the unit of x; its full width at half maximum is 2.355 times that.",
    )
    distribution = param.Selector(  # type: ignore[var-annotated]
        default=NORMAL,
        objects=list(DISTRIBUTIONS),
        precedence=20,
        label="distribution",
        doc=(
            "What the noise is drawn from. All but the counts are scaled to the standard deviation that noise says. "
            "With outliers, one point in ten is ten times as noisy as the others. Poisson counts have the curve as "
            "their mean, 0 where it is negative, and do not use noise."
        ),
    )
    noise = FiniteNumber(
        default=0.3,
        bounds=(0.0, 1e6),
        softbounds=(0.0, 1.0),
        step=0.01,
        precedence=21,
        label="noise",
        doc="Standard deviation of the noise on y, in the unit of y. Not used for Poisson counts.",
    )
    offset = FiniteNumber(
        default=0.0,
        bounds=(-1e6, 1e6),
        softbounds=(-1.0, 1.0),
        step=0.01,
        precedence=22,
        label="offset",
        doc="A constant added to every y, in the unit of y: the mean of the noise.",
    )
    sigma_known = param.Boolean(
        default=False,
        precedence=23,
        label="noise is known to the fit",
        doc=(
            "Whether the data carry the standard deviation of each y. Without effect at noise 0 and on Poisson counts."
        ),
    )
    seed = param.Integer(
        default=1,
        bounds=(0, 2**32 - 1),
        softbounds=(0, 999),
        step=1,
        precedence=24,
        label="seed",
        doc="The same seed gives the same noise again.",
    )
    new_noise = param.Event(  # type: ignore[no-untyped-call]
        precedence=25,
        label="New noise",
        doc="Repeat the experiment: draw the noise again, with the next seed.",
    )
    samples = param.Integer(
        default=25,
        bounds=(1, 1_000_000),
        softbounds=(5, 2000),
        step=1,
        precedence=30,
        label="points",
        doc="Number of points, equally spaced over the window, its ends included.",
    )
    window = Interval(
        default=(-2.0, 2.0),
        bounds=(-1e6, 1e6),
        softbounds=(-10.0, 10.0),
        step=0.1,
        precedence=31,
        label="window",
        doc="The first and the last x that are measured.",
    )

    def __init__(self, **params: Any) -> None:
        self._positions: tuple[object, Array] = (None, np.empty(0))
        self._noise: tuple[object, Array] = (None, np.empty(0))
        super().__init__(**params)  # type: ignore[no-untyped-call]

    def __deepcopy__(self, memo: dict[int, Any]) -> GaussianModel:
        """Return a model with the same settings and bounds that nobody watches.

        Who watches this one, a whole page perhaps, would otherwise be copied with it and follow the copy.
        """
        made = type(self)()
        for name, parameter in self.param.objects("existing").items():
            if isinstance(parameter, (param.Number, param.Range)):
                own = made.param[name]
                for limits in ("bounds", "softbounds"):
                    if getattr(own, limits) != getattr(parameter, limits):
                        setattr(own, limits, getattr(parameter, limits))
        values = self.param.values()
        made.param.update(**{name: values[name] for name in values if name not in ("name", "new_noise")})
        return made

    @param.depends("new_noise", watch=True)
    def _draw_again(self) -> None:
        if self.new_noise:
            lowest, highest = self.param.seed.bounds
            self.seed = self.seed + 1 if self.seed < highest else lowest

    def simulate(self) -> Data:
        """Return the data that the experiment gives.

        Returns
        -------
        Data
            N points with their truth; with sigma where the noise is known, not zero, and not that of counts.
        """
        samples, distribution, noise = self.samples, self.distribution, float(self.noise)
        peak = (float(self.amplitude), float(self.center), float(self.width), float(self.offset))
        x = self._sample_positions(samples)
        counts = distribution == POISSON
        y = np.empty(samples)
        if counts:
            _evaluate(x, y, *peak)
            y = poisson_quantile(self._unit_noise(samples, distribution), np.maximum(y, 0.0, out=y))
        elif noise == 0.0:
            _evaluate(x, y, *peak)
        else:
            _evaluate(x, y, *peak, noise, self._unit_noise(samples, distribution))
        sigma = np.full(samples, noise) if self.sigma_known and noise > 0.0 and not counts else None
        truth = MappingProxyType(dict(zip(("amplitude", "center", "width", "offset"), peak, strict=True)))
        return Data.trusted(x, y, sigma, name="simulated", truth=truth, counts=counts)

    def _sample_positions(self, samples: int) -> Array:
        """Return x, shape (samples,), kept from the last time where it is the same."""
        wanted = (self.window, samples)
        if self._positions[0] != wanted:
            self._positions = (wanted, np.linspace(self.window[0], self.window[1], samples))
        return self._positions[1]

    def _unit_noise(self, samples: int, distribution: str) -> Array:
        """Return noise of standard deviation 1 (for counts: uniform numbers), kept from the last time."""
        wanted = (self.seed, samples, distribution)
        if self._noise[0] != wanted:
            self._noise = (wanted, unit_noise(self.seed, samples, distribution))
        return self._noise[1]


def _evaluate(
    x: Array,
    y: Array,
    amplitude: float,
    center: float,
    width: float,
    offset: float,
    noise: float = 0.0,
    unit: Array | None = None,
) -> None:
    """Write the curve at x, and the noise on it, into y; x must be sorted.

    The exponential is most of the work, so it is left out where it is zero anyway.
    """
    first, last = x.searchsorted((center - REACH * width, center + REACH * width))
    scale = -0.5 / width**2
    for start in range(0, len(x), BLOCK):
        block = slice(start, start + BLOCK)
        part = y[block]
        if unit is None:
            part.fill(offset)
        else:
            np.multiply(unit[block], noise, out=part)
            part += offset
        inside = slice(max(start, first), min(start + BLOCK, last))
        if inside.start < inside.stop:
            peak = x[inside] - center
            peak *= peak
            peak *= scale
            np.exp(peak, out=peak)
            peak *= amplitude
            y[inside] += peak
