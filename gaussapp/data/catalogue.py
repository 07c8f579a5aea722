"""The measured and certified data sets that ship with the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np

from gaussapp.data.points import Data, shortened

__all__ = ["Sample", "sample", "samples"]


@dataclass(frozen=True)
class Sample:
    """A data set that ships with the package, and how to begin with it.

    Attributes
    ----------
    name, title, description, source, licence : str
        What it is, where it comes from, and under which licence.
    baseline, peaks, window
        What to fit at first: the baseline under so many peaks, in that part of x (None: all).
    certified : mapping or None
        ``values`` and ``errors`` by our parameter names, ``residual_sum_of_squares``, ``degrees_of_freedom``, the two
        ``starts`` that NIST gives, and ``original`` with NIST's own formula and parameters. NIST certifies no error
        of Eckerle4's amplitude, which is a quotient of two parameters there.
    """

    name: str
    title: str
    description: str
    source: str
    licence: str
    file: str
    x: str
    y: str
    x_label: str
    y_label: str
    counts: bool
    baseline: str
    peaks: int
    window: tuple[float, float] | None
    certified: Mapping[str, Any] | None

    def data(self) -> Data:
        """Return the points."""
        header, *lines = self.text().splitlines()
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
        names = header.split(",")
        return Data(
            table[:, names.index(self.x)],
            table[:, names.index(self.y)],
            name=self.name,
            x_label=self.x_label,
            y_label=self.y_label,
            counts=self.counts,
            source=f"{self.source}; {self.licence}",
        )

    def text(self) -> str:
        """Return the file as it ships, comma-separated with a header."""
        return (files("gaussapp") / "samples" / self.file).read_text(encoding="utf-8")


def samples() -> Mapping[str, Sample]:
    """Return the data sets that ship with the package, by name.

    Examples
    --------
    >>> list(samples())
    ['eckerle4', 'gamma', 'gauss1', 'gauss2', 'gauss3']
    """
    described = json.loads((files("gaussapp") / "samples" / "samples.json").read_text(encoding="utf-8"))
    found = {}
    for name, fields in described.items():
        window = fields.pop("window")
        found[name] = Sample(name=name, window=None if window is None else (window[0], window[1]), **fields)
    return MappingProxyType(found)


def sample(name: str) -> Data:
    """Return the points of one sample.

    Raises
    ------
    ValueError
        If there is no sample of that name.

    Examples
    --------
    >>> sample("eckerle4")
    Data('eckerle4', 35 points, x from 400 to 500)
    """
    known = samples()
    if name not in known:
        raise ValueError(f"there is no sample called {shortened(str(name))!r}: choose one of {', '.join(known)}")
    return known[name].data()
