"""How much faster counts are fitted as a stack than one after the other, both with the Poisson loss.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/fit_many_counts.py``. The loop over ``gaussapp.fit`` is timed on a
part of the data sets, in turn with the stack. Processor time counts, so that a busy machine matters less.
"""

import argparse
import time

import numpy as np
from comparison import ratio, spread, table

from gaussapp import fit, fit_many


def microseconds(work, sets):
    """Return the processor time that a data set takes."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / sets * 1e6


def one_round(x, counts, part, baseline):
    """Return the time that each way takes for a data set."""
    options = {"baseline": baseline, "loss": "poisson"}
    return (
        microseconds(lambda: [fit(x, y, **options) for y in part], len(part)),
        microseconds(lambda: fit_many(x, counts, **options), len(counts)),
        microseconds(lambda: fit_many(x, counts, baseline=baseline), len(counts)),
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=4_000, help="data sets in the stack")
    parser.add_argument("--loop", type=int, default=40, help="data sets in the loop, each round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows = []
    for points, height, background in ((25, 100, 20), (25, 10, 1), (50, 10, 1), (50, 10, 0), (200, 100, 20)):
        x = np.linspace(-2.0, 2.0, points)
        mean = height * np.exp(-0.5 * ((x - 0.1) / 0.5) ** 2) + background
        counts = np.random.default_rng(1).poisson(mean, (arguments.sets, points)).astype(float)
        for baseline in ("constant", "linear"):
            rounds = []
            for number in range(arguments.rounds + 1):
                part = counts[number * arguments.loop % arguments.sets :][: arguments.loop]
                rounds.append(one_round(x, counts, part, baseline))
            alone, stack, squares = zip(*rounds[1:], strict=True)  # the first round warms up
            where = [str(points), f"{height} on {background}", baseline]
            rows.append([*where, spread(stack), ratio(alone, stack), ratio(stack, squares)])
    head = ("points", "counts", "baseline", "fit_many, µs", "fit / fit_many", "Poisson / least squares")
    print(table(head, rows))


if __name__ == "__main__":
    main()
