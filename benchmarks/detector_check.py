"""Does the detector tell the truth? Compares it with what the frames look like, and with delays put in on purpose.

Run ``python benchmarks/detector_check.py``. In every frame the pixels of both plots and the text of the table are read
(too slow to do while measuring). The true frame of a move is the first that looks as the page does in the end; the
detector must never name an earlier one. Then one plot is made to draw `LATE` ms later, and the time from the last
change of its data to the frame must grow to at least that.
"""

import argparse
import contextlib
import itertools
import statistics

from browser import GAUSSAPP, REFERENCE, Visitor, chromium, serve
from comparison import table
from paint import read_move
from slider_to_paint import moves

LATE = 300  # ms; a page counts as quiet after 500


def against_pixels(visitor: Visitor, count: int) -> list[float]:
    """Return, for each move, how many ms after the true frame the detector's frame came."""
    gaps = []
    visitor.page.evaluate("detector.looking = true")
    for name, key in itertools.islice(moves(), count):
        log = visitor.press(name, key)
        start = next(t for t, kind, _ in log if kind == "input")
        end = next(look for _, kind, look in reversed(log) if kind == "picture")
        looks = [(t, look) for t, kind, look in log if kind == "picture"]
        frames = [t for t, kind, _ in log if kind == "frame"]
        true = next(frame for frame, (_, look) in zip(frames, looks, strict=True) if look == end)
        gaps.append(read_move(log, visitor.value(name)).painted - (true - start))
    visitor.page.evaluate("detector.looking = false")
    return gaps


def to_paint(visitor: Visitor, plot: str, count: int) -> float:
    """Return the median time in ms from the last change of a plot's data to the frame that is named."""
    times = []
    for name, key in itertools.islice(moves(), count):
        log = visitor.press(name, key)
        start = next(t for t, kind, _ in log if kind == "input")
        data = next(t for t, kind, changed in reversed(log) if kind == "data" and changed == plot)
        times.append(read_move(log, visitor.value(name)).painted - (data - start))
    return statistics.median(times)


def check(visitor: Visitor, count: int) -> list[str]:
    """Return one row of the report; raise AssertionError when the detector is wrong."""
    gaps = against_pixels(visitor, count)
    if min(gaps) < 0:
        raise AssertionError(
            f"{visitor.app.name}: named a frame {-min(gaps):.0f} ms before the page had its final look"
        )
    row = [visitor.app.name, f"{sum(gap == 0 for gap in gaps)} of {count}", f"{max(gaps):.0f}"]
    for plot in ("fit", "residuals"):
        prompt = to_paint(visitor, plot, count)
        visitor.page.evaluate(f"detector.slow('{plot}', {LATE})")
        delayed = to_paint(visitor, plot, count)
        visitor.page.evaluate(f"detector.slow('{plot}', 0)")
        if delayed < LATE:
            raise AssertionError(
                f"{visitor.app.name}: {plot} was drawn {LATE} ms late and the detector saw {delayed:.0f}"
            )
        row.append(f"{prompt:.0f} → {delayed:.0f}")
    return row


def main() -> None:
    """Check both pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=18)
    arguments = parser.parse_args()
    rows = []
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(chromium())
        for app in (REFERENCE, GAUSSAPP):
            visitor = Visitor(browser, stack.enter_context(serve(app)), 1000).open()
            rows.append(check(visitor, arguments.moves))
            visitor.close()
    late = [f"{plot} {LATE} ms late" for plot in ("fit", "residuals")]
    print(table(("page", "true frame named", "at most late by (ms)", *late), rows))


if __name__ == "__main__":
    main()
