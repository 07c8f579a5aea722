"""Which columns of a table are meant: x, y and sigma by place and name, and whether y are counts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from gaussapp.data.points import Array, shortened

__all__ = ["choose", "is_counts", "labelled", "unique_names"]

# fmt: off
_ERROR_WORDS = frozenset([
    "sigma", "σ", "err", "error", "errors", "std", "stdev", "stddev", "sd", "se", "sem", "stderr", "uncertainty",
    "uncertainties", "unc", "deviation", "±", "+-", "+/-",
])
# fmt: on
_ERROR_ENDINGS = ("err", "error", "sigma", "std", "stdev", "stddev", "stderr", "uncertainty", "unc")
_SHORT = frozenset({"dy", "δy", "ey", "sy", "uy", "di", "δi"})
_SHORT_OF_X = frozenset({"dx", "δx", "ex", "sx", "ux", "dq", "δq"})
_DERIVATIVE = re.compile(r"[dδ]\w*\s*/\s*[dδ]\w+", re.IGNORECASE)
_UNNAMED = "column {}"
_NUMBERED = re.compile(r"column \d+")
_INDEX_NAMES = frozenset({"index", "idx", "row", "no", "no.", "nr", "nr.", "#", "unnamed: 0"})
_WORD = re.compile(r"[^\W\d_]+|±|\+/?-")
_LONGEST_NAME = 200
_FEWEST_ROWS = 5  # in fewer rows any values may happen to run by one or along a line
_MOSTLY = 0.9  # of the steps of a position that is read back with noise go one way
_BENT = 0.05  # of the range: what the scale of a spectrometer departs from a line, and a peak or decay exceeds
_BRACKETS = re.compile(r"[\[(][^\])]*[\])]")


def choose(
    names: Sequence[str],
    columns: Sequence[Array],
    numeric: Sequence[bool],
    x: int | None = None,
    y: int | None = None,
) -> tuple[int, int, int | None]:
    """Return the positions of the columns for x, y and sigma, as far as they are not given.

    x and y are the first two columns of numbers that are neither a running number nor an uncertainty. As far as there
    is a choice, x runs one way, and y is not constant and no straight line over x. sigma is the uncertainty that
    belongs to y by its name or its place behind y.

    Raises
    ------
    ValueError
        If there are not enough columns of numbers.
    """
    filled = [int(np.isfinite(column).sum()) if number else 0 for column, number in zip(columns, numeric, strict=True)]
    usable = [j for j, count in enumerate(filled) if count]
    # Instruments write settings beside the first rows: columns that end early.
    usable = [j for j in usable if 2 * filled[j] >= max(filled)] if len(usable) > 2 else usable
    errors = [j for j in usable if _is_error(names[j])]
    plain = [j for j in usable if j not in errors]
    swapped = False
    if x is None:
        first = [j for j in plain if j != y] or [j for j in usable if j != y]
        if not first:
            raise ValueError("there is no column of numbers for x")
        x, swapped = _x(names, columns, first, y is None)
    if y is None:
        after = [j for j in plain if j > x or (swapped and j != x)]
        rest = [j for j in plain if j != x] or [j for j in usable if j != x]
        if not rest:
            raise ValueError("there is one column of numbers, and a fit needs x and y")
        y = _y(columns, after, rest, x)
    return x, y, _sigma(names, errors, x, y)


def _x(names: Sequence[str], columns: Sequence[Array], candidates: Sequence[int], y_too: bool) -> tuple[int, bool]:
    """Return which candidate is x, and whether it was preferred to one on its left that can be y."""
    varying = [j for j in candidates if not _is_constant(columns[j])]
    first = varying if len(varying) > y_too else list(candidates)
    if len(first) - y_too > 1:
        number, scale, *others = (columns[j] for j in first)
        signal = not y_too or any(not _on_line(number, other) for other in others)
        scaled = signal and _numbers_rows(number) and _on_line(number, scale)
        if scaled or _is_index(names, first[0], columns[first[0]]):
            first = first[1:]
    if "x" in _words(names[first[0]]) or _runs(columns[first[0]], _MOSTLY):
        return first[0], False
    running = [j for j in first[1:] if _runs(columns[j]) and not _is_index(names, j, columns[j])]
    return (running[0], True) if running else (first[0], False)


def _y(columns: Sequence[Array], after: Sequence[int], rest: Sequence[int], x: int) -> int:
    """Return which column is y: the first one behind x that can be a signal, else the first one anywhere that can."""
    varying = [j for j in rest if not _is_constant(columns[j])]
    signals = [j for j in varying if not _on_line(columns[x], columns[j])]
    for candidates in (signals, varying, rest):
        behind = [j for j in candidates if j in after]
        if behind or candidates:
            return (behind or candidates)[0]
    raise AssertionError("there is a column for y")


def _is_constant(column: Array) -> bool:
    finite = column[np.isfinite(column)]
    return len(finite) > 1 and bool((finite == finite[0]).all())


def _numbers_rows(column: Array) -> bool:
    """Tell whether values are whole and go up by one from row to row, as running numbers and channels do."""
    if len(column) < _FEWEST_ROWS or not np.isfinite(column).all() or column[0] % 1.0:
        return False
    return bool((column[1:] == column[:-1] + 1.0).all())


def _runs(column: Array, share: float = 1.0) -> bool:
    """Tell whether values go one way in at least this share of their steps; with a share of 1 none may be repeated."""
    finite = column[np.isfinite(column)]
    if len(finite) < _FEWEST_ROWS:
        return share < 1.0
    up = int((finite[1:] > finite[:-1]).sum())
    down = int((finite[1:] < finite[:-1]).sum())
    steps = len(finite) - 1 if share == 1.0 else up + down
    return steps > 0 and max(up, down) >= share * steps


def _on_line(x: Array, y: Array) -> bool:
    """Tell whether y goes one way with x and nearly along a straight line: another scale of the same axis."""
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if not (_runs(x) and _runs(y)):
        return False
    # Of the range, in two steps: differences of very large numbers overflow.
    along = (x / 2.0 - x[0] / 2.0) / (x[-1] / 2.0 - x[0] / 2.0)
    height = (y / 2.0 - y[0] / 2.0) / (y[-1] / 2.0 - y[0] / 2.0)
    return bool(np.abs(height - along).max() <= _BENT)


def _words(name: str) -> list[str]:
    return _WORD.findall(_BRACKETS.sub(" ", name[:_LONGEST_NAME]).casefold())


def _is_error(name: str) -> bool:
    if _DERIVATIVE.search(name[:_LONGEST_NAME]):
        return False
    words = _words(name)
    return any(word in _ERROR_WORDS or word in _SHORT | _SHORT_OF_X or word.endswith(_ERROR_ENDINGS) for word in words)


def _belongs_to(error: str, name: str, letter: str) -> bool:
    """Tell whether the name of an uncertainty says that it is that of a column, or of x or y in general."""
    short = _SHORT if letter == "y" else _SHORT_OF_X
    stems = set()
    for word in _words(error):
        for ending in _ERROR_ENDINGS:
            stems.add(word.removesuffix(ending))
        if word in short:
            return True
    stems -= _ERROR_WORDS | {""}
    return bool(stems & ({letter} | (set(_words(name)) - _ERROR_WORDS)))


def _sigma(names: Sequence[str], errors: Sequence[int], x: int, y: int) -> int | None:
    others = set(_words(names[x])) - set(_words(names[y]))
    free = [j for j in errors if j not in (x, y)]
    of_y = [j for j in free if _belongs_to(names[j], names[y], "y") and not others & set(_words(names[j]))]
    if of_y:
        return min(of_y, key=lambda j: (j < y, j))
    free = [j for j in free if not _belongs_to(names[j], names[x], "x")]
    if y + 1 in free:
        return y + 1
    return free[0] if len(free) == 1 and not _names_another(names, free[0], x, y) else None


def _names_another(names: Sequence[str], error: int, x: int, y: int) -> bool:
    """Tell whether an uncertainty is that of some third column."""
    mine = set(_words(names[error])) - _ERROR_WORDS
    return any(mine & set(_words(name)) for j, name in enumerate(names) if j not in (x, y, error))


def _is_index(names: Sequence[str], position: int, column: Array) -> bool:
    """Tell whether a column only numbers the rows: where others have a name, it has none or one that says so."""
    name = names[position].strip().casefold()
    unnamed = name == _UNNAMED.format(position + 1)
    if not (name in _INDEX_NAMES or unnamed) or all(_NUMBERED.fullmatch(other) for other in names):
        return False
    return column[0] in (0.0, 1.0) and bool((np.diff(column) == 1.0).all())


def is_counts(y: Array) -> bool:
    """Tell whether values look like counts of events: whole, not negative, and with no common divisor.

    Rounded readings (100, 250, 300) have one; so few values that this could be chance are no counts.
    """
    finite = y[np.isfinite(y)]
    if len(finite) < 8 or finite.min() < 0.0 or not 1.0 < finite.max() < 2.0**53:
        return False
    return not (finite % 1.0).any() and int(np.gcd.reduce(finite.astype(np.int64))) == 1


def labelled(name: str, unit: str) -> str:
    """Return the label of an axis: the name and, in parentheses, the unit where there is one."""
    unit = unit.strip()
    if not unit or unit in name:
        return shortened(name)
    return shortened(f"{name} {unit}" if unit[0] in "([" else f"{name} ({unit})")


def unique_names(names: Sequence[str], count: int) -> list[str]:
    """Return a name for each of so many columns, on one line, no two the same."""
    unique: list[str] = []
    taken: set[str] = set()
    for position in range(count):
        given = " ".join(names[position].split()) if position < len(names) else ""
        given = given or _UNNAMED.format(position + 1)
        name, number = given, 1
        while name in taken:
            number += 1
            name = f"{given} ({number})"
        taken.add(name)
        unique.append(name)
    return unique
