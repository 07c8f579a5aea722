"""The cells of maps, computed one after the other and kept for the session; numbers as those of `gaussapp.sweep`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussapp.app.beside import Ends
from gaussapp.app.maps.grid import MOST_CELLS, Wanted
from gaussapp.app.repeated import Job, elsewhere
from gaussapp.fitting.peak import Array
from gaussapp.grid import STATISTICS, Cell, Sweep, cell_of, empty_cell, name_of
from gaussapp.study import Study, merged

MOST_KEPT = 2 * MOST_CELLS
"""Cells that a session keeps, the newest ones: about 1 kB each."""


@dataclass(frozen=True, slots=True)
class KeptCell:
    """What is kept of a cell: its counts, its sentence, and its numbers, (quantities, statistics)."""

    failures: int
    runaways: int
    error: str
    numbers: Array


class Cells:
    """What was computed in this session, by everything that the numbers depend on."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, KeptCell] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def has(self, wanted: Wanted, place: dict[str, Any]) -> bool:
        """Tell whether a cell is known."""
        return wanted.key(place) in self._known

    def get(self, wanted: Wanted, place: dict[str, Any]) -> Cell | None:
        """Return a cell as `sweep` does, if it is known; perhaps from another map, with other axes through it."""
        kept = self._known.get(wanted.key(place))
        if kept is None:
            return None
        results = {
            quantity: dict(zip(STATISTICS, numbers, strict=True))
            for quantity, numbers in zip(wanted.quantities, kept.numbers.tolist(), strict=False)
        }
        counts = {"failures": kept.failures, "runaways": kept.runaways, "error": kept.error}
        return {"cell": name_of(place), "settings": place, **counts, "results": results}

    def add(self, wanted: Wanted, place: dict[str, Any], cell: Cell) -> None:
        """Keep a cell, and let the oldest go when there are too many."""
        results = cell["results"]
        # What is not finite is a word, which float reads; of a cell in which nothing could be fitted there is nothing.
        numbers = [[float(results[name][each]) for each in STATISTICS] for name in wanted.quantities if results]
        kept = KeptCell(cell["failures"], cell["runaways"], cell["error"], np.array(numbers, dtype=float))
        self._known[wanted.key(place)] = kept
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)

    def sweep(self, wanted: Wanted) -> Sweep:
        """Return what is known of a map."""
        grid = {wanted.upwards: wanted.rows, wanted.across: wanted.columns}
        cells = [self.get(wanted, place) for place in wanted.places()]
        request = wanted.request
        return Sweep(grid, wanted.fits, request.baseline, request.level, wanted.quantities, cells, request.loss)

    def work(self, wanted: Wanted) -> Callable[[Ends], None]:
        """Return what computes the cells of a map that are not known, those nearest to the sliders first."""

        def compute(ends: Ends) -> None:
            for place in wanted.nearest_first():
                if not self.has(wanted, place):
                    cell = repeated(wanted, place, ends)
                    if cell is None:
                        return
                    self.add(wanted, place, cell)

        return compute


def repeated(wanted: Wanted, place: dict[str, Any], ends: Ends) -> Cell | None:
    """Repeat the experiment of one cell in short blocks; None if it was ended before it was done."""
    name = name_of(place)
    try:
        job = Job(wanted.experiment(place), None, wanted.fits)
        job.run(ends, elsewhere)
        if job.error:
            raise ValueError(job.error)
        if job.done < wanted.fits:
            return None
        return cell_of(name, place, Study(job.experiment, merged(job.blocks), wanted.request.level))
    except ValueError as error:
        return empty_cell(name, place, wanted.fits, str(error))
