"""Many files: one fit and one row for each, on all cores or on a cluster, kept as they are done and continued later."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from gaussapp.data import Data, Table, parse_table
from gaussapp.fitting import Fit, fit
from gaussapp.fitting.constrained.constraint import Bounds, Fixed, Ties, constraints_of
from gaussapp.fitting.constrained.objective import LOSSES
from gaussapp.fitting.fit import check_nothing_named, check_peaks, positive
from gaussapp.fitting.peak import baseline_names, parameter_names
from gaussapp.kept import Kept, disk_full, replaced
from gaussapp.workers import computed, cores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Choices", "columns", "fit_files", "fit_rows", "row_of", "write_csv", "write_parquet"]

GOODNESS = ("chi2", "deviance", "dof", "reduced_chi2", "p_value", "r_squared", "rmse", "aic", "aicc", "bic")

BLOCK = 32
"""Files in one task at most: enough that handing it over costs nothing, few enough that little is lost with it."""

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""


@dataclass(frozen=True)
class Choices:
    """What is fitted in every file: the columns, the part of x, the model, what is held of it, and how errors are made.

    See `fit_files` for what each means. Constraints are checked here, once, and become plain dictionaries, ready for a
    worker and for JSON.
    """

    baseline: str = "none"
    peaks: int | Literal["auto"] = 1
    x: str | int | None = None
    y: str | int | None = None
    sigma: str | int | bool | None = None
    part: tuple[float, float] | None = None
    absolute_sigma: bool | None = None
    level: float = 0.95
    loss: str = "least squares"
    fixed: Fixed | None = None
    bounds: Bounds | None = None
    ties: Ties | None = None
    start: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.peaks == "auto":
            check_nothing_named(fixed=self.fixed, bounds=self.bounds, ties=self.ties, start=self.start)
        count = 1 if self.peaks == "auto" else check_peaks(self.peaks, "peaks")
        names = parameter_names(count, self.baseline)  # refuses a baseline that there is not
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level must be between 0 and 1, such as 0.95, not {self.level!r}")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        checked = constraints_of(
            names, self.fixed, self.bounds, self.ties, self.start, positive=positive(self.baseline, self.loss)
        )
        plain = {
            "fixed": checked.fixed,
            "bounds": {name: [end if isfinite(end) else None for end in ends] for name, ends in checked.bounds.items()},
            "ties": {name: str(tie) for name, tie in checked.ties.items()},
            "start": checked.start,
        }
        for option, values in plain.items():
            object.__setattr__(self, option, values or None)

    def columns(self, table: Table) -> tuple[str, str, str | None]:
        """Return the names of the columns that are fitted: digits are a position unless a column is called so."""
        x, y, sigma = (
            int(given) if isinstance(given, str) and given.isdecimal() and given not in table.names else given
            for given in (self.x, self.y, self.sigma)
        )
        if sigma is None and self.loss == "poisson":  # a column of errors beside counts is one too many
            sigma = False
        return table.choice(x, y, False if sigma == "none" and sigma not in table.names else sigma)

    def data(self, table: Table) -> Data:
        """Return the points of a table that are fitted."""
        x, y, sigma = self.columns(table)
        data = table.to_data(x, y, False if sigma is None else sigma)
        return data.select(*self.part) if self.part else data

    def fit(self, data: Data) -> Fit:
        """Return the fit to points."""
        return fit(
            data,
            baseline=self.baseline,
            peaks=self.peaks,
            absolute_sigma=self.absolute_sigma,
            loss=self.loss,
            fixed=self.fixed,
            bounds=self.bounds,
            ties=self.ties,
            start=self.start,
        )


# A row ----------------------------------------------------------------------------------------------------------------


PER_PEAK = ("amplitude", "center", "width", "fwhm", "area")


def columns(peaks: int, baseline: str, *, chosen: bool = False) -> list[str]:
    """Return the columns of the table of results, known beforehand from the model.

    If the number of peaks was chosen for every file, `peaks` is the largest: a column says how many there are, and all
    are numbered, a single one too.
    """
    header = ["file", "points", "left_out", *(["peaks"] if chosen else [])]
    numbers = [""] if peaks == 1 and not chosen else [f"_{k}" for k in range(1, peaks + 1)]
    for suffix in numbers:
        header += _with_errors(f"{name}{suffix}" for name in PER_PEAK[:3])
    header += _with_errors(baseline_names(baseline))
    for suffix in numbers:
        for name in PER_PEAK[3:]:
            header += [f"{name}{suffix}", f"{name}{suffix}_error"]
    return [*header, *GOODNESS, "trustworthy", "verdicts", "error"]


def columns_of(rows: Iterable[Mapping[str, Any]], choices: Choices) -> list[str]:
    """Return the columns of the table of some rows."""
    if choices.peaks == "auto":
        return columns(max((row.get("peaks", 1) for row in rows), default=1), choices.baseline, chosen=True)
    return columns(choices.peaks, choices.baseline)


def _with_errors(names: Iterable[str]) -> list[str]:
    """Return names, each followed by those of its error and its interval."""
    return [f"{name}{part}" for name in names for part in ("", "_error", "_low", "_high")]


def row_of(file: str, found: Fit, level: float) -> dict[str, Any]:
    """Return one row of the table of results; numbers that are not finite are None."""
    report = found.to_dict(level)
    row: dict[str, Any] = {"file": file}
    row |= {key: report[key] for key in ("points", "left_out", *GOODNESS, "trustworthy")}
    row["verdicts"] = " ".join(verdict.code for verdict in found.verdicts)
    number = ""
    if found.choice is not None:
        row["peaks"] = found.peaks
        number = "_1" if found.peaks == 1 else ""
    for name, estimate in report["parameters"].items():
        column = f"{name}{number}" if name in PER_PEAK else name
        row |= {column: estimate["value"]} | {f"{column}_{part}": estimate[part] for part in ("error", "low", "high")}
    for name, estimate in report["derived"].items():
        row |= {f"{name}{number}": estimate["value"], f"{name}{number}_error": estimate["error"]}
    row["error"] = ""
    return row


def _row(task: tuple[Choices, str, bytes | None]) -> dict[str, Any]:
    """Fit a file, given by its path or by its content too; whatever is wrong with it is in its row."""
    choices, file, content = task
    try:
        # Whoever has the file may read all of it: no limit.
        table = parse_table(file if content is None else content, Path(file).name, max_bytes=None)
        return row_of(file, choices.fit(choices.data(table)), choices.level)
    except (ValueError, TypeError) as error:
        return {"file": file, "error": str(error)}
    except Exception as error:  # one file stops nothing, not even one that shows a mistake of ours
        return {"file": file, "error": f"the fit failed ({type(error).__name__}: {error}): please report this file"}


def fit_block(tasks: Sequence[tuple[Choices, str, bytes | None]]) -> list[dict[str, Any]]:
    """Fit some files; what a worker does."""
    return [_row(task) for task in tasks]


# Many files -----------------------------------------------------------------------------------------------------------


def fit_files(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    baseline: str = "none",
    peaks: int | Literal["auto"] = 1,
    x: str | int | None = None,
    y: str | int | None = None,
    sigma: str | int | bool | None = None,
    part: tuple[float, float] | None = None,
    absolute_sigma: bool | None = None,
    level: float = 0.95,
    loss: str = "least squares",
    fixed: Fixed | None = None,
    bounds: Bounds | None = None,
    ties: Ties | None = None,
    start: Mapping[str, float] | None = None,
    workers: int | None = None,
    scheduler: Any = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Fit every file and return a table with one row a file, in the order of the files.

    The numbers are those of `gaussapp.fit` on each file alone, to the last digit, wherever and by however many workers
    they are computed. A file that cannot be fitted is a row with its sentence in the column ``error``.

    Parameters
    ----------
    paths
        Files, or patterns such as ``"data/*.csv"``; one, or several.
    out
        Where to write the table too: ``….csv``, or ``….parquet`` with pyarrow. What is finished is kept beside it in
        ``….kept.jsonl`` (see docs/files.md), so that an interrupted run continues where it was, and a later one fits
        only the files that are new or have another size or time of change.
    baseline, peaks, absolute_sigma, loss, fixed, bounds, ties, start
        As for `gaussapp.fit`. With ``peaks="auto"`` the table has columns for the file with most of them, all numbered,
        and one that says how many there are.
    x, y, sigma
        Columns by name or position from 0, by default the likely ones; ``sigma=False`` or ``"none"`` for no sigma.
    part
        Lower and upper end of the x to fit.
    level
        Probability of the intervals in the columns ``…_low`` and ``…_high``.
    workers
        Processes on this machine; by default one for each core.
    scheduler
        Address of a Dask scheduler, or a ``dask.distributed.Client``; the files are read here and fitted there.
    progress
        Called with the number of files done and that of all.

    Raises
    ------
    TypeError, ValueError
        If there are no files, an option has an impossible value, `out` is not a place for a table, or what is kept
        there was made with other options.
    OSError
        If another run writes to `out`, the disk is full, or the scheduler does not answer. What is finished is kept.
    ImportError
        If a library is needed that is not installed.
    """
    choices = Choices(baseline, peaks, x, y, sigma, part, absolute_sigma, level, loss, fixed, bounds, ties, start)
    rows = fit_rows(paths, out, choices, workers=workers, scheduler=scheduler, progress=progress)
    return table_of(rows, choices)


