"""How a study reads: its table in a terminal and in a notebook, and what is certain of it in plain sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from gaussapp.noise import NORMAL, POISSON

if TYPE_CHECKING:
    from gaussapp.study.result import Study

COLUMNS = (
    "truth",
    "mean",
    "bias",
    "bias_error",
    "spread",
    "spread_error",
    "rmse",
    "reported",
    "bound",
    "efficiency",
    "coverage",
    "coverage_error",
)
"""Columns of the table of a study."""

SHOWN = ("true", "mean", "bias", "spread", "reported", "bound", "efficiency", "coverage")

FITTED = {"least squares": "least squares", "poisson": "Poisson loss", "robust": "robust loss"}
"""Losses as they read in a sentence."""

CERTAIN = 3.3
"""Standard errors from which something is said: by chance it happens once in a thousand."""

WORTH_SAYING = 0.01
"""Relative difference from which something is said."""


def number(value: float) -> str:
    """Return a number in three significant digits."""
    return f"{value:.3g}"


def spoken(name: str) -> str:
    """Return a quantity as it reads in a sentence."""
    kind, _, peak = name.rpartition("_") if name[-1].isdigit() else (name, "", "")
    kind = {"fwhm": "full width at half maximum"}.get(kind, kind.replace("_", " "))
    return f"{kind} of peak {peak}" if peak else kind


def percent(share: float) -> str:
    """Return a share in percent with two significant digits."""
    return f"{100.0 * share:.2g} %"


def sentences(study: Study) -> Iterator[str]:
    """Yield what is certain, the gravest first."""
    yield from about_fits(study)
    for name in study.quantities:
        if not name.startswith("fwhm"):  # what is said of the width holds for it
            yield from about_quantity(study, name)
    if study.experiment.distribution not in (NORMAL, POISSON):
        yield (
            "The bound is the one of least squares, which is what normal noise of this size allows; for this noise "
            "other methods can do better."
        )
    otherwise = study.experiment.distribution == POISSON and study.experiment.loss != "poisson"
    if otherwise and any(exceeds_bound(study, name) for name in study.quantities):
        yield (
            f"These are counts fitted with {FITTED[study.experiment.loss]}: the Poisson loss, which knows their noise, "
            "comes nearer to the bound."
        )


def about_fits(study: Study) -> Iterator[str]:
    """Yield sentences on fits that failed or ran away."""
    total = len(study)
    if study.failures:
        sentence, _ = Counter(study.block.failures.values()).most_common(1)[0]
        yield f"{study.failures} of {total} experiments could not be fitted: {sentence}."
    if study.runaways:
        yield (
            f"{study.runaways} of {total} fits ran away from all the others; they count in the coverage, but not in "
            "mean, spread and reported error."
        )


def about_quantity(study: Study, name: str) -> Iterator[str]:
    """Yield sentences on one quantity."""
    spread, reported, what = study.spread[name], study.reported[name], spoken(name)
    if not (spread > 0.0 and math.isfinite(reported)):
        return
    ratio = reported / spread
    uncertain = ratio * math.hypot(study.spread_error[name] / spread, study.reported_error[name] / reported)
    if abs(ratio - 1.0) > max(CERTAIN * uncertain, WORTH_SAYING):
        side = "small" if ratio < 1.0 else "large"
        yield f"The reported error of the {what} is {percent(abs(ratio - 1.0))} too {side} here."
    bias = study.bias[name]
    if abs(bias) > max(CERTAIN * study.bias_error[name], WORTH_SAYING * spread):
        side = "large" if bias > 0.0 else "small"
        yield (
            f"The {what} comes out too {side} by {number(abs(bias))} on average, {number(abs(bias) / spread)} times "
            "its spread."
        )
    coverage = study.coverage[name]
    chance = math.sqrt(study.level * (1.0 - study.level) / max(len(study) - study.failures, 1))
    if abs(coverage - study.level) > max(CERTAIN * chance, 0.005):
        yield (
            f"The {100.0 * study.level:g} % interval of the {what} covers the truth in {100.0 * coverage:.1f} % of the "
            "experiments."
        )
    if exceeds_bound(study, name):
        excess = spread / study.bound[name] - 1.0
        kind = "any unbiased method" if study.experiment.distribution in (NORMAL, POISSON) else "least squares at best"
        yield f"The spread of the {what} is {percent(excess)} above the bound for {kind}."


def exceeds_bound(study: Study, name: str) -> bool:
    """Tell whether the spread of a quantity is certainly above its bound."""
    spread, bound = study.spread[name], study.bound[name]
    certain = max(CERTAIN * study.spread_error[name], 2.0 * WORTH_SAYING * bound)
    return 0.0 < bound < math.inf and spread - bound > certain


def cells(study: Study) -> list[list[str]]:
    """Return the table as text, one row a quantity."""
    return [
        [
            name,
            f"{study.truth[name]:.6g}",
            f"{study.mean[name]:.6g}",
            f"{study.bias[name]:.2g} ± {study.bias_error[name]:.1g}",
            f"{study.spread[name]:.4g}",
            f"{study.reported[name]:.4g}",
            f"{study.bound[name]:.4g}",
            f"{study.efficiency[name]:.3f}",
            f"{100.0 * study.coverage[name]:.1f} ± {100.0 * study.coverage_error[name]:.1f} %",
        ]
        for name in study.quantities
    ]


def headline(study: Study) -> str:
    """Return the first line."""
    experiment = study.experiment
    peaks = "one peak" if experiment.peaks == 1 else f"{experiment.peaks} peaks"
    baseline = "no baseline" if experiment.baseline == "none" else f"{experiment.baseline} baseline"
    return (
        f"{len(study)} experiments of {experiment.x.size} points, noise: {experiment.distribution}; {peaks}, "
        f"{baseline}, {FITTED[experiment.loss]}; {study.failures} failed, {study.runaways} ran away"
    )


def text(study: Study) -> str:
    """Return the study for a terminal."""
    rows = [["", *SHOWN], *cells(study)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [headline(study)]
    for row in rows:
        padded = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join([*lines, *study.sentences])


def html(study: Study) -> str:
    """Return the study for a notebook."""
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *SHOWN))
    body = "".join(
        "<tr>" + f"<th>{escape(row[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in cells(study)
    )
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in study.sentences)
    return (
        f"<div><p>{escape(headline(study))}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        + (f"<ul>{said}</ul>" if said else "")
        + "</div>"
    )
