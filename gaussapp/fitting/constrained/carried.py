"""What is known of the parameters of one model, carried to models of other numbers of peaks and on other baselines.

Peaks are numbered from one; with a single peak its parameters have no number, which is how ``width`` of one model is
``width_1`` of another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gaussapp.fitting.constrained.constraint import Bounds, Tie, Ties, number_of, parsed, range_of
from gaussapp.fitting.peak import BASELINES, baseline_names

PEAK_PARAMETER = re.compile(r"(amplitude|center|width)(?:_([1-9]\d*))?")


def peak_of(name: str) -> int:
    """Return the number of the peak that a parameter belongs to, 1 for the only one; 0 for the baseline's."""
    match = PEAK_PARAMETER.fullmatch(name)
    return int(match[2] or 1) if match else 0


def suffix(peak: int, peaks: int) -> str:
    """Return what follows the names of a peak's parameters."""
    return f"_{peak}" if peaks > 1 else ""


def renamed(name: str, peaks: int, baseline: str, *, gone: int = 0) -> str:
    """Return what a parameter is called in another model; empty if that one does not have it.

    Parameters
    ----------
    name
        In the model it comes from.
    peaks, baseline
        Of the other model.
    gone
        A peak that was taken away on the way there; the ones after it move up. By default the last ones go.

    Examples
    --------
    >>> renamed("width", 2, "none"), renamed("center_3", 2, "none", gone=1), renamed("offset", 1, "none")
    ('width_1', 'center_2', '')
    """
    match = PEAK_PARAMETER.fullmatch(name)
    if match is None:
        return name if name in baseline_names(baseline) else ""
    number = int(match[2] or 1)
    if number == gone:
        return ""
    number -= gone > 0 and number > gone
    return match[1] + suffix(number, peaks) if number <= peaks else ""


def tied_widths(peaks: int) -> dict[str, str]:
    """Return the ties that give all peaks one width, as `gaussapp.fit` takes them."""
    return {f"width_{number}": "width_1" for number in range(2, peaks + 1)}


class Known(NamedTuple):
    """One thing that is known of a model's parameters: the option of `gaussapp.fit` that says it, and words for it."""

    option: str
    name: str
    value: Any
    words: str

    def belongs(self, peaks: int, baseline: str) -> bool:
        """Whether a model has the parameters that this is about."""
        if self.option == "same_width":
            return peaks > 1
        names = [self.name, self.value.other] if isinstance(self.value, Tie) else [self.name]
        return all(renamed(name, peaks, baseline) for name in names)


def known_of(
    fixed: Mapping[str, float] | None, bounds: Bounds | None, ties: Ties | None, *, same_width: bool
) -> tuple[Known, ...]:
    """Return what is known of parameters, one by one.

    Raises
    ------
    TypeError
        If an option has the wrong type or a value is no number.
    ValueError
        If no model has a parameter, a bound or tie makes no sense, or `same_width` says the same as a tie.
    """
    known = []
    for name, value in named(fixed, "fixed"):
        number = number_of(value, f"fixed[{name!r}]")
        known.append(Known("fixed", name, number, f"{name} = {number:.6g}"))
    for name, pair in named(bounds, "bounds"):
        low, high = range_of(name, pair)
        words = f"{low:.6g} ≤ {name} ≤ {high:.6g}"
        if math.isinf(low) or math.isinf(high):
            words = f"{name} ≤ {high:.6g}" if math.isinf(low) else f"{name} ≥ {low:.6g}"
        known.append(Known("bounds", name, (low, high), words))
    for name, value in named(ties, "ties"):
        tie = value if isinstance(value, Tie) else parsed(name, value) if isinstance(value, str) else Tie(*value)
        check_name(tie.other, f"ties[{name!r}]")
        if same_width and name.startswith("width") and peak_of(name) > 1:
            raise ValueError(f"{name} is tied to {tie}, but same_width=True gives all peaks one width; choose one")
        known.append(Known("ties", name, tie, f"{name} = {tie}"))
    if same_width:
        known.append(Known("same_width", "", True, "one width for all peaks"))
    return tuple(known)


def options_in(known: Iterable[Known], peaks: int, baseline: str) -> dict[str, Any]:
    """Return what is known as `gaussapp.fit` takes it for a model; what that one does not have is left out."""
    options: dict[str, dict[str, Any]] = {}
    for one in known:
        if not one.belongs(peaks, baseline):
            continue
        if one.option == "same_width":
            options["ties"] = tied_widths(peaks) | options.get("ties", {})
            continue
        value = one.value
        if isinstance(value, Tie):
            value = value._replace(other=renamed(value.other, peaks, baseline))
        options.setdefault(one.option, {})[renamed(one.name, peaks, baseline)] = value
    return options


def where_known(known: Iterable[Known], models: Iterable[tuple[int, str]]) -> str:
    """Say in a sentence in which of some models, (peaks, baseline) each, what is known was held; empty for nothing."""
    models = list(models)
    groups: dict[str, list[str]] = {}
    for one in known:
        there = [model for model in models if one.belongs(*model)]
        groups.setdefault(models_in_words(there, models), []).append(one.words)
    parts = [f"{', '.join(words)} ({place})" for place, words in groups.items()]
    return f"Held as in the fit: {'; '.join(parts)}." if parts else ""


def models_in_words(there: list[tuple[int, str]], models: list[tuple[int, str]]) -> str:
    """Name some of the models by what tells them from the others."""
    if len(there) == len(models):
        return "in all models"
    if not there:
        return "in none: no model here has it"
    least = min(peaks for peaks, _ in there)
    words = ["in models"]
    if least > min(peaks for peaks, _ in models):
        words.append(f"of {least} peaks or more")
    baselines = list(dict.fromkeys(baseline for _, baseline in there))
    if len(baselines) < len({baseline for _, baseline in models}):
        words.append(f"on {' or '.join(baselines)} baselines")
    return " ".join(words)


def named(given: Any, option: str) -> list[tuple[str, Any]]:
    """Return an option that maps parameters of some model to values, one by one."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise TypeError(f"{option} must map parameter names to values, not {given!r}")
    for name in given:
        check_name(name, option)
    return list(given.items())


def check_name(name: object, option: str) -> None:
    """Refuse what is a parameter of no model."""
    baselines = dict.fromkeys(one for names in BASELINES.values() for one in names)
    if not isinstance(name, str) or not (PEAK_PARAMETER.fullmatch(name) or name in baselines):
        raise ValueError(
            f"{option} has {name!r}, which is a parameter of no model; there are amplitude, center and width, with "
            f"the number of their peak such as width_2, and {', '.join(baselines)}"
        )
