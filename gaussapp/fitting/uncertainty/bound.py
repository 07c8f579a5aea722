"""The Cramér-Rao bound: the smallest standard deviation that any unbiased estimate can have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gaussapp.fitting.constrained.carried import PEAK_PARAMETER
from gaussapp.fitting.constrained.constraint import Ties, known_name, mapping_of, root_of, tie_of
from gaussapp.fitting.peak import (
    AREA_PER_HEIGHT_AND_WIDTH,
    FWHM_PER_WIDTH,
    Array,
    evaluate,
    gradient,
    parameter_names,
    peak_parameters,
)

RAREST = 1e-300
"""Mean counts below which a point counts as having these, so that its square root is not zero."""


def bound(
    x: ArrayLike,
    truth: Mapping[str, float],
    sigma: ArrayLike | None = None,
    *,
    baseline: str = "none",
    counts: bool = False,
    derived: bool = False,
    fixed: Iterable[str] | None = None,
    ties: Ties | None = None,
) -> dict[str, float]:
    r"""Return the Cramér-Rao bound on the standard deviation of every parameter.

    The square root of the diagonal of the inverse Fisher matrix :math:`(J^T \Sigma^{-1} J)^{-1}`, with the derivatives
    :math:`J` taken at the true parameters; exact for any x, not an approximation for fine sampling. For white normal
    noise :math:`\Sigma` holds sigma²; for Poisson counts their means, which are the true curve. Of what is known of the
    parameters, :math:`B (B^T J^T \Sigma^{-1} J B)^{-1} B^T` is left, with :math:`B` their derivatives by the free ones.

    Parameters
    ----------
    x
        Positions, (N,).
    truth
        True parameters by name, in units of x and y: ``amplitude, center, width``, or ``amplitude_1, …`` for any
        number of peaks, and the baseline's. Names that the model does not have are ignored; parameters of the
        baseline that are missing count as 0.
    sigma
        Standard deviation of the noise on each y: a number, or (N,). Not for counts.
    baseline
        The baseline that is fitted, whether or not the truth has one. Counts have the truth's own as their mean: its
        exponential if that is what is fitted or there is no offset, its line else.
    counts
        Whether y are Poisson counts. Points where the true curve is below zero have no counts and tell nothing.
    derived
        Whether to give ``fwhm`` and ``area`` of every peak as well.
    fixed
        Names of parameters that are not fitted but known; their bound is 0.
    ties
        Parameters that follow another one, as for `gaussapp.fit`; only the factor matters here. Bounds of parameters
        have no place here: one that holds no estimate tells nothing.

    Returns
    -------
    dict
        Parameter name to standard deviation; ``inf`` where the points cannot tell a parameter.

    Raises
    ------
    ValueError
        If `sigma` is negative, not finite or missing, shapes differ, a width is not above zero, a parameter is
        missing, `fixed` or `ties` name one that the model does not have, or ties go in a circle.

    References
    ----------
    Hagen, Kupinski and Dereniak, Applied Optics 46:5374 (2007), for a peak on fine and wide sampling; Stoica and Ng,
    IEEE Signal Process. Lett. 5:177 (1998), for parameters under constraints.

    Examples
    --------
    >>> import numpy as np
    >>> b = bound(np.linspace(-10, 10, 2001), {"amplitude": 2.0, "center": 0.0, "width": 1.0}, 0.1)
    >>> float(round(b["center"] / np.sqrt(2 * 0.1**2 * 0.01 / (np.sqrt(np.pi) * 2.0**2)), 6))
    1.0
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1:
        raise ValueError(f"x must have one dimension, not {x.ndim}")
    if not np.all(np.isfinite(x)):
        raise ValueError("x must be finite")
    names = names_of(truth, baseline)
    values = {name: float(truth.get(name, 0.0)) for name in names}
    directions = None if fixed is None and not ties else directions_of(names, fixed or (), ties)
    noise = deviations(x, truth, sigma, counts, baseline)
    if x.size and np.all(noise == 0.0):
        return dict.fromkeys(bounds_at(x, values, np.ones(x.size), baseline, derived), 0.0)
    if np.any(noise == 0.0):
        raise ValueError("sigma is zero at some points but not at all of them")
    return bounds_at(x, values, noise, baseline, derived, directions)


