"""The rows of a table as columns of numbers, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import compress

import numpy as np

from gaussapp.data.heading import line_breaks
from gaussapp.data.layout import WHITESPACE, Layout
from gaussapp.data.points import Array, shortened

__all__ = ["Rows"]

BLOCK = 1 << 20
"""Characters converted at a time, so that memory stays near that of the text and of the numbers."""

MOST_PROBLEMS = 1000
"""Lines with something wrong in them after which no more are looked at."""

WORTH_PANDAS = 1 << 17
"""Characters for which importing pandas pays."""


class Rows:
    """Collects the rows of a table.

    Parameters
    ----------
    layout : Layout
        How the table is written.
    name : str
        What it is called in a message.

    Attributes
    ----------
    texts : list of (int, str) or None
        For each column the line and the content of the first cell with text.
    signs : set of str
        The signs other than a decimal point that numbers were read with.
    """

    def __init__(self, layout: Layout, name: str):
        self.layout = layout
        self.name = name
        self.texts: list[tuple[int, str] | None] = [None] * layout.columns
        self.signs: set[str] = set()
        self._counts = [0] * layout.columns
        self._parts: list[list[Array]] = [[] for _ in range(layout.columns)]
        self._odd: list[tuple[int, str, bool]] = []

    def read(self, text: str, start: int, line: int) -> None:
        """Take all rows from a position, which is on that line, to the end.

        Raises
        ------
        ValueError
            If a row has more or fewer cells than the table has columns.
        """
        while start < len(text):
            end = text.find("\n", start + BLOCK)
            end = len(text) if end < 0 else end
            block = text[start:end]
            self._read_block(block, line)
            line += line_breaks(block) + 1
            start = end + 1
        if any(number for _, _, number in self._odd):
            raise self._ragged()

    def columns(self) -> tuple[list[Array], list[bool]]:
        """Return the columns, each of shape (N,), and whether they hold numbers at least as often as text."""
        columns = [np.concatenate(parts) for parts in self._parts]
        finite = [int(np.isfinite(column).sum()) for column in columns]
        return columns, [count > 0 and count >= texts for count, texts in zip(finite, self._counts, strict=True)]

    def notes(self) -> list[str]:
        """Return sentences on what was assumed or left out."""
        notes = [
            f"{shown} were read as {meaning}."
            for sign, shown, meaning in (
                ("decimal,", "Commas", "decimal points"),
                ("thousands,", "Commas", "separators of thousands"),
                ("thousands.", "Points", "separators of thousands"),
            )
            if sign in self.signs
        ]
        if self._odd:
            count = len(self._odd)
            notes.append(
                f"{count} line{'s' * (count > 1)} below the table {'were' if count > 1 else 'was'} left out: "
                f"{shortened(self._odd[0][1], 60)!r}."
            )
        return notes

    def _read_block(self, block: str, number: int) -> None:
        if len(block) > WORTH_PANDAS and not self._odd and (columns := self._bulk(block)) is not None:
            for parts, values in zip(self._parts, columns, strict=True):
                parts.append(values)
            return
        style = self.layout.style
        lines = block.split("\n")
        used = [bool(line.strip()) and not style.is_comment(line) for line in lines]
        rows = self._split([*compress(lines, used)] if not all(used) else lines, '"' in block)
        if not rows:
            return
        where = [*compress(range(len(lines)), used)]
        if set(map(len, rows)) != {self.layout.columns}:
            rows, where = self._fitted(rows, where, lines, number)
        elif self._odd:
            raise self._ragged()
        plain = "_" not in block
        for column, cells in enumerate(zip(*rows, strict=True)):
            if column in self.layout.text_columns and self.texts[column] is not None:
                self._counts[column] += len(cells)
                self._parts[column].append(np.full(len(cells), np.nan))
                continue
            numbers = self._fast(cells) if plain else None
            self._parts[column].append(self._slow(column, cells, where, lines, number) if numbers is None else numbers)

    def _bulk(self, block: str) -> list[Array] | None:
        """Return the numbers of a block in which nothing is out of the ordinary, None otherwise.

        With pandas, ten times as fast as without; but it fills up short rows without a word, so that is ruled out.
        """
        import pandas as pd

        style, width = self.layout.style, self.layout.columns
        if style.thousands or self.layout.text_columns:
            return None
        # Newer versions read exactly by default, and deprecate the option that older ones need for it.
        exactly = {"float_precision": "round_trip"} if int(pd.__version__.partition(".")[0]) < 3 else {}
        try:
            table = pd.read_csv(  # type: ignore[call-overload]
                StringIO(block),
                sep=style.delimiter or r"\s+",
                decimal=style.decimal,
                header=None,
                dtype=np.float64,
                skipinitialspace=True,
                **exactly,
            )
        except (ValueError, OverflowError):
            return None
        values = table.to_numpy()
        if values.shape[1] != width:
            return None
        if np.isnan(values).any():
            cells = len(block.split()) if style.delimiter == WHITESPACE else block.count(style.delimiter) + len(values)
            if cells != width * len(values) or '"' in block:
                return None
        if style.decimal == "," and "," in block:
            self.signs.add("decimal,")
        return [np.ascontiguousarray(column) for column in values.T]

    def _split(self, lines: list[str], quoted: bool) -> list[list[str]]:
        style = self.layout.style
        if quoted:
            return [style.split(line) for line in lines]
        if style.delimiter == WHITESPACE:
            return [line.split() for line in lines]
        return [line.split(style.delimiter) for line in lines]

    def _fitted(
        self, rows: Sequence[list[str]], where: Sequence[int], lines: Sequence[str], number: int
    ) -> tuple[list[list[str]], list[int]]:
        """Return the rows that have, or can be given, the right number of cells, and keep account of the others."""
        good: list[list[str]] = []
        kept: list[int] = []
        for row, index in zip(rows, where, strict=True):
            cells = self.layout.fit(row)
            if cells is None:
                begins_with_number = self.layout.style.number(row[0]) is not None
                self._odd.append((_line(number, lines, index), lines[index], begins_with_number))
                if len(self._odd) > MOST_PROBLEMS:
                    raise self._ragged()
            elif self._odd:
                raise self._ragged()
            else:
                good.append(cells)
                kept.append(index)
        return good, kept

    def _ragged(self) -> ValueError:
        line, content, _ = self._odd[0]
        cells = len(self.layout.style.split(content))
        return ValueError(
            f"line {line} of {self.name} has {cells} cell{'s' * (cells != 1)} where the table has "
            f"{self.layout.columns} columns: {shortened(content, 60)!r}; complete or remove the line"
        )

    def _fast(self, cells: Sequence[str]) -> Array | None:
        """Return the numbers in cells that hold nothing else, None where they do."""
        style = self.layout.style
        if style.thousands:
            return None
        if style.decimal == ",":
            text = "\n".join(cells)
            if "." in text:
                return None
            if "," in text:
                self.signs.add("decimal,")
                cells = text.replace(",", ".").split("\n")
        try:
            return np.array([*map(float, cells)])
        except ValueError:
            return None

    def _slow(
        self, column: int, cells: Sequence[str], where: Sequence[int], lines: Sequence[str], number: int
    ) -> Array:
        """Return the numbers in cells, NaN for those that are empty or hold text, and keep account of these."""
        style = self.layout.style
        values = np.full(len(cells), np.nan)
        # Texts repeat (labels, "n/a"): each is looked at once.
        known: dict[str, float | None] = {}
        for row, cell in enumerate(cells):
            if cell in known:
                value = known[cell]
            else:
                value = known[cell] = style.number(cell)
            if value is not None:
                values[row] = value
                continue
            self._counts[column] += 1
            if self.texts[column] is None:
                self.texts[column] = (_line(number, lines, where[row]), cell.strip())
            if self._counts[column] > MOST_PROBLEMS and column not in self.layout.text_columns:
                line, text = self.texts[column] or (0, "")
                raise ValueError(
                    f"a column of numbers in {self.name} holds text in more than {MOST_PROBLEMS} lines, first "
                    f"{shortened(text, 40)!r} in line {line}; correct or remove these lines"
                )
        text = "\n".join(known)
        if style.decimal == "," and "," in text:
            self.signs.add("decimal,")
        if style.thousands and style.thousands in text:
            self.signs.add("thousands" + style.thousands)
        return values


def _line(number: int, lines: Sequence[str], index: int) -> int:
    """Return the number of a line in the file, where the first of the lines has the given number."""
    return number + index + sum(line.count("\v") for line in lines[:index])
