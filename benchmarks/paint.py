"""Reads the log a page kept (detector.js) and says when a new value was seen. Pure functions: no browser needed.

An entry is ``(t, kind, name)`` with t in milliseconds of the page's clock; detector.js lists the kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Entry = Sequence  # (float, str, str)


@dataclass(frozen=True)
class Move:
    """One slider move: milliseconds after the input event at which each stage was reached."""

    sent: float  # the browser's message left for the server
    arrived: float  # the first message came back
    updated: float  # the last change of a plot's data or of the table's text
    painted: float  # the frame showing the new value in both plots and the table had been handed over
    paints: int  # how often either plot was drawn
    messages: int  # websocket frames from the server


def close_to(shown: str, value: float) -> bool:
    """Say whether a number shown as text is `value`, rounded to the digits shown."""
    try:
        number = float(shown.replace("−", "-"))
    except ValueError:
        return False
    digits = len(shown.partition(".")[2])
    return abs(number - value) <= 0.5000001 * 10.0**-digits


def final_frame(log: Sequence[Entry], value: float) -> tuple[float, float]:
    """Find the frame that shows `value` everywhere, and when the last thing it needed had changed.

    It is the first frame that shows `value` in the table and comes after the last change of the table's text and,
    for each plot, after the first drawing that follows the last change of its data. So a page that draws in steps is
    timed to its last step, and drawing the same data again later costs nothing. A residual plot that gets no data has
    nothing new to show: of a million points' residuals the picture may be the same to the last pixel.

    Raises
    ------
    ValueError
        If no such frame is in the log: the fit plot got no data, a plot was not drawn again, or the table shows
        another value.
    """
    changed: dict[str, float] = {}
    drawn: dict[str, float] = {}
    table = None
    for t, kind, name in log:
        if kind == "data":
            changed[name] = t
            drawn.pop(name, None)
        elif kind == "paint" and name in changed:
            drawn.setdefault(name, t)
        elif kind == "table":
            table = t
    if "fit" not in changed:
        raise ValueError("plot 'fit' got no new data")
    if late := changed.keys() - drawn.keys():
        raise ValueError(f"{sorted(late)} got new data and was not drawn again")
    if table is None:
        raise ValueError("the text of the parameter table did not change")
    needed = max(table, *drawn.values())
    for t, kind, shown in log:
        if kind == "frame" and t >= needed and close_to(shown, value):
            return t, max(table, *changed.values())
    seen = next((name for _, kind, name in reversed(log) if kind == "frame"), "nothing")
    raise ValueError(f"the table shows {seen!r} in the end, the slider {value!r}")


def read_move(log: Sequence[Entry], value: float) -> Move:
    """Read the log of a single slider move to `value`; raises as `final_frame` does."""
    start = next((t for t, kind, _ in log if kind == "input"), None)
    if start is None:
        raise ValueError("the page saw no input event: is the slider's handle focused?")
    painted, updated = final_frame(log, value)
    first = {kind: next((t for t, k, _ in log if k == kind and t >= start), start) for kind in ("out", "in")}
    return Move(
        sent=first["out"] - start,
        arrived=first["in"] - start,
        updated=updated - start,
        painted=painted - start,
        paints=sum(kind == "paint" for _, kind, _ in log),
        messages=sum(kind == "in" for _, kind, _ in log),
    )


@dataclass(frozen=True)
class Drag:
    """What was seen while a slider was dragged."""

    events: int  # pointer moves the page saw
    seconds: float  # from the first to the last of them
    updates: int  # new values that were seen in table and plots in that time
    reached: float  # milliseconds from the last pointer move to the first frame that shows the last value everywhere
    settled: float  # the same to the last frame, which has what is computed once nothing moves (asymmetric intervals)
    problem: str  # why the page did not come to rest on the slider's value; empty when it did

    @property
    def updates_a_second(self) -> float:
        """Updates painted per second of dragging."""
        return self.updates / self.seconds


def read_drag(log: Sequence[Entry], value: float) -> Drag:
    """Read the log of a drag that ended on `value`.

    An update is a frame whose table shows another value than at the last one, with no plot waiting to be drawn. Data
    that arrive after a frame was drawn and before it was handed over belong to the next one.
    """
    moves = [t for t, kind, name in log if kind == "input" and name == "pointermove"]
    undrawn: set[str] = set()
    shown, updates, drawing, complete, since = "", 0, False, True, 0.0
    for t, kind, name in log:
        if kind == "data":
            undrawn.add(name)
            complete = complete and drawing
        elif kind == "paint":
            undrawn.discard(name)
            drawing, complete = True, not undrawn
        elif kind == "frame":
            if complete and name != shown:
                shown, since = name, t
                updates += t <= moves[-1]
            drawing, complete = False, not undrawn
    if len(moves) < 2 or not updates:
        raise ValueError(f"the page saw {len(moves)} pointer moves and showed {updates} updates: is it alive?")
    try:
        settled, problem = final_frame(log, value)[0] - moves[-1], ""
    except ValueError as error:
        settled, problem = next(t for t, kind, _ in reversed(log) if kind == "frame") - moves[-1], str(error)
    seconds = (moves[-1] - moves[0]) / 1000
    reached, settled = max(since - moves[-1], 0.0), max(settled, 0.0)
    return Drag(len(moves), seconds, updates, reached, settled, problem)
