"""How many points, which noise or which window gives a wanted precision: solved from the exact Cramér-Rao bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussapp.fitting import bound
from gaussapp.fitting.peak import Array

if TYPE_CHECKING:
    import pandas as pd

    from gaussapp.model import GaussianModel
    from gaussapp.study import Study

__all__ = ["BASELINES", "QUANTITIES", "VARIED", "Plan", "plan"]

QUANTITIES = ("amplitude", "center", "width", "fwhm", "area")
"""What may be asked of a peak."""

BASELINES = ("none", "constant", "linear")
"""Baselines that may be fitted: a model without a decay says nothing on the precision of one."""

VARIED = {"samples": "number of points", "noise": "noise", "window": "length of the window"}
"""What may be varied, and what stands on the axis of its curve."""

WALK = 2000
"""Numbers of points that are tried one by one where precision need not grow with every point."""

CURVE = 61
"""Points of the curve of precision."""

WORK = 4_000_000
"""Points in all for which the bound is computed in the search for the best window."""

Setting = int | float | tuple[float, float]


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


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What gives a wanted precision, and the precision of everything around it. Made by `plan`.

    Attributes
    ----------
    targets : dict of str to float
        The standard deviations that are wanted.
    vary, baseline : str
        What is varied, and the baseline that is fitted.
    reachable : bool
        Whether all targets can be met.
    value : int, float or tuple
        The fewest points, the largest noise, or the best window (low, high). If the targets cannot be met, where the
        precision comes closest to them.
    limits : tuple of float or None
        The shortest and the longest window, in units of x, about the center of the peak that meet the targets; None
        when something else is varied or they cannot be met.
    bound : dict of str to float
        The precision there of all that may be asked: amplitude, center, width, fwhm and area.
    present : int, float or tuple
        What the model has now.
    present_bound : dict of str to float
        The precision it has now.
    varied : ndarray of shape (M,)
        The axis of the curve: numbers of points, noise, or lengths of windows about the center of the peak.
    precision : dict of str to ndarray of shape (M,)
        The curve: the bound of everything that may be asked at each of `varied`.
    model : GaussianModel
        A copy of the model with the planned setting.
    """

    targets: Mapping[str, float]
    vary: str
    baseline: str
    reachable: bool
    value: Setting
    limits: tuple[float, float] | None
    bound: Mapping[str, float]
    present: Setting
    present_bound: Mapping[str, float]
    varied: Array
    precision: Mapping[str, Array]
    model: GaussianModel = field(repr=False)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        wanted = _wanted(self.targets)
        there, now = _setting(self.vary, self.value), _setting(self.vary, self.present)
        if not self.reachable:
            none = f"No {VARIED[self.vary]} gives the {wanted}"
            if untold := _untold(self.bound):
                return f"{none}: such data cannot tell the {' and the '.join(untold)} at all."
            name = max(self.targets, key=lambda name: self.bound[name] / self.targets[name])
            return f"{none}: the best is ± {self.bound[name]:.3g} for the {name}, with {there}."
        if self.vary == "samples":
            return f"At least {there} give the {wanted}; now there are {self.present}."
        if self.vary == "noise":
            return f"A {there} or less gives the {wanted}; now it is {self.present:.4g}."
        assert self.limits is not None
        shortest, longest = self.limits
        return (
            f"{there.capitalize()} is the best, and any one about the peak with a length from "
            f"{shortest:.4g} to {longest:.4g} gives the {wanted}; now it is {now}."
        )

    def verify(
        self,
        fits: int = 2000,
        *,
        seed: int | None = None,
        progress: Callable[[int, int], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Study:
        """Repeat the planned experiment: what the fits really do beside the bound they are planned from.

        The precision reached is `Study.spread`, with its error in `Study.spread_error`, and the bound over it in
        `Study.efficiency`. Where that is below 1 by more than its error the fit does not reach the bound (low signal to
        noise, or a window with hardly any baseline), and the plan is too hopeful.

        Parameters
        ----------
        fits, seed, progress, cancelled
            As for `replicate`.

        Raises
        ------
        ValueError
            If no experiment can be fitted, or the noise is 0.
        """
        from gaussapp.study import replicate

        return replicate(self.model, fits, baseline=self.baseline, seed=seed, progress=progress, cancelled=cancelled)

    def to_frame(self) -> pd.DataFrame:
        """Return the curve as a table: one row for each of `varied`, one column for each quantity."""
        import pandas as pd

        return pd.DataFrame({self.vary: self.varied, **self.precision})

    def __repr__(self) -> str:
        lines = [f"Plan: {self.sentence}"]
        first = max(map(len, QUANTITIES))
        for name in QUANTITIES:
            wanted = f"   wanted ± {self.targets[name]:.4g}" if name in self.targets else ""
            planned, now = f"± {self.bound[name]:.4g}", f"now ± {self.present_bound[name]:.4g}"
            lines.append(f"  {name:<{first}}  {planned:<12} {now}{wanted}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th><td>± {self.bound[name]:.4g}</td><td>± {self.present_bound[name]:.4g}</td>"
            f"<td>{f'± {self.targets[name]:.4g}' if name in self.targets else ''}</td></tr>"
            for name in QUANTITIES
        )
        head = "<tr><th></th><th>planned</th><th>now</th><th>wanted</th></tr>"
        return f"<p>{escape(self.sentence)}</p><table>{head}{rows}</table>"


def plan(
    model: GaussianModel,
    *,
    amplitude: float | None = None,
    center: float | None = None,
    width: float | None = None,
    fwhm: float | None = None,
    area: float | None = None,
    vary: str = "samples",
    baseline: str = "constant",
) -> Plan:
    """Find what gives a wanted precision: "I need the center to ± 0.01".

    Nothing is simulated (`Plan.verify` does that): the precision is the exact Cramér-Rao bound at the model's own
    values, that of the full width at half maximum and of the area with the full covariance. Least squares reach it at
    all but the lowest ratios of signal to noise, for noise of any of the distributions with that standard deviation,
    and no unbiased estimate does better in normal noise. For Poisson counts it is the bound of a fit that knows them to
    be counts.

    Parameters
    ----------
    model
        The experiment as it is; it is not changed.
    amplitude, center, width, fwhm, area
        Standard deviations that are wanted, one or several, in units of x and y; all of them are to be met.
    vary
        ``"samples"``: the fewest points, evenly spread over the window, from which on the targets are met. (One by one
        below two points a width, where it matters on which places the points fall; with more than 2000 such numbers by
        bisection.) ``"noise"``: the largest noise. ``"window"``: the best window about the center of the peak with the
        points there are: a wide one shows the baseline, a narrow one has more points in the peak.
    baseline
        The baseline that will be fitted: ``"none"``, ``"constant"`` or ``"linear"``.

    Returns
    -------
    Plan
        A target that cannot be reached is no error: ``reachable`` is False then, and `Plan` holds the best that is.

    Raises
    ------
    TypeError
        If a target is not a number.
    ValueError
        If there is no target, one is not above zero, or `vary` or `baseline` is unknown or cannot be used here.

    Examples
    --------
    >>> from gaussapp import GaussianModel
    >>> found = plan(GaussianModel(amplitude=3, width=0.5, noise=0.3), center=0.01)
    >>> found.value, round(found.bound["center"], 5)
    (227, 0.00999)
    """
    wanted = {"amplitude": amplitude, "center": center, "width": width, "fwhm": fwhm, "area": area}
    targets = {name: _target(name, value) for name, value in wanted.items() if value is not None}
    if not targets:
        raise ValueError(f"a plan needs a target: give one or more of {', '.join(QUANTITIES)}, such as center=0.01")
    if vary not in VARIED:
        raise ValueError(f"vary must be one of {', '.join(VARIED)}, not {vary!r}")
    if baseline not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)} for a plan, not {baseline!r}")
    design = Design.of(model)
    if vary == "noise" and design.counts:
        raise ValueError("the noise of counts follows from their mean and cannot be varied: vary samples or window")

    @cache
    def precision(trial: Design) -> dict[str, float]:
        return trial.bound(baseline)

    def lacking(trial: Design) -> float:
        """Return by what factor the targets are missed, at most 1 where they are met."""
        found = precision(trial)
        if _untold(found):  # a center that is known beside a width that is not is of no use: there is no such fit
            return math.inf
        return max(found[name] / target for name, target in targets.items())

    solve = {"samples": _fewest_points, "noise": _largest_noise, "window": _best_window}[vary]
    value, limits, varied = solve(model, design, lacking)
    planned = _with(design, vary, value)
    there = precision(planned)
    reachable = lacking(planned) <= 1.0
    if vary == "noise" and value == 0.0:  # without noise everything is known, but this is what any noise would do to it
        there, reachable = precision(replace(design, noise=1.0)), False
    curve = [precision(_on_axis(design, vary, number)) for number in varied]
    return Plan(
        targets,
        vary,
        baseline,
        reachable,
        value,
        limits if reachable else None,
        there,
        getattr(design, vary),
        precision(design),
        np.array(varied, dtype=float),
        {name: np.array([point[name] for point in curve]) for name in QUANTITIES},
        _changed(model, vary, value),
    )


