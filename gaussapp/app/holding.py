"""What the user holds of the parameters, as settings: values, bounds and ties, and their text in an address."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping

import param

from gaussapp.fitting.constrained.carried import suffix
from gaussapp.fitting.constrained.constraint import parsed, range_of

NAME = re.compile(r"[a-z]+(_[a-z]+)*(_\d+)?")
MOST = 60
"""Held parameters at most: twelve peaks on any baseline have fewer."""

Pair = tuple[float | None, float | None]


class ByParameter(param.Dict):
    """Something by the name of a parameter; in an address ``name:text`` with commas between."""

    what = "values"
    example = ""

    def _validate(self, val: object) -> None:
        super()._validate(val)
        if not isinstance(val, dict) or len(val) > MOST:
            raise ValueError(f"{self.label} must be at most {MOST} {self.what} by the names of parameters")
        for name, value in val.items():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ValueError(f"{self.label} has {name!r}, which is no parameter of a fit")
            self._check(name, value)

    def _check(self, name: str, value: object) -> None:
        raise NotImplementedError

    def _read(self, text: str) -> object:
        raise NotImplementedError

    def read(self, text: str) -> dict[str, object]:
        """Return what a text in an address says."""
        found: dict[str, object] = {}
        for pair in filter(None, text.split(",")):
            name, colon, value = pair.partition(":")
            try:
                found[name.strip()] = self._read(value.strip())
            except ValueError:
                colon = ""
            if not colon:
                raise ValueError(f"it must be names with {self.what}, such as {self.example}.")
        return found


class HeldValues(ByParameter):
    """Numbers by parameter name; in an address ``width:0.5,center:1``."""

    what = "numbers"
    example = "width:0.5,center:1"

    def _check(self, name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{self.label} holds {name} at {value!r}; it must be a finite number")

    def _read(self, text: str) -> float:
        return float(text)


class HeldBounds(ByParameter):
    """Pairs (low, high) by parameter name, None for no bound there; in an address ``width:0.2..3,center:..2``."""

    what = "bounds"
    example = "width:0.2..3,center:..2"

    def _check(self, name: str, value: object) -> None:
        low, high = range_of(name, value)
        if not isinstance(value, tuple) or (math.isinf(low) and math.isinf(high)):
            raise ValueError(f"{self.label} has {value!r} for {name}; it must be a pair (low, high), None for no bound")

    def _read(self, text: str) -> Pair:
        low, dots, high = text.partition("..")
        if not dots:
            raise ValueError
        return float(low) if low else None, float(high) if high else None


class HeldTies(ByParameter):
    """Expressions by parameter name, as `gaussapp.fit` takes them; in an address ``width_2:width_1``."""

    what = "ties"
    example = "width_2:width_1,center_2:center_1+1.5"

    def _check(self, name: str, value: object) -> None:
        if not isinstance(value, str):
            raise ValueError(f"{self.label} has {value!r} for {name}; it must be a text such as 'width_1'")
        if not NAME.fullmatch(parsed(name, value).other):
            raise ValueError(f"{self.label} has {value!r} for {name}, which names no parameter of a fit")

    def _read(self, text: str) -> str:
        return str(parsed("", text))


def written(held: Mapping[str, object]) -> str:
    """Return values, bounds or ties as the text for an address."""
    return ",".join(f"{name}:{text_of(value)}" for name, value in held.items())


def text_of(value: object) -> str:
    """Return one value, pair of bounds or tie as a text without spaces."""
    if isinstance(value, tuple):
        return "..".join("" if end is None else repr(float(end)) for end in value)
    return value.replace(" ", "") if isinstance(value, str) else repr(float(value))


def free_centers(held: Container[str], peaks: int) -> list[str]:
    """Return the names of the centers that are not held."""
    return [name for number in range(1, peaks + 1) if (name := f"center{suffix(number, peaks)}") not in held]
