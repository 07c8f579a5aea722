"""What the cloud of the Precision tab costs the main plot in a drag, and whether it follows.

Run ``python benchmarks/clouds.py``. Two pages of gaussapp are open in one Chromium, one of them on the Precision tab,
and take turns: key presses on a slider, then drags of 3 s. Prints slider to paint of the main plot and its updates a
second as ratios to the page with the tab closed, and how often a second the cloud was brought up to date in a drag.
"""

import argparse
import contextlib
import dataclasses
from statistics import median

from browser import GAUSSAPP, Visitor, chromium, serve
from comparison import ratio, spread, table
from slider_to_paint import PARAMETERS, close, take_turns

OPEN = dataclasses.replace(GAUSSAPP, name="Precision open", arguments="&tab=Precision")
CLOSED = dataclasses.replace(GAUSSAPP, name="Precision closed")

LISTEN = """() => {
    const cloud = detector.models().find((model) => model.type === "Figure" && model.name === "cloud")
    window.clouds = []
    const note = () => window.clouds.push(performance.now())
    cloud?.renderers[0].data_source.properties.data.change.connect(note)
}"""


def clouds_a_second(times: list[float]) -> float:
    """Return how often a second the cloud followed, from the first to the last time in milliseconds."""
    return 1000 * (len(times) - 1) / (times[-1] - times[0]) if len(times) > 2 else 0.0


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="drags of each page")
    parser.add_argument("--moves", type=int, default=24, help="key presses of each page")
    parser.add_argument("--samples", type=int, nargs="*", default=[25, 200], help="numbers of points")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(chromium())
        servers = [stack.enter_context(serve(app)) for app in (CLOSED, OPEN)]
        for samples in arguments.samples:
            visitors = [Visitor(browser, server, samples).open() for server in servers]
            for visitor in visitors:
                visitor.page.evaluate(LISTEN)
            presses = [seen.stage("painted") for seen in take_turns(visitors, arguments.moves)]
            rates: list[list[float]] = [[] for _ in visitors]
            clouds: list[list[float]] = [[] for _ in visitors]
            used: list[list[float]] = [[] for _ in visitors]
            for number in range(arguments.rounds):
                for visitor, rate, followed, cpu in zip(visitors, rates, clouds, used, strict=True):
                    visitor.page.evaluate("window.clouds.length = 0")
                    before = visitor.server.cpu()
                    drag = visitor.drag(PARAMETERS[number % len(PARAMETERS)])
                    cpu.append(visitor.server.cpu() - before)
                    rate.append(drag.updates_a_second)
                    followed.append(clouds_a_second(visitor.page.evaluate("window.clouds")))
            rows = [
                [
                    visitor.app.name,
                    spread(press),
                    ratio(press, presses[0]),
                    spread(rate),
                    ratio(rate, rates[0]),
                    f"{median(followed):.1f}",
                    f"{median(cpu):.0f}",
                ]
                for visitor, press, rate, followed, cpu in zip(visitors, presses, rates, clouds, used, strict=True)
            ]
            head = ("page", "painted (ms)", "ratio [90 %]", "updates/s", "ratio [90 %]", "clouds/s", "server CPU (ms)")
            print(f"\n{samples} points, {arguments.moves} moves and {arguments.rounds} drags of 3 s each\n")
            print(table(head, rows), flush=True)
            close(visitors)


if __name__ == "__main__":
    main()
