"""How often the nominal 95 % intervals of robust fits hold the truth, and whether the findings say where they do not.

``python benchmarks/robust_coverage.py [sets] [signal-to-noise …]`` simulates one peak (center 0, width 0.5, points from
-2 to 2) in normal noise, with a tenth of the points moved by 10 to 30 standard deviations of the noise to either side,
or in Student's t with 3 degrees of freedom, whose scale is one over the signal-to-noise ratio.
It prints coverage over all sets, and over those whose findings say nothing worse than that there is little signal, of
symmetric and profile intervals and of those that ``kind="auto"`` chooses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from comparison import table

from gaussapp import fit
from gaussapp.fitting import evaluate
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH
from gaussapp.fitting.uncertainty.likelihood import is_doubtful

TRUTH = {"amplitude": 1.0, "center": 0.0, "width": 0.5, "offset": 0.3}
WANTED = ("amplitude", "center", "width", "area")
KINDS = ("symmetric", "profile", "auto")
NOISES = ("normal", "outliers", "Student t")
EDGES = (0.0, 0.1, 0.2, 0.5)
"""Standard errors of height or width, relative to it, between which coverage is told apart."""

Cell = tuple[int, float, str, str]
"""Points, signal-to-noise ratio, noise and baseline."""


class Outcome(NamedTuple):
    """What became of one set."""

    inside: dict[str, tuple[bool, ...]]  # by kind: whether the intervals of what is wanted hold the truth
    relative: float  # the larger standard error of height and width, relative to it
    lost: bool  # a finding but `low_signal_to_noise` is a warning or worse
    alone: bool  # one of them is `rests_on_one_point`
    open: bool  # a profile interval has an end that does not exist


def outcomes(sets: int, points: int, ratio: float, noise: str, baseline: str, seed: int = 0) -> list[Outcome]:
    """Fit so many simulated sets by the robust loss."""
    rng = np.random.default_rng([points, int(10 * ratio), NOISES.index(noise), len(baseline), seed])
    x = np.linspace(-2.0, 2.0, points)
    truth = TRUTH | {"area": AREA_PER_HEIGHT_AND_WIDTH * TRUTH["width"]}
    curve, moved = evaluate(x, TRUTH, baseline), round(0.1 * points)
    found = []
    for _ in range(sets):
        drawn = rng.standard_t(3.0, points) if noise == "Student t" else rng.standard_normal(points)
        if noise == "outliers":
            hit = rng.choice(points, moved, replace=False)
            drawn[hit] += rng.choice([-1.0, 1.0], moved) * rng.uniform(10.0, 30.0, moved)
        result = fit(x, curve + drawn / ratio, baseline=baseline, loss="robust")
        ends = {kind: result.interval(kind=kind, of=WANTED) for kind in KINDS[:2]}
        ends["auto"] = ends["profile" if is_doubtful(result) else "symmetric"]
        inside = {
            kind: tuple(bool(low <= truth[name] <= high) for name, (low, high) in pairs.items())
            for kind, pairs in ends.items()
        }
        relative = max(result.errors[name] / abs(result.values[name]) for name in ("amplitude", "width"))
        codes = {verdict.code for verdict in result.verdicts if verdict.severity in ("bad", "warning")}
        lost, alone = bool(codes - {"low_signal_to_noise"}), "rests_on_one_point" in codes
        found.append(Outcome(inside, relative, lost, alone, not np.all(np.isfinite(list(ends["profile"].values())))))
    return found


def shares(found: Iterable[Outcome], kind: str) -> list[str]:
    """Return coverage in % as cells of a table."""
    inside = np.array([outcome.inside[kind] for outcome in found])
    return [f"{100.0 * share:.1f}" for share in inside.mean(axis=0)] if inside.size else ["–"] * len(WANTED)


def by_cell(found: dict[Cell, list[Outcome]]) -> str:
    """Return the table of coverage over all sets and over those without a warning."""
    rows = []
    for (points, ratio, noise, baseline), cell in found.items():
        clear = [outcome for outcome in cell if not outcome.lost]
        told = [np.mean([getattr(o, what) for o in cell]) for what in ("lost", "alone", "open")]
        for kind in KINDS:
            pairs = (" / ".join(pair) for pair in zip(shares(cell, kind), shares(clear, kind), strict=True))
            rows.append((str(points), f"{ratio:g}", noise, baseline, kind, *pairs))
            rows[-1] += (*(f"{100 * value:.0f} %" for value in told), str(len(cell)))
    head = ("points", "S/N", "noise", "baseline", "intervals", *WANTED, "warned", "of one point", "no end", "sets")
    return table(head, rows)


def by_error(found: dict[Cell, list[Outcome]]) -> str:
    """Return the table of coverage over sets without a warning but of little signal, by what the errors are."""
    rows = []
    for (points, noise), kind in product(dict.fromkeys((cell[0], cell[2]) for cell in found), KINDS[:2]):
        cells = [o for (n, _, of, _), cell in found.items() if (n, of) == (points, noise) for o in cell]
        for low, high in pairwise(EDGES):
            here = [o for o in cells if not o.lost and low < o.relative <= high]
            between = f"{100 * low:g} to {100 * high:g} %"
            rows.append((str(points), noise, kind, between, *shares(here, kind), str(len(here))))
    return table(("points", "noise", "intervals", "error of height or width", *WANTED, "sets"), rows)


def main() -> None:
    """Print both tables."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    ratios = [float(word) for word in sys.argv[2:]] or [20.0, 10.0, 5.0, 3.0]
    cells = product((25, 50), ratios, NOISES, ("none", "constant"))
    found = {cell: outcomes(sets, *cell) for cell in cells}
    print(by_cell(found), "\n")
    print(by_error(found))


if __name__ == "__main__":
    main()
