"""Several files of measured data: each is read and fitted as it would be alone, and is one row whatever is wrong."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import param

from gaussapp.app.beside import Ends
from gaussapp.app.scene import Request, compute
from gaussapp.batch import Choices, columns_of, row_of, write_csv
from gaussapp.data import Data, Table, parse_table
from gaussapp.fitting.peak import Array

MOST_FILES = 1_000
"""Files that a page takes at once; `gaussapp.fit_files` takes any number."""

COLUMNS = ("x", "y", "sigma")
NO_SIGMA = "-"

NUMBER = re.compile(r"\d+(?:\.\d+)?")

Row = dict[str, Any]


class FileSettings(param.Parameterized):
    """What is drawn of the fits of several files."""

    file_trend = param.String(default="center", label="Trend of the", doc="Which quantity is drawn.", precedence=1)
    file_against = param.Selector(
        default="number in the name",
        objects=["number in the name", "order of the names"],
        label="against the",
        doc="What it is drawn against: a number that all names have, as in run_12.csv, or the order of the names.",
        precedence=2,
    )


@dataclass(frozen=True, eq=False)
class FileRead:
    """One of several files: its table, or the sentence that says why there is none."""

    name: str
    table: Table | None
    problem: str = ""


def read_all(contents: Mapping[str, bytes]) -> list[FileRead]:
    """Read files, in the order of their names, numbers in these taken as numbers."""
    return [_read(name, contents[name]) for name in sorted(contents, key=natural)]


def _read(name: str, content: bytes) -> FileRead:
    try:
        return FileRead(name, parse_table(content, name=name))
    except (ValueError, TypeError) as error:
        return FileRead(name, None, str(error))


def unique(names: Sequence[str]) -> list[str]:
    """Return names that are all different: of equal ones, the later ones are numbered."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def natural(name: str) -> tuple[object, ...]:
    """Return what a name is sorted by: run_2 comes before run_10."""
    parts = re.split(r"(\d+)", name.casefold())
    return (*[(part.zfill(20) if part.isdigit() else part) for part in parts], name)


def numbers_in(names: Sequence[str]) -> Array | None:
    """Return the number in every name that tells the files apart; None unless all have one.

    Of several numbers the last one that is not the same in all names is meant, the extension left aside.
    """
    found = [NUMBER.findall(name.rpartition(".")[0] or name) for name in names]
    least = min(map(len, found), default=0)
    for position in range(-1, -least - 1, -1):
        numbers = np.array([float(each[position]) for each in found])
        if np.ptp(numbers) > 0:
            return numbers
    return None


def named_in(table: Table, columns: Mapping[str, str]) -> dict[str, str | bool]:
    """Return the columns that the settings name, as far as the table has them."""
    named: dict[str, str | bool] = {role: name for role, name in columns.items() if name in table.names}
    if columns["sigma"] == NO_SIGMA:
        named["sigma"] = False
    return named


def data_of(table: Table, columns: Mapping[str, str]) -> Data:
    """Return the points of a table: of the columns that the settings name, else of the likely ones.

    Raises
    ------
    ValueError
        If neither can be used.
    """
    try:
        return table.to_data(**named_in(table, columns))
    except ValueError:  # they were chosen for another table
        return table.to_data()


def for_every_file(request: Request) -> Request:
    """Return the request of the file that is shown as one of all files: without where its own peaks were seen."""
    plain = replace(request, start={}, band="none", intervals="symmetric", correlations=False, certified=None)
    return replace(plain, noise=None)


def row(file: FileRead, columns: Mapping[str, str], request: Request) -> Row:
    """Return the row of a file."""
    if file.table is None:
        return {"file": file.name, "error": file.problem}
    try:
        scene = compute(data_of(file.table, columns), request)
    except ValueError as error:
        return {"file": file.name, "error": str(error)}
    if scene.fit is None:
        return {"file": file.name, "error": scene.problem}
    return row_of(file.name, scene.fit, request.level)


def work(
    files: Sequence[FileRead], columns: Mapping[str, str], request: Request, rows: list[Row | None]
) -> Callable[[Ends], None]:
    """Return what fits the files and writes their rows, one after the other."""

    def fit(ends: Ends) -> None:
        for i, file in enumerate(files):
            if ends():
                return
            rows[i] = row(file, columns, request)

    return fit


def choices_of(request: Request) -> Choices:
    """Return the request as `gaussapp.fit_files` takes it, as far as the columns of a table of results depend on it."""
    return Choices(baseline=request.baseline, peaks=request.peaks, level=request.level, loss=request.loss)


def quantities(rows: Sequence[Row | None], request: Request) -> list[str]:
    """Return the fitted and derived quantities that the table of results has columns for."""
    header = columns_of([row for row in rows if row is not None], choices_of(request))
    return [name for name in header if f"{name}_error" in header]


def csv(files: Sequence[FileRead], rows: Sequence[Row | None], request: Request) -> str:
    """Return the table of results as text; its columns are those of ``gaussapp fit --out``."""
    text = io.StringIO()
    every = [
        {"file": file.name, "error": "not fitted yet"} if row is None else row
        for file, row in zip(files, rows, strict=True)
    ]
    write_csv(text, every, choices_of(request))
    return text.getvalue()


@dataclass(frozen=True)
class Trend:
    """One quantity over the files that have it.

    Attributes
    ----------
    position : ndarray of int, (N,)
        Which of the files.
    x, value, error : ndarray, (N,)
        Where it is drawn, the quantity and its standard error.
    trustworthy : ndarray of bool, (N,)
        Whether there is nothing against the fit.
    numbered : bool
        Whether x are numbers in the names.
    """

    position: np.ndarray
    x: Array
    value: Array
    error: Array
    trustworthy: np.ndarray
    numbered: bool


def trend(files: Sequence[FileRead], rows: Sequence[Row | None], name: str, *, by_number: bool) -> Trend:
    """Return one quantity over the files."""
    numbers = numbers_in([file.name for file in files]) if by_number else None
    where = np.arange(1.0, len(files) + 1.0) if numbers is None else numbers
    have = [(i, row) for i, row in enumerate(rows) if row is not None and row.get(name) is not None]
    position = np.array([i for i, _ in have], dtype=int)
    error = [math.nan if row[f"{name}_error"] is None else row[f"{name}_error"] for _, row in have]
    return Trend(
        position,
        where[position],
        np.array([row[name] for _, row in have], dtype=float),
        np.array(error, dtype=float),
        np.array([row["trustworthy"] for _, row in have], dtype=bool),
        numbers is not None,
    )
