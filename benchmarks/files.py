"""How many small files a second are fitted into one table, and where the time goes.

Run as ``python benchmarks/files.py [FILES]`` (10 000 unless said). Files of 25 points are made in a temporary folder.
Prints Markdown tables: files a second by the clock and processor time of a file, by the number of processes; and the
processor time of every step. The clock is spoilt by other work on the machine, processor time hardly.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from comparison import table

from gaussapp import batch
from gaussapp.data import parse_table
from gaussapp.kept import Kept
from gaussapp.workers import cores


def make(folder: Path, count: int) -> list[str]:
    """Write files with a peak each and return their paths."""
    random = np.random.default_rng(1)
    x = np.linspace(-2, 2, 25)
    paths = []
    for number in range(count):
        y = 3 * np.exp(-0.5 * ((x - 0.2 * random.normal()) / 0.5) ** 2) + 0.3 * random.normal(size=x.size)
        path = folder / f"peak{number:05d}.csv"
        path.write_text("x,y\n" + "".join(f"{a:.6f},{b:.6f}\n" for a, b in zip(x, y, strict=True)))
        paths.append(str(path))
    return paths


def processor_time() -> float:
    """Return the processor time of this process and of its workers that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def timed(run: Callable[[], object]) -> float:
    """Return the seconds of this process that something takes."""
    start = time.process_time()
    run()
    return time.process_time() - start


def steps(paths: list[str], folder: Path) -> list[tuple[str, float]]:
    """Return the seconds of every step of the work on some files, in one process."""
    choices = batch.Choices()
    texts: list[bytes] = []
    tables, data, fits, rows = [], [], [], []
    found = [
        ("look at size and time", timed(lambda: [batch._state(path) for path in paths])),
        ("open and read", timed(lambda: texts.extend(Path(path).read_bytes() for path in paths))),
        ("find out how the table is written", timed(lambda: tables.extend(map(parse_table, texts)))),
        ("choose columns", timed(lambda: data.extend(map(choices.data, tables)))),
        ("fit", timed(lambda: fits.extend(map(choices.fit, data)))),
        (
            "errors, intervals, verdicts",
            timed(lambda: rows.extend(batch.row_of(path, fit, 0.95) for path, fit in zip(paths, fits, strict=True))),
        ),
    ]
    with Kept(folder / "record.jsonl", {}, "file") as kept:
        found.append(("keep", timed(lambda: [kept.add(rows[i : i + 32]) for i in range(0, len(rows), 32)])))
    writer = csv.DictWriter(io.StringIO(), batch.columns(1, "none"))
    found.append(("write the table", timed(lambda: writer.writerows(rows))))
    return found


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = make(folder, count)
        print(f"{count} files of 25 points; {cores()} cores, load {os.getloadavg()[0]:.1f} when this began\n")
        lines = []
        for name, workers in (("1", 1), ("2", 2), ("again, all kept", 2)):
            out = folder / f"results{workers}.csv"
            clock, processor = time.perf_counter(), processor_time()
            batch.fit_rows(paths, out, batch.Choices(), workers=workers)
            clock, processor = time.perf_counter() - clock, processor_time() - processor
            lines.append([name, f"{count / clock:.0f}", f"{1e3 * processor / count:.2f}", f"{processor / clock:.2f}"])
        print(table(["processes", "files/s", "processor ms a file", "processors in use"], lines))
        some = paths[: min(count, 2000)]
        parts = steps(some, folder)
        total = sum(seconds for _, seconds in parts)
        print("\nOne process, by step:\n")
        shares = [[name, f"{1e3 * t / len(some):.3f}", f"{100 * t / total:.0f} %"] for name, t in parts]
        print(table(["step", "ms a file", "share"], shares))


if __name__ == "__main__":
    main()
