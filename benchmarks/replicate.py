"""How much faster an experiment is repeated than with a loop over ``scipy.optimize.curve_fit``, and in how much memory.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/replicate.py``. The loop fits data that are simulated beforehand,
starting from the truth; ``replicate`` simulates its data as well, looks for its starts by itself (or starts from the
truth), and gives errors and findings. Processor time counts. ``--memory FITS`` measures the memory of one long run
instead.
"""

import argparse
import resource
import time

import numpy as np
from comparison import ratio, spread, table
from scipy.optimize import curve_fit

from gaussapp import GaussianModel, replicate
from gaussapp.study import experiment_of


def curve(x, amplitude, center, width, offset):
    """Return a peak on a constant."""
    return amplitude * np.exp(-0.5 * ((x - center) / width) ** 2) + offset


def microseconds(work, fits):
    """Return the processor time that a fit takes."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / fits * 1e6


def one_round(model, fits, loop, first):
    """Return the time that each way takes for one experiment."""
    experiment = experiment_of(model)
    data, truth = experiment.simulate(first, loop), list(experiment.truth.values())
    return {
        "curve_fit": microseconds(lambda: [curve_fit(curve, experiment.x, y, truth) for y in data], loop),
        "search": microseconds(lambda: replicate(model, fits), fits),
        "truth": microseconds(lambda: replicate(model, fits, start="truth"), fits),
    }


def measure_memory(fits):
    """Print the peak memory of one run, and what the study itself holds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    study = replicate(GaussianModel(samples=100), fits)
    seconds = time.perf_counter() - start
    block = study.block
    held = sum(part.nbytes for part in (block.estimates, block.errors, block.area_errors, block.bits)) / 2**20
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{fits} experiments of 100 points: {seconds:.1f} s, study {held:.0f} MiB")
    print(f"peak memory of the process: {after / 1024:.0f} MiB, {before / 1024:.0f} MiB of it before the first fit")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=400, help="experiments in the loop, each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", type=int, metavar="FITS")
    arguments = parser.parse_args()
    if arguments.memory:
        measure_memory(arguments.memory)
        return
    rows = []
    for points in (25, 200):
        for noise in (0.3, 1.0):
            times: dict[str, list[float]] = {}
            for number in range(arguments.rounds + 1):
                model = GaussianModel(samples=points, noise=noise, seed=number)
                for name, value in one_round(model, arguments.fits, arguments.loop, 0).items():
                    if number:  # the first round warms up
                        times.setdefault(name, []).append(value)
            theirs = times["curve_fit"]
            ratios = [ratio(theirs, times[name]) for name in ("search", "truth")]
            rows.append([str(points), f"{3.0 / noise:.0f}", spread(theirs), spread(times["search"]), *ratios])
    print(f"\n{arguments.fits} experiments, constant baseline, microseconds an experiment\n")
    head = ("points", "signal to noise", "curve_fit", "replicate", "curve_fit / replicate", "… / start from the truth")
    print(table(head, rows))


if __name__ == "__main__":
    main()
