"""What the user holds of a model: parameters fixed, bounded, tied to one another, and where to start.

Everything here is in the units of x and y and checked once; whatever contradicts itself is refused with a sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Fixed = Mapping[str, float] | Iterable[str]
Bounds = Mapping[str, tuple[float | None, float | None]]
Ties = Mapping[str, "str | tuple[str, float, float]"]

TOKEN = re.compile(r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[-+*/]))")


class Tie(NamedTuple):
    """A parameter as ``factor · other + shift``."""

    other: str
    factor: float
    shift: float

    def __str__(self) -> str:
        factor = "" if self.factor == 1.0 else "-" if self.factor == -1.0 else f"{self.factor!r} * "
        shift = "" if self.shift == 0.0 else f" {'+' if self.shift > 0 else '-'} {abs(self.shift)!r}"
        return f"{factor}{self.other}{shift}"


@dataclass(frozen=True)
class Constraints:
    """Checked constraints, by parameter name and in units of x and y.

    `fixed`, `bounds` and `ties` are what was asked for. `roots` says of every parameter which free one it follows, as
    ``factor · free + shift``; a constant follows the free parameter ``""`` with its value as the shift. `limits` are
    the free parameters and what all bounds, their own and those of what is tied to them, leave of each.
    """

    fixed: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    ties: dict[str, Tie] = field(default_factory=dict)
    start: dict[str, float] = field(default_factory=dict)
    roots: dict[str, Tie] = field(default_factory=dict)
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether anything is held; a start alone holds nothing."""
        return bool(self.fixed or self.bounds or self.ties)


def constraints_of(
    names: tuple[str, ...],
    fixed: Fixed | None = None,
    bounds: Bounds | None = None,
    ties: Ties | None = None,
    start: Mapping[str, float] | None = None,
    *,
    positive: Iterable[str] = (),
) -> Constraints:
    """Check constraints on the parameters `names` and resolve ties to the parameters that stay free.

    Parameters
    ----------
    names
        The parameters of the model.
    fixed
        Value by name; or names alone, whose values are then those in `start`.
    bounds
        ``(low, high)`` by name; None or an infinity for no bound on that side.
    ties
        Expression by name: ``[number *] other [+ number]``, in any order and with ``-`` and ``/``; or a tuple
        ``(other, factor, shift)``. One other parameter each.
    start
        Value by name, as many as wanted.
    positive
        Parameters that cannot be below zero whatever the user says (the baseline of counts).

    Raises
    ------
    TypeError
        If a value is not a number or an option has the wrong type.
    ValueError
        If a name is unknown or the constraints contradict each other, with names and values.
    """
    begun = numbers_of(start, "start", names)
    held = fixed_values(fixed, begun, names)
    ranges = {name: range_of(name, pair) for name, pair in mapping_of(bounds, "bounds", names).items()}
    tied = {name: tie_of(name, value, names) for name, value in mapping_of(ties, "ties", names).items()}
    for name, value in [*held.items(), *begun.items()]:
        what = "fixed at" if name in held else "started at"
        if name.startswith("width") and value <= 0.0:
            raise ValueError(f"{name} is {what} {value!r}, but a width must be above zero")
        low, high = ranges.get(name, (-math.inf, math.inf))
        if not low <= value <= high:
            raise ValueError(f"{name} is {what} {value!r}, outside its bounds {low!r} to {high!r}")
    for name, tie in tied.items():
        if name in held:
            raise ValueError(f"{name} is both fixed at {held[name]!r} and tied to {tie}; choose one")
        if name in begun:
            raise ValueError(f"start has {name!r}, which is tied to {tie}; give a start for {tie.other} instead")
    constants = {**held, **{n: low for n, (low, high) in ranges.items() if low == high and n not in tied}}
    roots = {name: root_of(name, tied, constants) for name in names}
    limits = {name: (-math.inf, math.inf) for name in names if roots[name].other == name}
    floor = {name: 0.0 for name in names if name.startswith("width") or name in set(positive)}
    for name in names:
        low, high = ranges.get(name, (-math.inf, math.inf))
        low = max(low, floor.get(name, -math.inf))
        if low > high:
            raise ValueError(f"{name} cannot be below zero here, but its upper bound is {high!r}")
        narrow(limits, roots[name], name, low, high)
    if not limits:
        raise ValueError(f"all parameters are fixed ({', '.join(names)}): nothing is left to fit")
    return Constraints(held, ranges, tied, begun, roots, limits)


