"""Repeated experiments in blocks that can be computed anywhere and put together again, the same to the last digit.

The experiments are counted from 0 and cut at fixed places, which depend on the number of points alone. A block is a
pure function of the experiment and its place, so it does not matter which process computes it, or how often.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import layout_of
from gaussapp.fitting.stack.fits import FAILED
from gaussapp.fitting.stack.many import fit_rows

if TYPE_CHECKING:
    from gaussapp.study.experiment import Experiment

BLOCK_FITS = 2000
"""Experiments in a block at most: progress is told, and a cancellation seen, after every block."""

BLOCK_VALUES = 100_000
"""Values of y in a block at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Fits of `count` experiments from number `first` on. Picklable.

    `estimates` and `errors` are (count, P), `area_errors` (count, K), `bits` (findings, see
    `gaussapp.fitting.stack.verdict.CODES`), `trustworthy` and `ok` (count,); nan where a fit failed. `failures` has a
    sentence for each of these, by the number of the experiment.
    """

    first: int
    estimates: Array
    errors: Array
    area_errors: Array
    bits: NDArray[np.int64]
    trustworthy: NDArray[np.bool_]
    ok: NDArray[np.bool_]
    failures: dict[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of experiments."""
        return int(self.ok.size)


def block_size(points: int) -> int:
    """Return how many experiments of so many points a block has."""
    return max(1, min(BLOCK_FITS, BLOCK_VALUES // max(points, 1)))


def blocks_of(experiment: Experiment, fits: int) -> list[tuple[int, int]]:
    """Return (first, count) of the blocks that `fits` experiments are made of."""
    size = block_size(experiment.x.size)
    return [(first, min(size, fits - first)) for first in range(0, fits, size)]


def replicate_block(experiment: Experiment, first: int, count: int) -> Block:
    """Simulate and fit experiments `first` to ``first + count - 1``.

    A pure function: the same arguments give the same numbers everywhere. For numbers that are the same to the last
    digit as those of other calls, take `first` and `count` from `blocks_of`.
    """
    layout = layout_of(experiment.peaks, experiment.baseline)
    start = experiment.truth if experiment.start == "truth" else None
    y = experiment.simulate(first, count)
    columns, failures = fit_rows(
        experiment.x,
        y,
        experiment.sigma,
        layout,
        experiment.absolute_sigma,
        loss=experiment.loss,
        start=start,
        same_as_alone=False,
    )
    return Block(
        first,
        columns.values,
        columns.errors,
        columns.area_error,
        columns.bits.astype(np.int64),
        columns.trustworthy,
        np.asarray(columns.how != FAILED),
        {first + row: sentence for row, sentence in failures.items()},
    )


def timed_block(task: tuple[Experiment, int, int]) -> tuple[Block, float]:
    """Return one block and the seconds of processor time that it took."""
    began = time.process_time()
    return replicate_block(*task), time.process_time() - began


def merged(blocks: Iterable[Block]) -> Block:
    """Return blocks, in any order, as one.

    Raises
    ------
    ValueError
        If there are none, or if one is missing or there twice.
    """
    parts = sorted(blocks, key=lambda block: block.first)
    if not parts:
        raise ValueError("there are no blocks to merge")
    for one, other in pairwise(parts):
        if one.first + one.count != other.first:
            raise ValueError(
                f"a block ends before experiment {one.first + one.count} and the next one begins at {other.first}; "
                "they must follow each other"
            )
    failures: dict[int, str] = {}
    for part in parts:
        failures |= part.failures
    return Block(
        parts[0].first,
        np.concatenate([part.estimates for part in parts]),
        np.concatenate([part.errors for part in parts]),
        np.concatenate([part.area_errors for part in parts]),
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.trustworthy for part in parts]),
        np.concatenate([part.ok for part in parts]),
        failures,
    )
