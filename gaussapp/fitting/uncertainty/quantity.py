"""Quantities of a fit as coordinates: parameter, FWHM, area, difference or ratio, held at a value γ by one coordinate.

Each is written as the free coordinate it gives when all others are known,

    f[held] = (γ M(f[other]) + slope · f[other] + shift) / divisor,

with M linear (parameters, differences, ratios) or one over something linear (areas).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH

EXPRESSION = re.compile(r"\s*(\w+)\s*(?:([-/])\s*(\w+)\s*)?")


class Affine(NamedTuple):
    """A parameter as ``factor · f[root] + shift``; root -1 is a constant."""

    root: int
    factor: float
    shift: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity as a coordinate; what is shown is ``unit · γ + origin``."""

    name: str
    held: int
    other: int  # -1: none
    inverse: bool  # whether M is one over its argument
    m_slope: float
    m_shift: float
    slope: float
    shift: float
    divisor: float
    unit: float
    origin: float


def parts_of(expression: str, names: tuple[str, ...]) -> tuple[str, str, str]:
    """Return the operator of an expression, ``""``, ``"-"``, ``"/"``, ``"fwhm"`` or ``"area"``, and its parameters.

    Raises
    ------
    ValueError
        If it is not a parameter, ``fwhm``, ``area`` or a difference or ratio of two parameters.
    """
    match = EXPRESSION.fullmatch(expression) if isinstance(expression, str) else None
    if match is None:
        raise ValueError(
            f"{expression!r} is not understood: name a parameter, fwhm or area, or write a difference or ratio of two "
            'parameters, such as "center_2 - center_1"'
        )
    first, operator, second = match[1], match[2] or "", match[3] or ""
    kind, _, number = first.partition("_")
    suffix = f"_{number}" if number else ""
    if not operator and kind in ("fwhm", "area") and f"width{suffix}" in names:
        return kind, f"amplitude{suffix}", f"width{suffix}"
    for name in (first, second):
        if name and name not in names:
            known = ", ".join(names)
            raise ValueError(f"{expression!r} names {name!r}, which is not a parameter of this fit; it has {known}")
    if operator and first == second:
        raise ValueError(f"{expression!r} is the same parameter twice, and no quantity")
    return operator, first, second


def affine(coordinates: Coordinates, name: str) -> Affine:
    """Return a scaled parameter as a function of one free coordinate."""
    i = coordinates.names.index(name)
    root = int(coordinates.root[i])
    return Affine(root, float(coordinates.factor[i]), float(coordinates.shift[i]))


def quantity_of(coordinates: Coordinates, expression: str) -> Quantity | float:
    """Return a quantity as a coordinate; a number if the constraints leave it no freedom."""
    operator, first, second = parts_of(expression, coordinates.names)
    if operator == "fwhm":
        return scaled_by(quantity_of(coordinates, second), expression, FWHM_PER_WIDTH)
    index = coordinates.names.index
    unit = float(coordinates.units[index(first)])
    origin = float(coordinates.origins[index(first)])
    one = affine(coordinates, first)
    if not operator:
        if first == "offset" and coordinates.layout.baseline == "linear" and coordinates.basis == "middle":
            # The level at x = 0 is that in the middle of the window less the slope's share.
            slope = affine(coordinates, "slope")
            distance = coordinates.scale.x0 / coordinates.scale.half_window
            return linear(
                expression, one, Affine(slope.root, distance * slope.factor, distance * slope.shift), unit, origin
            )
        if coordinates.basis == "ends" and first in ("offset", "slope"):
            return of_ends(coordinates, expression, unit)
        return linear(expression, one, Affine(-1, 0.0, 0.0), unit, origin)
    two = affine(coordinates, second)
    if operator == "area":
        factor = AREA_PER_HEIGHT_AND_WIDTH * unit * coordinates.scale.half_window
        return area(expression, one, two, factor)
    line = coordinates.layout.baseline == "linear" and coordinates.basis != "zero"
    if line and {first, second} & {"offset", "slope"}:
        raise ValueError(f"{expression!r}: there is no profile of a line's offset or slope with another parameter")
    ratio = float(coordinates.units[index(second)]) / unit
    other_origin = float(coordinates.origins[index(second)])
    if operator == "-":
        two = Affine(two.root, two.factor * ratio, two.shift * ratio)
        return linear(expression, one, two, unit, origin - other_origin)
    # γ = (unit one + origin) / (unit' two + origin')
    one = Affine(one.root, one.factor, one.shift + origin / unit)
    two = Affine(two.root, two.factor * ratio, two.shift * ratio + other_origin / unit)
    return quotient(expression, one, two)


