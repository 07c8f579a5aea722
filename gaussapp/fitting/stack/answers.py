"""From what the search of a stack has found to its results: numbers and findings, in the columns of the rows."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.stack.endgame import Ends
from gaussapp.fitting.stack.fits import ALONE, TOGETHER, Columns
from gaussapp.fitting.stack.odd import summarised_odd
from gaussapp.fitting.stack.search import StackSearch
from gaussapp.fitting.stack.solve import Stack
from gaussapp.fitting.stack.summary import Summary, Units, factorised, summarised
from gaussapp.fitting.stack.verdict import Bits, Some, judged

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of the rows of a stack beside their whitened data; arrays are (R,), numbers hold for all rows."""

    units: Units
    log_variance: Any
    left_out: NDArray[np.int32]
    counts: Some
    absolute: bool
    weighted: bool

    def chosen(self, rows: Indices) -> Given:
        """Return what is known of some of the rows."""

        def part(value: Any) -> Any:
            return value[rows] if isinstance(value, np.ndarray) and value.ndim else value

        units = Units(*(part(getattr(self.units, each.name)) for each in fields(Units)))
        return replace(
            self,
            units=units,
            log_variance=part(self.log_variance),
            left_out=self.left_out[rows],
            counts=self.counts[rows],
        )


def put_ordinary(
    columns: Columns, members: Indices, stack: Stack, found: StackSearch, rows: Indices, given: Given
) -> tuple[Indices, Indices]:
    """Write the results of ordinary answers, and return which rows could not be settled, and which not be judged.

    `rows` of the stack are looked at; `members` says for all of them which rows of the columns they are.
    """
    best, rival = found.best, found.rival
    if rows.size < members.size:
        stack, given = stack.chosen(rows, moments=False), given.chosen(rows)
        best, rival = best.chosen(rows), rival.chosen(rows)
    factors = factorised(stack, best)
    summary = summarised(stack, best, factors, given.units, given.log_variance, given.absolute, given.weighted)
    bits, trustworthy, unsure = judged(
        stack,
        best,
        rival,
        factors,
        summary,
        left_out=given.left_out,
        absolute=given.absolute,
        weighted=given.weighted,
        counts=given.counts,
    )
    finite = np.isfinite(summary.values) & np.isfinite(summary.errors)
    if stack.layout.rates:
        finite[summary.beyond, 3] = True  # decay_amplitude
    settled = factors.sound & finite.all(axis=1)
    put_summary(columns, members[rows[settled]], summary, bits, trustworthy, settled)
    kept = members[rows[settled]]
    columns.how[kept] = TOGETHER
    columns.iterations[kept] = found.iterations[rows[settled]]
    columns.answer[kept] = best.coordinates(stack.layout.rates)[settled]
    return rows[~settled], rows[settled & unsure]


def put_odd(
    columns: Columns, members: Indices, stack: Stack, found: StackSearch, rows: Indices, given: Given
) -> tuple[Indices, Indices]:
    """Write the results of odd answers as `put_ordinary` does of others; decay rates are not provided for."""
    stack, given = stack.chosen(rows, moments=False), given.chosen(rows)
    ends: Ends = found.ends.chosen(rows)
    units = given.units
    factors, summary = summarised_odd(stack, ends, units, given.log_variance, given.absolute, given.weighted)
    at = found.best.chosen(rows)
    at.centers = (summary.values[:, 1] - units.x0) / units.half_window  # as the finding on a single fit takes it
    bits, trustworthy, unsure = judged(
        stack,
        at,
        found.rival.chosen(rows),
        factors,
        summary,
        left_out=given.left_out,
        absolute=given.absolute,
        weighted=given.weighted,
        counts=given.counts,
        status=ends.status,
    )
    settled = factors.sound
    kept = members[rows[settled]]
    put_summary(columns, kept, summary, bits, trustworthy, settled)
    columns.how[kept] = ALONE
    columns.iterations[kept] = ends.iterations[settled]
    return rows[~settled], rows[settled & unsure]


def put_summary(
    columns: Columns, members: Indices, summary: Summary, bits: Bits, trustworthy: Some, settled: Some
) -> None:
    """Write numbers and findings of rows that are settled."""
    for column, numbers_of in (
        (columns.values, summary.values),
        (columns.errors, summary.errors),
        (columns.area_error, summary.area_error[:, None]),
        (columns.chi2, summary.chi2),
        (columns.r_squared, summary.r_squared),
        (columns.minus_two_log_likelihood, summary.minus_two_log_likelihood),
        (columns.bits, bits),
        (columns.trustworthy, trustworthy),
    ):
        column[members] = numbers_of[settled]