def names_of(truth: Mapping[str, float], baseline: str) -> tuple[str, ...]:
    """Return the parameters of the model that is fitted, as many peaks as the truth has."""
    names = parameter_names(len(peak_parameters(truth)), baseline)
    lost = [name for name in names if PEAK_PARAMETER.fullmatch(name) and name not in truth]
    if lost:
        given = ", ".join(name for name in truth if name.startswith("amplitude"))
        raise ValueError(
            f"truth has {given}, but not {lost[0]}; name a single peak's parameters amplitude, center and width, those "
            "of several amplitude_1, center_1, width_1, amplitude_2 … without a gap"
        )
    if baseline == "exponential" and not {"decay_amplitude", "decay_rate"} <= set(truth):
        raise ValueError("the exponential baseline needs decay_amplitude and decay_rate in truth")
    return names


def directions_of(names: tuple[str, ...], fixed: Iterable[str], ties: Ties | None) -> Array:
    """Return the derivatives of all parameters by those that are neither fixed nor tied, (P, F)."""
    known = {known_name(name, "fixed", names): 0.0 for name in ([fixed] if isinstance(fixed, str) else fixed)}
    tied = {name: tie_of(name, value, names) for name, value in mapping_of(ties, "ties", names).items()}
    both = next((name for name in names if name in known and name in tied), None)
    if both is not None:
        raise ValueError(f"{both} is both fixed and tied to {tied[both]}; choose one")
    roots = [root_of(name, tied, known) for name in names]
    free = [name for name, root in zip(names, roots, strict=True) if root.other == name]
    factors = [[root.factor if root.other == name else 0.0 for name in free] for root in roots]
    return np.array(factors).reshape(len(names), len(free))


def bounds_at(
    x: Array,
    values: Mapping[str, float],
    noise: Array,
    baseline: str,
    derived: bool,
    directions: Array | None = None,
) -> dict[str, float]:
    """Return the bound on every parameter of a model, and on what is derived, for noise of any size, (N,)."""
    root = root_of_bound(x, values, noise, baseline, directions)
    found = {name: root.deviation({i: 1.0}) for i, name in enumerate(values)}
    peaks = peak_parameters(values) if derived else []
    for k, (amplitude, _, width) in enumerate(peaks):
        suffix = "" if len(peaks) == 1 else f"_{k + 1}"
        height, wide = 3 * k, 3 * k + 2
        found[f"fwhm{suffix}"] = root.deviation({wide: FWHM_PER_WIDTH})
        weights = {height: AREA_PER_HEIGHT_AND_WIDTH * width, wide: AREA_PER_HEIGHT_AND_WIDTH * amplitude}
        found[f"area{suffix}"] = root.deviation(weights)
    return found


def deviations(
    x: Array, truth: Mapping[str, float], sigma: ArrayLike | None, counts: bool, baseline: str = "none"
) -> Array:
    """Return the standard deviation of the noise at every x, (N,); inf where a point tells nothing."""
    if counts:
        if sigma is not None:
            raise ValueError("counts have the square root of their mean as standard deviation; leave out sigma")
        with np.errstate(all="ignore"):
            return deviations_of_counts(mean_of_counts(x, truth, baseline))
    if sigma is None:
        raise ValueError("sigma is missing: give the standard deviation of the noise, or counts=True")
    sigma = np.asarray(sigma, dtype=float)
    if sigma.ndim and sigma.shape != x.shape:
        raise ValueError(f"sigma has shape {sigma.shape} but x has {x.shape}; give one for each x, or a single number")
    if not np.all(np.isfinite(sigma)) or np.any(sigma < 0):
        raise ValueError("sigma must be finite and not negative")
    return np.broadcast_to(sigma, x.shape)


