"""How a table is written: what separates its columns, what its numbers look like, and where it begins."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan

__all__ = ["WHITESPACE", "Layout", "Style", "likely_layouts", "sampled_lines"]

WHITESPACE = ""
"""The delimiter of columns that are set apart by any number of blanks."""

# fmt: off
MISSING = frozenset([
    "", "-", "--", "---", ".", "..", "...", "?", "*", "na", "n/a", "nan", "-nan", "+nan", "null", "none", "nil",
    "missing", "#n/a", "#na", "#value!", "#div/0!", "#num!", "#ref!", "#null!", "<na>", "1.#ind", "-1.#ind",
    "1.#qnan", "-1.#qnan",
])
# fmt: on
"""What stands for a value that is not there, in lower case."""

_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f'’", " ") | {"−": "-", "﹣": "-", "－": "-"})
_WORDS = re.compile(r'"[^"]*"|\S+')
_LONGEST_LINE = 20_000
_ONE_CELL = 200  # points for a line with a single number
_LONGEST_SAMPLE = 50_000
_COMMENTS = ("#", "%", "//", "!")


@dataclass(frozen=True)
class Style:
    """What separates columns, decimals and thousands (the last may be empty: none)."""

    delimiter: str
    decimal: str = "."
    thousands: str = ""

    def split(self, line: str) -> list[str]:
        """Return the cells of a line, without blanks and quotes around them."""
        if self.delimiter == WHITESPACE:
            return [word.strip('"') for word in _WORDS.findall(line)] if '"' in line else line.split()
        if '"' not in line:
            return [cell.strip() for cell in line.split(self.delimiter)]
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True))]
        except (csv.Error, StopIteration):
            return [cell.strip() for cell in line.split(self.delimiter)]

    def is_comment(self, line: str) -> bool:
        """Tell whether a line is a remark; one with the semicolon only where that does not separate columns."""
        start = line.lstrip()
        return start.startswith(_COMMENTS) or (start.startswith(";") and self.delimiter != ";")

    @cached_property
    def _number(self) -> re.Pattern[str]:
        decimal = re.escape(self.decimal)
        whole = r"\d+" if not self.thousands else rf"(?:\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+|\d+)"
        # "1." is a number, but "1," is one with a delimiter behind it.
        digits = r"\d*" if self.decimal == "." else r"\d+"
        return re.compile(rf"[+-]?(?:{whole}(?:{decimal}{digits})?|{decimal}\d+)(?:[eEdD][+-]?\d+)?")

    def number(self, cell: str) -> float | None:
        """Return the number in a cell, NaN where it is missing, None where it is some other text."""
        cell = cell.strip()
        if self._number.fullmatch(cell):
            return self._float(cell)
        if cell.lower() in MISSING:
            return nan
        if cell.lower().lstrip("+-") in ("inf", "infinity"):
            return float(cell)
        cell = cell.translate(_SPACES)
        if " " in cell and re.fullmatch(r"[+-]?\d{1,3}(?: \d{3})+(?:\D.*)?", cell):
            cell = cell.replace(" ", "")
        return self._float(cell) if self._number.fullmatch(cell) else None

    def _float(self, cell: str) -> float:
        if self.thousands:
            cell = cell.replace(self.thousands, "")
        if self.decimal != ".":
            cell = cell.replace(self.decimal, ".")
        return float(cell.replace("d", "e").replace("D", "e"))


# In order of preference where several fit equally well. A comma is the decimal sign beside a comma as the delimiter
# only in quoted cells, where it is more often the sign for thousands.
_STYLES = (
    *(Style(delimiter, *signs) for delimiter in "\t;|" for signs in ((".",), (",",), (".", ","), (",", "."))),
    *(Style(",", *signs) for signs in ((".",), (".", ","), (",",), (",", "."))),
    *(Style(WHITESPACE, *signs) for signs in ((".",), (",",), (".", ","), (",", "."))),
)


@dataclass(frozen=True)
class Layout:
    """A style, how many columns most lines then have, up to which they are filled, and which of them hold text."""

    style: Style
    columns: int
    filled: int
    text_columns: frozenset[int]
    score: int

    def fit(self, cells: list[str]) -> list[str] | None:
        """Return cells with as many as there are columns, None where that would drop or invent something.

        Spreadsheets write delimiters behind the last column, and not always as many.
        """
        if len(cells) > self.columns and not any(cell.strip() for cell in cells[self.columns :]):
            return cells[: self.columns]
        if self.filled <= len(cells) < self.columns:
            return cells + [""] * (self.columns - len(cells))
        return cells if len(cells) == self.columns else None

    def is_row(self, cells: Sequence[str]) -> bool:
        """Tell whether cells, one for each column, are a row of the table: with numbers where numbers belong."""
        kinds = [self.style.number(cell) for j, cell in enumerate(cells) if j not in self.text_columns]
        return None not in kinds and any(kind == kind for kind in kinds)

    def is_text(self, cells: Sequence[str]) -> bool:
        """Tell whether cells, one for each column, could be names or units: no number where numbers belong."""
        kinds = [self.style.number(cell) for j, cell in enumerate(cells) if j not in self.text_columns]
        return None in kinds and all(kind is None or kind != kind for kind in kinds)


def sampled_lines(text: str) -> list[str]:
    """Return lines from the beginning, the middle and the end of a text: enough to see how the table is written."""
    lines = text[:_LONGEST_SAMPLE].split("\n", 300)[:300]
    if len(text) > _LONGEST_SAMPLE:
        middle, end = len(text) // 2, len(text) - _LONGEST_SAMPLE // 2
        lines += text[middle : middle + _LONGEST_SAMPLE // 2].split("\n", 100)[1:100]
        lines += text[end:].rsplit("\n", 100)[1:]
    return [line[:_LONGEST_LINE] for line in lines if line.strip()]


def likely_layouts(lines: Sequence[str], delimiter: str | None = None) -> list[Layout]:
    """Return the layouts that fit the lines best, the most usual one first; none where there are no numbers.

    Parameters
    ----------
    lines : sequence of str
        Lines of the table, with others around and between them.
    delimiter : str, optional
        The delimiter, where the file says it.
    """
    styles = [style for style in _STYLES if delimiter is None or style.delimiter == delimiter]
    if delimiter is not None and not styles:
        styles = [Style(delimiter), Style(delimiter, ",")]
    # Styles share delimiters or signs, and most of these are not there at all: nothing is looked at twice.
    text = "\n".join(lines)
    quoted = '"' in text
    spaced = quoted or any(len(line.split()) > 1 for line in lines)

    def present(style: Style) -> bool:
        return spaced if style.delimiter == WHITESPACE else style.delimiter in text

    found: dict[Style, Layout] = {}
    best = 0
    rows: dict[str, list[list[str]]] = {}
    kinds: dict[tuple[str, str], dict[str, bool | None]] = {}
    layouts: dict[tuple[str | None, str, str], Layout | None] = {}
    for style in sorted(styles, key=lambda style: not present(style)):
        grouped = style.thousands in text and (quoted or style.thousands != style.delimiter)
        key = (style.delimiter if present(style) else None, style.decimal, style.thousands if grouped else "")
        if key[0] is None and best > _ONE_CELL * len(lines):
            continue  # lines of one cell cannot reach it
        if key not in layouts:
            if style.delimiter not in rows:
                rows[style.delimiter] = [style.split(line) for line in lines if not style.is_comment(line)]
            layouts[key] = _layout(style, rows[style.delimiter], kinds.setdefault(key[1:], {}))
        if layout := layouts[key]:
            found[style] = replace(layout, style=style)
            best = max(best, layout.score)
    return [found[style] for style in styles if style in found and found[style].score == best]


def _layout(style: Style, lines: Sequence[Sequence[str]], known: dict[str, bool | None]) -> Layout | None:
    """Return the layout of lines that were split into cells, if they have numbers; `known` are the kinds of cells."""
    widths: Counter[int] = Counter()
    scores: Counter[int] = Counter()
    rows: dict[int, list[list[bool | None]]] = {}
    for cells in lines:
        for cell in cells:
            if cell not in known:
                known[cell] = None if (n := style.number(cell)) is None else n == n
        kinds = [known[cell] for cell in cells]
        numbers, texts, width = kinds.count(True), kinds.count(None), len(cells)
        if numbers:
            widths[width] += 1
            rows.setdefault(width, []).append(kinds)
            # Whole numbers of points, so that equally good styles tie exactly.
            scores[width] += (
                10_000 if numbers > 1 and not texts else (5000 if numbers > 1 else _ONE_CELL) * numbers // width
            )
            # "0,1 100,0" is two numbers with decimal commas rather than three with one of them written "1 100".
            scores[width] -= style.delimiter == "," and any(" " in cell for cell in cells)
    if not scores:
        return None
    width, score = max(scores.items(), key=lambda item: (item[1], item[0]))
    found = rows[width]
    text_columns = frozenset(
        j for j in range(width) if sum(row[j] is None for row in found) > sum(row[j] is True for row in found)
    )
    filled = 1 + max(j for j in range(width) if any(row[j] is not False for row in found))
    return Layout(style, width, filled, text_columns, score)
