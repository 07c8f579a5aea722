"""Updates painted per second while a slider is dragged, and whether the page comes to rest with the hand.

Run ``python benchmarks/dragging.py``. Drags a slider for 3 s at 60 events a second, to and fro, holds it still and
watches the page come to rest. The events go through the browser's own input queue and do not wait for the page. The
times to the last value and to rest (with what is computed only then) are given in units of one update's time: the
latency of single key presses in the same run.
"""

import argparse
import contextlib
import statistics

from browser import GAUSSAPP, REFERENCE, Visitor, chromium, serve
from comparison import ratio, spread, table
from paint import Drag
from slider_to_paint import PARAMETERS, close, take_turns


def measure(visitors: list[Visitor], rounds: int, moves: int) -> str:
    """Let the visitors take turns in dragging; return the report."""
    latencies = [own.stage("painted") for own in take_turns(visitors, moves)]
    drags: list[list[Drag]] = [[] for _ in visitors]
    for number in range(rounds):
        for visitor, own in zip(visitors, drags, strict=True):
            own.append(visitor.drag(PARAMETERS[number % len(PARAMETERS)]))
    rates = [[drag.updates_a_second for drag in own] for own in drags]
    rows = []
    for visitor, own, rate, times in zip(visitors, drags, rates, latencies, strict=True):
        reached, settled = [drag.reached for drag in own], [drag.settled for drag in own]
        one = statistics.median(times)
        ends = [f"{statistics.median(each) / one:.1f} (worst {max(each) / one:.1f})" for each in (reached, settled)]
        rows.append(
            [
                visitor.app.name,
                f"{statistics.mean(drag.events / drag.seconds for drag in own):.0f}",
                spread(rate),
                ratio(rate, rates[0]),
                f"{one:.0f}",
                *ends,
                f"{sum(not drag.problem for drag in own)} of {len(own)}",
            ]
        )
    head = (
        "page",
        "events/s",
        "updates/s",
        "ratio [90 %]",
        "one update (ms)",
        "last value, in updates",
        "at rest, in updates",
        "right",
    )
    return table(head, rows)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="drags of each page")
    parser.add_argument("--moves", type=int, default=24, help="key presses of each page, for one update's time")
    parser.add_argument("--samples", type=int, nargs="*", default=[25, 1000], help="numbers of points to compare at")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(chromium())
        servers = [stack.enter_context(serve(app)) for app in (REFERENCE, GAUSSAPP)]
        for samples in arguments.samples:
            visitors = [Visitor(browser, server, samples).open() for server in servers]
            print(f"\n{samples} points, {arguments.rounds} drags of 3 s each\n")
            print(measure(visitors, arguments.rounds, arguments.moves), flush=True)
            close(visitors)


if __name__ == "__main__":
    main()
