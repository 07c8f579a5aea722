"""How often the nominal 95 % intervals of robust fits hold the truth, and whether the findings say where they do not.

``python benchmarks/robust_coverage.py [sets] [signal-to-noise …]`` simulates one peak (center 0, width 0.5, points from
-2 to 2), with no outliers or a tenth of the points moved by 10 to 30 standard deviations of the noise to either side.
It prints coverage over all sets, and over those whose findings say nothing worse than that there is little signal.
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

TRUTH = {"amplitude": 1.0, "center": 0.0, "width": 0.5, "offset": 0.3}
WANTED = ("amplitude", "center", "width", "area")
EDGES = (0.0, 0.1, 0.2, 0.5)
"""Standard errors of height or width, relative to it, between which coverage is told apart."""


class Outcome(NamedTuple):
    """What became of one set."""

    inside: tuple[bool, ...]  # whether the intervals of amplitude, center, width and area hold the truth
    relative: float  # the larger standard error of height and width, relative to it
    lost: bool  # a finding but `low_signal_to_noise` is a warning or worse
    alone: bool  # one of them is `rests_on_one_point`


def outcomes(
    sets: int, points: int, ratio: float, share: float, baseline: str, seed: int = 0, width: float = 0.5
) -> list[Outcome]:
    """Fit so many simulated sets by the robust loss."""
    rng = np.random.default_rng([points, int(10 * ratio), int(100 * share), len(baseline), seed])
    x = np.linspace(-2.0, 2.0, points)
    values = TRUTH | {"width": width}
    truth = values | {"area": AREA_PER_HEIGHT_AND_WIDTH * width}
    curve, moved = evaluate(x, values, baseline), round(share * points)
    found = []
    for _ in range(sets):
        y = curve + rng.standard_normal(points) / ratio
        hit = rng.choice(points, moved, replace=False)
        y[hit] += rng.choice([-1.0, 1.0], moved) * rng.uniform(10.0, 30.0, moved) / ratio
        result = fit(x, y, baseline=baseline, loss="robust")
        ends = result.interval(of=WANTED)
        inside = tuple(bool(low <= truth[name] <= high) for name, (low, high) in ends.items())
        relative = max(result.errors[name] / abs(result.values[name]) for name in ("amplitude", "width"))
        codes = {verdict.code for verdict in result.verdicts if verdict.severity in ("bad", "warning")}
        found.append(Outcome(inside, relative, bool(codes - {"low_signal_to_noise"}), "rests_on_one_point" in codes))
    return found


def shares(found: Iterable[Outcome]) -> list[str]:
    """Return coverage in % as cells of a table."""
    inside = np.array([outcome.inside for outcome in found])
    return [f"{100.0 * share:.1f}" for share in inside.mean(axis=0)] if inside.size else ["–"] * len(WANTED)


def by_cell(found: dict[tuple[int, float, float, str], list[Outcome]]) -> str:
    """Return the table of coverage over all sets."""
    rows = []
    for (points, ratio, share, baseline), cell in found.items():
        head = str(points), f"{ratio:g}", f"{100 * share:g} %", baseline
        told = [100.0 * np.mean(what) for what in ([o.lost for o in cell], [o.alone for o in cell])]
        clear = shares(outcome for outcome in cell if not outcome.lost)
        rows.append((*head, *(" / ".join(pair) for pair in zip(shares(cell), clear, strict=True))))
        rows[-1] += (*(f"{value:.0f} %" for value in told), str(len(cell)))
    return table(("points", "S/N", "outliers", "baseline", *WANTED, "warned", "of one point", "sets"), rows)


def by_error(found: dict[tuple[int, float, float, str], list[Outcome]]) -> str:
    """Return the table of coverage over sets without a warning but of little signal, by what the errors are."""
    rows = []
    for points, share in product((25, 50), (0.0, 0.1)):
        cells = [o for (n, _, moved, _), cell in found.items() if (n, moved) == (points, share) for o in cell]
        for low, high in pairwise(EDGES):
            here = [o for o in cells if not o.lost and low < o.relative <= high]
            between = f"{100 * low:g} to {100 * high:g} %"
            rows.append((str(points), f"{100 * share:g} %", between, *shares(here), str(len(here))))
    return table(("points", "outliers", "error of height or width", *WANTED, "sets"), rows)


def main() -> None:
    """Print both tables."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    ratios = [float(word) for word in sys.argv[2:]] or [20.0, 10.0, 5.0, 3.0]
    cells = product((25, 50), ratios, (0.0, 0.1), ("none", "constant"))
    found = {cell: outcomes(sets, *cell) for cell in cells}
    print(by_cell(found), "\n")
    print(by_error(found))


if __name__ == "__main__":
    main()
