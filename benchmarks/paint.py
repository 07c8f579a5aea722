"""Reads the log a page kept (detector.js) and says when a new value was seen. Pure functions: no browser needed.

An entry is ``(t, kind, name)`` with t in milliseconds of the page's clock; detector.js lists the kinds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIGURES = ("fit", "residuals")
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


def read_move(log: Iterable[Entry], value: float) -> Move:
    """Find the frame that shows `value` everywhere, in the log of a single slider move.

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
    log = list(log)
    start = next((t for t, kind, _ in log if kind == "input"), None)
    if start is None:
        raise ValueError("the page saw no input event: is the slider's handle focused?")
    last_data: dict[str, float | None] = dict.fromkeys(FIGURES)
    drawn: dict[str, float | None] = dict.fromkeys(FIGURES)
    table = None
    for t, kind, name in log:
        if kind == "data":
            last_data[name], drawn[name] = t, None
        elif kind == "paint" and last_data[name] is not None and drawn[name] is None:
            drawn[name] = t
        elif kind == "table":
            table = t
    if last_data["fit"] is None:
        raise ValueError("plot 'fit' got no new data")
    changed = [name for name in FIGURES if last_data[name] is not None]
    for name in changed:
        if drawn[name] is None:
            raise ValueError(f"plot {name!r} got new data and was not drawn again")
    if table is None:
        raise ValueError("the text of the parameter table did not change")
    needed = max(table, *(drawn[name] for name in changed))
    frames = [t for t, kind, shown in log if kind == "frame" and t >= needed and close_to(shown, value)]
    if not frames:
        seen = next((name for _, kind, name in reversed(log) if kind == "frame"), "nothing")
        raise ValueError(f"the table shows {seen!r} after the move, the slider {value!r}")
    first = {kind: next((t for t, k, _ in log if k == kind and t >= start), start) for kind in ("out", "in")}
    return Move(
        sent=first["out"] - start,
        arrived=first["in"] - start,
        updated=max(table, *(last_data[name] for name in changed)) - start,
        painted=frames[0] - start,
        paints=sum(kind == "paint" for _, kind, _ in log),
        messages=sum(kind == "in" for _, kind, _ in log),
    )


@dataclass(frozen=True)
class Drag:
    """What was seen while a slider was dragged."""

    updates: int  # frames that showed a new value in the table with both plots drawn from the newest data they had
    seconds: float  # from the first to the last pointer event
    settled: float  # milliseconds from the last pointer event to the last such frame
    final: str  # what the table shows in the end
    events: int  # pointer events the page saw


def read_drag(log: Iterable[Entry]) -> Drag:
    """Count the updates painted in the log of a drag and see when the page came to rest."""
    stale: set[str] = set()
    shown_last, updates, last_frame = None, 0, None
    moves = []
    for t, kind, name in log:
        if kind == "input" and name == "pointermove":
            moves.append(t)
        elif kind == "data":
            stale.add(name)
        elif kind == "paint":
            stale.discard(name)
        elif kind == "frame" and not stale:
            if name != shown_last:
                updates += shown_last is not None
                shown_last = name
            last_frame = t
    if len(moves) < 2 or last_frame is None:
        raise ValueError(f"the page saw {len(moves)} pointer moves and {updates} updates: was the handle grabbed?")
    return Drag(
        updates=updates,
        seconds=(moves[-1] - moves[0]) / 1000,
        settled=last_frame - moves[-1],
        final=shown_last or "",
        events=len(moves),
    )
