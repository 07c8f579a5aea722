"""The fitted numbers in words and HTML: parameter table, goodness of fit and verdicts. No state.

Everything a user typed or named is escaped here or earlier, never later.
"""

from __future__ import annotations

import math
from html import escape

from gaussapp.app.scene import Scene
from gaussapp.fitting import Fit

TWO_ROOT_TWO_LN_TWO = 2 * math.sqrt(2 * math.log(2))
MARKS = {"good": "✓", "note": "ℹ", "warning": "⚠", "bad": "✕"}
DASH = "–"

STYLE = """
:host { display: block; container-type: inline-size; --rule: color-mix(in srgb, currentColor 18%, transparent); }
.verdicts { list-style: none; margin: 0 0 6px; padding: 0; }
.verdicts li { padding: 3px 10px 3px 30px; position: relative; border-left: 3px solid var(--tone); margin: 3px 0; }
.verdicts li::before { content: attr(data-mark); position: absolute; left: 10px; color: var(--tone); font-weight: 700; }
.good { --tone: #009E73; } .note { --tone: #56B4E9; } .warning { --tone: #E69F00; } .bad { --tone: #D55E00; }
.advice { opacity: .78; }
.goodness { margin: 4px 0 8px; padding-left: 13px; display: flex; flex-wrap: wrap; gap: 2px 20px; }
.goodness span { white-space: nowrap; }
table.parameters { border-collapse: collapse; width: 100%; max-width: 60rem; font-variant-numeric: tabular-nums; }
.parameters th, .parameters td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
.parameters th:first-child { text-align: left; }
.parameters thead th { font-weight: 600; opacity: .8; }
.parameters tbody th { font-weight: 500; }
.parameters td[data-column=fitted] { font-weight: 600; }
.parameters .derived th { font-style: italic; }
.errors { opacity: .78; margin: 6px 0 0; padding-left: 13px; }
@container (max-width: 600px) {
  .parameters thead { display: none; }
  .parameters tr { display: grid; grid-template-columns: 1fr 1fr; border-bottom: 1px solid var(--rule); padding: 6px 0; }
  .parameters tbody th { grid-column: 1 / -1; border: 0; padding: 2px 10px; font-weight: 700; }
  .parameters td { border: 0; padding: 1px 10px; display: flex; justify-content: space-between; gap: 8px; }
  .parameters td::before { content: attr(data-label); opacity: .7; font-weight: 400; }
  .parameters td[data-column=interval] { grid-column: 1 / -1; }
}
"""


def results(scene: Scene) -> str:
    """Write everything that is known about the fit of a scene."""
    if scene.fit is None:
        return f'<ul class="verdicts" role="status">{_item("bad", "no fit", scene.problem, "")}</ul>'
    fit = scene.fit
    sentences = "".join(_item(v.severity, v.code, v.message, v.advice) for v in fit.verdicts)
    return (
        f'<ul class="verdicts" role="status">{sentences}</ul>{goodness(fit)}{table(scene)}'
        f'<p class="errors">{_about_errors(fit)}</p>'
    )


def _item(severity: str, code: str, message: str, advice: str) -> str:
    more = f' <span class="advice">{escape(advice)}</span>' if advice else ""
    return (
        f'<li class="{severity}" data-code="{escape(code)}" data-mark="{MARKS[severity]}">{escape(message)}{more}</li>'
    )


def goodness(fit: Fit) -> str:
    """Write the goodness of fit in one line."""
    left_out = f"<span>{fit.left_out:,} left out</span>" if fit.left_out else ""
    reduced = f"{fit.reduced_chi2:.3g}" if math.isfinite(fit.reduced_chi2) else DASH
    return (
        f'<div class="goodness"><span>χ²/dof <b>{reduced}</b></span><span>R² <b>{fit.r_squared:.4f}</b></span>'
        f"<span>AIC {fit.aic:.1f}</span><span>BIC {fit.bic:.1f}</span>"
        f"<span>{len(fit.x):,} points, {fit.dof:,} degrees of freedom</span>{left_out}</div>"
    )


def table(scene: Scene) -> str:
    """Write the parameter table: true, fitted, standard error, interval, pull and bound."""
    fit = scene.fit
    assert fit is not None
    truth = scene.data.truth
    level = f"{100 * scene.request.level:g} % interval"
    labels = {
        "true": "true",
        "fitted": "fitted",
        "error": "± std error",
        "interval": level,
        "pull": "pull",
        "bound": "bound",
    }
    if truth is None:
        labels = {name: labels[name] for name in ("fitted", "error", "interval")}
    head = "".join(f'<th scope="col">{label}</th>' for label in labels.values())
    intervals = fit.interval(scene.request.level)
    rows = []
    for name in fit.names:
        cells = _cells(fit.values[name], fit.errors[name], intervals[name], _true(truth, name), scene.bound.get(name))
        rows.append(_row(name, cells, labels))
    for name, estimate in fit.derived.items():
        cells = _cells(estimate.value, estimate.error, None, _true(truth, name), None)
        rows.append(_row(name, cells, labels, kind="derived"))
    return f'<table class="parameters"><thead><tr><th scope="col">parameter</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


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
        "pull": DASH if pull is None else f"{pull:+.1f}",
        "bound": DASH if bound is None or not math.isfinite(bound) else number(bound, places),
    }


def _row(name: str, cells: dict[str, str], labels: dict[str, str], kind: str = "fitted") -> str:
    written = "".join(
        f'<td data-column="{column}" data-label="{label}">{cells[column]}</td>' for column, label in labels.items()
    )
    title = {"fwhm": "FWHM"}.get(name, name.replace("_", " "))
    return f'<tr class="{kind}" data-parameter="{name}"><th scope="row">{title}</th>{written}</tr>'


def _true(truth: object, name: str) -> float | None:
    if truth is None:
        return None
    if name == "fwhm":
        return TWO_ROOT_TWO_LN_TWO * truth["width"]
    if name == "area":
        return math.sqrt(2 * math.pi) * truth["amplitude"] * truth["width"]
    return {"slope": 0.0}.get(name, truth.get(name))


def _about_errors(fit: Fit) -> str:
    if fit.absolute_sigma:
        return "Standard errors are absolute: sigma is taken at its word."
    if fit.sigma is not None:
        return "Standard errors are scaled by the residuals: sigma counts only relatively."
    return "Standard errors are scaled by the residuals, because no sigma is known."


def decimals(error: float, value: float) -> int | None:
    """Places after the decimal point that show two digits of the error; None for scientific notation.

    Without a usable error, six digits of the value are shown.
    """
    size = error if error > 0 and math.isfinite(error) else abs(value) * 1e-4
    if not size or not math.isfinite(size):
        return 4
    if size < 1e-7 or abs(value) >= 1e9 or size >= 1e5:
        return None
    return max(0, 1 - math.floor(math.log10(size)))


def number(value: float, places: int | None, *, true: bool = False) -> str:
    """Write a number to a number of places, with a true minus sign."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if true:
        text = f"{value:.6g}" if places is None else f"{value:.{max(places, 2)}f}"
    else:
        text = f"{value:.5g}" if places is None else f"{value:.{places}f}"
    return text.replace("-", "−")
