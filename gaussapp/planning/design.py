"""The settings that the precision of a fit depends on, and that precision: the exact Cramér-Rao bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussapp.fitting import bound

if TYPE_CHECKING:
    from gaussapp.model import GaussianModel

QUANTITIES = ("amplitude", "center", "width", "fwhm", "area")
"""What may be asked of a peak."""

BASELINES = ("none", "constant", "linear")
"""Baselines that may be fitted: a model without a decay says nothing on the precision of one."""

VARIED = {"samples": "number of points", "noise": "noise", "window": "length of the window"}
"""What may be varied, and what stands on the axis of its curve."""

Setting = int | float | tuple[float, float]
"""Number of points, noise, or window."""


@dataclass(frozen=True)
class Limits:
    """What may be planned at most: points, noise, and the ends of the window."""

    samples: int
    noise: float
    window: tuple[float, float]

    @classmethod
    def of(cls, model: GaussianModel) -> Limits:
        """Return what a model takes."""
        low, high = model.param.window.bounds
        return cls(int(model.param.samples.bounds[1]), float(model.param.noise.bounds[1]), (float(low), float(high)))


@dataclass(frozen=True)
class Design:
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
    def of(cls, model: GaussianModel) -> Design:
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

    def bound(self, baseline: str) -> dict[str, float]:
        """Return the smallest standard deviation of every quantity that an unbiased estimate can have."""
        x = np.linspace(*self.window, self.samples)
        truth = {name: getattr(self, name) for name in ("amplitude", "center", "width", "offset")}
        noise = None if self.counts else self.noise
        found = bound(x, truth, noise, baseline=baseline, counts=self.counts, derived=True)
        return {name: found[name] for name in QUANTITIES}


def changed(design: Design, vary: str, value: Any) -> Design:
    """Return the design with one setting changed."""
    return replace(design, **{vary: value})


def on_axis(design: Design, vary: str, number: float) -> Design:
    """Return the experiment at a place on the axis of the curve."""
    if vary == "window":
        return changed(design, vary, about(design, 0.5 * number))
    return changed(design, vary, round(number) if vary == "samples" else number)


def about(design: Design, half: float) -> tuple[float, float]:
    """Return the window about the center of the peak, from its half length."""
    center = design.center
    return center - half, center + half


def place_on_axis(value: Setting) -> float:
    """Return where on the axis of the curve a setting is."""
    return value[1] - value[0] if isinstance(value, tuple) else float(value)


def untold(bound: Mapping[str, float]) -> list[str]:
    """Return the parameters of the peak that the data cannot tell."""
    return [name for name in ("amplitude", "center", "width") if math.isinf(bound[name])]
