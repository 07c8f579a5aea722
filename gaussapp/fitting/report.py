"""How a fit reads in a terminal and in a notebook."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit

MARKS = {"good": "✓", "note": "·", "warning": "!", "bad": "✗"}
"""Sign in front of a verdict, by severity."""


def rounded(value: float, error: float) -> str:
    """Return value and standard error with the error's two significant digits, the value to the same place.

    >>> rounded(3.04159, 0.0831)
    '3.042 ± 0.083'
    >>> rounded(6.02214e-30, 1.3e-33)
    '(6.0221 ± 0.0013)e-30'
    >>> rounded(2.0, float("inf"))
    '2 ± ∞'
    """
    if not (math.isfinite(value) and math.isfinite(error)):
        return f"{value:.6g} ± {plain(error)}" if math.isfinite(value) else f"{plain(value)} ± {plain(error)}"
    if error == 0.0:
        return f"{value:.10g} ± 0"
    if error < 1e-15 * abs(value):
        return f"{value:.16g} ± {error:.1e}"
    shift, digits = place_of(value, error)
    # Through decimal text rather than a power of ten, which may overflow and rounds once more.
    text = f"{shifted(value, -shift):.{digits}f} ± {shifted(error, -shift):.{digits}f}"
    return f"({text})e{shift}" if shift else text


def interval(value: float, error: float, ends: tuple[float, float]) -> str:
    """Return an interval, its ends rounded as `rounded` does the value.

    >>> interval(3.04159, 0.0831, (2.8786, 3.2044))
    '[2.879, 3.204]'
    """
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"[{plain(low)}, {plain(high)}]"
    if error <= 1e-15 * abs(value):
        return f"[{low:.10g}, {high:.10g}]"
    shift, digits = place_of(value, error)
    text = f"[{shifted(low, -shift):.{digits}f}, {shifted(high, -shift):.{digits}f}]"
    return f"{text}e{shift}" if shift else text


def place_of(value: float, error: float) -> tuple[int, int]:
    """Return the power of ten to take out and the decimals that show two digits of the error."""
    power = math.floor(math.log10(max(abs(value), error)))
    last = math.floor(math.log10(float(f"{error:.1e}")))
    shift = power if power < -4 or last > 4 else 0
    return shift, max(1 - last + shift, 0)


def shifted(value: float, places: int) -> float:
    """Return value · 10**places, correctly rounded."""
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    return float(f"{mantissa}e{int(exponent) + places}")


def plain(value: float) -> str:
    """Return a number that may not be finite, in four significant digits."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}"


def heading(fit: Fit) -> str:
    """Return what was fitted to what, in one line."""
    peaks = "1 peak" if fit.peaks == 1 else f"{fit.peaks} peaks"
    baseline = "no baseline" if fit.baseline == "none" else f"{fit.baseline} baseline"
    left_out = f" ({fit.left_out} left out)" if fit.left_out else ""
    loss = {"poisson": ", Poisson likelihood", "robust": ", robust (Student's t)"}.get(fit.loss, "")
    return f"{peaks}, {baseline}, {fit.y.size} points{left_out}{loss}"


def goodness(fit: Fit) -> str:
    """Return the goodness of fit in one line."""
    errors = "errors from sigma" if fit.absolute_sigma else "errors scaled by the residuals"
    if fit.loss == "poisson":
        return (
            f"deviance {plain(fit.deviance)}, χ² {plain(fit.chi2)} ({fit.dof} dof)   R² {plain(fit.r_squared)}   "
            f"AIC {plain(fit.aic)}   BIC {plain(fit.bic)}   errors from Fisher's information"
        )
    if fit.loss == "robust":
        errors = "errors from the sandwich formula"
    chance = f"   p {plain(fit.p_value)}" if math.isfinite(fit.p_value) else ""
    return (
        f"χ²/dof {plain(fit.reduced_chi2)} ({fit.dof} dof){chance}   R² {plain(fit.r_squared)}   "
        f"AIC {plain(fit.aic)}   BIC {plain(fit.bic)}   {errors}"
    )


