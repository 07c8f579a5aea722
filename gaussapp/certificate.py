"""How many digits of certified results the engine reaches, on this machine: NIST's data sets, fitted and compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from gaussapp.data import Sample, samples
from gaussapp.fitting import fit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIGITS", "Agreement", "Certificate", "certify"]

DIGITS = 9
"""Matching digits that count as agreement."""

CERTIFIED_DIGITS = 11
"""Digits that NIST gives; agreement cannot be seen beyond them."""

STARTS = ("no start", "start 1", "start 2")
"""None at all, and the two that NIST gives: one far from the solution, one near."""


class Agreement(NamedTuple):
    """One certified number and what came out."""

    data: str
    start: str
    quantity: str
    certified: float
    reached: float
    digits: float


@dataclass(frozen=True)
class Certificate:
    """All certified numbers beside those that this machine computes; made by `certify`.

    Attributes
    ----------
    agreements : tuple of Agreement
        One for every certified value, standard deviation and residual sum of squares, from every start.
    passed : bool
        Whether every number agrees in `DIGITS` digits.
    """

    agreements: tuple[Agreement, ...]

    @property
    def passed(self) -> bool:
        """Whether every number agrees in `DIGITS` digits."""
        return not self.failed

    @property
    def failed(self) -> tuple[Agreement, ...]:
        """Those that agree in fewer."""
        return tuple(row for row in self.agreements if not row.digits >= DIGITS)

    @property
    def least(self) -> float:
        """Matching digits of the worst number."""
        return min(row.digits for row in self.agreements)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, one row an agreement."""
        import pandas as pd

        return pd.DataFrame(self.agreements, columns=Agreement._fields)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and strings, ready for JSON; what is not finite becomes None."""
        rows = [row._asdict() for row in self.agreements]
        for row in rows:
            row["reached"] = row["reached"] if math.isfinite(row["reached"]) else None
        return {"passed": self.passed, "digits_needed": DIGITS, "least_digits": self.least, "agreements": rows}

    def table(self) -> list[tuple[str, ...]]:
        """Return name, certified number and the matching digits from every start, grouped by data set."""
        found: dict[tuple[str, str], dict[str, Agreement]] = {}
        for row in self.agreements:
            found.setdefault((row.data, row.quantity), {})[row.start] = row
        return [
            (data, quantity, f"{rows[STARTS[0]].certified:.11g}", *(f"{rows[start].digits:.1f}" for start in STARTS))
            for (data, quantity), rows in found.items()
        ]

    @property
    def conclusion(self) -> str:
        """The result in a sentence."""
        count = len(self.agreements)
        if self.passed:
            return (
                f"All {count} certified numbers are reached to {DIGITS} digits or more (the worst to {self.least:.1f})."
            )
        worst = min(self.failed, key=lambda row: row.digits)
        return (
            f"{len(self.failed)} of {count} certified numbers are not reached to {DIGITS} digits; the worst is the "
            f"{worst.quantity} of {worst.data} from {worst.start}: {worst.reached!r} instead of {worst.certified!r}."
        )

    def __repr__(self) -> str:
        lines = [("data", "certified", "", *STARTS), *self.table()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        parts, before = [], ""
        for line in lines:
            first = line[0] if line[0] != before else ""
            before = line[0]
            cells = [f"{first:<{widths[0]}}", f"{line[1]:<{widths[1]}}"]
            cells += [f"{cell:>{width}}" for cell, width in zip(line[2:], widths[2:], strict=True)]
            parts.append("  ".join(cells).rstrip())
        return "\n".join(["Matching digits, of 11 that NIST certifies", *parts, self.conclusion])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(word)}</th>" for word in ("data", "certified", "", *STARTS))
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in self.table())
        return (
            '<div class="gaussapp-certificate"><table><caption>Matching digits, of 11 that NIST certifies</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><p>{escape(self.conclusion)}</p></div>"
        )


def certify() -> Certificate:
    r"""Fit NIST's certified data sets from no start and from both certified ones, and count the matching digits.

    Eckerle4, Gauss1, Gauss2 and Gauss3 of the Statistical Reference Datasets (National Institute of Standards and
    Technology, nonlinear regression) come along as samples. Digits are NIST's log relative error, -log10(\|q - c\| /
    \|c\|), at most the eleven that are certified.

    Examples
    --------
    >>> certify().passed
    True
    """
    found: list[Agreement] = []
    for sample in samples().values():
        if sample.certified is not None:
            for number, start in enumerate(STARTS):
                given = None if number == 0 else sample.certified["starts"][number - 1]
                found += agreements(sample, sample.certified, start, given)
    return Certificate(tuple(found))


def agreements(
    sample: Sample, certified: Mapping[str, Any], start: str, given: Mapping[str, float] | None
) -> Iterator[Agreement]:
    """Yield the agreements of one data set fitted from one start."""
    result = fit(sample.data(), baseline=sample.baseline, peaks=sample.peaks, start=given)
    values = {**result.values, **{name: estimate.value for name, estimate in result.derived.items()}}
    errors = {**result.errors, **{name: estimate.error for name, estimate in result.derived.items()}}
    pairs = [(name, number, values[name]) for name, number in certified["values"].items()]
    pairs += [(f"standard deviation of {name}", number, errors[name]) for name, number in certified["errors"].items()]
    pairs.append(("residual sum of squares", certified["residual_sum_of_squares"], result.chi2))
    for quantity, number, reached in pairs:
        yield Agreement(sample.name, start, quantity, number, reached, matching_digits(reached, number))


def matching_digits(value: float, certified: float) -> float:
    """Return NIST's log relative error: how many digits of a certified number are reached, at most those given.

    >>> matching_digits(3.1415, 3.1416) > 4, matching_digits(-1.0, 1.0), matching_digits(float("nan"), 1.0)
    (True, 0.0, 0.0)
    """
    if not math.isfinite(value):
        return 0.0
    error = abs(value - certified) / abs(certified)
    return min(max(-math.log10(error), 0.0), float(CERTIFIED_DIGITS)) if error > 0.0 else float(CERTIFIED_DIGITS)
