"""What one state of the settings shows: the data, and the fit or the sentence that says why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from gaussapp.app.state import FitSettings
from gaussapp.data import Data
from gaussapp.fitting import Fit, bound, fit

ENOUGH = 2_000
"""Points from which the bound is computed when there are more."""


@dataclass(frozen=True)
class Request:
    """Everything a scene is computed from, frozen at one moment, so that it can be computed in another thread."""

    baseline: str
    peaks: int
    level: float
    band: str
    absolute_sigma: bool | None
    fit_range: tuple[float, float] | None
    noise: float | None

    @classmethod
    def of(cls, settings: FitSettings, noise: float | None) -> Request:
        """Freeze the settings; `noise` is the true standard deviation when it is known."""
        return cls(
            settings.baseline,
            settings.peaks,
            settings.level,
            settings.band,
            settings.absolute_sigma,
            settings.fit_range,
            noise,
        )


@dataclass(frozen=True)
class Scene:
    """One drawn state. `fit` is None when there is nothing to fit; `problem` then says why in a sentence."""

    data: Data
    request: Request
    fit: Fit | None
    problem: str = ""
    bound: dict[str, float] = field(default_factory=dict)


def compute(data: Data, request: Request) -> Scene:
    """Fit `data` as requested. Pure: safe to run off the event loop."""
    part = data
    try:
        if request.fit_range is not None:
            part = data.select(*request.fit_range)
        fitted = fit(part, baseline=request.baseline, peaks=request.peaks, absolute_sigma=request.absolute_sigma)
    except ValueError as error:
        return Scene(data, request, None, str(error))
    return Scene(data, request, fitted, bound=_bound(part, request))


def _bound(data: Data, request: Request) -> dict[str, float]:
    """Cramér-Rao bound for the true peak with the baseline that is fitted; empty where there is none to compare with.

    For very many points, evenly spaced ones among them give the same matrix up to its scale.
    """
    if data.truth is None or request.noise is None or request.peaks != 1 or request.baseline == "exponential":
        return {}
    every = max(1, len(data.x) // ENOUGH)
    x = data.x[::every]
    share = math.sqrt(len(x) / len(data.x))
    return bound(x, data.truth, request.noise * share, baseline=request.baseline)