def _target(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"the wanted precision of the {name} must be a number, not {value!r}")
    if not 0.0 < value < math.inf:
        raise ValueError(f"the wanted precision of the {name} must be above zero and finite, not {value!r}")
    return float(value)


def _untold(bound: Mapping[str, float]) -> list[str]:
    """Return the parameters of the peak that the data cannot tell."""
    return [name for name in ("amplitude", "center", "width") if math.isinf(bound[name])]


def _wanted(targets: Mapping[str, float]) -> str:
    parts = [f"{name} to ± {target:.4g}" for name, target in targets.items()]
    return parts[0] if len(parts) == 1 else f"{', the '.join(parts[:-1])} and the {parts[-1]}"


def _setting(vary: str, value: Setting) -> str:
    if isinstance(value, tuple):
        return f"the window from {value[0]:.4g} to {value[1]:.4g}"
    return f"{value} points" if vary == "samples" else f"noise of {value:.4g}"


def _with(design: Design, vary: str, value: Any) -> Design:
    return replace(design, **{vary: value})


def _on_axis(design: Design, vary: str, number: float) -> Design:
    """Return the experiment at a place on the axis of the curve."""
    if vary == "window":
        return _with(design, vary, _about(design, 0.5 * number))
    return _with(design, vary, round(number) if vary == "samples" else number)


