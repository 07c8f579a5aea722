r"""How often noise alone looks like this: the chance of a peak, of an outlier, of correlated residuals.

The chance that pure noise holds a peak somewhere, as good as the one found, is the probability that a random direction
in n dimensions comes close to a surface: that of all unit vectors ``peak(center, width)``. By Hotelling's and Weyl's
volume of tubes this is, with r² the share of the sum of squares that the peak explains,

.. math::

    p = 2 \left[\frac{A}{4\pi}\,(B_3 - B_1) + \frac{L}{4\pi}\,B_2 + \frac{1}{2} B_1\right], \qquad
    B_k = P\left(\mathrm{Beta}\left(\tfrac{k}{2}, \tfrac{n-k}{2}\right) \ge r^2\right),

where A and L are the area and the edge of the surface (Hotelling, Am. J. Math. 61:440, 1939; Knowles and Siegmund, Int.
Stat. Rev. 57:205, 1989; Siegmund and Worsley, Ann. Stat. 23:608, 1995). For N points and all widths from that of a
single point up, A = N (by numerical integration: 0.998 N) and L = N π/2 (each peak on one point turns into one
on the next through a right angle); the factor 2 is for both signs. Nothing in it is fitted to simulations; these agree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gaussapp.fitting.peak import Array

LIKELY_NOISE = 0.01
"""Chance of as good a peak in pure noise above which a peak does not count as found."""


EXACT_RUNS = 200
"""Points up to which the chance of few runs is summed exactly."""


def chance_of_peak(share: float, dimensions: int, points: int) -> float:
    """Return how often noise of unknown size holds a peak that explains this share of its sum of squares.

    Parameters
    ----------
    share
        Sum of squares explained by the peak over that without it, 0 to 1.
    dimensions
        Points less the other parameters, n.
    points
        Different x, N.
    """
    if dimensions < 4 or share <= 0.0:
        return 1.0
    if share >= 1.0:
        return 0.0
    log_left = math.log1p(-share)
    second = math.exp(0.5 * (dimensions - 2) * log_left)
    # I_x(a, b) - I_x(a+1, b-1) = x^a (1-x)^(b-1) / (a B(a, b)) with a = 1/2, b = (n-1)/2
    log_beta = math.lgamma(0.5) + math.lgamma(0.5 * (dimensions - 1)) - math.lgamma(0.5 * dimensions)
    third_less_first = 2.0 * math.exp(0.5 * math.log(share) + 0.5 * (dimensions - 3) * log_left - log_beta)
    # B_1 <= B_2, and it counts once where the others count N times
    return min(1.0, 2.0 * (points / (4.0 * math.pi) * third_less_first + points / 8.0 * second + 0.5 * second))


def chance_of_peak_in_known_noise(explained: float, points: int) -> float:
    """Return how often noise of known size holds a peak that explains this much χ²."""
    if explained <= 0.0:
        return 1.0
    tail = math.exp(-0.5 * explained)
    third_less_first = math.sqrt(2.0 / math.pi * explained) * tail
    first = math.erfc(math.sqrt(0.5 * explained))
    return min(1.0, 2.0 * (points / (4.0 * math.pi) * third_less_first + points / 8.0 * tail + 0.5 * first))


def chance_of_t(t: float, dof: float) -> float:
    """Return the probability that Student's t is further from 0 than `t`."""
    from scipy.special import stdtr

    return 2.0 * float(stdtr(dof, -abs(t)))


def chance_of_chi2(chi2: float, dof: float) -> tuple[float, float]:
    """Return the probabilities of a smaller and of a larger χ²."""
    from scipy.special import gammainc, gammaincc

    return float(gammainc(0.5 * dof, 0.5 * chi2)), float(gammaincc(0.5 * dof, 0.5 * chi2))


def chance_of_z(z: float) -> float:
    """Return the probability that a normal deviate is larger than `z`."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def chance_of_few_runs(runs: int, above: int, below: int) -> float:
    """Return how often signs in random order form so few runs, or fewer (Wald and Wolfowitz).

    Exact up to `EXACT_RUNS` signs, the normal approximation beyond (Ann. Math. Stat. 11:147, 1940).

    >>> chance_of_few_runs(2, 3, 3)  # 2 of the 20 orders of three and three
    0.1
    """
    if above == 0 or below == 0:
        return 1.0
    points = above + below
    if points > EXACT_RUNS:
        twice = 2.0 * above * below
        variance = twice * (twice - points) / (points * points * (points - 1.0))
        return chance_of_z((1.0 + twice / points - runs - 0.5) / math.sqrt(variance))
    ways = 0
    for half in range(1, runs // 2 + 1):
        first, second = math.comb(above - 1, half - 1), math.comb(below - 1, half - 1)
        ways += 2 * first * second
        if 2 * half + 1 <= runs:
            ways += first * math.comb(below - 1, half) + math.comb(above - 1, half) * second
    return ways / math.comb(points, above)


def shortest_runs(points: int, above: Any) -> Any:
    """Return the number of runs, a number or (R,) as `above`, from which on they are not few for a chance of 0.1 %.

    That is three standard deviations below the mean; the exact chance is known for fewer only.
    """
    twice = 2.0 * above * (points - above)
    variance = abs(twice * (twice - points)) / (points * points * (points - 1.0))
    return 1.0 + twice / points - 3.0 * variance**0.5


def chance_of_normal(values: Array) -> Array:
    """Return how often normal values, (n,) or (R, n), look less normal than these, by Anderson and Darling's test.

    Mean and variance are estimated; the tail of the probability as in Stephens, table 4.9 of D'Agostino and Stephens,
    Goodness-of-Fit Techniques, 1986. Above 0.1 it is not needed and is 1.
    """
    from scipy.special import log_ndtr

    n = values.shape[-1]
    z = np.sort(values - np.add.reduce(values, axis=-1, keepdims=True) / n)
    z /= np.sqrt(np.vecdot(z, z) / (n - 1))[..., None]
    weights = np.arange(1.0, 2.0 * n, 2.0)
    statistic = -n - (log_ndtr(z) + log_ndtr(-z[..., ::-1])).dot(weights) / n
    statistic *= 1.0 + 0.75 / n + 2.25 / (n * n)
    tail = np.exp(1.2937 - 5.709 * statistic + 0.0186 * np.minimum(statistic, 100.0) ** 2)
    return np.asarray(np.where(statistic < 0.63, 1.0, tail))
