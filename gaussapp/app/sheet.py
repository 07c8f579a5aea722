"""Collects what a board shows: HTML, the texts in it, and numbers written to the digits that mean something."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gaussapp.app.board import PLACE, Written

DASH = "–"
MOST_DIGITS = 13
"""More than these tell nobody anything, and break the columns."""


class Sheet:
    """Collects HTML and, apart from it, the texts that change with every move."""

    def __init__(self) -> None:
        self._form: list[str] = []
        self._texts: list[str] = []

    def html(self, markup: str) -> None:
        """Add markup; nothing of it comes from a user."""
        self._form.append(markup)

    def text(self, before: str, text: str, after: str) -> None:
        """Add a text between two pieces of markup."""
        self._form.append(f"{before}{PLACE}{after}")
        self._texts.append(text)

    def written(self) -> Written:
        """Return what was collected."""
        return Written("".join(self._form), tuple(self._texts))


@dataclass(frozen=True)
class Decimals:
    """How the numbers of a row are written: down to which power of ten, and whether with an exponent."""

    last: int
    exponent: bool


def decimals(error: float, value: float) -> Decimals:
    """Return how to show two digits of the error; without a usable error, six digits of the value."""
    size = error if error > 0 and math.isfinite(error) else abs(value) * 1e-4
    if not size or not math.isfinite(size):
        return Decimals(-4, exponent=False)
    last = _power(size) - 1
    if value and math.isfinite(value):
        last = max(last, _power(abs(value)) - MOST_DIGITS + 1)
    return Decimals(last, exponent=last < -9 or last > 4 or not abs(value) < 1e13)


def number(value: float, decimals: Decimals, *, true: bool = False, sign: bool = False) -> str:
    """Write a number as `decimals` says, with a true minus sign; a `true` one at least to two places."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else ("∞" if value > 0 else "−∞")
    plus = "+" if sign else ""
    if decimals.exponent:
        digits = min(max(_power(value) - decimals.last, 0), MOST_DIGITS) if value else 0
        mantissa, _, power = f"{value:{plus}.{digits}e}".partition("e")
        text = f"{mantissa}e{int(power)}"
    else:
        places = max(-decimals.last, 2 if true else 0)
        text = f"{value:{plus}.{places}f}"
    return text.replace("-", "−")


def _power(size: float) -> int:
    """Return the power of ten of the first digit of a number rounded to two digits."""
    return int(f"{size:.1e}".partition("e")[2])


PULL = Decimals(-1, exponent=False)
CORRELATION = Decimals(-2, exponent=False)
