"""Settings as they are written on a command line, ``name=value``."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaussapp.model import GaussianModel


def pairs(words: Sequence[str]) -> dict[str, Any]:
    """Return names and values; what is not a number, a pair or a list of them is text.

    Raises
    ------
    ValueError
        If a word has no equals sign, or a name is there twice.

    Examples
    --------
    >>> pairs(["noise=0.1", "window=-2,2", "distribution=Poisson counts"])
    {'noise': 0.1, 'window': (-2, 2), 'distribution': 'Poisson counts'}
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.strip()
        if not sign or not name:
            raise ValueError(f"{word!r} must be written as NAME=VALUE")
        if name in found:
            raise ValueError(f"{name} is given twice")
        try:
            found[name] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            found[name] = value.strip()
    return found


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """Return settings of the model by name.

    Raises
    ------
    ValueError
        As `pairs`, and if the model has no such setting.
    """
    from gaussapp.model import GaussianModel

    known = [name for name in GaussianModel.param if name not in ("name", "new_noise")]
    settings = pairs(words)
    for name in settings:
        if name not in known:
            raise ValueError(f"the model has no setting {name!r}: it has {', '.join(known)}")
    return settings


def model_of(words: Sequence[str]) -> GaussianModel:
    """Return a model with the settings given.

    Raises
    ------
    ValueError
        If the model has no such setting, or a value is impossible.
    """
    from gaussapp.model import GaussianModel

    settings = settings_of(words)
    model = GaussianModel()
    for name, value in settings.items():
        try:
            model.param.update(**{name: value})
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} cannot be {value!r}: {error}") from None
    return model
