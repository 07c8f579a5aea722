"""A plan in words: the answer, what simulated experiments say of it, and a table, as HTML and texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gaussapp.app.board import Written
from gaussapp.app.planner.plot import Check
from gaussapp.app.sheet import DASH, Sheet
from gaussapp.planning import QUANTITIES, Plan
from gaussapp.study.words import FITTED

CERTAIN = 3.3
"""Standard errors from which on a difference is told."""

RATHER = 0.02
"""Share of the bound below which a difference from it is not worth a word."""

NOTES = 4
"""Places kept for sentences below the answer; empty ones are not shown."""


def answer(plan: Plan, wanted: str, given: bool, checks: Mapping[str, Check], notes: Sequence[str]) -> Written:
    """Write the answer, whether its target was `given` by the user, and what is known of it."""
    sheet = Sheet()
    sheet.text('<p class="answer" role="status">', plan.sentence, "</p>")
    sentences = [*said(plan, wanted, given, checks), *notes]
    sheet.html('<ul class="said">')
    for i in range(max(NOTES, len(sentences))):
        sheet.text("<li>", sentences[i] if i < len(sentences) else "", "</li>")
    sheet.html("</ul>")
    return sheet.written()


def said(plan: Plan, wanted: str, given: bool, checks: Mapping[str, Check]) -> list[str]:
    """Return what stands below the answer."""
    sentences = []
    if not given:
        sentences.append(
            f"No precision was typed: ± {plan.targets[wanted]:.4g} is half of the ± {plan.present_bound[wanted]:.3g} "
            "that there is now."
        )
    if "answer" in checks:
        sentences.append(verified(checks["answer"], plan.targets[wanted], reachable=plan.reachable))
    if "present" in checks:
        there = checks["present"]
        sentences.append(f"As it is now, simulated experiments spread by ± {_with_error(there)}{_against(there)}.")
    return sentences


def verified(check: Check, target: float, *, reachable: bool) -> str:
    """Say what simulated experiments with the planned setting did."""
    text = (
        f"Simulated: {check.done:,} experiments of {check.points:,} points spread by ± {_with_error(check)}"
        f"{_against(check)}"
    )
    if check.runaways > 0.005 * check.done:
        text += f", without {check.runaways:,} fits that ran away"
    if not reachable:
        return f"{text}."
    if check.spread - CERTAIN * check.error > target * (1.0 + RATHER):
        better = target * check.bound / check.spread
        return (
            f"{text}: fits do not reach the bound here, so ask for about ± {better:.2g} to really get ± {target:.4g}."
        )
    return f"{text}: the plan holds."


def headline(checks: Mapping[str, Check], loss: str) -> str:
    """Return how much of the verification is done, and what its fits have made small."""
    if not checks:
        return "Solved from the exact Cramér-Rao bound."
    done = sum(check.done for check in checks.values())
    return f"Solved from the exact Cramér-Rao bound, verified with {done:,} simulated experiments ({FITTED[loss]})."


def _with_error(check: Check) -> str:
    """Return a spread with its error in the digits that the error allows."""
    if not (math.isfinite(check.spread) and check.error > 0.0):
        return f"{check.spread:.3g}"
    digits = math.floor(math.log10(check.spread)) - math.floor(math.log10(check.error)) + 1
    digits = max(1, min(digits, 6))
    return f"{check.spread:#.{digits}g}".rstrip(".") + f" (itself ± {check.error:.1g})"


def _against(check: Check) -> str:
    """Compare a spread with the bound."""
    if not (0.0 < check.bound < math.inf and math.isfinite(check.spread)):
        return ""
    ratio = check.spread / check.bound
    if abs(ratio - 1.0) < max(CERTAIN * check.error / check.bound, RATHER):
        return ", as the bound says"
    return f", {abs(100.0 * (ratio - 1.0)):.0f} % {'more' if ratio > 1.0 else 'less'} than the bound"


def table(plan: Plan) -> Written:
    """Write the precision of everything, now and as planned."""
    sheet = Sheet()
    columns = {"now": "now", "planned": "planned" if plan.reachable else "best", "wanted": "wanted"}
    head = "".join(f'<th scope="col">{label}</th>' for label in columns.values())
    sheet.html(f'<table class="parameters plan"><thead><tr><th scope="col">bound</th>{head}</tr></thead><tbody>')
    for name in QUANTITIES:
        wanted = plan.targets.get(name)
        cells = {
            "now": _deviation(plan.present_bound[name]),
            "planned": _deviation(plan.bound[name]),
            "wanted": "" if wanted is None else f"± {wanted:.4g}",
        }
        sheet.html(f'<tr data-quantity="{name}"><th scope="row">{name.replace("fwhm", "FWHM")}</th>')
        for column, label in columns.items():
            sheet.text(f'<td data-column="{column}" data-label="{label}">', cells[column], "</td>")
        sheet.html("</tr>")
    sheet.html("</tbody></table>")
    return sheet.written()


def _deviation(value: float) -> str:
    """Write a deviation to four digits, zeros at its end included, so that a column of them can be compared."""
    return f"± {value:#.4g}".rstrip(".") if math.isfinite(value) else DASH