def mean_of_counts(x: Array, truth: Mapping[str, float], baseline: str) -> Array:
    """Return the true curve at every x, (N,), with the truth's baseline, whichever is fitted."""
    line = "offset" in truth or "slope" in truth
    if "decay_amplitude" in truth and (baseline == "exponential" or not line):
        return evaluate(x, {"decay_rate": 0.0, **truth}, "exponential")
    return evaluate(x, {"offset": 0.0, "slope": 0.0, **truth}, "linear")


def deviations_of_counts(mean: Array) -> Array:
    """Return the standard deviation of Poisson counts that gives their Fisher information, (N,).

    Where the curve is below zero there are no counts, whatever the parameters are exactly: such a point tells nothing.
    """
    return np.asarray(np.where(mean < 0.0, np.inf, np.sqrt(np.maximum(mean, RAREST))))


@dataclass(frozen=True, slots=True)
class Root:
    """A root of the inverse Fisher matrix, (P, k): the matrix is it times its transpose; and what is not seen, (P,)."""

    matrix: Array
    unseen: NDArray[np.bool_]

    def deviation(self, weights: Mapping[int, float]) -> float:
        """Return the bound on a weighted sum of parameters."""
        if any(self.unseen[i] for i in weights):
            return float(np.inf)
        with np.errstate(over="ignore"):  # far from any peak the bound may be beyond all numbers
            row = sum(weight * self.matrix[i] for i, weight in weights.items())
            largest = float(np.max(abs(row), initial=0.0))
            if not 0.0 < largest < np.inf:
                return largest
            return float(largest * np.linalg.norm(row / largest))  # squares of the row itself may be none


def root_of_bound(
    x: Array, values: Mapping[str, float], noise: Array, baseline: str, directions: Array | None = None
) -> Root:
    """Return the root of the inverse Fisher matrix, from the singular values of the whitened Jacobian.

    With `directions`, (P, F), the derivatives of the parameters by free ones, of these.
    """
    free = np.eye(len(values)) if directions is None else directions
    if not free.shape[1]:
        return Root(np.zeros(free.shape), np.zeros(len(values), dtype=bool))
    with np.errstate(all="ignore"):
        jacobian: Array = gradient(x, values, baseline) / noise
        jacobian = jacobian if directions is None else directions.T @ jacobian
        # With the offset at the middle of the window a line is well conditioned wherever x = 0 is.
        line = baseline == "linear" and x.size > 0 and bool(np.all(free[-2:, -2:] == np.eye(2)))
        middle = 0.5 * (float(x.min()) + float(x.max())) if line else 0.0
        if line:
            jacobian[-1] -= middle * jacobian[-2]
        largest = np.max(abs(jacobian), axis=1, initial=1e-300)
        size = largest * np.linalg.norm(jacobian / largest[:, None], axis=1)  # where squares alone would be 0 or inf
        size = np.where((size > 0.0) & np.isfinite(size), size, 1.0)
        scaled = np.where(np.isfinite(jacobian), jacobian, 0.0) / size[:, None]
        # All F left vectors are needed, of the N right ones none: in full they would be an (N, N) matrix.
        vectors, singular, _ = np.linalg.svd(scaled, full_matrices=scaled.shape[0] > scaled.shape[1])
        singular = np.concatenate([singular, np.zeros(size.size - singular.size)])
        seen = singular > 1e-12 * max(singular[0], 1e-300)
        root = vectors / np.where(seen, singular, 1.0) / size[:, None]
        if line:
            root[-2] -= middle * root[-1]
            vectors[-2] -= middle * vectors[-1]
        unseen = np.any(abs(vectors[:, ~seen]) > 1e-6, axis=1)
    if directions is None:
        return Root(root[:, seen], unseen)
    return Root(directions @ root[:, seen], np.any((directions != 0.0) & unseen, axis=1))