def narrow(limits: dict[str, tuple[float, float]], root: Tie, name: str, low: float, high: float) -> None:
    """Cut the limits of the free parameter that `name` follows down to what its own bounds leave."""
    width = name.startswith("width")
    if not root.other:
        if not low <= root.shift <= high or (width and root.shift <= 0.0):
            raise ValueError(
                f"{name} follows a fixed parameter and is {root.shift!r}, outside {low!r} to {high!r}"
                + (": a width must be above zero" if width and root.shift <= 0.0 else "")
            )
        return
    ends = sorted(((low - root.shift) / root.factor, (high - root.shift) / root.factor))
    before = limits[root.other]
    after = max(before[0], ends[0]), min(before[1], ends[1])
    if after[0] > after[1] or (after[0] == after[1] and width and name != root.other and low == 0.0):
        raise ValueError(
            f"bounds contradict each other: {name} between {low!r} and {high!r} asks for {root.other} between "
            f"{ends[0]!r} and {ends[1]!r}, but it is between {before[0]!r} and {before[1]!r}"
        )
    limits[root.other] = after


def mapping_of(given: Any, option: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return an option as a dictionary whose keys are parameters."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{option} must map parameter names to values, not {given!r}")
    for name in given:
        known_name(name, option, names)
    return dict(given)


def known_name(name: object, option: str, names: tuple[str, ...]) -> str:
    """Return the name if it is a parameter's."""
    if name not in names:
        raise ValueError(f"{option} has {name!r}, which is not a parameter of this fit; it has {', '.join(names)}")
    return str(name)


