"""The table of parameters: what came out, how sure it is, and what is imposed on it, to be typed and clicked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from gaussapp.app.imposing import titled, typed_bounds, words_of_tie
from gaussapp.app.scene import Request, Scene
from gaussapp.app.sheet import DASH, PULL, Decimals, Sheet, decimals, number
from gaussapp.app.truth import true_values
from gaussapp.certificate import matching_digits
from gaussapp.fitting import Fit
from gaussapp.fitting.constrained.carried import peak_of
from gaussapp.fitting.constrained.constraint import tie_of

HELD, AT_BOUND = "held", "at bound"
TITLES = {
    "pull": ' title="(fitted − true) / standard error"',
    "bound": ' title="Cramér-Rao bound: the smallest standard error that the noise allows (normal noise or counts)"',
}
"""What a column is, by its name, as an attribute of its head."""
TAKEN_AWAY = {"low": "lower bound", "high": "upper bound", "tie": "tie"}


def write_table(sheet: Sheet, scene: Scene, fit: Fit, live: bool) -> None:
    """Write the parameter table: true or certified, fitted, standard error, interval, pull and bound."""
    true, certified = true_values(scene.data.truth, fit), scene.request.certified
    level = f"{100 * scene.request.level:g} % interval"
    columns = {"fitted": "fitted", "error": "± std error", "interval": level}
    if true:
        columns = {"true": "true", **columns, "pull": "pull"}
    if scene.bound:
        columns |= {"bound": "bound"}
    if certified is not None:
        columns |= {"certified": "certified", "digits": "digits"}
    head = "".join(f'<th scope="col"{TITLES.get(column, "")}>{label}</th>' for column, label in columns.items())
    sheet.html(f'<table class="parameters"><thead><tr><th scope="col">parameter</th>{head}</tr></thead><tbody>')
    everything = [*fit.names, *fit.derived]
    intervals = scene.profile or fit.interval(scene.request.level, of=everything)
    stuck = _stuck(fit)
    for name in fit.names:
        why = stuck.get(name, "")
        interval = None if why and (why == HELD or scene.profile is None) else intervals[name]
        error = _size(interval) if why == AT_BOUND else fit.errors[name]
        cells = _cells(fit.values[name], error, interval, true.get(name), scene.bound.get(name))
        if why:
            cells |= {"fitted": f"{fit.values[name]:.10g}".replace("-", "−"), "error": why, "pull": DASH}
        if certified is not None:
            cells |= _certified(fit.values[name], certified["values"].get(name))
        _row(sheet, name, cells, columns, _Row(fit, scene.request, bool(why), live))
    for name, estimate in fit.derived.items():
        why = stuck.get(name.replace("fwhm", "width").replace("area", "width"), "") if estimate.error == 0.0 else ""
        interval = None if why and (why == HELD or scene.profile is None) else intervals[name]
        error = _size(interval) if why == AT_BOUND else estimate.error
        cells = _cells(estimate.value, error, interval, true.get(name), scene.bound.get(name))
        if why:
            cells |= {"fitted": f"{estimate.value:.6g}".replace("-", "−"), "error": why, "pull": DASH}
        if certified is not None:
            cells |= _certified(estimate.value, certified["values"].get(name))
        _row(sheet, name, cells, columns, None)
    sheet.html("</tbody></table>")


def _size(interval: tuple[float, float] | None) -> float:
    """Return what the digits of an interval on one side of a bound go by."""
    return (interval[1] - interval[0]) / 2 if interval is not None else 0.0


def _cells(
    value: float, error: float, interval: tuple[float, float] | None, true: float | None, bound: float | None
) -> dict[str, str]:
    known = error > 0 and math.isfinite(error)
    places = decimals(error if known or not bound else bound, value)  # what is held or at a bound has no error
    pull = (value - true) / error if true is not None and known else None
    return {
        "true": DASH if true is None else number(true, places, true=True),
        "fitted": number(value, places),
        "error": number(error, places),
        "interval": DASH if interval is None else f"[{number(interval[0], places)}, {number(interval[1], places)}]",
        "pull": DASH if pull is None else number(pull, PULL, sign=True),
        "bound": _bound(bound, places),
    }


def _bound(bound: float | None, places: Decimals) -> str:
    """Write a Cramér-Rao bound; that of what is known is 0."""
    if bound is None or not math.isfinite(bound):
        return DASH
    return number(bound, places) if bound else "0"


def _stuck(fit: Fit) -> dict[str, str]:
    """Say of the parameters that could not move why: they are held or at a bound, or follow one that is."""
    if not (fit.fixed or fit.bounds):
        return {}
    last = {name: _last(fit, name) for name in fit.names}
    reached = [last[name] for name, pair in fit.bounds.items() if fit.values[name] in pair and fit.errors[name] == 0.0]
    words = {**dict.fromkeys(reached, AT_BOUND), **dict.fromkeys(fit.fixed, HELD)}
    return {name: words[end] for name, end in last.items() if end in words}


def _last(fit: Fit, name: str) -> str:
    """Return the parameter that one follows in the end."""
    while name in fit.ties:
        name = tie_of(name, fit.ties[name], fit.names).other
    return name


def _certified(value: float, certified: float | None) -> dict[str, str]:
    if certified is None:
        return {"certified": DASH, "digits": DASH}
    return {
        "certified": f"{certified:.11g}".replace("-", "−"),
        "digits": f"{matching_digits(value, certified):.1f}",
    }


class _Row(NamedTuple):
    """What a parameter belongs to, and what can be done in its row."""

    fit: Fit
    request: Request
    stuck: bool
    live: bool


def _row(sheet: Sheet, name: str, cells: dict[str, str], columns: dict[str, str], row: _Row | None) -> None:
    """Write a row; those of derived quantities have nothing to hold."""
    title = titled(name.replace("fwhm", "FWHM"))
    kind = "derived" if row is None else "fitted held" if row.stuck else "fitted"
    if row is not None and row.fit.peaks > 1 and name.startswith("amplitude"):
        kind += " first"
    sheet.html(f'<tr class="{kind}" data-parameter="{name}"><th scope="row">{title}')
    cell = ""
    if row is not None:
        if row.live:
            sheet.html(_buttons(name, title, row))
            cell = _typing(name, title, row.request)
        for what, words, reached in _imposed(name, row):
            _chip(sheet, name, title, what, words, reached=reached, live=row.live)
    sheet.html("</th>")
    for column, label in columns.items():
        typing = cell if column == "fitted" else ""
        sheet.text(f'<td data-column="{column}" data-label="{label}"{typing}>', cells[column], "</td>")
    sheet.html("</tr>")


def _typing(name: str, title: str, request: Request) -> str:
    """Return what makes a cell take what is typed."""
    tied, pair = request.ties.get(name, ""), request.bounds.get(name)
    text = "" if name in request.fixed else f"= {tied}" if tied else typed_bounds(pair) if pair else ""
    typed = f' data-typed="{escape(text)}"' if text else ""
    hint = f"Type for {title}: a value to hold it at, a bound, a tie, or nothing to free it"
    return f' data-action="hold" data-name="{name}" tabindex="0" title="{hint}"{typed}'


def _imposed(name: str, row: _Row) -> Iterator[tuple[str, str, bool]]:
    """Yield what is imposed on a parameter beside a value: what it is, in words, and whether it holds the fit."""
    pair, value = row.request.bounds.get(name), row.fit.values[name]
    for what, sign, end in zip(("low", "high"), "≥≤", pair or (), strict=False):
        if end is not None:
            yield what, f"{sign} {end:.10g}".replace("-", "−"), row.stuck and value == end
    if name in row.request.ties:
        yield "tie", words_of_tie(row.request.ties[name]), False


def _chip(sheet: Sheet, name: str, title: str, what: str, words: str, *, reached: bool, live: bool) -> None:
    """Write what is imposed on a parameter, as a button that takes it away."""
    kind = f'class="chip{" reached" if reached else ""}"'
    if not live:
        sheet.text(f"<span {kind}>", words, "</span>")
        return
    hint = f"Remove the {TAKEN_AWAY[what]} of {title}"
    sheet.text(
        f'<button type="button" {kind} data-action="free" data-name="{name}" data-what="{what}" aria-label="{hint}" '
        f'title="{hint}">',
        words,
        "</button>",
    )


def _buttons(name: str, title: str, row: _Row) -> str:
    """Return the buttons beside the name of a parameter: a lock, and one that removes its peak."""
    buttons = ""
    if name not in row.request.ties:
        held = name in row.request.fixed
        pressed, shackle = ("true", "M5 11V7a3 3 0 0 1 6 0v4") if held else ("false", "M5 11V6a3 3 0 0 1 5.6-1.5")
        hint = f"{title} is held; click to fit it" if held else f"Hold {title} at the value shown"
        buttons = (
            f'<button type="button" class="lock" data-action="lock" data-name="{name}" aria-pressed="{pressed}" '
            f'aria-label="Hold {title}" title="{hint}"><svg viewBox="0 0 16 20" aria-hidden="true">'
            f'<path d="{shackle}"/><rect x="2.5" y="10.5" width="11" height="7.5" rx="1.5"/></svg></button>'
        )
    if row.fit.peaks > 1 and name.startswith("amplitude"):
        peak = peak_of(name)
        buttons += (
            f'<button type="button" class="remove" data-action="remove" data-name="{name}" data-peak="{peak}" '
            f'aria-label="Remove peak {peak}" title="Remove peak {peak}"></button>'
        )
    return buttons
