"""Maps of precision: the experiment repeated at every cell of a grid of settings, kept as cells are finished."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from html import escape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussapp.fitting.fit import check_loss
from gaussapp.fitting.peak import BASELINES, Array
from gaussapp.kept import Kept
from gaussapp.study import Experiment, Study, blocks_of, experiment_of, merged, replicate_block
from gaussapp.study.experiment import LEAST_SQUARES
from gaussapp.study.repeat import WORTH_PROCESSES
from gaussapp.study.result import checked_level
from gaussapp.study.words import FITTED
from gaussapp.workers import computed

if TYPE_CHECKING:
    import pandas as pd

    from gaussapp.model import GaussianModel

__all__ = ["STATISTICS", "Sweep", "sweep"]

STATISTICS = (
    "bias",
    "bias_error",
    "spread",
    "spread_error",
    "rmse",
    "reported",
    "reported_error",
    "bound",
    "efficiency",
    "coverage",
    "coverage_error",
)
"""What is known of every quantity in every cell, and how certain that is."""

COUNTS = ("failures", "runaways")
"""What is known of every cell as a whole."""

RECORD = "cells.jsonl"
"""Name of the file of finished cells in the folder given as `keep`."""

MOST_CELLS = 1_000_000

Cell = dict[str, Any]
Task = tuple[str, dict[str, Any], Experiment | str, int, float]
Progress = Callable[[int, int], object]


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What repeated experiments gave at every cell of a grid. Made by `sweep`.

    Attributes
    ----------
    grid : dict of str to list
        The values of everything that was varied, in the order given.
    fits : int
        Experiments in each cell.
    baseline : str
        The baseline that was fitted.
    level : float
        Probability of the intervals whose coverage was counted.
    names : tuple of str
        The quantities: parameters of the fit, full width at half maximum and area.
    cells : list of dict or None
        What each cell gave, the last of `grid` running fastest; None for one that was not reached.
    loss : str
        What the fits have made small.
    """

    grid: Mapping[str, Sequence[Any]]
    fits: int
    baseline: str
    level: float
    names: tuple[str, ...]
    cells: Sequence[Cell | None]
    loss: str = LEAST_SQUARES

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of values along each side of the grid."""
        return tuple(map(len, self.grid.values()))

    @property
    def complete(self) -> bool:
        """Whether every cell was reached."""
        return None not in self.cells

    @property
    def problems(self) -> dict[str, str]:
        """Return the cells that gave nothing, each with its sentence."""
        return {cell["cell"]: cell["error"] for cell in self.cells if cell is not None and cell["error"]}

    def map(self, statistic: str, parameter: str | None = None) -> Array:
        """Return one number for every cell, for a heat map.

        Parameters
        ----------
        statistic
            ``"bias"``, ``"spread"``, ``"rmse"``, ``"reported"``, ``"bound"``, ``"efficiency"`` or ``"coverage"`` of a
            quantity, as in `Study`, or the standard error of one of them (``"spread_error"``); or ``"failures"`` or
            ``"runaways"``, the number of fits that failed or ran away.
        parameter
            One of `names`; not needed for failures and runaways.

        Returns
        -------
        ndarray of the shape of the grid
            The first of `grid` along its rows, the second along its columns …; nan where there is no number.

        Raises
        ------
        ValueError
            If there is no such statistic or parameter.
        """
        if statistic in COUNTS:
            numbers = [math.nan if cell is None else cell[statistic] for cell in self.cells]
        elif statistic not in STATISTICS:
            raise ValueError(f"there is no map of {statistic!r}: choose {', '.join(STATISTICS + COUNTS)}")
        elif parameter not in self.names:
            raise ValueError(f"there is no parameter {parameter!r} to map: the fit has {', '.join(self.names)}")
        else:
            numbers = [_number(cell, statistic, parameter) for cell in self.cells]
        return np.array(numbers, dtype=float).reshape(self.shape)

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a cell: its settings, then ``center_bias, center_spread …`` of each parameter."""
        import pandas as pd

        table: dict[str, Any] = {name: [] for name in self.grid}
        for place in _places(self.grid):
            for name, value in place.items():
                table[name].append(value)
        table["fits"] = [self.fits] * len(self.cells)
        for name in COUNTS:
            table[name] = self.map(name).ravel()
        for name in self.names:
            for statistic in STATISTICS:
                table[f"{name}_{statistic}"] = self.map(statistic, name).ravel()
        table["error"] = ["not reached" if cell is None else cell["error"] for cell in self.cells]
        return pd.DataFrame(table)

    def __repr__(self) -> str:
        sides = ", ".join(f"{name} ({len(values)})" for name, values in self.grid.items())
        reached = sum(cell is not None for cell in self.cells)
        lines = [
            f"Sweep over {sides}: {len(self.cells)} cells of {self.fits} experiments, {self.baseline} baseline, "
            + FITTED[self.loss]
            + ("" if self.complete else f"; {reached} cells are done")
        ]
        for name in self.names:
            shown = []
            for statistic in ("spread", "efficiency", "coverage"):
                values = self.map(statistic, name).ravel()
                known = values[np.isfinite(values)]
                shown.append(f"{statistic} {known.min():.3g} to {known.max():.3g}" if known.size else f"no {statistic}")
            lines.append(f"  {name:<{max(map(len, self.names))}}  {', '.join(shown)}")
        if self.problems:
            cell, sentence = next(iter(self.problems.items()))
            lines.append(f"  ! {len(self.problems)} cells gave nothing, such as {cell}: {sentence}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def _number(cell: Cell | None, statistic: str, parameter: str) -> float:
    if cell is None or parameter not in cell["results"]:
        return math.nan
    return float(cell["results"][parameter][statistic])  # what is not finite is kept as a word, which float reads


def sweep(
    model: GaussianModel,
    fits: int = 1000,
    *,
    baseline: str = "constant",
    level: float = 0.95,
    loss: str = LEAST_SQUARES,
    keep: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    workers: int | None = None,
    scheduler: Any = None,
    **grid: Sequence[Any],
) -> Sweep:
    """Repeat the experiment at every cell of a grid of settings.

    Every cell is `replicate` of the model with the settings of that cell, and nothing else: its numbers depend neither
    on the other cells nor on where, when and in which order they are computed. All cells begin with the model's seed,
    so that neighbours differ by their settings rather than by chance; vary ``seed`` too to see the chance.

    Parameters
    ----------
    model
        The experiment; it is not changed.
    fits
        Experiments in each cell.
    baseline
        The baseline that is fitted.
    level
        Probability of the intervals whose coverage is counted.
    loss
        What the fits make small, as in `replicate`: ``"poisson"`` is for counts.
    keep
        A folder in which finished cells are kept (in ``cells.jsonl``, see docs/files.md). An interrupted sweep
        continues there, and a larger grid over the same settings computes only the cells that are new.
    progress
        Called with the number of cells done and that of all.
    cancelled
        Asked after every cell; when it returns True the sweep ends with the cells that are done.
    workers
        Processes on this machine; by default one for each core where the work is worth starting them, else none.
    scheduler
        Address of a Dask scheduler, or a ``dask.distributed.Client``, to have the cells computed there.
    **grid
        For each parameter of the model that is varied a sequence of values.

    Returns
    -------
    Sweep
        A cell in which nothing could be fitted has nan there and a sentence in ``problems``.

    Raises
    ------
    TypeError, ValueError
        If `fits` is not a whole number above zero, a parameter is unknown, or a value of the grid is impossible.
    OSError
        If another run uses the folder, the disk is full, or the scheduler does not answer. Finished cells are kept.

    Examples
    --------
    >>> from gaussapp import GaussianModel
    >>> found = sweep(GaussianModel(), fits=200, workers=1, noise=[0.1, 0.3], samples=[25, 50, 100])
    >>> found.map("spread", "center").shape
    (2, 3)
    """
    if isinstance(fits, bool) or not isinstance(fits, int | np.integer):
        raise TypeError(f"fits must be a whole number, not {fits!r}")
    if fits < 1:
        raise ValueError(f"fits must be 1 or more, not {fits}")
    checked_level(level)
    check_loss(loss)
    sides = {name: _side(model, name, values) for name, values in grid.items()}
    if not sides:
        raise ValueError("the grid has no cells: give values for what is varied, such as noise=[0.1, 0.2, 0.3]")
    count = math.prod(map(len, sides.values()))
    if count > MOST_CELLS:
        raise ValueError(f"the grid has {count} cells, and more than {MOST_CELLS} are not computed at once")
    places = {name_of(place): place for place in _places(sides)}
    changing = deepcopy(model)
    points = int(fits) * sum(place.get("samples", model.samples) for place in places.values())
    if workers is None and scheduler is None and points < WORTH_PROCESSES:
        workers = 1

    def task(name: str) -> Task:
        changing.param.update(**places[name])
        return name, places[name], _experiment(changing, baseline, loss), int(fits), level

    def finished(done: Mapping[str, Cell]) -> Iterator[Cell]:
        left = [name for name in places if name not in done]
        reached = count - len(left)
        if progress is not None:
            progress(reached, count)
        for _, cell in computed(repeat_cell, map(task, left), workers=workers, scheduler=scheduler):
            reached += 1
            yield cell
            if progress is not None:
                progress(reached, count)
            if cancelled is not None and cancelled():
                return

    task(next(iter(places)))  # what is wrong with all cells is said before anything is computed
    if keep is None:
        cells = {cell["cell"]: cell for cell in finished({})}
    else:
        with Kept(Path(keep) / RECORD, _header(model, list(sides), int(fits), baseline, level, loss), "cell") as kept:
            for cell in finished(dict(kept.pieces)):
                kept.add([cell])
            cells = kept.pieces
    found = [cells.get(name) for name in places]
    quantities = next((tuple(cell["results"]) for cell in found if cell is not None and cell["results"]), ())
    return Sweep(sides, int(fits), baseline, level, quantities, found, loss)


def repeat_cell(task: Task) -> Cell:
    """Repeat the experiment of one cell; what a worker does. Ready for JSON: what is not finite is a word."""
    name, place, experiment, fits, level = task
    if isinstance(experiment, str):
        return empty_cell(name, place, fits, experiment)
    try:
        study = Study(
            experiment, merged(replicate_block(experiment, *block) for block in blocks_of(experiment, fits)), level
        )
    except ValueError as error:
        return empty_cell(name, place, fits, str(error))
    return cell_of(name, place, study)


def empty_cell(name: str, place: dict[str, Any], fits: int, sentence: str) -> Cell:
    """Return a cell in which nothing could be fitted, with the sentence that says why."""
    return {"cell": name, "settings": place, "failures": fits, "runaways": 0, "error": sentence, "results": {}}


def cell_of(name: str, place: dict[str, Any], study: Study) -> Cell:
    """Return what a study says of its cell."""
    results = {
        quantity: {statistic: _word(getattr(study, statistic)[quantity]) for statistic in STATISTICS}
        for quantity in study.quantities
    }
    counts = {"failures": study.failures, "runaways": study.runaways}
    return {"cell": name, "settings": place, **counts, "error": "", "results": results}


def _experiment(model: GaussianModel, baseline: str, loss: str) -> Experiment | str:
    """Return the experiment of a cell, or the sentence that says why there is none."""
    if baseline not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, not {baseline!r}")
    try:
        return experiment_of(model, baseline=baseline, loss=loss)
    except ValueError as error:
        return str(error)


def _word(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _places(sides: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Return the settings of every cell, the last side running fastest."""
    for values in product(*sides.values()):
        yield dict(zip(sides, values, strict=True))


def _side(model: GaussianModel, name: str, values: Any) -> list[Any]:
    """Return the values of one side of the grid as plain Python, each of them possible."""
    known = [other for other in _settings(model) if other != "new_noise"]
    if name not in known:
        raise ValueError(f"the model has no {name!r} to vary: it has {', '.join(known)}")
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} must be a list of values, such as {name}=[{values!r}], not {values!r}")
    side = [value.item() if isinstance(value, np.generic) else value for value in values]
    side = [tuple(value) if isinstance(value, (list, np.ndarray)) else value for value in side]
    if not side:
        raise ValueError(f"the grid has no cells: there are no values of {name}")
    trial = deepcopy(model)
    for value in side:
        if side.count(value) > 1:
            raise ValueError(f"{name} has the value {value!r} more than once")
        try:
            trial.param.update(**{name: value})
        except (ValueError, TypeError) as error:
            raise ValueError(f"there is no cell with {name}={value!r}: {error}") from None
    return side


def _settings(model: GaussianModel) -> dict[str, Any]:
    return {name: value for name, value in model.param.values().items() if name != "name"}


def name_of(place: Mapping[str, Any]) -> str:
    """Return what a cell is called."""
    return ", ".join(f"{name}={value!r}" for name, value in place.items())


def _header(
    model: GaussianModel, varied: list[str], fits: int, baseline: str, level: float, loss: str
) -> dict[str, Any]:
    """Return what the numbers of all cells depend on."""
    from gaussapp import __version__

    settings = {"fits": fits, "baseline": baseline, "level": level, "loss": loss, "varied": varied}
    fixed = {name: value for name, value in _settings(model).items() if name not in [*varied, "new_noise"]}
    return {
        "gaussapp": __version__,
        "kind": "cells of a sweep",
        "format": 1,
        "settings": settings,
        "model": json.loads(json.dumps(fixed)),
    }
