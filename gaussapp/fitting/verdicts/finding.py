"""What a finding on a fit is made of: its type, and the numbers in its sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit

UNLIKELY = 1e-3
"""Chance below which outliers, correlated residuals or an offset are reported."""


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    error: float


class Verdict(NamedTuple):
    """A finding on a fit.

    `severity` is ``good``, ``note``, ``warning`` or ``bad``; `message` is one sentence with the
    numbers, `advice` says what to do.
    """

    code: str
    severity: str
    message: str
    advice: str


def number(value: float) -> str:
    """Return a number in four significant digits."""
    return f"{value:.4g}"


def position(fit: Fit, value: float) -> str:
    """Return a position on the x axis with digits down to a thousandth of the window, wherever x = 0 is."""
    if not math.isfinite(value):
        return "infinity"
    digits = 3 - math.floor(math.log10(fit._solution.scale.half_window))
    if not -12 <= digits <= 12:
        return f"{value:.{min(max(digits + math.floor(math.log10(abs(value) or 1.0)), 3), 16)}g}"
    return f"{value:.{max(digits, 0)}f}".rstrip("0").rstrip(".") if digits > 0 else f"{value:.0f}"


def plural(count: int, word: str) -> str:
    """Return a count with its noun."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