def _about(design: Design, half: float) -> tuple[float, float]:
    center = design.center
    return center - half, center + half


def _changed(model: GaussianModel, vary: str, value: Setting) -> GaussianModel:
    """Return a copy of the model with one setting changed."""
    from copy import deepcopy

    copy = deepcopy(model)
    copy.param.update(**{vary: value})
    return copy


Solved = tuple[Setting, tuple[float, float] | None, list[float]]
"""The setting, the limits of the window, and the axis of the curve."""

Lacking = Callable[[Design], float]


def _fewest_points(model: GaussianModel, design: Design, lacking: Lacking) -> Solved:
    """Solve for the number of points, up to the most that the model takes."""
    least, most = 2, int(model.param.samples.bounds[1])
    low, high = design.window
    # From two points a width on (and in the peak of a window that is hardly wider) precision grows with every point.
    steady = min(most, max(64, math.ceil(2.0 * (high - low) / design.width) + 2))

    def missed(samples: int) -> float:
        return lacking(replace(design, samples=samples))

    if missed(steady) <= 1.0:
        if steady > WALK:
            samples = _first_met(missed, least, steady)
        else:
            samples = steady
            while samples > least and missed(samples - 1) <= 1.0:
                samples -= 1
    else:
        below, above = steady, steady
        while above < most and missed(above) > 1.0:
            below = above
            # The inverse of the variance grows in proportion to the number of points; inf where nothing is known yet.
            guess = above * min(missed(above) ** 2, 1e6)
            above = min(most, max(math.ceil(1.001 * guess), above + 1))
        samples = most if missed(above) > 1.0 else _first_met(missed, below, above)
    ends = sorted((samples, design.samples))
    first, last = max(4, ends[0] // 4), min(most, max(4 * ends[1], 40))
    if samples == most and missed(most) > 1.0:
        last = min(most, max(4 * design.samples, 4 * steady))
    axis = np.unique(np.rint(np.geomspace(first, last, CURVE)))
    return samples, None, axis.tolist()


def _first_met(missed: Callable[[int], float], below: int, above: int) -> int:
    """Return where a target begins to be met between a number that does not meet it and one that does."""
    step = 0
    while above - below > 1:
        step += 1
        middle = (below + above) // 2
        low, high = missed(below) ** -2, missed(above) ** -2
        if step % 3 and low < high < math.inf:  # interpolate 1/variance, which is nearly straight
            middle = below + math.ceil((1.0 - low) / (high - low) * (above - below)) - (step % 3 == 2)
        middle = min(max(middle, below + 1), above - 1)
        if missed(middle) <= 1.0:
            above = middle
        else:
            below = middle
    return above


def _largest_noise(model: GaussianModel, design: Design, lacking: Lacking) -> Solved:
    """Solve for the noise: the bound is in proportion to it."""
    unit = lacking(replace(design, noise=1.0))
    noise = 0.0 if math.isinf(unit) else min(1.0 / unit, float(model.param.noise.bounds[1]))
    while noise and lacking(replace(design, noise=noise)) > 1.0:  # by rounding
        noise *= 1.0 - 1e-15
    ends = sorted(value for value in (noise, design.noise) if value > 0.0) or [1.0]
    return noise, None, np.geomspace(ends[0] / 4.0, 4.0 * ends[-1], CURVE).tolist()


def _best_window(model: GaussianModel, design: Design, lacking: Lacking) -> Solved:
    """Solve for the window about the center of the peak by a search on a grid, refined: there are several minima."""
    from scipy.optimize import minimize_scalar

    width, center = design.width, design.center
    low, high = model.param.window.bounds
    room = min(center - low, high - center)
    if not room > 0.0:
        raise ValueError(
            f"there is no window about the center {center:g}: the model's reaches from {low:g} to {high:g} at most"
        )
    # Narrower ones show no curvature; in wider ones the peak falls between two points.
    lengths = np.geomspace(0.1 * width, min(2.0 * room, 4.0 * width * max(design.samples, 10)), _trials(design.samples))

    def missed(log_length: float) -> float:
        return lacking(_on_axis(design, "window", math.exp(log_length)))

    logs = np.log(lengths)
    height = np.array([missed(at) for at in logs])
    best = int(height.argmin())
    around = logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)]
    refined = minimize_scalar(missed, bounds=around, method="bounded", options={"xatol": 1e-6})
    optimum = float(refined.x) if refined.fun < height[best] else float(logs[best])
    limits = None
    if missed(optimum) <= 1.0:
        shorter, longer = logs[:best][::-1], logs[best + 1 :]
        limits = math.exp(_edge(missed, optimum, shorter)), math.exp(_edge(missed, optimum, longer))
    window = _about(design, 0.5 * math.exp(optimum))
    present = design.window[1] - design.window[0]
    first = max(min(0.3 * math.exp(optimum), 0.7 * present), lengths[0])
    last = min(max(10.0 * math.exp(optimum), 1.5 * present), max(lengths[-1], 1.5 * present))
    return window, limits, np.geomspace(first, last, CURVE).tolist()


def _trials(samples: int) -> int:
    """Return how many windows are tried: fewer where each takes longer."""
    return int(min(max(WORK // samples, 60), 300))


def _edge(missed: Callable[[float], float], met: float, outwards: Array) -> float:
    """Return how far the targets are met, from a place where they are, among places further and further out."""
    for at in outwards.tolist():
        if missed(at) > 1.0:
            lost = at
            while abs(lost - met) > 1e-4:
                middle = 0.5 * (lost + met)
                met, lost = (middle, lost) if missed(middle) <= 1.0 else (met, middle)
            return met
        met = at
    return met