def fit_rows(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str] | None,
    choices: Choices,
    *,
    workers: int | None = None,
    scheduler: Any = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Fit every file and return the rows; as `fit_files`, without pandas."""
    files = _expanded(paths)
    if not files:
        raise ValueError("there are no files to fit")
    if choices.part is not None and not choices.part[0] <= choices.part[1]:
        raise ValueError(
            f"the part of x from {choices.part[0]:g} to {choices.part[1]:g} is empty: give the lower first"
        )
    if out is None:
        found: dict[str, dict[str, Any]] = {}
        for rows, _ in _fitted(files, choices, 0, workers, scheduler, progress):
            found.update((row["file"], row) for row in rows)
        return [found[file] for file in files]
    place = Path(out)
    write = _writer(place)
    record = place.with_name(place.name + ".kept.jsonl")
    if any(os.path.abspath(file) == os.path.abspath(place) for file in files):
        raise ValueError(f"{str(place)!r} is both a file to fit and the place for the results: choose another place")
    if place.exists() and not record.exists():
        raise FileExistsError(
            f"{str(place)!r} is there already and is not the result of an earlier run: choose another place, or move it"
        )
    from gaussapp import __version__

    header = {"gaussapp": __version__, "kind": "fits of files", "format": 1, "settings": asdict(choices)}
    with Kept(record, header, "file") as kept:
        states = {file: _state(file) for file in files}
        done = {file for file in states if _is_done(kept.pieces.get(file), states[file])}
        left = [file for file in states if file not in done]
        for rows, _ in _fitted(left, choices, len(done), workers, scheduler, progress):
            kept.add({**row, **states[row["file"]]} for row in rows)
        results = [
            {name: value for name, value in kept.pieces[file].items() if name not in ("size", "modified")}
            for file in files
        ]
        try:
            with replaced(place) as draft:
                write(draft, results, choices)
        except OSError as error:
            raise disk_full(error, place, f"all {len(files)} rows are kept in {record.name}, run it again") from error
    return results


def _expanded(paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> list[str]:
    """Return the paths, patterns replaced by the files that they match, in the order of their names."""
    files = []
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        name = os.fspath(path)
        pattern = any(sign in name for sign in "*?[") and not os.path.exists(name)
        files += (sorted(glob.glob(name, recursive=True)) or [name]) if pattern else [name]
    return files


def _state(file: str) -> dict[str, int | None]:
    """Return what tells whether a file has changed: its size, and its time of change in nanoseconds."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return {"size": None, "modified": None}
    return {"size": found.st_size, "modified": found.st_mtime_ns}


