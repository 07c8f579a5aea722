"""``gaussapp fit``: fit a peak in each of several tables and report as text, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gaussapp.data import Data, Table, parse_table
from gaussapp.fitting import Fit, fit
from gaussapp.fitting.peak import parameter_names

BASELINES = ("none", "constant", "linear", "exponential")
GOODNESS = ("chi2", "dof", "reduced_chi2", "r_squared", "rmse", "aic", "aicc", "bic")


@dataclass(frozen=True)
class Result:
    """One file: what was fitted and how that went, or the sentence that says why it was not."""

    file: str
    columns: dict[str, str | None] | None = None
    notes: tuple[str, ...] = ()
    fit: Fit | None = None
    error: str = ""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    made = argparse.ArgumentParser(
        prog="gaussapp fit",
        description="Fit a Gaussian peak to each table: CSV, TSV, or whatever an instrument or a spreadsheet writes.",
        epilog="A file that cannot be fitted is a sentence on stderr and makes the exit code 1; the others are done.",
        allow_abbrev=False,
    )
    made.add_argument("files", nargs="+", metavar="FILE", help="a table in text; - reads the standard input")
    column = "name, or position from 0"
    made.add_argument("--x", metavar="COL", help=f"column with x: {column}; by default the first one of numbers")
    made.add_argument("--y", metavar="COL", help=f"column with y: {column}; by default the second one of numbers")
    made.add_argument(
        "--sigma",
        metavar="COL",
        help=f"column with the standard deviation of y: {column}; 'none' for none; by default one that is named so",
    )
    made.add_argument("--baseline", choices=BASELINES, default="none", help="what lies under the peaks (none)")
    made.add_argument("--peaks", type=_peaks, default=1, metavar="K", help="number of peaks (1); auto chooses it")
    made.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="the part of x to fit")
    made.add_argument("--level", type=_level, default=0.95, help="probability of the intervals (0.95)")
    errors = made.add_mutually_exclusive_group()
    errors.add_argument(
        "--absolute-sigma",
        dest="absolute",
        action="store_const",
        const=True,
        help="errors follow from sigma as it is (the default where there is one)",
    )
    errors.add_argument(
        "--relative-sigma",
        dest="absolute",
        action="store_const",
        const=False,
        help="sigma only weighs the points; the residuals say how large the errors are",
    )
    shape = made.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print a JSON list with one object a file")
    shape.add_argument("--csv", action="store_true", help="print CSV with one row a file")
    return made


def run(arguments: Sequence[str]) -> int:
    """Fit all files; 1 if one could not be fitted."""
    made = parser()
    options = made.parse_args(arguments)
    if options.csv and options.peaks == "auto":
        made.error(
            "--csv needs a number of --peaks, because its columns do not depend on the data; use --json with auto"
        )
    names = () if options.peaks == "auto" else parameter_names(options.peaks, options.baseline)
    shapes = {"json": options.json, "csv": options.csv}
    report = _REPORTS[next((name for name, wanted in shapes.items() if wanted), "text")](options, tuple(names))
    failed = False
    for file in options.files:
        result = fit_file(file, options)
        failed = failed or result.fit is None
        if result.error:
            print(f"{result.file}: {result.error}", file=sys.stderr, flush=True)
        report.add(result)
    report.finish()
    return int(failed)


def fit_file(file: str, options: argparse.Namespace) -> Result:
    """Fit one file; what is wrong with it is in the result."""
    name = "standard input" if file == "-" else file
    try:
        columns, notes, data = read(file, options)
        found = fit(data, baseline=options.baseline, peaks=options.peaks, absolute_sigma=options.absolute)
        return Result(name, columns, notes, found)
    except (ValueError, TypeError) as error:
        return Result(name, error=str(error))


def read(file: str, options: argparse.Namespace) -> tuple[dict[str, str | None], tuple[str, ...], Data]:
    """Return the names of the columns that were chosen, what was noticed about the table, and the points."""
    # Whoever has the file on this machine may read all of it: no limit.
    source = sys.stdin.buffer.read() if file == "-" else file
    table = parse_table(source, "standard input" if file == "-" else None, max_bytes=None)
    x, y, sigma = _chosen(table, options)
    data = table.to_data(x, y, False if sigma is None else sigma)
    if options.range:
        data = data.select(*options.range)
    return {"x": x, "y": y, "sigma": sigma}, table.notes, data


def _chosen(table: Table, options: argparse.Namespace) -> tuple[str, str, str | None]:
    """Return the names of the columns: a number is a position unless a column is called so."""
    x, y, sigma = (
        int(column) if column is not None and column.isdecimal() and column not in table.names else column
        for column in (options.x, options.y, options.sigma)
    )
    return table.choice(x, y, False if sigma == "none" and sigma not in table.names else sigma)


def _peaks(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        peaks = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number of peaks is a whole number, or auto; not {text!r}") from None
    if peaks < 1:
        raise argparse.ArgumentTypeError(f"--peaks must be 1 or more, not {peaks}")
    return peaks


def _level(text: str) -> float:
    level = float(text)
    if not 0.0 < level < 1.0:
        raise argparse.ArgumentTypeError(f"a probability lies between 0 and 1, such as 0.95; not {text}")
    return level


class _Text:
    """A readable report of each file."""

    def __init__(self, options: argparse.Namespace, _names: tuple[str, ...]):
        self._level = options.level
        self._first = True

    def add(self, result: Result) -> None:
        if result.fit is None:
            return
        if not self._first:
            print()
        self._first = False
        columns = result.columns or {}
        print(f"{result.file}: " + ", ".join(f"{role} = {name}" for role, name in columns.items() if name))
        for note in result.notes:
            print(f"  {note}")
        print(result.fit)
        if self._level != 0.95:
            print(f"  {100 * self._level:g} % intervals:")
            for name, (low, high) in result.fit.interval(self._level).items():
                print(f"    {name}  [{low:.6g}, {high:.6g}]")
        sys.stdout.flush()

    def finish(self) -> None:
        """Nothing is left to print."""


class _Json:
    """One list of all files, readable by any program: what is not a finite number is null."""

    def __init__(self, options: argparse.Namespace, _names: tuple[str, ...]):
        self._level = options.level
        self._all: list[dict[str, Any]] = []

    def add(self, result: Result) -> None:
        entry: dict[str, Any] = {"file": result.file}
        if result.fit is None:
            entry["error"] = result.error
        else:
            entry |= {"columns": result.columns, "notes": list(result.notes), **result.fit.to_dict(self._level)}
        self._all.append(entry)

    def finish(self) -> None:
        json.dump(self._all, sys.stdout, indent=1, allow_nan=False, ensure_ascii=False)
        print()


class _Csv:
    """One row a file, the columns known beforehand from the model, so that rows come out as they are ready."""

    def __init__(self, options: argparse.Namespace, names: tuple[str, ...]):
        self._level = options.level
        self._names = names
        suffixes = [""] if options.peaks == 1 else [f"_{k}" for k in range(1, options.peaks + 1)]
        self._derived = [f"{name}{suffix}" for suffix in suffixes for name in ("fwhm", "area")]
        header = ["file", "points", "left_out"]
        for name in names:
            header += [name, f"{name}_error", f"{name}_low", f"{name}_high"]
        for name in self._derived:
            header += [name, f"{name}_error"]
        self._writer = csv.DictWriter(
            sys.stdout, [*header, *GOODNESS, "trustworthy", "verdicts", "error"], lineterminator="\n"
        )
        self._writer.writeheader()

    def add(self, result: Result) -> None:
        row: dict[str, Any] = {"file": result.file, "error": result.error}
        if result.fit is not None:
            found = result.fit.to_dict(self._level)
            row |= {key: found[key] for key in ("points", "left_out", *GOODNESS, "trustworthy")}
            row["verdicts"] = " ".join(verdict.code for verdict in result.fit.verdicts)
            for name in self._names:
                estimate = found["parameters"][name]
                row |= {
                    name: estimate["value"],
                    f"{name}_error": estimate["error"],
                    f"{name}_low": estimate["low"],
                    f"{name}_high": estimate["high"],
                }
            for name in self._derived:
                row |= {name: found["derived"][name]["value"], f"{name}_error": found["derived"][name]["error"]}
        self._writer.writerow(row)
        sys.stdout.flush()

    def finish(self) -> None:
        """Nothing is left to print."""


_REPORTS: dict[str, type[_Text | _Json | _Csv]] = {"text": _Text, "json": _Json, "csv": _Csv}
