"""Reading tables: columns of numbers from text in any of the usual ways of writing them, every refusal explained."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gaussapp.data.columns import choose, is_counts, labelled, unique_names
from gaussapp.data.heading import find_heading
from gaussapp.data.layout import Layout, likely_layouts, sampled_lines
from gaussapp.data.points import Array, Data, shortened
from gaussapp.data.rows import Rows
from gaussapp.data.source import MAX_BYTES, Source, read_text

__all__ = ["Table", "parse_table", "read_table"]

Choice = str | int | None

MOST_COLUMNS = 1000

_JCAMP = re.compile(r"\A\s*##TITLE\s*=|^\s*##JCAMP-?DX\s*=", re.IGNORECASE | re.MULTILINE)
_HEAD_OF_JCAMP = 10_000
_SEP = re.compile(r'"?sep=([\t ]|[^\w.+\-"\s])"?[ \t]*\n', re.IGNORECASE)


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """The columns of a table, before it is chosen which of them are x, y and sigma.

    Attributes
    ----------
    names : tuple of str
        Names of the columns, as written in the table; ``column 1`` … where it says none.
    columns : tuple of ndarray, each of shape (N,)
        Their numbers; NaN where a cell is empty or holds text.
    labels : tuple of str
        Names with units, short enough for an axis.
    texts : tuple of (int, str) or None
        For each column the line and the content of the first cell that is text.
    numeric : tuple of bool
        Whether a column holds numbers more often than text.
    name : str
        What the table is called.
    notes : tuple of str
        Sentences on what was assumed or left out.
    """

    names: tuple[str, ...]
    columns: tuple[Array, ...]
    labels: tuple[str, ...]
    texts: tuple[tuple[int, str] | None, ...]
    numeric: tuple[bool, ...]
    name: str = "data"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0])

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {len(self)} rows, columns {', '.join(map(repr, map(shortened, self.names)))})"

    def choice(self, x: Choice = None, y: Choice = None, sigma: Choice | bool = None) -> tuple[str, str, str | None]:
        """Return the names of the columns for x, y and sigma, as far as they are not given the likely ones.

        Parameters
        ----------
        x, y, sigma : str or int, optional
            Name of a column, or its position, the first one being 0. With ``sigma=False`` there is none, even if a
            column is named like it.

        Raises
        ------
        ValueError
            If there is no such column, or one is chosen twice.
        """
        wanted = [None if column is None or column is False else self._position(column) for column in (x, y, sigma)]
        first, second, third = choose(self.names, self.columns, self.numeric, wanted[0], wanted[1])
        if wanted[2] is not None or sigma is False:
            third = wanted[2]
        chosen = [first, second] + ([] if third is None else [third])
        for column in chosen:
            if chosen.count(column) > 1:
                raise ValueError(
                    f"column {shortened(self.names[column])!r} is chosen twice: x, y and sigma are different columns"
                )
        return self.names[first], self.names[second], None if third is None else self.names[third]

    def to_data(self, x: Choice = None, y: Choice = None, sigma: Choice | bool = None) -> Data:
        """Return the points of the chosen columns; parameters as in `choice`.

        Raises
        ------
        ValueError
            If there is no such column, one is chosen twice, or one holds text or numbers too large to compute with.
        """
        chosen = [None if name is None else self.names.index(name) for name in self.choice(x, y, sigma)]
        for role, column in zip(("x", "y", "sigma"), chosen, strict=True):
            if column is not None:
                self._check(role, column)
        first, second, third = chosen
        assert first is not None
        assert second is not None
        return Data(
            self.columns[first],
            self.columns[second],
            None if third is None else self.columns[third],
            name=self.name,
            x_label=self.labels[first],
            y_label=self.labels[second],
            counts=is_counts(self.columns[second]),
        )

    def _position(self, column: str | int | bool) -> int:
        if isinstance(column, (int, np.integer)) and not isinstance(column, bool):
            if 0 <= column < len(self.names):
                return int(column)
            raise ValueError(
                f"there is no column {column} in {self.name}: its {len(self.names)} columns are counted from 0"
            )
        if not isinstance(column, str):
            raise TypeError(f"a column is chosen by its name or position, not by {column!r}")
        plain = column.strip().casefold()
        matches: tuple[Callable[[str], bool], ...] = (
            lambda name: name == column,
            lambda name: shortened(name) == column,
            lambda name: name.strip().casefold() == plain,
        )
        for match in matches:
            for position, name in enumerate(self.names):
                if match(name):
                    return position
        names = ", ".join(repr(shortened(name, 40)) for name in self.names[:12])
        more = " …" if len(self.names) > 12 else ""
        raise ValueError(f"there is no column {shortened(column)!r} in {self.name}: it has {names}{more}")

    def _check(self, role: str, column: int) -> None:
        """Raise ValueError if a column cannot be used."""
        name, text, values = shortened(self.names[column]), self.texts[column], self.columns[column]
        if text is not None:
            line, cell = text
            raise ValueError(
                f"column {name!r}, to be used as {role}, holds text: {shortened(cell, 40)!r} in line {line} of "
                f"{self.name}; correct or remove it, or choose another column"
            )
        if not np.isfinite(values).any():
            raise ValueError(f"column {name!r}, to be used as {role}, holds no numbers: choose another column")


def read_table(
    source: Source,
    *,
    x: Choice = None,
    y: Choice = None,
    sigma: Choice | bool = None,
    max_bytes: int | None = MAX_BYTES,
) -> Data:
    r"""Read the points of a table in text.

    Delimiters (tab, semicolon, comma, bar, blanks), decimal commas, signs for thousands, lines of names and units,
    remarks, lines above and below the table, quotes and encodings are recognised.

    Parameters
    ----------
    source : path, bytes, str or file-like
        A str with a line break is the table itself, any other str a path. Nothing is fetched from the network.
    x, y, sigma : str or int, optional
        Name of a column, or its position, the first one being 0. By default x and y are the first two columns of
        numbers that can be such (no running number before x, no constant for y), and sigma the column that is named
        like one (sigma, err, std, dy, dI, ±, …), if there is one; ``sigma=False`` uses none.
    max_bytes : int or None
        Larger files are refused; None reads whatever fits into memory.

    Returns
    -------
    Data
        Its ``counts`` say whether y look like counts of events. Empty cells are NaN: a fit leaves those rows out.

    Raises
    ------
    ValueError
        If there is no such file, it holds no table, or a chosen column holds text: the sentence says what and where.
    TypeError
        If source or a column is none of the above.

    Examples
    --------
    >>> read_table("x;y\n1,5;2,5\n2,5;3,75\n")
    Data('the text', 2 points, x from 1.5 to 2.5)
    """
    return parse_table(source, max_bytes=max_bytes).to_data(x, y, sigma)


def parse_table(source: Source, name: str | None = None, *, max_bytes: int | None = MAX_BYTES) -> Table:
    """Read the columns of a table in text; parameters and errors as in `read_table`.

    ``name`` is what the table is called, by default the name of the file.
    """
    text, name = read_text(source, name, max_bytes)
    if _JCAMP.search(text[:_HEAD_OF_JCAMP]):
        # Its rows are one x and many y, often packed as differences: what looks like a table in it is none.
        raise ValueError(f"{name} is a JCAMP-DX file, which is not read: export x and y as two columns of text or CSV")
    separator = _SEP.match(text)
    start = separator.end() if separator else 0
    layouts = likely_layouts(sampled_lines(text[start:]), separator[1] if separator else None)
    if not layouts:
        raise ValueError(
            f"{name} holds no row of numbers; it begins with {shortened(text[start:][:200], 60)!r}. "
            "A table has one point a line: x, y and, if known, sigma"
        )
    if layouts[0].columns == 1:
        raise ValueError(f"{name} has one column, and a fit needs x and y")
    table = _parse_in_any(text, name, layouts, start)
    if sum(table.numeric) < 2:
        texts = (
            f"; column {shortened(column)!r} holds text, {shortened(text[1], 40)!r} in line {text[0]}"
            for column, text in zip(table.names, table.texts, strict=True)
            if text
        )
        raise ValueError(f"{name} has one column of numbers, and a fit needs x and y" + "".join(islice(texts, 3)))
    return table


def _parse_in_any(text: str, name: str, layouts: Sequence[Layout], start: int) -> Table:
    """Read all rows in the first layout in which no number turns out to be text, else in the first possible one.

    The sampled lines may hold whole numbers only, which look the same in several layouts.
    """
    tables: list[Table] = []
    refusals: list[ValueError] = []
    for layout in layouts:
        try:
            table = _parse(text, name, layout, start)
        except ValueError as error:
            refusals.append(error)
            continue
        if not any(number and text for number, text in zip(table.numeric, table.texts, strict=True)):
            return table
        tables.append(table)
    if not tables:
        raise refusals[0]
    return tables[0]


def _parse(text: str, name: str, layout: Layout, start: int) -> Table:
    """Read all rows in one layout.

    Raises
    ------
    ValueError
        If a row has more or fewer cells than the table has columns, or there are too many columns.
    """
    if layout.columns > MOST_COLUMNS:
        raise ValueError(
            f"{name} has {layout.columns} columns, and at most {MOST_COLUMNS} are read: a table has one point a line"
        )
    heading = find_heading(text, layout, start)
    rows = Rows(layout, name)
    rows.read(text, heading.start, heading.line)
    columns, numeric = rows.columns()
    names = unique_names(heading.names, layout.columns)
    units = heading.units or [""] * layout.columns
    given = heading.names or [""] * layout.columns
    kept = [j for j in range(layout.columns) if given[j] or rows.texts[j] or np.isfinite(columns[j]).any()]
    for column in columns:
        column.flags.writeable = False
    return Table(
        names=tuple(names[j] for j in kept),
        columns=tuple(columns[j] for j in kept),
        labels=tuple(labelled(names[j], units[j]) for j in kept),
        texts=tuple(rows.texts[j] for j in kept),
        numeric=tuple(numeric[j] for j in kept),
        name=name,
        notes=(*heading.notes, *rows.notes()),
    )
