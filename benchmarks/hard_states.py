"""What one repeated experiment costs in easy and in hard states of the sliders, by the baseline that is fitted.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/hard_states.py``: microseconds of processor time an experiment, the least
of some rounds of 1000 experiments of 25 points with noise 0.5. Near amplitude 0 most data hold no peak, and the best
"peak" is a single point, a flank or a parabola.
"""

import argparse
import time

from comparison import table

from gaussapp import GaussianModel, replicate

STATES = (
    {"amplitude": 3.0},
    {"amplitude": 2.0},
    {"amplitude": 1.0},
    {"amplitude": 0.5},
    {"amplitude": 0.2},
    {"amplitude": 0.0},
    {"amplitude": 1.0, "width": 1.5},
    {"amplitude": 2.0, "center": 1.9},
    {"amplitude": 2.0, "width": 0.1},
)
BASELINES = ("none", "constant", "linear")


def microseconds(state, baseline, fits):
    """Return the processor time of one experiment."""
    model = GaussianModel(noise=0.5, samples=25, **state)
    start = time.process_time()
    replicate(model, fits, baseline=baseline, workers=1)
    return (time.process_time() - start) / fits * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    for state in STATES:
        words = ", ".join(f"{name} {value:g}" for name, value in state.items())
        least = [
            min(microseconds(state, baseline, arguments.fits) for _ in range(arguments.rounds))
            for baseline in BASELINES
        ]
        rows.append((words, *(f"{number:.0f}" for number in least)))
        print(*rows[-1], flush=True)
    print(table(("state", *BASELINES), rows))


if __name__ == "__main__":
    main()
