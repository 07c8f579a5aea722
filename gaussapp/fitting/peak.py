r"""The model of a spectrum: Gaussian peaks on a baseline, its values, gradients, widths and areas.

.. math::

    y(x) = \sum_k A_k \exp\left(-\frac{(x - \mu_k)^2}{2 \sigma_k^2}\right) + b(x)

``amplitude`` :math:`A` is the height of a peak above its baseline (not its area), ``center`` :math:`\mu` its
position, ``width`` :math:`\sigma` its standard deviation (not its full width at half maximum). The baseline
:math:`b` is one of

=============  ==============================================  =====================================
``none``       :math:`0`
``constant``   :math:`b_0`                                     ``offset``
``linear``     :math:`b_0 + b_1 x`                             ``offset``, ``slope``
``exponential`` :math:`b_0 \exp(-\rho x)`                       ``decay_amplitude``, ``decay_rate``
=============  ==============================================  =====================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BASELINES: dict[str, tuple[str, ...]] = {
    "none": (),
    "constant": ("offset",),
    "linear": ("offset", "slope"),
    "exponential": ("decay_amplitude", "decay_rate"),
}
"""Parameter names of each baseline."""

PEAK = ("amplitude", "center", "width")
"""Parameter names of one peak."""

FWHM_PER_WIDTH = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Full width at half maximum of a Gaussian of width 1."""

AREA_PER_HEIGHT_AND_WIDTH = math.sqrt(2.0 * math.pi)
"""Area of a Gaussian of amplitude 1 and width 1."""


def baseline_names(baseline: str) -> tuple[str, ...]:
    """Return the parameter names of a baseline.

    Raises
    ------
    ValueError
        If `baseline` is not one of the keys of `BASELINES`.
    """
    try:
        return BASELINES[baseline]
    except (KeyError, TypeError):
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, not {baseline!r}") from None


@cache
def parameter_names(peaks: int, baseline: str = "none") -> tuple[str, ...]:
    """Return the parameter names of a model, in the order of its covariance matrix.

    One peak has no suffix; several have ``_1``, ``_2`` … in order of center.

    >>> parameter_names(1, "constant")
    ('amplitude', 'center', 'width', 'offset')
    >>> parameter_names(2)
    ('amplitude_1', 'center_1', 'width_1', 'amplitude_2', 'center_2', 'width_2')
    """
    if peaks == 1:
        return PEAK + baseline_names(baseline)
    return tuple(f"{name}_{k + 1}" for k in range(peaks) for name in PEAK) + baseline_names(baseline)


def gaussian(x: ArrayLike, amplitude: float, center: float, width: float) -> Array:
    """Return ``amplitude * exp(-(x - center)**2 / (2 width**2))``, of the shape of `x`."""
    z = (np.asarray(x, dtype=float) - center) / width
    return np.asarray(amplitude * np.exp(-0.5 * z * z))


def baseline_curve(x: ArrayLike, values: Mapping[str, float], baseline: str = "none") -> Array:
    """Return the baseline at `x`, of the shape of `x`; `values` needs the names in `BASELINES` only."""
    x = np.asarray(x, dtype=float)
    names = baseline_names(baseline)
    b = [float(values[name]) for name in names]
    if baseline == "none":
        return np.zeros_like(x)
    if baseline == "constant":
        return np.full_like(x, b[0])
    if baseline == "linear":
        return np.asarray(b[0] + b[1] * x)
    return np.asarray(b[0] * np.exp(-b[1] * x))


def peak_parameters(values: Mapping[str, Any]) -> list[tuple[float, float, float]]:
    """Return ``(amplitude, center, width)`` of every peak named in `values`.

    Raises
    ------
    ValueError
        If a parameter of a peak is missing or a width is not above zero.
    """
    suffixes = [""] if "amplitude" in values else []
    numbered = (re.fullmatch(r"amplitude_(\d+)", name) for name in values)
    suffixes += [f"_{number}" for number in sorted(int(match[1]) for match in numbered if match)]
    peaks = []
    for suffix in suffixes:
        missing = [name + suffix for name in PEAK if name + suffix not in values]
        if missing:
            raise ValueError(f"{' and '.join(missing)} missing beside amplitude{suffix}; a peak needs all three")
        amplitude, center, width = (float(values[name + suffix]) for name in PEAK)
        if not width > 0:
            raise ValueError(f"width{suffix} must be above zero, not {width!r}")
        peaks.append((amplitude, center, width))
    return peaks


def components(x: ArrayLike, values: Mapping[str, float], baseline: str = "none") -> Array:
    """Return the peaks and the baseline separately.

    Returns
    -------
    ndarray of shape (K + 1, N)
        One row a peak, the baseline last; their sum is the curve.
    """
    x = np.asarray(x, dtype=float)
    return np.array([*(gaussian(x, *peak) for peak in peak_parameters(values)), baseline_curve(x, values, baseline)])


def evaluate(x: ArrayLike, values: Mapping[str, float], baseline: str = "none") -> Array:
    """Return the curve of a model at `x`.

    Parameters
    ----------
    x
        Positions, any shape.
    values
        Parameters by name, in the units of x and y: ``amplitude, center, width`` or ``amplitude_1, …``, and those of
        the baseline. Other names (such as an ``offset`` with ``baseline="none"``) are ignored.
    baseline
        ``none``, ``constant``, ``linear`` or ``exponential``.

    Raises
    ------
    ValueError
        If a parameter of a peak is missing, a width is not above zero or the baseline is unknown.
    KeyError
        If a parameter of the baseline is missing.
    """
    total = baseline_curve(x, values, baseline)
    for peak in peak_parameters(values):
        total = total + gaussian(x, *peak)
    return total


def gradient(x: ArrayLike, values: Mapping[str, float], baseline: str = "none") -> Array:
    """Return the derivatives of the curve with respect to every parameter.

    Returns
    -------
    ndarray of shape (P, N)
        Rows in the order of `parameter_names`.
    """
    x = np.asarray(x, dtype=float)
    rows: list[Array] = []
    for amplitude, center, width in peak_parameters(values):
        z = (x - center) / width
        unit = np.exp(-0.5 * z * z)
        rows += [unit, amplitude / width * unit * z, amplitude / width * unit * z * z]
    names: Sequence[str] = baseline_names(baseline)
    if names and names[0] == "offset":
        rows.append(np.ones_like(x))
    if baseline == "linear":
        rows.append(x.copy())
    if baseline == "exponential":
        decay = np.exp(-float(values["decay_rate"]) * x)
        rows += [decay, -float(values["decay_amplitude"]) * x * decay]
    return np.array(rows)