def _is_done(piece: Mapping[str, Any] | None, state: Mapping[str, int | None]) -> bool:
    """Tell whether a row holds for a file as it is; one that is not there may come."""
    return piece is not None and state["size"] is not None and all(piece.get(name) == state[name] for name in state)


def _fitted(
    files: Sequence[str], choices: Choices, done: int, workers: int | None, scheduler: Any, progress: Progress | None
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Return the rows of some files at a time, as they are ready, and how many are done."""
    every = done + len(files)
    if progress is not None:
        progress(done, every)
    if workers is None and scheduler is None and len(files) < 2 * cores():
        workers = 1  # starting processes takes longer
    count = 4 * (workers or cores()) if scheduler is None else 64
    size = max(1, min(BLOCK, -(-len(files) // count)))
    blocks = (files[first : first + size] for first in range(0, len(files), size))
    # Machines of a cluster may not see our files.
    tasks = ([(choices, file, None if scheduler is None else _content(file)) for file in block] for block in blocks)
    for _, rows in computed(fit_block, tasks, workers=workers, scheduler=scheduler):
        done += len(rows)
        yield rows, done
        if progress is not None:
            progress(done, every)


def _content(file: str) -> bytes | None:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except (OSError, ValueError):
        return None  # what is wrong with it is found out when it is opened by its path


# Tables ---------------------------------------------------------------------------------------------------------------

Write = Callable[[Path, list[dict[str, Any]], Choices], None]


def _writer(place: Path) -> Write:
    """Return what writes a table of the kind that the name says."""
    kind = place.suffix.lower()
    if kind == ".csv":
        return _write_csv_file
    if kind != ".parquet":
        raise ValueError(f"the results can be written as .csv or .parquet, not as {kind or place.name!r}")
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ImportError(
            "writing .parquet needs pyarrow, which is not installed: pip install 'gaussapp[parquet]'"
        ) from None
    return write_parquet


def table_of(rows: list[dict[str, Any]], choices: Choices) -> pd.DataFrame:
    """Return rows as a table whose columns have the same types whatever is in them."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=columns_of(rows, choices))
    kinds = dict.fromkeys(table, "float64")
    kinds |= {"file": "str", "error": "str", "verdicts": "str", "trustworthy": "boolean"}
    kinds |= dict.fromkeys((name for name in ("points", "left_out", "peaks", "dof") if name in table), "Int64")
    table["verdicts"] = [row.get("verdicts", "") for row in rows]
    return table.astype(kinds)


def write_csv(file: TextIO, rows: Sequence[Mapping[str, Any]], choices: Choices) -> None:
    """Write rows as CSV with a header."""
    writer = csv.DictWriter(file, columns_of(rows, choices), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _write_csv_file(place: Path, rows: list[dict[str, Any]], choices: Choices) -> None:
    with open(place, "w", encoding="utf-8", newline="") as file:
        write_csv(file, rows, choices)


def write_parquet(place: Path, rows: list[dict[str, Any]], choices: Choices) -> None:
    """Write rows as a Parquet file; needs pyarrow."""
    table_of(rows, choices).to_parquet(place, index=False)
