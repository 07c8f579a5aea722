"""The fitted numbers in words: parameter table, goodness of fit and verdicts, as HTML and the texts in it. No state.

Whatever a user typed or named is among the texts, which are never read as HTML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gaussapp.app.board import PLACE, Written
from gaussapp.app.scene import Scene
from gaussapp.fitting import Fit, Verdict
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH

MARKS = {"good": "✓", "note": "ℹ", "warning": "⚠", "bad": "✕"}
DASH = "–"
MOST_DIGITS = 13
"""More than these tell nobody anything, and break the columns."""

STYLE = """
:host { display: block; container-type: inline-size; --rule: color-mix(in srgb, currentColor 18%, transparent); }
.verdicts { list-style: none; margin: 0 0 6px; padding: 0; }
.verdicts li { padding: 3px 10px 3px 30px; position: relative; border-left: 3px solid var(--tone); margin: 3px 0; }
.verdicts li::before { content: attr(data-mark); position: absolute; left: 10px; color: var(--tone); font-weight: 700; }
.good { --tone: #009E73; } .note { --tone: #56B4E9; } .warning { --tone: #E69F00; } .bad { --tone: #D55E00; }
.advice { opacity: .78; } .advice:empty, .goodness span:empty { display: none; }
.goodness { margin: 4px 0 8px; padding-left: 13px; display: flex; flex-wrap: wrap; gap: 2px 20px; }
.goodness span { white-space: nowrap; }
table.parameters { border-collapse: collapse; width: 100%; max-width: 60rem; font-variant-numeric: tabular-nums; }
.parameters th, .parameters td { padding: 4px 10px; text-align: right; white-space: nowrap; }
.parameters th, .parameters td { border-bottom: 1px solid var(--rule); }
.parameters th:first-child { text-align: left; }
.parameters thead th { font-weight: 600; opacity: .8; }
.parameters tbody th { font-weight: 500; }
.parameters td[data-column=fitted] { font-weight: 600; }
.parameters .derived th { font-style: italic; }
.errors { opacity: .78; margin: 6px 0 0; padding-left: 13px; }
@container (max-width: 600px) {
  .parameters thead { display: none; }
  .parameters tr { display: grid; grid-template-columns: 1fr 1fr; padding: 6px 0; }
  .parameters tr { border-bottom: 1px solid var(--rule); }
  .parameters tbody th { grid-column: 1 / -1; border: 0; padding: 2px 10px; font-weight: 700; }
  .parameters td { border: 0; padding: 1px 10px; display: flex; justify-content: space-between; gap: 8px; }
  .parameters td::before { content: attr(data-label); opacity: .7; font-weight: 400; }
  .parameters td[data-column=interval] { grid-column: 1 / -1; }
}
"""


class Sheet:
    """Collects HTML and, apart from it, the texts that change with every move."""

    def __init__(self) -> None:
        self._form: list[str] = []
        self._texts: list[str] = []

    def html(self, markup: str) -> None:
        """Add markup; nothing of it comes from a user."""
        self._form.append(markup)

    def text(self, before: str, text: str, after: str) -> None:
        """Add a text between two pieces of markup."""
        self._form.append(f"{before}{PLACE}{after}")
        self._texts.append(text)

    def written(self) -> Written:
        """Return what was collected."""
        return Written("".join(self._form), tuple(self._texts))


def results(scene: Scene) -> Written:
    """Write everything that is known about the fit of a scene."""
    sheet = Sheet()
    sheet.html('<ul class="verdicts" role="status">')
    for verdict in scene.fit.verdicts if scene.fit is not None else [Verdict("no_fit", "bad", scene.problem, "")]:
        _finding(sheet, verdict)
    sheet.html("</ul>")
    if scene.fit is not None:
        _goodness(sheet, scene.fit)
        _table(sheet, scene, scene.fit)
        sheet.text('<p class="errors">', _about_errors(scene.fit), "</p>")
    return sheet.written()


def _finding(sheet: Sheet, verdict: Verdict) -> None:
    kind = f'class="{verdict.severity}" data-code="{verdict.code}" data-mark="{MARKS[verdict.severity]}"'
    sheet.text(f"<li {kind}><span>", verdict.message, "</span>")
    sheet.text(' <span class="advice">', verdict.advice, "</span></li>")


def _goodness(sheet: Sheet, fit: Fit) -> None:
    """Write the goodness of fit in one line."""
    name, misfit = _misfit(fit)
    sheet.text('<div class="goodness"><span>', f"{name} ", "")
    sheet.text("<b>", misfit, "</b></span>")
    sheet.text("<span>R² <b>", f"{fit.r_squared:.4f}", "</b></span>")
    sheet.text("<span>AIC ", f"{fit.aic:.1f}", "</span>")
    sheet.text("<span>BIC ", f"{fit.bic:.1f}", "</span>")
    sheet.text("<span>", f"{len(fit.x):,} points, {fit.dof:,} degrees of freedom", "</span>")
    sheet.text("<span>", f"{fit.left_out:,} rows left out" if fit.left_out else "", "</span></div>")


def _misfit(fit: Fit) -> tuple[str, str]:
    """χ² per degree of freedom means something only against a known sigma; else the size of the residuals does."""
    if fit.sigma is None:
        return "RMS residual", f"{fit.rmse:.3g}"
    return "χ²/dof", f"{fit.reduced_chi2:.3g}" if math.isfinite(fit.reduced_chi2) else DASH


def _table(sheet: Sheet, scene: Scene, fit: Fit) -> None:
    """Write the parameter table: true, fitted, standard error, interval, pull and bound."""
    truth = scene.data.truth
    level = f"{100 * scene.request.level:g} % interval"
    columns = {
        "true": "true",
        "fitted": "fitted",
        "error": "± std error",
        "interval": level,
        "pull": "pull",
        "bound": "bound",
    }
    if truth is None:
        columns = {name: columns[name] for name in ("fitted", "error", "interval")}
    head = "".join(f'<th scope="col">{label}</th>' for label in columns.values())
    sheet.html(f'<table class="parameters"><thead><tr><th scope="col">parameter</th>{head}</tr></thead><tbody>')
    intervals = fit.interval(scene.request.level)
    for name in fit.names:
        cells = _cells(fit.values[name], fit.errors[name], intervals[name], _true(truth, name), scene.bound.get(name))
        _row(sheet, name, cells, columns, "fitted")
    for name, estimate in fit.derived.items():
        cells = _cells(estimate.value, estimate.error, None, _true(truth, name), None)
        _row(sheet, name, cells, columns, "derived")
    sheet.html("</tbody></table>")


def _cells(
    value: float, error: float, interval: tuple[float, float] | None, true: float | None, bound: float | None
) -> dict[str, str]:
    places = decimals(error, value)
    pull = (value - true) / error if true is not None and error > 0 and math.isfinite(error) else None
    return {
        "true": DASH if true is None else number(true, places, true=True),
        "fitted": number(value, places),
        "error": number(error, places),
        "interval": DASH if interval is None else f"[{number(interval[0], places)}, {number(interval[1], places)}]",
        "pull": DASH if pull is None else number(pull, PULL, sign=True),
        "bound": DASH if bound is None or not math.isfinite(bound) else number(bound, places),
    }


def _row(sheet: Sheet, name: str, cells: dict[str, str], columns: dict[str, str], kind: str) -> None:
    title = name.replace("fwhm", "FWHM").replace("_", " ")
    sheet.html(f'<tr class="{kind}" data-parameter="{name}"><th scope="row">{title}</th>')
    for column, label in columns.items():
        sheet.text(f'<td data-column="{column}" data-label="{label}">', cells[column], "</td>")
    sheet.html("</tr>")


def _true(truth: Mapping[str, float] | None, name: str) -> float | None:
    if truth is None:
        return None
    if name == "fwhm":
        return FWHM_PER_WIDTH * truth["width"]
    if name == "area":
        return AREA_PER_HEIGHT_AND_WIDTH * truth["amplitude"] * truth["width"]
    return {"slope": 0.0}.get(name, truth.get(name))


def _about_errors(fit: Fit) -> str:
    if fit.absolute_sigma:
        return "Standard errors are absolute: sigma is taken at its word."
    if fit.sigma is not None:
        return "Standard errors are scaled by the residuals: sigma counts only relatively."
    return "Standard errors are scaled by the residuals, because no sigma is known."


@dataclass(frozen=True)
class Decimals:
    """How the numbers of a row are written: down to which power of ten, and whether with an exponent."""

    last: int
    exponent: bool


def decimals(error: float, value: float) -> Decimals:
    """Return how to show two digits of the error; without a usable error, six digits of the value."""
    size = error if error > 0 and math.isfinite(error) else abs(value) * 1e-4
    if not size or not math.isfinite(size):
        return Decimals(-4, exponent=False)
    last = _power(size) - 1
    if value and math.isfinite(value):
        last = max(last, _power(abs(value)) - MOST_DIGITS + 1)
    return Decimals(last, exponent=last < -9 or last > 4 or not abs(value) < 1e13)


def number(value: float, decimals: Decimals, *, true: bool = False, sign: bool = False) -> str:
    """Write a number as `decimals` says, with a true minus sign; a `true` one at least to two places."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else ("∞" if value > 0 else "−∞")
    plus = "+" if sign else ""
    if decimals.exponent:
        digits = min(max(_power(value) - decimals.last, 0), MOST_DIGITS) if value else 0
        mantissa, _, power = f"{value:{plus}.{digits}e}".partition("e")
        text = f"{mantissa}e{int(power)}"
    else:
        places = max(-decimals.last, 2 if true else 0)
        text = f"{value:{plus}.{places}f}"
    return text.replace("-", "−")


def _power(size: float) -> int:
    """Return the power of ten of the first digit of a number rounded to two digits."""
    return int(f"{size:.1e}".partition("e")[2])


PULL = Decimals(-1, exponent=False)
