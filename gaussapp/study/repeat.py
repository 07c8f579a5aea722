"""``replicate()``: the experiment done again many times, every one of them fitted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import takewhile
from typing import Any

import numpy as np

from gaussapp.fitting import Fit
from gaussapp.model import GaussianModel
from gaussapp.study.blocks import Block, blocks_of, merged, replicate_block
from gaussapp.study.experiment import Experiment, experiment_of
from gaussapp.study.result import Study, checked_level
from gaussapp.workers import computed

WORTH_PROCESSES = 10_000_000
"""Points of all experiments together from which starting processes pays: they take a few seconds in one."""


def replicate(
    model: GaussianModel | Fit | Experiment,
    fits: int = 10_000,
    *,
    baseline: str = "constant",
    level: float = 0.95,
    absolute_sigma: bool | None = None,
    counts: bool | None = None,
    seed: int | None = None,
    start: str = "search",
    loss: str | None = None,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
    workers: int | None = None,
    scheduler: Any = None,
) -> Study:
    """Repeat an experiment many times, fit every repetition, and hold reported errors against what really happens.

    Parameters
    ----------
    model
        A `GaussianModel`; or a `Fit` to measured data, whose curve is then taken for the truth, with the noise that its
        sigma or its residuals say (a parametric bootstrap). A fit keeps its own baseline and number of peaks. Or an
        `Experiment`, such as that of a plan, which says all but the seed and the loss itself.
    fits
        Number of experiments. What is kept of each takes about 80 bytes.
    baseline
        The baseline that is fitted to a model's data, whether or not these have one.
    level
        Probability that the intervals are meant to cover.
    absolute_sigma
        As in `gaussapp.fit`. By default as the data say: True where the model's noise is known to the fit.
    counts
        For a `Fit`: whether its y are Poisson counts. By default they are if all are whole numbers, none is below zero
        and there is no sigma.
    seed
        Seed of the noise; by default that of the model, or 1.
    start
        ``"search"``: every fit looks for its peak, as `gaussapp.fit` does. ``"truth"``: every fit starts from the true
        parameters and ends in the minimum nearest to them. It cannot take another peak for the one, so at low signal
        to noise it looks better than what one gets from data; for several peaks it is many times as fast.
    loss
        What the fits make small, as in `gaussapp.fit`: by default what the fit that is given has made small, and least
        squares for a model. ``"poisson"`` needs a model, or a fit, of counts.
    progress
        Called with the numbers of experiments done and of all after every block of up to 2000.
    cancelled
        Asked before every block but the first; when it says True, the study has what is done so far.
    workers
        Processes on this machine; by default one for each core where the work is worth starting them, else none.
    scheduler
        Address of a Dask scheduler, or a ``dask.distributed.Client``, to have the blocks computed there.

    Returns
    -------
    Study
        Immutable and picklable. The same seed gives the same numbers, whoever computes them and whatever else the
        machine does.

    Raises
    ------
    TypeError
        If `model` is neither a model nor a fit, or `fits` not a whole number.
    ValueError
        If `fits` is not above zero, `level` not between 0 and 1, the noise 0, a fit holds parameters (all are free when
        an experiment is repeated), `loss` cannot go with the noise, or no experiment can be fitted.
    ConnectionError
        If the scheduler does not answer.

    Examples
    --------
    >>> from gaussapp import GaussianModel
    >>> study = replicate(GaussianModel(noise=0.1), fits=500)
    >>> bool(abs(study.efficiency["center"] - 1) < 0.1)
    True
    """
    if isinstance(fits, bool) or not isinstance(fits, int | np.integer):
        raise TypeError(f"fits must be a whole number, not {fits!r}")
    if fits < 1:
        raise ValueError(f"fits must be at least 1, not {fits}")
    checked_level(level)
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0):
        raise ValueError(f"seed must be a whole number from 0 up, not {seed!r}")
    experiment = experiment_of(
        model, baseline=baseline, absolute_sigma=absolute_sigma, counts=counts, seed=seed, start=start, loss=loss
    )
    if workers is None and scheduler is None and fits * experiment.x.size < WORTH_PROCESSES:
        workers = 1
    tasks = ((experiment, first, count) for first, count in blocks_of(experiment, int(fits)))
    blocks: dict[int, Block] = {}
    done = 0
    with closing(computed(compute_block, tasks, workers=workers, scheduler=scheduler)) as results:
        for position, block in results:
            blocks[position] = block
            done += block.count
            if progress is not None:
                progress(done, int(fits))
            if 0 in blocks and cancelled is not None and cancelled():
                break
    # Several workers may have left a gap behind: what follows it does not count.
    gapless = takewhile(blocks.__contains__, range(max(blocks) + 1))
    return Study(experiment, merged(blocks[position] for position in gapless), level)


def compute_block(task: tuple[Experiment, int, int]) -> Block:
    """Return one block; what a worker does."""
    return replicate_block(*task)