def table(fit: Fit) -> list[tuple[str, str, str]]:
    """Return name, value ± error and 95 % interval of every parameter and derived quantity."""
    intervals = fit.interval(0.95)
    lines = []
    for name in fit.names:
        value, error = fit.values[name], fit.errors[name]
        if name in fit.fixed:
            lines.append((name, f"{value:.10g}", "fixed"))
        elif name in fit.ties:
            lines.append((name, rounded(value, error), f"= {fit.ties[name]}"))
        else:
            lines.append((name, rounded(value, error), interval(value, error, intervals[name])))
    lines += [(name, rounded(*estimate), "") for name, estimate in fit.derived.items()]
    return lines


def text(fit: Fit) -> str:
    """Return the report for a terminal."""
    lines = table(fit)
    first = max(len(line[0]) for line in lines)
    second = max(len(line[1]) for line in lines)
    parts = [f"Fit: {heading(fit)}"]
    for name, value, interval in lines:
        shown = f"95 % {interval}" if interval.startswith("[") else interval
        parts.append(f"  {name:<{first}}  {value:<{second}}  {shown}".rstrip())
    parts.append(f"  {goodness(fit)}")
    for verdict in fit.verdicts:
        advice = f" {verdict.advice}" if verdict.advice else ""
        parts.append(f"  {MARKS[verdict.severity]} {verdict.message}{advice}")
    return "\n".join(parts)


def html(fit: Fit) -> str:
    """Return the report for a notebook; everything is escaped."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td><td>{escape(interval)}</td></tr>"
        for name, value, interval in table(fit)
    )
    verdicts = "".join(
        f'<li class="gaussapp-{verdict.severity}">{MARKS[verdict.severity]} {escape(verdict.message)} '
        f"<em>{escape(verdict.advice)}</em></li>"
        for verdict in fit.verdicts
    )
    return (
        '<div class="gaussapp-fit">'
        f"<table><caption>{escape(heading(fit))}</caption>"
        "<thead><tr><th></th><th>value ± standard error</th><th>95 % interval</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        f"<p>{escape(goodness(fit))}</p><ul style='list-style:none;padding:0'>{verdicts}</ul></div>"
    )


def model_words(peaks: int, baseline: str) -> str:
    """Return a model in words."""
    peak_words = "one peak" if peaks == 1 else f"{peaks} peaks"
    if baseline == "none":
        return peak_words
    return f"{peak_words} on {'an' if baseline == 'exponential' else 'a'} {baseline} baseline"


def as_dict(fit: Fit, level: float) -> dict[str, Any]:
    """Return a fit as plain numbers and strings."""
    intervals = fit.interval(level)
    return {
        "baseline": fit.baseline,
        "peaks": fit.peaks,
        "points": int(fit.y.size),
        "left_out": fit.left_out,
        "absolute_sigma": fit.absolute_sigma,
        "loss": fit.loss,
        "fixed": dict(fit.fixed),
        "bounds": {name: [number(low), number(high)] for name, (low, high) in fit.bounds.items()},
        "ties": dict(fit.ties),
        "level": level,
        "parameters": {
            name: {
                "value": number(fit.values[name]),
                "error": number(fit.errors[name]),
                "low": number(intervals[name][0]),
                "high": number(intervals[name][1]),
            }
            for name in fit.names
        },
        "derived": {
            name: {"value": number(estimate.value), "error": number(estimate.error)}
            for name, estimate in fit.derived.items()
        },
        "covariance": [[number(value) for value in row] for row in fit.covariance.tolist()],
        "correlation": [[number(value) for value in row] for row in fit.correlation.tolist()],
        **{
            name: number(getattr(fit, name))
            for name in (
                "chi2",
                "deviance",
                "dof",
                "reduced_chi2",
                "p_value",
                "rmse",
                "r_squared",
                "aic",
                "aicc",
                "bic",
            )
        },
        "trustworthy": fit.trustworthy,
        "verdicts": [verdict._asdict() for verdict in fit.verdicts],
    }


def number(value: float) -> float | None:
    """Return a number that JSON can hold; None if it is not finite."""
    return value if math.isfinite(value) else None
