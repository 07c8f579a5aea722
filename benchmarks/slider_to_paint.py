"""How long after a key press on a slider do both plots and the table show the new value? Against the reference page.

Run ``python benchmarks/slider_to_paint.py``. Both pages are open in one Chromium and take turns, move by move, so that
whatever else the machine does hits both alike. Prints medians, quartiles and ratios; see README.md beside this file.
"""

import argparse
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import mean

from browser import GAUSSAPP, REFERENCE, Visitor, chromium, serve
from comparison import ratio, spread, table
from paint import Move

PARAMETERS = ("amplitude", "center", "width")
WARM_UP = 3  # moves that are not counted: the first ones load fonts and compile
MILLION = 1_000_000


def moves() -> Iterator[tuple[str, str]]:
    """Yield parameter and key: each parameter up, then each down again, so that the page stays where it was."""
    return ((name, key) for key in itertools.cycle(("ArrowRight", "ArrowLeft")) for name in PARAMETERS)


@dataclass
class Seen:
    """What one visitor saw, move by move, and the processor time its server took."""

    moves: list[Move] = field(default_factory=list)
    server: list[float] = field(default_factory=list)  # milliseconds

    def stage(self, name: str) -> list[float]:
        """Milliseconds from the key press to one stage of each move."""
        return [getattr(move, name) for move in self.moves]


def take_turns(visitors: list[Visitor], count: int) -> list[Seen]:
    """Let each visitor make the same moves in turn; return what each saw after the warm-up."""
    seen = [Seen() for _ in visitors]
    for number, (name, key) in enumerate(itertools.islice(moves(), count + WARM_UP)):
        for visitor, own in zip(visitors, seen, strict=True):
            before = visitor.server.cpu()
            move = visitor.move(name, key)
            if number >= WARM_UP:
                own.moves.append(move)
                own.server.append(visitor.server.cpu() - before)
    return seen


def report(labels: list[str], seen: list[Seen], against: int) -> str:
    """Write one row a page: the stages of a move in milliseconds and the ratio of the latencies."""
    rows = []
    for label, own in zip(labels, seen, strict=True):
        rows.append(
            [
                label,
                *[spread(own.stage(stage)) for stage in ("sent", "arrived", "updated", "painted")],
                ratio(own.stage("painted"), seen[against].stage("painted")),
                f"{mean(own.stage('paints')):.1f}",
                f"{mean(own.stage('messages')):.0f}",
                f"{mean(own.server):.0f}",
            ]
        )
    head = (
        "page",
        "sent",
        "answered",
        "updated",
        "painted (ms)",
        "ratio [90 %]",
        "draws",
        "frames in",
        "server CPU (ms)",
    )
    return table(head, rows)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=48, help="moves that count, of each page")
    parser.add_argument("--samples", type=int, nargs="*", default=[25, 1000], help="numbers of points to compare at")
    parser.add_argument(
        "--million", action="store_true", help="gaussapp with 1 000 000 points against itself with 1000"
    )
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(chromium())
        ours = stack.enter_context(serve(GAUSSAPP))
        if arguments.samples:
            theirs = stack.enter_context(serve(REFERENCE))
        for samples in arguments.samples:
            visitors = [Visitor(browser, server, samples).open() for server in (theirs, ours)]
            seen = take_turns(visitors, arguments.moves)
            print(f"\n{samples} points, {arguments.moves} moves each\n")
            print(report([visitor.app.name for visitor in visitors], seen, against=0), flush=True)
            close(visitors)
        if arguments.million:
            visitors = [Visitor(browser, ours, samples).open() for samples in (1000, MILLION)]
            seen = take_turns(visitors, arguments.moves)
            print(f"\ngaussapp with {MILLION} points, {arguments.moves} moves each\n")
            print(report([f"{visitor.samples} points" for visitor in visitors], seen, against=0), flush=True)
            close(visitors)


def close(visitors: list[Visitor]) -> None:
    """Close the pages and say what went wrong in them."""
    for visitor in visitors:
        for error in visitor.errors:
            print(f"{visitor.app.name}: error in the page: {error}")
        visitor.close()


if __name__ == "__main__":
    main()
