"""The Cramér-Rao bound: the smallest standard deviation, or covariance, that unbiased estimates can have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from gaussapp.fitting.peak import Array, gradient, parameter_names, peak_parameters


def bound(x: ArrayLike, truth: Mapping[str, float], sigma: ArrayLike, *, baseline: str = "none") -> dict[str, float]:
    r"""Return the Cramér-Rao bound on the standard deviation of every parameter, for white normal noise.

    The square root of the diagonal of the inverse Fisher matrix :math:`(J^T \Sigma^{-1} J)^{-1}`, with the derivatives
    :math:`J` taken at the true parameters; exact for any x, not an approximation for fine sampling. With the
    correlations: `bound_covariance`.

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
    >>> float(round(b["center"] / np.sqrt(2 * 0.1**2 * 0.01 / (np.sqrt(np.pi) * 2.0**2)), 6))
    1.0
    """
    names, covariance = bound_covariance(x, truth, sigma, baseline=baseline)
    return dict(zip(names, np.sqrt(covariance.diagonal()).tolist(), strict=True))


def bound_covariance(
    x: ArrayLike, truth: Mapping[str, float], sigma: ArrayLike, *, baseline: str = "none"
) -> tuple[tuple[str, ...], Array]:
    """Return the inverse Fisher matrix: the smallest covariance that unbiased estimates can have.

    Parameters and errors raised are those of `bound`.

    Returns
    -------
    names : tuple of str
        Parameters of the model, in the order of the matrix.
    covariance : ndarray of shape (P, P)
        ``inf`` on the diagonal and ``nan`` beside it for a parameter that the points cannot tell.
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
        return names, np.zeros((len(names), len(names)))
    if np.any(sigma == 0):
        raise ValueError("sigma is zero at some points but not at all of them")
    with np.errstate(all="ignore"):
        middle = 0.5 * (float(x.min()) + float(x.max())) if baseline == "linear" and x.size else 0.0
        jacobian: Array = gradient(x, values, baseline) / sigma
        if baseline == "linear":  # with the offset at the middle of the window: well conditioned wherever x = 0 is
            jacobian[-1] -= middle * jacobian[-2]
        size = np.sqrt(np.einsum("pn,pn->p", jacobian, jacobian))
        size = np.where((size > 0.0) & np.isfinite(size), size, 1.0)
        scaled = np.where(np.isfinite(jacobian), jacobian, 0.0) / size[:, None]
        # All P left vectors are needed, of the N right ones none: in full they would be an (N, N) matrix.
        vectors, singular, _ = np.linalg.svd(scaled, full_matrices=scaled.shape[0] > scaled.shape[1])
        singular = np.concatenate([singular, np.zeros(len(names) - singular.size)])
        seen = singular > 1e-12 * max(singular[0], 1e-300)
        root = vectors / np.where(seen, singular, 1.0) / size[:, None]
        if baseline == "linear":
            root[-2] -= middle * root[-1]
            vectors[-2] -= middle * vectors[-1]
        covariance: Array = root[:, seen] @ root[:, seen].T
        unseen = np.any(abs(vectors[:, ~seen]) > 1e-6, axis=1)
    covariance[unseen] = covariance[:, unseen] = np.nan
    covariance[unseen, unseen] = np.inf
    return names, covariance
