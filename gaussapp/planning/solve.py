"""Solving for the number of points, the noise or the window; each returns where on the axis its curve is drawn too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gaussapp.fitting.peak import Array
from gaussapp.planning.design import Design, Limits, Setting, about, on_axis

WALK = 2000
"""Numbers of points that are tried one by one where precision need not grow with every point."""

CURVE = 61
"""Points of the curve of precision."""

WORK = 4_000_000
"""Points in all for which the bound is computed in the search for the best window."""

Solved = tuple[Setting, tuple[float, float] | None, list[float]]
"""The setting, the limits of the window, and the axis of the curve."""

Lacking = Callable[[Design], float]


def fewest_points(limits: Limits, design: Design, lacking: Lacking) -> Solved:
    """Solve for the number of points, up to the most that the model takes."""
    least, most = 2, limits.samples
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
            guess = above * min(missed(above), 1e3) ** 2
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


def largest_noise(most: Limits, design: Design, lacking: Lacking) -> Solved:
    """Solve for the noise: the bound is in proportion to it."""
    unit = lacking(replace(design, noise=1.0))
    noise = 0.0 if math.isinf(unit) else min(1.0 / unit, most.noise)
    while noise and lacking(replace(design, noise=noise)) > 1.0:  # by rounding
        noise *= 1.0 - 1e-15
    ends = sorted(value for value in (noise, design.noise) if value > 0.0) or [1.0]
    return noise, None, np.geomspace(ends[0] / 4.0, 4.0 * ends[-1], CURVE).tolist()


def best_window(most: Limits, design: Design, lacking: Lacking) -> Solved:
    """Solve for the window about the center of the peak by a search on a grid, refined: there are several minima."""
    from scipy.optimize import minimize_scalar

    width, center = design.width, design.center
    low, high = most.window
    room = min(center - low, high - center)
    if not room > 0.0:
        raise ValueError(
            f"there is no window about the center {center:g}: the model's reaches from {low:g} to {high:g} at most"
        )
    # Narrower ones show no curvature; in wider ones the peak falls between two points.
    lengths = np.geomspace(0.1 * width, min(2.0 * room, 4.0 * width * max(design.samples, 10)), _trials(design.samples))

    def missed(log_length: float) -> float:
        return lacking(on_axis(design, "window", math.exp(log_length)))

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
    window = about(design, 0.5 * math.exp(optimum))
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
