"""Noise of standard deviation 1 and counts, the same on every machine: uniform numbers through quantile functions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "DISTRIBUTIONS",
    "NORMAL",
    "OUTLIERS",
    "POISSON",
    "STUDENT_T",
    "UNIFORM",
    "poisson_quantile",
    "student_t3_quantile",
    "uniform_numbers",
    "unit_noise",
]

Array = npt.NDArray[np.float64]

NORMAL = "normal"
UNIFORM = "uniform"
STUDENT_T = "Student t (3 degrees of freedom)"
OUTLIERS = "normal with outliers"
POISSON = "Poisson counts"
DISTRIBUTIONS = (NORMAL, UNIFORM, STUDENT_T, OUTLIERS, POISSON)

OUTLIER_SHARE = 0.1
OUTLIER_SCALE = 10.0

CACHED = 8192
"""Numbers made at a time: so many stay in the processor's nearest caches."""

SURE_MEAN = 30.0
SURE_DEVIATIONS = 4.0
SURE_DISTANCE = 0.1


def uniform_numbers(seed: int | tuple[int, ...], samples: int, skip: int = 0) -> Array:
    """Return numbers in the open interval from 0 to 1, shape (samples,), after the first `skip` ones.

    Made of the raw bits of PCG64, whose stream NumPy guarantees; the streams of ``Generator``'s methods may change
    between versions (NEP 19). More samples begin with the same numbers.
    """
    generator = np.random.PCG64(seed)
    if skip:
        generator.advance(skip)
    bits = generator.random_raw(samples)
    uniform = np.empty(samples)
    for start in range(0, samples, CACHED):
        block = slice(start, start + CACHED)
        part = bits[block]
        part >>= np.uint64(12)  # 52 bits: with one more, the largest number would be rounded to 1
        np.add(part, 0.5, out=uniform[block], dtype=np.float64, casting="same_kind")
        uniform[block] *= 2.0**-52
    return uniform


def unit_noise(seed: int | tuple[int, ...], samples: int, distribution: str, skip: int = 0) -> Array:
    """Return noise of mean 0 and standard deviation 1, shape (samples,); for Poisson counts uniform numbers.

    `skip` leaves out as many at the beginning: any part of a long series can be had without the rest.

    Every distribution is reached from the same uniform numbers through its quantile function, so that the high points
    stay high when the distribution is changed. With outliers, one point in ten is ten times as noisy as the others.
    """
    uniform = uniform_numbers(seed, samples, skip)
    if distribution == POISSON:
        return uniform
    if distribution == UNIFORM:
        uniform -= 0.5
        uniform *= math.sqrt(12.0)
        return uniform
    if distribution == STUDENT_T:
        return student_t3_quantile(uniform) / math.sqrt(3.0)
    normal: Array = special.ndtri(uniform, out=uniform)
    if distribution == OUTLIERS:
        which = (*seed, 1) if isinstance(seed, tuple) else (seed, 1)
        normal[uniform_numbers(which, samples, skip) < OUTLIER_SHARE] *= OUTLIER_SCALE
        normal /= math.sqrt(1.0 - OUTLIER_SHARE + OUTLIER_SHARE * OUTLIER_SCALE**2)
    return normal


def student_t3_quantile(p: Array) -> Array:
    r"""Return the quantiles of Student's t with 3 degrees of freedom, shape (N,) as p, to nearly all digits.

    With :math:`t = \sqrt 3 \cot(\psi/2)` the tail probability q of t obeys Kepler's equation for a parabolic orbit,
    :math:`\psi - \sin\psi = 2\pi q`. It is solved with its series in :math:`s = (12\pi q)^{1/3}` and, where that is
    not small, Newton's method. (``scipy.special.stdtrit`` stops at a tolerance, and its digits differ from version to
    version from the eleventh on.)
    """
    q = 2.0 * np.pi * np.minimum(p, 1.0 - p)
    s = np.cbrt(6.0 * q)
    s2 = s * s
    series = 1.0 + s2 * (1 / 60 + s2 * (1 / 1400 + s2 * (1 / 25200 + s2 * (43 / 17248000 + s2 * (1213 / 7207200000)))))
    psi = s * series
    large = s > 0.3
    root, target = psi[large], q[large]
    for _ in range(3):
        root -= (root - np.sin(root) - target) / (1.0 - np.cos(root))
    psi[large] = root
    quantile: Array = np.copysign(math.sqrt(3.0) / np.tan(0.5 * psi), p - 0.5)
    return quantile


def poisson_quantile(p: Array, mean: Array) -> Array:
    """Return the smallest k with P(counts <= k) >= p, as floats, shape (N,) as p and mean.

    The expansion of Cornish and Fisher gives k where it is not near the border of two whole numbers: above a mean of 30
    and within 4 standard deviations it is off by less than 0.08. Elsewhere it is a start from which steps lead to k.
    """
    z = special.ndtri(p)
    root = np.sqrt(mean)
    border = mean + root * z + (z * z - 1.0) / 6.0 - 0.5
    np.add(border, (z - z**3) / (72.0 * np.maximum(root, 1.0)), out=border, where=mean > SURE_MEAN)
    k: Array = np.maximum(np.ceil(border), 0.0)
    none = p <= np.exp(-mean)
    k[none] = 0.0
    sure = (mean > SURE_MEAN) & (np.abs(z) < SURE_DEVIATIONS) & (np.abs(border - np.rint(border)) > SURE_DISTANCE)
    (unsure,) = np.nonzero(~(sure | none))
    low = unsure[special.pdtr(k[unsure], mean[unsure]) < p[unsure]]
    while len(low):
        k[low] += 1.0
        low = low[special.pdtr(k[low], mean[low]) < p[low]]
    high = unsure[k[unsure] > 0.0]
    while len(high := high[special.pdtr(k[high] - 1.0, mean[high]) >= p[high]]):
        k[high] -= 1.0
        high = high[k[high] > 0.0]
    return k
