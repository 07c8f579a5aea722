"""Repeated experiments in words: the table, what is certain of it, and the count of intervals, as HTML and texts."""

from __future__ import annotations

import math

import numpy as np

from gaussapp.app.board import Written
from gaussapp.app.precision.plots import INTERVALS
from gaussapp.app.sheet import DASH, Decimals, Sheet, decimals, number
from gaussapp.noise import POISSON
from gaussapp.study import Study
from gaussapp.study.words import FITTED, spoken

SENTENCES = 24
"""Places kept for sentences; empty ones are not shown."""

COLUMNS = {
    "true": "true",
    "mean": "mean",
    "bias": "bias",
    "spread": "spread",
    "reported": "reported error",
    "bound": "bound",
    "efficiency": "efficiency",
    "coverage": "coverage",
}


def problem(sentence: str) -> Written:
    """Write why there is nothing to show."""
    sheet = Sheet()
    sheet.html('<ul class="verdicts" role="status">')
    sheet.text('<li class="bad" data-code="no_study" data-mark="✕"><span>', sentence, "</span></li></ul>")
    return sheet.written()


def findings(study: Study, *, measured: bool) -> Written:
    """Write the table of a study and what is certain of it.

    Of `measured` data the truth is not known: the fitted curve stands for it.
    """
    sheet = Sheet()
    columns = COLUMNS | {"true": "fitted here"} if measured else COLUMNS
    coverage = f"{100 * study.level:g} % coverage"
    columns = columns | {"coverage": coverage}
    head = "".join(f'<th scope="col">{label}</th>' for label in columns.values())
    sheet.html('<div class="scroll"><table class="parameters study"><thead><tr>')
    sheet.html(f'<th scope="col">parameter</th>{head}</tr></thead><tbody>')
    for name in study.quantities:
        kind = "fitted" if name in study.names else "derived"
        title = name.replace("fwhm", "FWHM").replace("_", " ")
        sheet.html(f'<tr class="{kind}" data-quantity="{name}"><th scope="row">{title}</th>')
        cells = row(study, name, measured=measured)
        for column, label in columns.items():
            sheet.text(f'<td data-column="{column}" data-label="{label}">', cells[column], "</td>")
        sheet.html("</tr>")
    sheet.html('</tbody></table></div><ul class="said">')
    sentences = said(study, measured=measured)
    # As many places as there may be sentences: they come and go with every move, and the page is not built anew.
    for i in range(max(len(sentences), SENTENCES)):
        sheet.text("<li>", sentences[i] if i < len(sentences) else "", "</li>")
    sheet.html("</ul>")
    return sheet.written()


def row(study: Study, name: str, *, measured: bool) -> dict[str, str]:
    """Return the texts of one row, by column; all in the same decimals, so that they can be compared at a glance.

    A truth that was set has no error and may have more; of `measured` data a fitted value stands for it.
    """
    places = decimals(study.spread[name], study.truth[name])
    finer = Decimals(places.last - 1, places.exponent)
    efficiency = study.efficiency[name]
    return {
        "true": number(study.truth[name], places, true=not measured),
        "mean": number(study.mean[name], finer),
        "bias": f"{number(study.bias[name], finer, sign=True)} ± {number(study.bias_error[name], finer)}",
        "spread": number(study.spread[name], finer),
        "reported": number(study.reported[name], finer),
        "bound": number(study.bound[name], finer),
        "efficiency": f"{efficiency:.2f}" if math.isfinite(efficiency) else DASH,
        "coverage": f"{100 * study.coverage[name]:.1f} ± {100 * study.coverage_error[name]:.1f} %",
    }


def said(study: Study, *, measured: bool) -> list[str]:
    """Return what is certain, and what the numbers rest on."""
    sentences = list(study.sentences)
    if not sentences:
        sentences.append(
            "Nothing speaks against the reported errors here: spread, reported error and bound agree within what "
            f"{len(study):,} experiments can tell."
        )
    if measured:
        sentences.append(
            "The truth of measured data is not known. The fitted values stand for the truth here: their curve is "
            "measured again with noise of the size that sigma or the residuals say (a parametric bootstrap)."
        )
    if study.experiment.start == "truth":
        sentences.append(
            "With several peaks every repeated fit starts from the true values, so no peak is taken for another."
        )
    return sentences


def headline(study: Study, wanted: int) -> str:
    """Return how many experiments are shown, of what, and how they are fitted where that is not a matter of course."""
    experiment = study.experiment
    noise = experiment.distribution + ("" if experiment.distribution == POISSON else " noise")
    of = "" if len(study) >= wanted else f" of {wanted:,}"
    plain = experiment.loss == "least squares" and experiment.distribution != POISSON
    fitted = "" if plain else f", {FITTED[experiment.loss]}"
    return f"{len(study):,}{of} experiments of {experiment.x.size:,} points, {noise}{fitted}"


def count(study: Study, name: str, last: int, *, measured: bool) -> Written:
    """Write how many of the intervals that are shown hold the truth."""
    sheet = Sheet()
    sheet.text('<p class="count" role="status">', count_of_intervals(study, name, last, measured=measured), "</p>")
    return sheet.written()


def count_of_intervals(study: Study, name: str, last: int, *, measured: bool) -> str:
    """Return in words how many of the intervals that are shown hold the truth."""
    last = min(last, len(study))
    first = max(0, last - INTERVALS)
    truth = "fitted value" if measured else "truth"
    if not last:
        return f"No interval of the {spoken(name)} yet."
    ok, covers = study.ok[first:last], study.covers(name)[first:last]
    held, shown = int(np.count_nonzero(covers)), int(np.count_nonzero(ok))
    if last == 1:
        return f"The first interval of the {spoken(name)} {'holds' if held else 'misses'} the {truth}."
    which = "last" if first else "first"
    words = f"{held} of the {which} {shown} intervals of the {spoken(name)} hold the {truth}"
    newest = "holds" if covers[-1] else "misses"
    return f"{words}; the newest, of experiment {last}, {newest} it."
