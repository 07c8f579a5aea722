"""Coordinates in which a peak's parameters are searched for: two charts of the same curve.

Inside the window a peak is ``exp(-z²/2)``, ``z = (t - c)/w``, with coordinates ``c`` (steps in units of w) and
``log w``. Of a peak whose center lies outside the data these see only a flank: amplitude, center and width then trade
off along a curved valley that may lead to infinity (the best "peak" is an exponential). There the same curve is
written ``exp(h t + k t² - m)``, ``h = c/w²``, ``k = -1/(2w²)``: the valley is straight, k = 0 is its end rather than
infinity, and with m the largest exponent in the window nothing overflows. Both charts need the same rows,
``v^j exp(…)`` with v = z or t. A peak inside the window but wider than half of it may in the same way be best as a
parabola, at ``1/w² = 0``; it keeps its chart, but its steps are straight in 1/w² rather than in log w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDEST = 30.0
"""Width, in half windows, at which a peak counts as running away to infinity."""

FLATTEST = -0.5 / (WIDEST * WIDEST)
"""The same as a bound on k."""

LARGEST_LOG_WIDTH = math.log(WIDEST)
"""The same as a bound on log w."""

SMALLEST_LOG_WIDTH = -30.0
"""Below this a peak is thinner than float64 can tell two positions apart."""


@dataclass(slots=True)
class Place:
    """Nonlinear parameters of all peaks (and the decay rate) in their charts.

    `first` holds c or h, `second` log w or k, `tail` which of the two charts a peak is in, `rate` the decay rate.
    """

    first: list[float]
    second: list[float]
    tail: list[bool]
    rate: float = 0.0

    def centers_and_log_widths(self) -> list[tuple[float, float]]:
        """Return (c, log w) of every peak."""
        return [
            (-0.5 * h / k, -0.5 * math.log(-2.0 * k)) if tail else (h, k)
            for h, k, tail in zip(self.first, self.second, self.tail, strict=True)
        ]


def place(centers: list[float], log_widths: list[float], rate: float = 0.0) -> Place:
    """Return the place of peaks, each in the chart that suits it."""
    first, second, tail = [], [], []
    for center, log_width in zip(centers, log_widths, strict=True):
        flank = abs(center) > 1.0
        h, k = in_chart(center, log_width, flank)
        first.append(h)
        second.append(k)
        tail.append(flank)
    return Place(first, second, tail, rate)


def in_chart(center: float, log_width: float, tail: bool) -> tuple[float, float]:
    """Return the two coordinates of a peak in a chart."""
    if not tail:
        return center, log_width
    curvature = math.exp(-2.0 * log_width)
    return center * curvature, -0.5 * curvature


def recharted(at: Place) -> Place | None:
    """Return the same place with every peak in the chart that suits it; None if all are.

    A peak has to leave its chart's region clearly before it changes, so that it does not go to and fro.
    """
    for h, k, tail in zip(at.first, at.second, at.tail, strict=True):
        if abs(0.5 * h / k) < 0.95 if tail else abs(h) > 1.05:
            break
    else:
        return None
    change = [
        abs(0.5 * h / k) < 0.95 if tail else abs(h) > 1.05
        for h, k, tail in zip(at.first, at.second, at.tail, strict=True)
    ]
    tails = [tail != other for tail, other in zip(at.tail, change, strict=True)]
    pairs = [
        in_chart(c, u, tail) if other else (h, k)
        for (c, u), tail, other, h, k in zip(
            at.centers_and_log_widths(), tails, change, at.first, at.second, strict=True
        )
    ]
    return Place([h for h, _ in pairs], [k for _, k in pairs], tails, at.rate)


def largest_exponent(h: float, k: float) -> float:
    """Return m, the largest value of ``h t + k t²`` over the window [-1, 1]."""
    top = -0.5 * h / k
    top = max(-1.0, min(1.0, top))
    return top * (h + k * top)


def moved(at: Place, step: list[float], peaks: int) -> Place:
    """Return the place after `step` (first coordinates, in units of w where a peak is no tail; second; rate).

    The step is shortened to what the coordinates can be trusted for: about a width, a factor of 4 in width, a half of
    a steep rate.
    """
    longest = max(map(abs, step[: 2 * peaks])) if peaks else 0.0
    rate = at.rate
    if len(step) > 2 * peaks:
        longest = max(longest, abs(step[-1]) / max(1.0, 0.5 * abs(rate)))
    factor = 1.4 / longest if longest > 1.4 else 1.0
    first, second = list(at.first), list(at.second)
    for i in range(peaks):
        if at.tail[i]:
            first[i] += factor * step[i]
            second[i] = min(second[i] + factor * step[peaks + i], FLATTEST)
        else:
            wider = factor * step[peaks + i]
            first[i] += factor * step[i] * math.exp(second[i])
            if second[i] > 0.0:
                wider = -0.5 * math.log(max(1.0 - 2.0 * wider, 1e-9))
            second[i] = min(max(second[i] + wider, SMALLEST_LOG_WIDTH), LARGEST_LOG_WIDTH)
    if len(step) > 2 * peaks:
        rate += factor * step[-1]
    return Place(first, second, at.tail, rate)


def step_to_bound(at: Place, i: int) -> float:
    """Return the step of a peak's second coordinate that makes it as wide as is allowed."""
    if at.tail[i]:
        return FLATTEST - at.second[i]
    return 0.5 - 0.5 * math.exp(2.0 * (at.second[i] - LARGEST_LOG_WIDTH)) if at.second[i] > 0.0 else math.inf


def runs_away(at: Place) -> bool:
    """Tell whether the best place of a peak is at infinity, or the peak is thinner than any data."""
    return any(
        k >= FLATTEST if tail else not SMALLEST_LOG_WIDTH < k < LARGEST_LOG_WIDTH
        for k, tail in zip(at.second, at.tail, strict=True)
    ) or any(abs(h) > 1e4 for h in at.first)
