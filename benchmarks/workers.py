"""How much faster a sweep is with two Dask workers than with one, and what an experiment costs.

Run as ``python benchmarks/workers.py [--seconds S] [--rounds R]``. A cluster of one process and one of two, on
loopback, compute the same sweep in turn; its size is chosen so that one worker takes about S seconds (60). Prints
Markdown tables: the ratio of the times by the clock with its 90 % interval, which other work on the machine spoils, and
the processor time that the workers took, which it hardly does: what two workers take together over what one takes alone
is the price of sharing, and twice its inverse the speed-up where two cores are free.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comparison import ratio, spread, table
from distributed import Client, LocalCluster

from gaussapp import GaussianModel, replicate, sweep
from gaussapp.workers import cores

NOISE = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
POINTS = (25, 100, 400, 1600)


def processor_time() -> float:
    """Return the processor time that this process has taken; what a worker is asked."""
    return time.process_time()


def timed_sweep(client: Client, fits: int) -> tuple[float, float]:
    """Return seconds by the clock and of the workers' processors that a sweep takes."""
    before = sum(client.run(processor_time).values())
    start = time.perf_counter()
    sweep(GaussianModel(), fits, scheduler=client, noise=NOISE, samples=[50, 100])
    seconds = time.perf_counter() - start
    return seconds, sum(client.run(processor_time).values()) - before


def cost_of_experiments() -> list[list[str]]:
    """Return rows with the processor time of an experiment, and what 1e9 of them take."""
    rows = []
    for points in POINTS:
        model = GaussianModel(samples=points)
        fits = max(2000, 1_000_000 // points)
        replicate(model, fits=fits)
        start = time.process_time()
        replicate(model, fits=fits)
        each = (time.process_time() - start) / fits
        hours = 1e9 * each / 3600
        rows.append([str(points), f"{1e6 * each:.1f}", f"{hours:.1f}", f"{hours / 8:.1f}", f"{60 * hours / 100:.0f}"])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f} when this began\n")
    print(table(["points", "µs", "1e9 on 1 worker, h", "on 8, h", "on 100, min"], cost_of_experiments()))
    kind = {"threads_per_worker": 1, "processes": True, "dashboard_address": "localhost:0", "silence_logs": 50}
    with (
        LocalCluster(n_workers=1, **kind) as one,
        LocalCluster(n_workers=2, **kind) as two,
        Client(one, set_as_default=False) as single,
        Client(two, set_as_default=False) as double,
    ):
        for client in (single, double):
            timed_sweep(client, 100)
        fits = 2000
        fits = max(fits, int(fits * options.seconds / timed_sweep(single, fits)[0]))
        clock: dict[str, list[float]] = {"one": [], "two": []}
        work: dict[str, list[float]] = {"one": [], "two": []}
        for _ in range(options.rounds):
            for name, client in (("one", single), ("two", double)):
                seconds, processor = timed_sweep(client, fits)
                clock[name].append(seconds)
                work[name].append(processor)
    print(f"\nA sweep of {2 * len(NOISE)} cells of {fits} experiments, {options.rounds} rounds:\n")
    lines = [
        ["time by the clock, s", spread(clock["one"]), spread(clock["two"]), ratio(clock["one"], clock["two"])],
        ["processor time, s", spread(work["one"]), spread(work["two"]), ratio(work["one"], work["two"])],
        [
            "processors in use",
            f"{sum(work['one']) / sum(clock['one']):.2f}",
            f"{sum(work['two']) / sum(clock['two']):.2f}",
            "",
        ],
    ]
    print(table(["", "one worker", "two workers", "one / two"], lines))


if __name__ == "__main__":
    main()
