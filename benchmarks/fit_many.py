"""How much faster many data sets are fitted as a stack than one after the other.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/fit_many.py``. The same data sets go through a loop over
``scipy.optimize.curve_fit`` that starts from the truth and returns values and covariance, through a loop over
``gaussapp.fit``, and through ``fit_many``, which looks for its starts by itself and gives standard errors, goodness of
fit and findings as well; and through the stack solver alone from the same start as ``curve_fit``. The loops are timed
on a part of the data sets, in turn with the others. Processor time counts, so that a busy machine matters less.
"""

import argparse
import time

import numpy as np
from comparison import ratio, spread, table
from scipy.optimize import curve_fit

from gaussapp import fit, fit_many
from gaussapp.fitting.solve import layout_of
from gaussapp.fitting.stack.many import CHUNK_ROWS, CHUNK_VALUES
from gaussapp.fitting.stack.solve import Stack, minimise_stack

TRUTH = {"amplitude": 3.0, "center": 0.1, "width": 0.5, "offset": 0.2, "slope": 0.3}


def curve(x, amplitude, center, width, offset=0.0, slope=0.0):
    """Return a peak on a line."""
    return amplitude * np.exp(-0.5 * ((x - center) / width) ** 2) + offset + slope * x


def microseconds(work, sets):
    """Return the processor time that a data set takes."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / sets * 1e6


def solver_alone(x, data, baseline):
    """Run the stack solver from the truth, in the chunks that `fit_many` uses."""
    step = min(CHUNK_ROWS, CHUNK_VALUES // x.size)
    half = 0.5 * (x[-1] - x[0])
    for first in range(0, len(data), step):
        y = data[first : first + step]
        ones = np.ones((len(y), 1))
        stack = Stack(x / half, y, None, layout_of(1, baseline))
        start = TRUTH["center"] / half * ones, np.log(TRUTH["width"] / half) * ones, np.zeros(len(y))
        minimise_stack(stack, *start)


def one_round(x, data, part, truth, baseline):
    """Return the time that each way takes for a data set."""
    return {
        "curve_fit": microseconds(lambda: [curve_fit(curve, x, y, truth) for y in part], len(part)),
        "fit": microseconds(lambda: [fit(x, y, baseline=baseline) for y in part], len(part)),
        "fit_many": microseconds(lambda: fit_many(x, data, baseline=baseline), len(data)),
        "solver alone": microseconds(lambda: solver_alone(x, data, baseline), len(data)),
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=10_000, help="data sets in the stack")
    parser.add_argument("--loop", type=int, default=400, help="data sets in a loop, each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--snr", type=float, default=10.0, help="amplitude over noise")
    arguments = parser.parse_args()
    rows = []
    for points in (25, 200):
        x = np.linspace(-2.0, 2.0, points)
        for baseline, count in (("none", 3), ("constant", 4), ("linear", 5)):
            truth = list(TRUTH.values())[:count]
            noise = np.random.default_rng(1).standard_normal((arguments.sets, points))
            data = curve(x, *truth) + truth[0] / arguments.snr * noise
            times: dict[str, list[float]] = {}
            for number in range(arguments.rounds + 1):
                part = data[number * arguments.loop % arguments.sets :][: arguments.loop]
                for name, value in one_round(x, data, part, truth, baseline).items():
                    if number:  # the first round warms up
                        times.setdefault(name, []).append(value)
            theirs = times["curve_fit"]
            ratios = [ratio(theirs, times[name]) for name in ("fit_many", "solver alone", "fit")]
            rows.append([str(points), baseline, spread(theirs), spread(times["fit_many"]), *ratios])
    print(f"\n{arguments.sets} data sets, signal-to-noise {arguments.snr:g}, microseconds a data set\n")
    head = ("points", "baseline", "curve_fit", "fit_many", "curve_fit / fit_many", "… / solver alone", "… / fit")
    print(table(head, rows))


if __name__ == "__main__":
    main()
