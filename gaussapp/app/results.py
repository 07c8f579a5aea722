"""The fitted numbers in words: parameter table, goodness of fit and verdicts, as HTML and the texts in it. No state.

Whatever a user typed or named is among the texts, which are never read as HTML. What can be clicked says in
``data-action`` what it asks for; `gaussapp.app.hands` does it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from gaussapp.app.board import Written
from gaussapp.app.imposing import example_of_tie
from gaussapp.app.parameters import write_table
from gaussapp.app.scene import Scene
from gaussapp.app.sheet import CORRELATION, DASH, Sheet, number
from gaussapp.certificate import matching_digits
from gaussapp.fitting import Fit, Verdict

MARKS = {"good": "✓", "note": "ℹ", "warning": "⚠", "bad": "✕"}


class Offer(NamedTuple):
    """A setting of the loss that a finding calls for, and what the page says instead of the finding's advice."""

    loss: str
    advice: str


OFFERS = {
    "counts_suspected": Offer("poisson", "If they are counts, the likelihood of counts uses what is known of them."),
    "outliers": Offer("robust", "If they are mistakes, a robust fit lets them hardly count."),
}
"""By the code of the finding."""

ADVICE = {
    "residuals_not_normal": "Values and errors of least squares still hold for many points; for counts or outliers the "
    "loss made for them (under Fit) is better.",
}
"""Advice on the page where the finding's own is about Python, by its code."""

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
.errors:empty { display: none; }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--rule); border-radius: 4px; }
button { cursor: pointer; }
button:focus-visible, td:focus-visible { outline: 2px solid #0072B2; outline-offset: 1px; }
.offer { margin-left: 6px; padding: 1px 10px; border-color: var(--tone); }
.lock, .remove { width: 1.6em; height: 1.6em; padding: 0; margin-left: 6px; border-color: transparent; opacity: .5; }
.lock, .remove { vertical-align: middle; display: inline-flex; align-items: center; justify-content: center; }
.lock:hover, .remove:hover, .lock:focus-visible, .remove:focus-visible, .lock[aria-pressed=true] { opacity: 1; }
.lock svg { width: 1em; height: 1em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; }
.lock[aria-pressed=true] { color: #D55E00; border-color: currentColor; }
.remove::before { content: "×"; font-size: 1.2em; line-height: 1; }
.parameters td[data-action=hold] { cursor: text; text-underline-offset: 3px; }
.parameters td[data-action=hold] { text-decoration: underline dotted var(--rule); }
.parameters td.typing { font-size: 0; text-decoration: none; }
.parameters td.typing input { font-size: .95rem; width: 9.5rem; text-align: right; padding: 1px 4px; }
.chip { margin-left: 6px; padding: 0 7px; border-radius: 9px; font-size: .88em; border-color: #0072B2; }
.chip::after { content: " ×"; opacity: .6; } .chip:hover { text-decoration: line-through; }
.chip.reached { border-color: #D55E00; color: #D55E00; }
.hint code { font-size: 1em; padding: 0 3px; border-radius: 3px; background: var(--rule); white-space: nowrap; }
.held td { opacity: .8; }
.first > * { border-top: 2px solid var(--rule); }
.fold { border: 0; padding: 4px 13px; margin-top: 6px; opacity: .85; }
.fold::before { content: "▸ "; } .fold[aria-expanded=true]::before { content: "▾ "; }
.correlations { overflow-x: auto; max-width: 100%; padding-left: 13px; }
.correlations table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9em; }
.correlations th, .correlations td { padding: 2px 8px; text-align: right; white-space: nowrap; font-weight: 400; }
@container (max-width: 600px) {
  .parameters thead { display: none; }
  .parameters tr { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); padding: 6px 0; }
  .parameters tr { border-bottom: 1px solid var(--rule); }
  .parameters tbody th { grid-column: 1 / -1; border: 0; padding: 2px 10px; font-weight: 700; }
  .parameters td { border: 0; padding: 1px 10px; display: flex; justify-content: space-between; gap: 8px; }
  .parameters td::before { content: attr(data-label); opacity: .7; font-weight: 400; }
  .parameters td[data-column=interval] { grid-column: 1 / -1; }
  .first { border-top: 2px solid var(--rule); } .first > * { border-top: 0; }
  .lock, .remove { width: 2.4em; height: 2.2em; }
  .parameters td.typing::before { font-size: .95rem; }
  .parameters td.typing input { width: 100%; min-width: 0; }
  .parameters td[data-action=hold] { text-decoration: none; }
}
"""


def results(scene: Scene, *, live: bool = True) -> Written:
    """Write everything that is known about the fit of a scene; unless `live`, without anything to click."""
    sheet = Sheet()
    sheet.html('<ul class="verdicts" role="status">')
    if scene.fit is None:
        _finding(sheet, Verdict("no_fit", "bad", scene.problem, ""), _ways_out(scene) if live else "")
    else:
        for verdict in scene.fit.verdicts:
            _found(sheet, scene, verdict, live)
    sheet.html("</ul>")
    if scene.fit is not None:
        _goodness(sheet, scene.fit)
        write_table(sheet, scene, scene.fit, live)
        sheet.text('<p class="errors">', _about_errors(scene.fit), "</p>")
        sheet.text('<p class="errors about-intervals">', _about_intervals(scene), "</p>")
        sheet.text('<p class="errors">', _about_truth(scene, scene.fit), "</p>")
        if live:
            sheet.html(_hint(scene.fit))
        if scene.request.certified is not None:
            sheet.text('<p class="errors certified">', _about_certified(scene.fit, scene.request.certified), "</p>")
        _correlations(sheet, scene, scene.fit, live)
    return sheet.written()


def _found(sheet: Sheet, scene: Scene, verdict: Verdict, live: bool) -> None:
    """Write a finding, with the page's own advice where the page can do what is advised."""
    offer = OFFERS.get(verdict.code)
    if live and verdict.code in ADVICE:
        verdict = verdict._replace(advice=ADVICE[verdict.code])
    if verdict.code == "low_signal_to_noise" and scene.profile is not None:
        verdict = verdict._replace(
            advice="Add points or reduce the noise; the intervals below are asymmetric, to allow for it."
        )
    if offer is None or not live:
        _finding(sheet, verdict, "")
    else:
        _finding(sheet, verdict._replace(advice=offer.advice), _offer("loss", offer.loss, "Use it"))


def _finding(sheet: Sheet, verdict: Verdict, offers: str) -> None:
    kind = f'class="{verdict.severity}" data-code="{verdict.code}" data-mark="{MARKS[verdict.severity]}"'
    sheet.text(f"<li {kind}><span>", verdict.message, "</span>")
    sheet.text(' <span class="advice">', verdict.advice, f"</span>{offers}</li>")


def _offer(action: str, value: str, label: str) -> str:
    return f'<button type="button" class="offer" data-action="{action}" data-value="{value}">{label}</button>'


def _ways_out(scene: Scene) -> str:
    """Return buttons that take back what may be in the way of a fit."""
    ways = _offer("loss", "least squares", "Use least squares") if scene.request.loss != "least squares" else ""
    request = scene.request
    held = request.fixed or request.bounds or request.own_ties or request.start
    return ways + (_offer("release", "", "Release what is held") if held else "")


def _hint(fit: Fit) -> str:
    """Say what can be typed into the table."""
    tie = "center_1 + 1.5" if fit.peaks > 1 else example_of_tie("width")
    ways = (("0.5", "holds it"), ("&gt;= 0.2", ""), ("0.2..3", "bounds it"), (f"= {tie}", "ties it"))
    words = " or ".join(" ".join(filter(None, (f"<code>{text}</code>", does))) for text, does in ways[1:3])
    first, last = (f"<code>{text}</code> {does}" for text, does in (ways[0], ways[3]))
    return f'<p class="errors hint">Click a fitted value to type: {first}, {words}, {last}, an empty cell frees it.</p>'


def _goodness(sheet: Sheet, fit: Fit) -> None:
    """Write the goodness of fit in one line."""
    name, misfit = _misfit(fit)
    sheet.text('<div class="goodness"><span>', f"{name} ", "")
    sheet.text("<b>", misfit, "</b></span>")
    sheet.text("<span>R² <b>", _finite(fit.r_squared, ".4f"), "</b></span>")
    sheet.text("<span>AIC ", _finite(fit.aic, ".1f"), "</span>")
    sheet.text("<span>AICc ", _finite(fit.aicc, ".1f"), "</span>")
    sheet.text("<span>BIC ", _finite(fit.bic, ".1f"), "</span>")
    sheet.text("<span>", f"{len(fit.x):,} points, {fit.dof:,} degrees of freedom", "</span>")
    sheet.text("<span>", f"{fit.left_out:,} rows left out" if fit.left_out else "", "</span></div>")


def _finite(value: float, form: str) -> str:
    """Write a number that may not be one."""
    return format(value, form) if math.isfinite(value) else number(value, CORRELATION)


def _misfit(fit: Fit) -> tuple[str, str]:
    """χ² per degree of freedom means something only against a known sigma; else the size of the residuals does."""
    if fit.sigma is None:
        return "RMS residual", f"{fit.rmse:.3g}"
    return "χ²/dof", f"{fit.reduced_chi2:.3g}" if math.isfinite(fit.reduced_chi2) else DASH


def _correlations(sheet: Sheet, scene: Scene, fit: Fit, live: bool) -> None:
    """Write the correlation of the parameters, folded away unless asked for: its size is the square of their number."""
    unfolded = scene.request.correlations
    if live:
        sheet.html(
            f'<button type="button" class="fold" data-action="correlations" aria-expanded="{str(unfolded).lower()}">'
            "Correlation of the parameters</button>"
        )
    if not unfolded:
        return
    titles = [name.replace("_", " ") for name in fit.names]
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    sheet.html(f'<div class="correlations"><table><thead><tr><td></td>{head}</tr></thead><tbody>')
    for i, title in enumerate(titles):
        sheet.html(f'<tr><th scope="row">{title}</th>')
        for j in range(i + 1):
            sheet.text("<td>", number(float(fit.correlation[i, j]), CORRELATION), "</td>")
        sheet.html("</tr>")
    sheet.html("</tbody></table></div>")


def _about_errors(fit: Fit) -> str:
    if fit.loss == "poisson":
        return "Standard errors follow from the law of counts: the variance of each is its mean."
    if fit.loss == "robust":
        return "Standard errors are those of a robust fit: they allow for points that are far off."
    if fit.absolute_sigma:
        return "Standard errors are absolute: sigma is taken at its word."
    if fit.sigma is not None:
        return "Standard errors are scaled by the residuals: sigma counts only relatively."
    return "Standard errors are scaled by the residuals, because no sigma is known."


def _about_intervals(scene: Scene) -> str:
    """Say which kind of intervals is shown, where it is not the usual one."""
    if scene.profile is not None:
        robust = scene.fit is not None and scene.fit.loss == "robust"
        source = "profile of the robust loss" if robust else "profile likelihood"
        longer = f"asymmetric ones from the {source} are shown, longer on the side where the data say less."
        if scene.request.intervals == "automatic":
            return f"Symmetric intervals would cover the truth too seldom here: {longer}"
        return longer[0].upper() + longer[1:]
    if scene.awaits_profile:
        return "Symmetric intervals cover the truth too seldom here; asymmetric ones follow as soon as nothing moves."
    if scene.request.intervals == "profile":
        return "Symmetric intervals are shown: this fit has no profile likelihood."
    return ""


def _about_truth(scene: Scene, fit: Fit) -> str:
    """Say why there is no truth to compare peaks with that were fitted to a single one."""
    if scene.data.truth is None or fit.peaks == 1:
        return ""
    return f"The simulated data have one peak and {fit.peaks} are fitted: no peak has a true value or a bound here."


def _about_certified(fit: Fit, certified: Mapping[str, Mapping[str, float]]) -> str:
    """Say how many digits of what NIST certifies are reached."""
    found = {name: estimate.value for name, estimate in fit.derived.items()} | dict(fit.values)
    errors_found = {name: estimate.error for name, estimate in fit.derived.items()} | dict(fit.errors)
    values = [matching_digits(found[name], value) for name, value in certified["values"].items()]
    errors = [matching_digits(errors_found[name], value) for name, value in certified["errors"].items()]
    return (
        f"NIST certifies {len(values)} values and {len(errors)} standard deviations of these data to eleven digits; "
        f"this fit, without a start, matches {min(values):.1f} digits of the values or more and {min(errors):.1f} of "
        "the standard deviations."
    )