def number_of(value: Any, what: str) -> float:
    """Return a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a number, not {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{what} must be finite, not {value!r}")
    return number


def numbers_of(given: Any, option: str, names: tuple[str, ...]) -> dict[str, float]:
    """Return an option that maps names to finite numbers."""
    return {n: number_of(value, f"{option}[{n!r}]") for n, value in mapping_of(given, option, names).items()}


def fixed_values(fixed: Any, start: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """Return the value of every fixed parameter; of names alone, the value in `start`."""
    if fixed is None:
        return {}
    if isinstance(fixed, Mapping):
        held = numbers_of(fixed, "fixed", names)
        for name in held:
            if name in start and start[name] != held[name]:
                raise ValueError(f"{name} is fixed at {held[name]!r} but started at {start[name]!r}; give one value")
        return held
    if not isinstance(fixed, Iterable):
        raise TypeError(f"fixed must map parameter names to values, or list names that start has, not {fixed!r}")
    held = {}
    for given in [fixed] if isinstance(fixed, str) else fixed:
        name = known_name(given, "fixed", names)
        if name not in start:
            raise ValueError(f"fixed lists {name!r} without a value; give one there or in start")
        held[name] = start[name]
    return held


def range_of(name: str, pair: Any) -> tuple[float, float]:
    """Return two bounds, infinite where there is none."""
    if isinstance(pair, str) or not isinstance(pair, Iterable):
        raise TypeError(f"bounds[{name!r}] must be a pair (low, high), not {pair!r}")
    ends = list(pair)
    if len(ends) != 2:
        raise ValueError(f"bounds[{name!r}] must be a pair (low, high), not {pair!r}")
    try:
        low = -math.inf if ends[0] is None else float(ends[0])
        high = math.inf if ends[1] is None else float(ends[1])
    except (TypeError, ValueError):
        raise TypeError(f"bounds[{name!r}] must be numbers or None, not {pair!r}") from None
    if math.isnan(low) or math.isnan(high) or low == math.inf or high == -math.inf:
        raise ValueError(f"bounds[{name!r}] must be numbers or None, not {pair!r}")
    if low > high:
        raise ValueError(f"bounds of {name} contradict each other: low {low!r} is above high {high!r}")
    if name.startswith("width") and (high <= 0.0 or -math.inf < low < 0.0):
        raise ValueError(f"bounds of {name} are {low!r} to {high!r}, but a width must be above zero")
    return low, high


def tie_of(name: str, value: Any, names: tuple[str, ...]) -> Tie:
    """Return what a parameter is tied to."""
    if isinstance(value, str):
        tie = parsed(name, value)
    else:
        if not isinstance(value, tuple) or len(value) != 3:
            raise TypeError(f"ties[{name!r}] must be an expression or (other, factor, shift), not {value!r}")
        tie = Tie(value[0], *(number_of(part, f"ties[{name!r}]") for part in value[1:]))
    if tie.other not in names:
        raise ValueError(
            f"{name} is tied to {tie.other!r}, which is not a parameter of this fit; it has {', '.join(names)}"
        )
    if tie.factor == 0.0:
        raise ValueError(f"{name} is tied to 0 times {tie.other}; fix it at {tie.shift!r} instead")
    return tie


def parsed(name: str, text: str) -> Tie:
    """Return the tie that an expression stands for: a sum of numbers and one parameter, which may have a factor.

    >>> parsed("center_2", "center_1 + 2.5")
    Tie(other='center_1', factor=1.0, shift=2.5)
    >>> parsed("amplitude_2", "3 - 0.5 * amplitude_1 / 2")
    Tie(other='amplitude_1', factor=-0.25, shift=3.0)
    """
    wrong = ValueError(
        f"ties[{name!r}] = {text!r} is not understood: write one other parameter, with a factor and a shift if wanted, "
        'such as "width_1", "0.5 * amplitude_1" or "center_1 + 2.5"'
    )
    other, factor, shift = "", 0.0, 0.0
    for sign, term in terms_of(text, wrong):
        value, named = sign, ""
        divide = False
        for i, token in enumerate(term):
            if i % 2:
                divide = token == "/"
                if token not in ("*", "/"):
                    raise wrong
            elif token[0].isalpha() or token[0] == "_":
                if named or divide:
                    raise wrong
                named = token
            else:
                number = float(token)
                if divide and number == 0.0:
                    raise wrong
                value = value / number if divide else value * number
        if named and other:
            raise wrong
        if named:
            other, factor = named, value
        else:
            shift += value
    if not other or not (math.isfinite(factor) and math.isfinite(shift)):
        raise wrong
    return Tie(other, factor, shift)


def terms_of(text: str, wrong: ValueError) -> list[tuple[float, list[str]]]:
    """Return the terms of a sum: sign, and numbers or names with operators between them."""
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise wrong
        tokens.append(match.group().strip())
        at = match.end()
    terms: list[tuple[float, list[str]]] = []
    if not tokens or tokens[0] not in ("+", "-"):
        tokens.insert(0, "+")
    for token in tokens:
        if token in ("+", "-"):
            terms.append((1.0 if token == "+" else -1.0, []))
        else:
            terms[-1][1].append(token)
    if any(len(term) % 2 == 0 or term[0] in ("*", "/") or term[-1] in ("*", "/") for _, term in terms):
        raise wrong
    return terms


def root_of(name: str, ties: dict[str, Tie], constants: dict[str, float]) -> Tie:
    """Follow ties to the free parameter or the constant at their end."""
    seen = [name]
    factor, shift = 1.0, 0.0
    while seen[-1] in ties:
        tie = ties[seen[-1]]
        factor, shift = factor * tie.factor, factor * tie.shift + shift
        if tie.other in seen:
            circle = " → ".join([*seen[seen.index(tie.other) :], tie.other])
            raise ValueError(f"ties go in a circle: {circle}; leave one of these parameters free")
        seen.append(tie.other)
    last = seen[-1]
    if last in constants:
        return Tie("", 0.0, factor * constants[last] + shift)
    return Tie(last, factor, shift)
