"""``gaussapp fit``: fit a peak in each of several tables and report as text, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gaussapp.batch import Choices, columns_of, fit_rows, row_of
from gaussapp.commands.progress import progress_bar
from gaussapp.data import Data, parse_table
from gaussapp.fitting import Fit
from gaussapp.fitting.constrained.objective import LOSSES

BASELINES = ("none", "constant", "linear", "exponential")

SENTENCES = 10
"""How many of the files that could not be fitted into a table are named on stderr."""


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
    made.add_argument("--loss", choices=LOSSES, default="least squares", help="what is made small (least squares)")
    add_held(made)
    made.add_argument("--start", action="append", type=_value, metavar="NAME=VALUE", help="where to start")
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
    many = made.add_argument_group("many files")
    many.add_argument(
        "--out",
        metavar="TABLE",
        help="write a table, .csv or .parquet; an interrupted run continues, a later one fits only what is new",
    )
    many.add_argument("--workers", type=int, metavar="N", help="processes on this machine (one for each core)")
    many.add_argument("--scheduler", metavar="ADDRESS", help="fit on the Dask cluster of this scheduler instead")
    return made


def add_held(made: argparse.ArgumentParser) -> None:
    """Add the arguments that hold parameters."""
    made.add_argument(
        "--fix", action="append", type=_value, metavar="NAME=VALUE", help="hold a parameter; may be given again"
    )
    made.add_argument(
        "--bound",
        action="append",
        type=_bound,
        metavar="NAME=LOW:HIGH",
        help="bound a parameter; leave an end empty for none there (width=:2)",
    )
    made.add_argument(
        "--tie", action="append", type=_tie, metavar="NAME=EXPRESSION", help="such as center_2='center_1 + 2.5'"
    )


def held_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is held, as `gaussapp.fit` takes it."""
    return {
        "fixed": _once(options.fix, "--fix"),
        "bounds": _once(options.bound, "--bound"),
        "ties": _once(options.tie, "--tie"),
    }


def run(arguments: Sequence[str]) -> int:
    """Fit all files; 1 if one could not be fitted."""
    made = parser()
    options = made.parse_args(arguments)
    if options.csv and options.peaks == "auto":
        made.error(
            "--csv needs a number of --peaks, because its columns do not depend on the data; use --json, or --out, "
            "with auto"
        )
    part = tuple(options.range) if options.range else None
    try:
        choices = Choices(
            options.baseline,
            options.peaks,
            options.x,
            options.y,
            options.sigma,
            part,
            options.absolute,
            options.level,
            options.loss,
            **held_of(options),
            start=_once(options.start, "--start"),
        )
    except (TypeError, ValueError) as error:
        made.error(str(error))
    if options.out:
        if options.json or options.csv:
            made.error("--out writes a table by itself: leave out --json and --csv")
        return fit_into_table(options, choices)
    if options.workers or options.scheduler:
        made.error("--workers and --scheduler are for many files: give a table to write to with --out")
    shapes = {"json": options.json, "csv": options.csv}
    report = _REPORTS[next((name for name, wanted in shapes.items() if wanted), "text")](choices)
    failed = False
    for file in options.files:
        result = fit_file(file, choices)
        failed = failed or result.fit is None
        if result.error:
            print(f"{result.file}: {result.error}", file=sys.stderr, flush=True)
        report.add(result)
    report.finish()
    return int(failed)


def fit_file(file: str, choices: Choices) -> Result:
    """Fit one file; what is wrong with it is in the result."""
    name = "standard input" if file == "-" else file
    try:
        columns, notes, data = read(file, choices)
        return Result(name, columns, notes, choices.fit(data))
    except (ValueError, TypeError) as error:
        return Result(name, error=str(error))


def read(file: str, choices: Choices) -> tuple[dict[str, str | None], tuple[str, ...], Data]:
    """Return the names of the columns that were chosen, what was noticed about the table, and the points."""
    # Whoever has the file on this machine may read all of it: no limit.
    source = sys.stdin.buffer.read() if file == "-" else file
    table = parse_table(source, "standard input" if file == "-" else None, max_bytes=None)
    return dict(zip(("x", "y", "sigma"), choices.columns(table), strict=True)), table.notes, choices.data(table)


def fit_into_table(options: argparse.Namespace, choices: Choices) -> int:
    """Fit all files on all cores or a cluster, and write a table that an interrupted run continues; 1 if any failed."""
    with progress_bar("files") as progress:
        try:
            rows = fit_rows(
                options.files,
                options.out,
                choices,
                workers=options.workers,
                scheduler=options.scheduler,
                progress=progress,
            )
        except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
            print(f"gaussapp fit: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(f"interrupted: run the same again to continue with what {options.out} lacks", file=sys.stderr)
            raise
    failed = [row for row in rows if row["error"]]
    for row in failed[:SENTENCES]:
        print(f"{row['file']}: {row['error']}", file=sys.stderr)
    if len(failed) > SENTENCES:
        print(f"and {len(failed) - SENTENCES} more: see the column error of {options.out}", file=sys.stderr)
    print(f"{options.out}: {len(rows) - len(failed)} of {len(rows)} files fitted")
    return int(bool(failed))


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


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"a parameter and its value are written width=0.4, not {text!r}")
    return name.strip(), value.strip()


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} in {whole!r} is not a number") from None


def _value(text: str) -> tuple[str, float]:
    name, value = _named(text)
    return name, _number(value, text)


def _bound(text: str) -> tuple[str, tuple[float | None, float | None]]:
    name, value = _named(text)
    low, colon, high = (part.strip() for part in value.partition(":"))
    if not colon:
        raise argparse.ArgumentTypeError(f"bounds are written center=1:2, center=1: or center=:2, not {text!r}")
    return name, (_number(low, text) if low else None, _number(high, text) if high else None)


def _tie(text: str) -> tuple[str, str]:
    return _named(text)


def _once(pairs: list[tuple[str, Any]] | None, option: str) -> dict[str, Any] | None:
    """Return what an option says of each parameter; None if it was not given."""
    if pairs is None:
        return None
    chosen: dict[str, Any] = {}
    for name, value in pairs:
        if name in chosen:
            raise ValueError(f"{option} names {name} twice; say it once")
        chosen[name] = value
    return chosen


class _Text:
    """A readable report of each file."""

    def __init__(self, choices: Choices):
        self._level = choices.level
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

    def __init__(self, choices: Choices):
        self._level = choices.level
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

    def __init__(self, choices: Choices):
        self._level = choices.level
        self._writer = csv.DictWriter(sys.stdout, columns_of((), choices), lineterminator="\n")
        self._writer.writeheader()

    def add(self, result: Result) -> None:
        found = result.fit
        row = {"file": result.file, "error": result.error} if found is None else row_of(result.file, found, self._level)
        self._writer.writerow(row)
        sys.stdout.flush()

    def finish(self) -> None:
        """Nothing is left to print."""


_REPORTS: dict[str, type[_Text | _Json | _Csv]] = {"text": _Text, "json": _Json, "csv": _Csv}
