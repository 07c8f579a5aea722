"""What stands above the first row of a table: names and units of its columns, and lines that are neither."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from gaussapp.data.layout import WHITESPACE, Layout, Style
from gaussapp.data.points import shortened

__all__ = ["Heading", "find_heading", "line_breaks"]

MOST_LINES_ABOVE = 10_000

_UNIT = re.compile(
    r"[\[(].*[\])]|-|1|%|°|(?:1/)?(?:"
    r"[munpµμkMGTcd]?(?:m|s|g|A|V|W|J|K|C|T|N|F|H|Hz|Pa|bar|eV|mol|M|L|l|rad|Ohm|Ω|cd|lm|lx|Bq|Sv|Gy|sr|px)|Å|°C|°F|"
    r"angstrom|micron|min|h|d|deg|degrees|torr|atm|dBm?|ppm|ppb|ppt|ct|cts|cps|counts?|channels?|pixels?|seconds?|"
    r"volts?|a\.?\s?u\.?|arb\.?(?: ?u(?:nits?)?\.?)?|arbitrary units?|rel\.?|nanometers?|nanometres?"
    r")(?:\^?[-−]?[0-9¹²³⁻]+)?(?:[\s/·*.].{0,12})?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Heading:
    """Where the rows of a table begin, and what the lines above say.

    Attributes
    ----------
    start, line : int
        Where in the text the first row begins, and the number of its line, the first one being 1.
    names, units : tuple of str
        One for each column; empty where the table says none.
    notes : tuple of str
        Sentences on what was assumed.
    """

    start: int
    line: int
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def line_breaks(text: str) -> int:
    r"""Count the line breaks of the file in a part of its text; those inside of quoted cells have become ``\v``."""
    return text.count("\n") + text.count("\v")


def find_heading(text: str, layout: Layout, start: int = 0) -> Heading:
    """Find the first row of a table, and the names above it.

    Raises
    ------
    ValueError
        If no line is a row.
    """
    above, first = _lines_until_row(text, layout, start)
    # Upwards from the first row: lines with as many cells as the table has columns.
    block: list[tuple[int, list[str]]] = []
    stranger = ""
    for position, line in reversed(above):
        if layout.style.is_comment(line):
            continue
        cells = layout.fit(layout.style.split(line))
        if cells is None:
            stranger = line
            break
        if any(cells):
            block.append((position, cells))
    names: list[str] = []
    units: list[str] = []
    notes: list[str] = []
    used = 0
    texts = [i for i, (_, cells) in enumerate(block) if layout.is_text(cells)]
    if texts:
        if texts[0]:
            first = block[texts[0] - 1][0]  # rows with text where a number belongs: to be refused, not to be skipped
        names, units, more = _names_and_units([block[i][1] for i in texts if i < texts[0] + 3])
        used = texts[0] + more
    elif block and layout.style.number(block[0][1][0]) is not None:
        first, used = block[-1][0], len(block)
    elif len(block) == 1:
        names, used = block[0][1], 1
        notes.append(f"The line {shortened(text[block[0][0] :].partition(chr(10))[0], 60)!r} was taken for names.")
    elif remarks := [] if block else _remarks_with_names(above, layout):
        names, units, _ = _names_and_units(remarks)
    elif not block:
        names = _names_in(stranger, layout) or _names_behind_row_names(
            stranger, text[first:].partition("\n")[0], layout
        )
        used = 1 if names else 0
    skipped = sum(not layout.style.is_comment(line) for _, line in above) - used
    if skipped > 0:
        notes.append(f"{skipped} line{'s' * (skipped > 1)} above the table {'were' if skipped > 1 else 'was'} skipped.")
    return Heading(first, line_breaks(text[:first]) + 1, tuple(names), tuple(units), tuple(notes))


def _lines_until_row(text: str, layout: Layout, start: int) -> tuple[list[tuple[int, str]], int]:
    """Return the position and content of all lines above the first row that are not blank, and where that begins."""
    above: list[tuple[int, str]] = []
    position = start
    while position < len(text) and len(above) < MOST_LINES_ABOVE:
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        if line.strip():
            if not layout.style.is_comment(line):
                cells = layout.fit(layout.style.split(line))
                if cells is not None and layout.is_row(cells):
                    return above, position
            above.append((position, line))
        position = end + 1
    raise ValueError(
        f"none of the first {len(above)} lines has numbers in all columns where numbers belong: remove what is not a "
        "row of the table"
    )


def _names_and_units(lines: list[list[str]]) -> tuple[list[str], list[str], int]:
    """Return names, units, and how many lines they take, from the lines above the first row, the lowest one first.

    The lowest line names the columns, unless it or the one above it (the lowest then being a remark) are units.
    """
    for lowest, (cells, names) in enumerate(pairwise(lines[:3])):
        if _are_units(cells):
            return names, cells, lowest + 2
    return (lines[0], [], 1) if lines else ([], [], 0)


def _remarks_with_names(above: list[tuple[int, str]], layout: Layout) -> list[list[str]]:
    """Return the cells of the remarks right above the first row that have one for each column, the lowest one first."""
    found: list[list[str]] = []
    for _, line in reversed(above):
        if not layout.style.is_comment(line) or not (cells := _names_in(line.lstrip("#%/!; \t"), layout)):
            break
        found.append(cells)
    return found[:2]


def _are_units(cells: list[str]) -> bool:
    return all(not cell.strip() or _UNIT.fullmatch(cell.strip()) for cell in cells)


def _names_in(line: str, layout: Layout) -> list[str]:
    """Return the names in a line, which may be set apart in another way than the numbers are."""
    splits = [layout.style.split(line)]
    splits += [Style(delimiter).split(line) for delimiter in "\t;,|" if delimiter in line]
    splits += [re.split(r"\s{2,}", line.strip()), Style(WHITESPACE).split(line)]
    return next((cells for cells in splits if len(cells) == layout.columns and layout.is_text(cells)), [])


def _names_behind_row_names(line: str, row: str, layout: Layout) -> list[str]:
    """Return the names in a line above rows that begin with a name or number of their own, as R writes tables."""
    cells, begin = layout.style.split(line), layout.style.split(row)[0]
    if layout.columns < 3 or len(cells) != layout.columns - 1 or any(map(layout.style.number, cells)):
        return []
    return ["", *cells] if layout.style.number(begin) in (None, 0.0, 1.0) and all(cells) else []
