"""The Cramér-Rao bound: the smallest standard deviation that any unbiased estimate can have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from gaussapp.fitting.peak import gradient, parameter_names, peak_parameters


def bound(
    x: ArrayLike, truth: Mapping[str, float], sigma: ArrayLike, *, baseline: str = "none"
) -> dict[str, float]:
    """Return the Cramér-Rao bound on the standard deviation of every parameter, for white normal noise.

    The square root of the diagonal of the inverse Fisher matrix :math:`(J^T \\Sigma^{-1} J)^{-1}`, with the derivatives
    :math:`J` taken at the true parameters; exact for any x, not an approximation for fine sampling.

    Parameters
    ----------
    x
        Positions, (N,).
    truth
        True parameters by name, in units of x and y. Names that the model does not have are ignored; parameters of
        the baseline that are missing count as 0.
    sigma
        Standard deviation of the noise on each y: a number, or (N,).
    baseline
        The baseline that is fitted, whether or not the truth has one.

    Returns
    -------
    dict
        Parameter name to standard deviation; ``inf`` where the points cannot tell a parameter.

    Raises
    ------
    ValueError
        If `sigma` is negative or not finite, shapes differ, a width is not above zero or a parameter is missing.

    References
    ----------
    Hagen, Kupinski and Dereniak, Applied Optics 46:5374 (2007), for a peak on fine and wide sampling.

    Examples
    --------
    >>> import numpy as np
    >>> b = bound(np.linspace(-10, 10, 2001), {"amplitude": 2.0, "center": 0.0, "width": 1.0}, 0.1)
    >>> round(b["center"] / np.sqrt(2 * 0.1**2 * 0.01 / (np.sqrt(np.pi) * 2.0**2)), 6)
    1.0
    """
    x = np.asarray(x, dtype=float)
    sigma = np.asarray(sigma, dtype=float)
    if x.ndim != 1:
        raise ValueError(f"x must have one dimension, not {x.ndim}")
    if sigma.ndim and sigma.shape != x.shape:
        raise ValueError(f"sigma has shape {sigma.shape} but x has {x.shape}; give one for each x, or a single number")
    if not np.all(np.isfinite(sigma)) or np.any(sigma < 0):
        raise ValueError("sigma must be finite and not negative")
    if not np.all(np.isfinite(x)):
        raise ValueError("x must be finite")
    peaks = len(peak_parameters(truth))
    names = parameter_names(peaks, baseline)
    values = {name: float(truth.get(name, 0.0)) for name in names}
    if baseline == "exponential" and "decay_amplitude" not in truth:
        raise ValueError("the exponential baseline needs decay_amplitude and decay_rate in truth")
    if np.all(sigma == 0):
        return dict.fromkeys(names, 0.0)
    if np.any(sigma == 0):
        raise ValueError("sigma is zero at some points but not at all of them")
    with np.errstate(all="ignore"):
        x0 = 0.5 * (np.min(x) + np.max(x)) if baseline == "linear" and x.size else 0.0
        jacobian = gradient(x, values, baseline)
        if baseline == "linear":
            jacobian[-1] -= x0  # the offset at the middle of the window: well conditioned wherever x = 0 is
        jacobian = jacobian / sigma
        size = np.sqrt(np.einsum("pn,pn->p", jacobian, jacobian))
        if jacobian.shape[1] < len(names) or not np.all(np.isfinite(size)) or np.any(size == 0):
            return {name: _alone(s) if jacobian.shape[1] >= len(names) else np.inf for name, s in zip(names, size)}
        _, singular, vectors = np.linalg.svd((jacobian / size[:, None]).T, full_matrices=False)
        inverse = np.where(singular > 1e-13 * singular[0], 1.0 / singular, np.inf)
        half = vectors.T * inverse
        half[~np.isfinite(half)] = np.inf
        half = half / size[:, None]
        if baseline == "linear":
            half[-2] -= x0 * half[-1]
        deviation = np.sqrt(np.einsum("pk,pk->p", half, half))
    return {name: float(d) if np.isfinite(d) else np.inf for name, d in zip(names, deviation, strict=True)}


def _alone(size: float) -> float:
    return np.inf
