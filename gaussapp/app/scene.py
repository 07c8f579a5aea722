"""What one state of the settings shows: the data, and the fit or the sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gaussapp.app.holding import Pair, free_centers
from gaussapp.app.state import FitSettings
from gaussapp.app.truth import bound_of
from gaussapp.data import Data
from gaussapp.fitting import Fit, fit
from gaussapp.fitting.constrained.carried import tied_widths
from gaussapp.fitting.uncertainty.likelihood import is_doubtful

Intervals = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Request:
    """Everything a scene is computed from, frozen at one moment, so that it can be computed in another thread."""

    baseline: str
    peaks: int | str
    same_width: bool
    loss: str
    level: float
    intervals: str
    band: str
    absolute_sigma: bool | None
    fit_range: tuple[float, float] | None
    fixed: Mapping[str, float]
    bounds: Mapping[str, Pair]
    own_ties: Mapping[str, str]
    start: Mapping[str, float]
    correlations: bool
    noise: float | None
    certified: Mapping[str, Mapping[str, float]] | None = None

    @classmethod
    def of(
        cls, settings: FitSettings, noise: float | None, certified: Mapping[str, Mapping[str, float]] | None = None
    ) -> Request:
        """Freeze the settings; `noise` is the true standard deviation if known, `certified` the numbers to reach."""
        return cls(
            settings.baseline,
            settings.peaks,
            settings.same_width,
            settings.loss,
            settings.level,
            settings.intervals,
            settings.band,
            settings.absolute_sigma,
            settings.fit_range,
            dict(settings.fixed),
            dict(settings.bounds),
            dict(settings.ties),
            dict(settings.start),
            settings.correlations,
            noise,
            certified,
        )

    @property
    def ties(self) -> dict[str, str]:
        """What follows what, as `gaussapp.fit` takes it: what was asked for, and one width for all peaks."""
        widths = tied_widths(self.peaks) if self.same_width and isinstance(self.peaks, int) else {}
        return {**widths, **self.own_ties}

    @property
    def known(self) -> dict[str, object]:
        """What is known of the parameters, as `gaussapp.compare` takes it for any model."""
        return {
            "fixed": self.fixed,
            "bounds": self.bounds,
            "ties": self.own_ties,
            "same_width": self.same_width,
        }

    @property
    def options(self) -> dict[str, object]:
        """What `gaussapp.fit` and `gaussapp.compare` take whatever the number of peaks and the baseline."""
        return {"absolute_sigma": self.absolute_sigma, "loss": self.loss}


@dataclass(frozen=True)
class Scene:
    """One drawn state. `fit` is None when there is nothing to fit; `problem` then says why in a sentence.

    `profile` holds the asymmetric intervals of parameters and derived quantities. They take longer than all the rest,
    so that they come later (`gaussapp.app.rest`): it is None until then, or where none are wanted.
    """

    data: Data
    request: Request
    fit: Fit | None
    problem: str = ""
    bound: dict[str, float] = field(default_factory=dict)
    profile: Intervals | None = None

    @property
    def awaits_profile(self) -> bool:
        """Whether asymmetric intervals are still to be computed."""
        return self.profile is None and self.fit is not None and wants_profile(self.fit, self.request)


def part_of(data: Data, request: Request) -> Data:
    """Return the points that are fitted.

    Raises
    ------
    ValueError
        If there are none in the part of x that was asked for.
    """
    return data if request.fit_range is None else data.select(*request.fit_range)


def points_of(data: Data, request: Request) -> tuple[object, ...]:
    """Return x, y and sigma as `gaussapp.fit` takes them: the noise of counts follows from their mean."""
    return data.x, data.y, None if request.loss == "poisson" else data.sigma


def compute(data: Data, request: Request) -> Scene:
    """Fit `data` as requested. Pure: safe to run off the event loop."""
    try:
        part = part_of(data, request)
        fitted = _fitted(part, request)
    except ValueError as error:
        return Scene(data, request, None, str(error))
    reached = bound_of(part, fitted, request.noise, request.fixed, request.ties)
    return Scene(data, request, fitted, bound=reached)


def _fitted(part: Data, request: Request) -> Fit:
    """Fit, and where the user has pointed at peaks, from there too."""
    points = points_of(part, request)
    options = {"baseline": request.baseline, "peaks": request.peaks, **request.options}
    held = {"fixed": request.fixed, "bounds": request.bounds, "ties": request.ties}
    options |= {name: given for name, given in held.items() if given}
    if not request.start or request.peaks == "auto":
        return fit(*points, **options)
    from_there = fit(*points, start=request.start, **options)
    if all(name in request.start for name in free_centers({**request.fixed, **request.ties}, request.peaks)):
        return from_there  # the user has said where all peaks are; a better answer elsewhere is a verdict
    found = fit(*points, **options)
    return from_there if from_there.aic < found.aic else found


def wants_profile(fitted: Fit, request: Request) -> bool:
    """Whether asymmetric intervals are to be shown of a fit: as set, or where symmetric ones cover too little."""
    if request.intervals == "symmetric" or fitted.dof <= 0:
        return False
    return request.intervals == "profile" or is_doubtful(fitted)


def profile_of(fitted: Fit, request: Request) -> Intervals:
    """Return the asymmetric intervals of parameters and derived quantities; symmetric ones where there are none."""
    wanted = [*fitted.names, *fitted.derived]
    try:
        return fitted.interval(request.level, kind="profile", of=wanted)
    except ValueError:  # an area whose amplitude and width are tied to each other is no coordinate of its own
        return {name: _profile_of_one(fitted, request.level, name) for name in wanted}


def _profile_of_one(fitted: Fit, level: float, name: str) -> tuple[float, float]:
    try:
        return fitted.interval(level, kind="profile", of=[name])[name]
    except ValueError:
        return fitted.interval(level, of=[name])[name]
