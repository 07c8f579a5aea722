"""What is imposed on the parameters in the table of results: read from what is typed, removed, and carried along.

A cell takes a number, which holds its parameter, a bound such as ``>= 0.2``, ``<= 3`` or ``0.2..3``, a tie such as
``= width_1`` or ``= center_1 + 1.5``, or nothing, which frees it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from gaussapp.app.holding import Pair
from gaussapp.app.state import FitSettings
from gaussapp.fitting.constrained.carried import renamed, tied_widths
from gaussapp.fitting.constrained.constraint import constraints_of, parsed
from gaussapp.fitting.fit import positive
from gaussapp.fitting.peak import parameter_names

SIGNS = str.maketrans({"−": "-", "≥": ">=", "≤": "<=", "…": "..", "×": "*", "·": "*", ",": "."})
"""How what is typed on some keyboards, or copied from the table, is written here."""

NUMBERED = re.compile(r"\b(amplitude|center|width) (\d+)")
"""A parameter as the table names it."""

PARAMETER = re.compile(r"\b(amplitude|center|width|offset|slope|decay)")
"""How the name of a parameter begins."""

LONGEST = 40
"""Characters of what was typed that a sentence repeats."""


class Typed(NamedTuple):
    """What was typed of a parameter: a value to hold it at, a pair of bounds or a tie; none of them frees it."""

    value: float | None = None
    bounds: Pair | None = None
    tie: str = ""


def read_typed(name: str, text: str) -> Typed:
    """Read what was typed for a parameter.

    Raises
    ------
    ValueError
        With a sentence that says what is possible, if it is none of that.
    """
    told = text.strip()[:LONGEST]
    text = NUMBERED.sub(r"\1_\2", text.translate(SIGNS).strip())
    wrong = ValueError(
        f'{titled(name)} must be a number to hold it at, a bound such as ">= 0.2", "<= 3" or "0.2..3", a tie such as '
        f'"= {example_of_tie(name)}", or nothing to free it, not "{told}": type one of these, or press Escape.'
    )
    if not text:
        return Typed()
    for sign in (">=", "<=", ">", "<"):
        if text.startswith(sign):
            end = number_in(text[len(sign) :], wrong)
            if end is None:
                raise wrong
            return Typed(bounds=(end, None) if sign[0] == ">" else (None, end))
    if ".." in text:
        low, _, high = text.partition("..")
        if not low.strip() and not high.strip():
            raise wrong
        return Typed(bounds=(number_in(low, wrong), number_in(high, wrong)))
    expression = text.removeprefix("=").strip()
    if PARAMETER.search(expression) or (expression != text and re.search(r"[A-Za-z]{4}", expression)):
        try:
            return Typed(tie=str(parsed(name, expression)))
        except ValueError:
            raise wrong from None
    value = number_in(expression, wrong)
    if value is None:
        raise wrong
    if name.startswith("width") and value <= 0.0:
        raise ValueError(f"{titled(name)} must be above zero, not {value:g}.")
    return Typed(value=value)


def number_in(text: str, wrong: ValueError) -> float | None:
    """Return a finite number, or None for no text."""
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        raise wrong from None
    if not math.isfinite(number):
        raise wrong
    return number


def titled(name: str) -> str:
    """Return a parameter as the table names it."""
    return name.replace("_", " ")


def example_of_tie(name: str) -> str:
    """Return a tie that could be typed for a parameter."""
    kind, _, number = name.rpartition("_")
    if not number.isdecimal():
        return "0.1 * amplitude" if name != "amplitude" else "2 * offset"
    other = 2 if number == "1" else 1
    return {"center": f"center_{other} + 1.5", "width": f"width_{other}"}.get(kind, f"2 * {kind}_{other}")


def words_of_tie(text: str) -> str:
    """Return a tie in the words of the table."""
    return "= " + re.sub(r"([a-z])_(\d)", r"\1 \2", text).replace("*", "×").replace("-", "−")


def typed_bounds(pair: Pair) -> str:
    """Return what is typed for a pair of bounds."""
    low, high = pair
    if low is None or high is None:
        return f"<= {high!r}" if low is None else f">= {low!r}"
    return f"{low!r}..{high!r}"


@dataclass(frozen=True)
class Imposed:
    """Everything that is imposed on the parameters of a fit."""

    fixed: Mapping[str, float]
    bounds: Mapping[str, Pair]
    ties: Mapping[str, str]
    same_width: bool

    @classmethod
    def of(cls, settings: FitSettings) -> Imposed:
        """Return what the settings impose."""
        return cls(settings.fixed, settings.bounds, settings.ties, settings.same_width)

    @property
    def settings(self) -> dict[str, object]:
        """The settings that impose this."""
        return {
            "fixed": dict(self.fixed),
            "bounds": dict(self.bounds),
            "ties": dict(self.ties),
            "same_width": self.same_width,
        }

    def all_ties(self, peaks: int) -> dict[str, str]:
        """Return all ties, those of one width for all peaks included."""
        return {**(tied_widths(peaks) if self.same_width else {}), **self.ties}

    def typed(self, name: str, text: str, peaks: int) -> Imposed:
        """Return what is imposed after something was typed for a parameter; see `read_typed`."""
        asked = read_typed(name, text)
        if asked.value is not None:
            return self.held(name, asked.value, peaks)
        if asked.tie:
            free = replace(self.untied(name, peaks), fixed=without(self.fixed, name))
            return replace(free, ties={**free.ties, name: asked.tie})
        if asked.bounds is not None:
            ends = zip(asked.bounds, self.bounds.get(name, (None, None)), strict=True)
            both = asked.bounds if None not in asked.bounds else tuple(a if a is not None else b for a, b in ends)
            return replace(self, fixed=without(self.fixed, name), bounds={**self.bounds, name: both})
        return replace(self.untied(name, peaks), fixed=without(self.fixed, name), bounds=without(self.bounds, name))

    def held(self, name: str, value: float, peaks: int) -> Imposed:
        """Return what is imposed with a parameter held at a value; it follows no other one then."""
        return replace(self.untied(name, peaks), fixed={**self.fixed, name: value})

    def untied(self, name: str, peaks: int) -> Imposed:
        """Return what is imposed with a parameter that follows no other one; the rest of one width for all still do."""
        widths = tied_widths(peaks) if self.same_width else {}
        if name not in self.ties and name in widths:
            return replace(self, same_width=False, ties=without({**widths, **self.ties}, name))
        return replace(self, ties=without(self.ties, name))

    def unbound(self, name: str, end: str) -> Imposed:
        """Return what is imposed without the ``low`` or ``high`` bound of a parameter."""
        low, high = self.bounds.get(name, (None, None))
        left = (None, high) if end == "low" else (low, None)
        rest = without(self.bounds, name)
        return replace(self, bounds=rest if left == (None, None) else {**rest, name: left})

    def moved(self, peaks: int, baseline: str, *, gone: int = 0) -> Imposed:
        """Return what of this can be imposed on another model; see `gaussapp.fitting.constrained.carried.renamed`."""

        def at(name: str) -> str:
            return renamed(name, peaks, baseline, gone=gone)

        fixed = {at(name): value for name, value in self.fixed.items()}
        bounds = {at(name): pair for name, pair in self.bounds.items()}
        ties: dict[str, str] = {}
        for name, text in self.ties.items():
            tie = parsed(name, text)
            ties[at(name) if at(tie.other) else ""] = str(tie._replace(other=at(tie.other)))
        widths = tied_widths(peaks) if self.same_width else {}
        ties = {name: text for name, text in ties.items() if name not in widths}
        if ties.get("width_1", "") and parsed("width_1", ties["width_1"]).other in widths:
            del ties["width_1"]
        fixed = {name: value for name, value in fixed.items() if name not in widths}
        return Imposed(without(fixed, ""), without(bounds, ""), without(ties, ""), self.same_width)

    def begun(self, start: Mapping[str, float], peaks: int) -> dict[str, float]:
        """Return what of a start is left to say: what is held or tied has none, and it is inside the bounds."""
        taken = self.fixed.keys() | self.all_ties(peaks).keys()
        return {name: value for name, value in start.items() if name not in taken and value == self.inside(name, value)}

    def inside(self, name: str, value: float) -> float:
        """Return a value brought inside the bounds of a parameter."""
        low, high = self.bounds.get(name, (None, None))
        value = value if low is None else max(value, low)
        return value if high is None else min(value, high)

    def check(self, peaks: int, baseline: str, loss: str) -> None:
        """Refuse, with the engine's sentence, what contradicts itself in a model."""
        names, ties = parameter_names(peaks, baseline), self.all_ties(peaks)
        constraints_of(names, self.fixed, self.bounds, ties, positive=positive(baseline, loss))


def without(given: Mapping[str, object], name: str) -> dict[str, object]:
    """Return a mapping without one of its keys."""
    return {key: value for key, value in given.items() if key != name}
