"""Time from starting the server to the first painted page, and the second visitor's page, of both apps.

Run ``python benchmarks/start_up.py``. Each round starts each server anew and opens the page in a new browser profile;
then a second visitor with an empty cache opens it. "painted" is the frame that first has both plots and the table;
"in the clear" is when no loading screen lies over them. Compiled bytecode is present: the first round is not counted.
"""

import argparse
import contextlib
import time

from browser import GAUSSAPP, REFERENCE, App, Chromium, Visitor, chromium, serve
from comparison import ratio, spread, table

STAGES = ("first painted", "first in the clear", "second painted", "second in the clear")


def once(browser: Chromium, app: App, samples: int) -> list[float]:
    """Start a server and let two visitors come; return the seconds to each of `STAGES`."""
    seconds: list[float] = []
    start = time.monotonic()
    with serve(app) as server, contextlib.ExitStack() as stack:
        for _ in range(2):
            visitor = Visitor(browser, server, samples)
            stack.callback(visitor.close)
            seconds += [reached - start for reached in visitor.arrive()]
            visitor.page.evaluate("detector.quiet(500)")
            start = time.monotonic()
    return seconds


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="starts of each server that count")
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    apps = (REFERENCE, GAUSSAPP)
    seconds: dict[str, list[list[float]]] = {app.name: [] for app in apps}
    with chromium() as browser:
        for number in range(arguments.rounds + 1):
            for app in apps:
                reached = once(browser, app, arguments.samples)
                if number:
                    seconds[app.name].append(reached)
    rows = []
    for stage, name in enumerate(STAGES):
        theirs, ours = ([reached[stage] for reached in seconds[app.name]] for app in apps)
        rows.append([name, spread(theirs), spread(ours), ratio(ours, theirs)])
    print(f"\n{arguments.samples} points, {arguments.rounds} starts of each server, seconds\n")
    print(table(("stage", *[app.name for app in apps], "ratio [90 %]"), rows))


if __name__ == "__main__":
    main()
