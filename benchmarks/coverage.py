"""How often nominal 95 % intervals hold the truth, symmetric and profile ones, by signal-to-noise and baseline.

``python benchmarks/coverage.py [sets] [signal-to-noise …]`` simulates one peak (center 0, width 0.5, 25 points from -2
to 2) and prints, for every parameter, FWHM and area, the coverage of all kinds over all sets and over those without a
bad verdict ("clear": the peak was found and is determined), and how many intervals have an end that does not exist.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from gaussapp import fit
from gaussapp.fitting import evaluate
from gaussapp.fitting.constrained.constraint import constraints_of
from gaussapp.fitting.constrained.coordinates import coordinates_of
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH
from gaussapp.fitting.scale import Axis, Scaled
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import solution_of
from gaussapp.fitting.solve import layout_of
from gaussapp.fitting.stack.loss import StackLoss
from gaussapp.fitting.uncertainty.likelihood import inverse, is_doubtful
from gaussapp.fitting.uncertainty.profile import profile_ends
from gaussapp.fitting.uncertainty.quantity import quantity_of

X = np.linspace(-2.0, 2.0, 25)
TRUTH = {"amplitude": 1.0, "center": 0.0, "width": 0.5, "offset": 0.3}
BLOCK = 1000


def cell(sets: int, ratio: float, baseline: str) -> None:
    """Print one cell of the table."""
    began = time.perf_counter()
    rng = np.random.default_rng(12345)
    layout = layout_of(1, baseline)
    axis = Axis(X / 2.0, None, X, None, 0.0, 2.0)
    scale = Scaled(axis, axis.t, X, None, 0.0, 2.0, 0.0, 1.0, 1.0)
    names = list(fit(X, evaluate(X, TRUTH, baseline), baseline=baseline).names)
    coordinates = coordinates_of(scale, layout, constraints_of(tuple(names)))
    wanted = [*names, "fwhm", "area"]
    quantities = [quantity_of(coordinates, name) for name in wanted]
    truth = np.array(
        [TRUTH[n] for n in names] + [FWHM_PER_WIDTH * 0.5, AREA_PER_HEIGHT_AND_WIDTH * 0.5],
    )
    counts = {kind: np.zeros((2, len(wanted))) for kind in ("symmetric", "profile", "auto")}
    totals, endless, lost = np.zeros(2), np.zeros(len(wanted)), np.zeros(len(wanted))
    seen_sets = 0
    tau = 0.0
    for first in range(0, sets, BLOCK):
        size = min(BLOCK, sets - first)
        y = evaluate(X, TRUTH, baseline) + rng.standard_normal((size, X.size)) / ratio
        fits = [fit(X, row, baseline=baseline) for row in y]
        tau = fits[0]._quantile(0.95)
        found_peak = np.array([not any(v.severity == "bad" for v in result.verdicts) for result in fits])
        f = np.array([[result.values[n] for n in names] for result in fits]) / coordinates.units
        f = np.clip(f, coordinates.low, coordinates.high)
        loss = StackLoss(coordinates, axis.t, y, None, "least squares")
        here = loss.evaluate(f, np.arange(size))
        noise = 2.0 * here.value / (X.size - len(names))
        covariance = np.array([v * inverse(matrix) for v, matrix in zip(noise, here.positive, strict=True)])
        with np.errstate(all="ignore"):
            ends, _, found = profile_ends(loss, f, here.value, noise, covariance, quantities, tau)
            span_rivals(ends, fits, loss, coordinates, here.value, noise, quantities, tau)
        units = np.array([q.unit for q in quantities])
        ends = np.sort(ends * units[:, None] + np.array([q.origin for q in quantities])[:, None], axis=2)
        runaway = np.array([result._solution.status == "runaway" for result in fits])
        ends[runaway] = [-np.inf, np.inf]
        found[runaway] = True
        symmetric = np.array([list(result.interval(of=wanted).values()) for result in fits])
        lost += np.count_nonzero(~found.all(axis=2), axis=0)
        endless += np.count_nonzero(np.isinf(ends).any(axis=2), axis=0)
        auto = np.where(np.array([is_doubtful(result) for result in fits])[:, None, None], ends, symmetric)
        for kind, intervals in (("symmetric", symmetric), ("profile", ends), ("auto", auto)):
            inside = (intervals[:, :, 0] <= truth) & (truth <= intervals[:, :, 1])
            counts[kind] += [inside.sum(axis=0), inside[found_peak].sum(axis=0)]
        totals += [size, found_peak.sum()]
        seen_sets += size
    head = f"S/N {ratio:g}, baseline {baseline}: {seen_sets} sets, {time.perf_counter() - began:.0f} s"
    print(head, f"without a bad verdict {100 * totals[1] / totals[0]:.1f} %", flush=True)
    for kind, (every, clear) in counts.items():
        row = "  ".join(f"{n} {100 * a / totals[0]:.1f}" for n, a in zip(wanted, every, strict=True))
        print(f"  {kind:10} all    {row}")
        if totals[1]:
            row = "  ".join(f"{n} {100 * a / totals[1]:.1f}" for n, a in zip(wanted, clear, strict=True))
            print(f"  {kind:10} clear  {row}")
    print("  endless %  ", "  ".join(f"{n} {100 * a / totals[0]:.1f}" for n, a in zip(wanted, endless, strict=True)))
    print(
        "  not found %",
        "  ".join(f"{n} {100 * a / totals[0]:.2f}" for n, a in zip(wanted, lost, strict=True)),
        flush=True,
    )


def span_rivals(ends, fits, loss, coordinates, least, noise, quantities, tau) -> None:
    """Widen intervals to those of other answers that fit nearly as well, as `Fit.interval` does."""
    rows, places = [], []
    for row, result in enumerate(fits):
        rival, own = result._solution.rival, result._solution
        if rival is None or rival.status == "runaway":
            continue
        if (rival.point.sse - own.sse) / (own.sse / result.dof) >= tau * tau:
            continue
        other = solution_of(Search(rival, None, own.layout, 1), own.scale)
        p = [part for k in range(1) for part in other.peak(k)]
        offset = [own.scale.y0 + own.scale.y_unit * b for b in other.beta[1:]]
        rows.append(row)
        places.append([p[0] * own.scale.y_unit, p[1], p[2], *offset])
    if not rows:
        return
    chosen = np.array(rows)
    loss = StackLoss(coordinates, loss.t, loss.y[chosen], None, "least squares")
    places = np.clip(np.array(places), coordinates.low, coordinates.high)
    there = loss.evaluate(places, np.arange(chosen.size))
    covariance = np.array([v * inverse(matrix) for v, matrix in zip(noise[chosen], there.positive, strict=True)])
    more = profile_ends(loss, places, least[chosen], noise[chosen], covariance, quantities, tau)[0]
    ends[chosen, :, 0] = np.minimum(ends[chosen, :, 0], more[:, :, 0])
    ends[chosen, :, 1] = np.maximum(ends[chosen, :, 1], more[:, :, 1])


if __name__ == "__main__":
    wanted_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for signal_to_noise in map(float, sys.argv[2:] or (10, 5, 3, 2)):
        for under in ("constant", "none"):
            cell(wanted_sets, signal_to_noise, under)
