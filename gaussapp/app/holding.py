"""Parameters that the user holds: their text in an address, and what becomes of them when the model changes.

Peaks are numbered from one; with a single peak its parameters have no number, so that adding a peak to it renames them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import param

from gaussapp.fitting.peak import parameter_names

PEAK_PARAMETER = re.compile(r"(amplitude|center|width)(?:_(\d+))?")
NAME = re.compile(r"[a-z]+(_[a-z]+)*(_\d+)?")
MOST = 60
"""Held parameters at most: twelve peaks on any baseline have fewer."""

Held = Mapping[str, float]


class HeldValues(param.Dict):
    """Numbers by parameter name; in an address ``width:0.5,center:1``."""

    def _validate(self, val: object) -> None:
        super()._validate(val)
        if not isinstance(val, dict) or len(val) > MOST:
            raise ValueError(f"{self.label} must be at most {MOST} numbers by the names of parameters")
        for name, value in val.items():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ValueError(f"{self.label} has {name!r}, which is no parameter of a fit")
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{self.label} holds {name} at {value!r}; it must be a finite number")

    def read(self, text: str) -> dict[str, float]:
        """Return what a text in an address says."""
        held = {}
        for pair in filter(None, text.split(",")):
            name, colon, number = pair.partition(":")
            try:
                held[name.strip()] = float(number)
            except ValueError:
                raise ValueError("it must be names with numbers, such as width:0.5,center:1.") from None
            if not colon:
                raise ValueError("it must be names with numbers, such as width:0.5,center:1.")
        return held

    @staticmethod
    def written(held: Held) -> str:
        """Return the text for an address."""
        return ",".join(f"{name}:{float(value)!r}" for name, value in held.items())


def suffix(peak: int, peaks: int) -> str:
    """Return what follows the names of a peak's parameters."""
    return f"_{peak}" if peaks > 1 else ""


def peak_of(name: str) -> int:
    """Return the number of the peak that a parameter belongs to, 1 for the only one; 0 for the baseline's."""
    match = PEAK_PARAMETER.fullmatch(name)
    return int(match[2] or 1) if match else 0


def kept(held: Held, before: int, after: int, baseline: str, *, gone: int = 0) -> dict[str, float]:
    """Return what is still held when the number of peaks or the baseline has changed.

    Parameters
    ----------
    held
        What was held.
    before, after
        Number of peaks.
    baseline
        After the change.
    gone
        The peak that was taken away; the ones after it move up. By default the last ones go.
    """
    names = set(parameter_names(after, baseline))
    result = {}
    for name, value in held.items():
        number = peak_of(name)
        if number:
            if number == gone:
                continue
            number -= gone > 0 and number > gone
            kind = PEAK_PARAMETER.fullmatch(name)[1]
            name = kind + suffix(number, after) if number <= after else ""
        if name in names:
            result[name] = value
    return result


def tied_widths(peaks: int) -> dict[str, str]:
    """Return the ties that give all peaks one width, as `gaussapp.fit` takes them."""
    return {f"width_{number}": "width_1" for number in range(2, peaks + 1)}


def free_centers(held: Held, peaks: int) -> list[str]:
    """Return the names of the centers that are not held."""
    return [name for number in range(1, peaks + 1) if (name := f"center{suffix(number, peaks)}") not in held]