def scaled_by(quantity: Quantity | float, name: str, factor: float) -> Quantity | float:
    """Return a quantity times a number."""
    if isinstance(quantity, float):
        return factor * quantity
    q = quantity
    return Quantity(
        name, q.held, q.other, q.inverse, q.m_slope, q.m_shift, q.slope, q.shift, q.divisor, factor * q.unit, q.origin
    )


def linear(name: str, one: Affine, two: Affine, unit: float, origin: float) -> Quantity | float:
    """Return γ = one − two."""
    if one.root == two.root and one.root >= 0:
        one, two = Affine(one.root, one.factor - two.factor, one.shift - two.shift), Affine(-1, 0.0, 0.0)
        if one.factor == 0.0:
            one = Affine(-1, 0.0, one.shift)
    if one.root < 0 and two.root < 0:
        return unit * (one.shift - two.shift) + origin
    if one.root < 0:  # held by the second: f = (−γ + …) / factor
        return Quantity(name, two.root, -1, False, 0.0, -1.0, 0.0, one.shift - two.shift, two.factor, unit, origin)
    slope = two.factor if two.root >= 0 else 0.0
    shift = two.shift - one.shift
    return Quantity(name, one.root, two.root, False, 0.0, 1.0, slope, shift, one.factor, unit, origin)


def quotient(name: str, one: Affine, two: Affine) -> Quantity | float:
    """Return γ = one / two."""
    if one.root < 0 and two.root < 0:
        return one.shift / two.shift
    if one.root == two.root:
        if one.shift == 0.0 and two.shift == 0.0:
            return one.factor / two.factor
        raise ValueError(f"{name!r}: the two are tied to each other, so that their ratio is no coordinate of its own")
    if one.root < 0:  # two = one / γ
        raise ValueError(f"{name!r}: the first of the two is fixed; ask for the inverse ratio")
    return Quantity(name, one.root, two.root, False, two.factor, two.shift, 0.0, -one.shift, one.factor, 1.0, 0.0)


def area(name: str, amplitude: Affine, width: Affine, factor: float) -> Quantity | float:
    """Return γ = amplitude · width."""
    if amplitude.root < 0 and width.root < 0:
        return factor * amplitude.shift * width.shift
    if amplitude.root < 0:
        return scaled_by(linear(name, width, Affine(-1, 0.0, 0.0), 1.0, 0.0), name, factor * amplitude.shift)
    if width.root < 0:
        return scaled_by(linear(name, amplitude, Affine(-1, 0.0, 0.0), 1.0, 0.0), name, factor * width.shift)
    if amplitude.root == width.root:
        raise ValueError(f"{name!r}: amplitude and width are tied to each other; ask for the width's interval")
    return Quantity(
        name,
        amplitude.root,
        width.root,
        True,
        width.factor,
        width.shift,
        0.0,
        -amplitude.shift,
        amplitude.factor,
        factor,
        0.0,
    )


def of_ends(coordinates: Coordinates, name: str, unit: float) -> Quantity:
    """Return offset or slope of a line that is given by its levels at both ends of the window."""
    low, high = affine(coordinates, "offset").root, affine(coordinates, "slope").root
    if name.strip() == "slope":  # γ = (high − low) / 2
        return Quantity(name, high, low, False, 0.0, 2.0, 1.0, 0.0, 1.0, unit, 0.0)
    distance = coordinates.scale.x0 / coordinates.scale.half_window
    # γ = low (1 + d)/2 + high (1 − d)/2, held by the end that counts more
    near, far = 0.5 * (1.0 + distance), 0.5 * (1.0 - distance)
    if abs(near) >= abs(far):
        return Quantity(name, low, high, False, 0.0, 1.0, -far, 0.0, near, unit, 0.0)
    return Quantity(name, high, low, False, 0.0, 1.0, -near, 0.0, far, unit, 0.0)


def value_of(quantity: Quantity, f: list[float]) -> float:
    """Return γ at free coordinates."""
    other = f[quantity.other] if quantity.other >= 0 else 0.0
    left = f[quantity.held] * quantity.divisor - quantity.slope * other - quantity.shift
    argument = quantity.m_slope * other + quantity.m_shift
    if quantity.inverse:
        return left * argument
    return left / argument if argument else math.inf
