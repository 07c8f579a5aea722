r"""Where overlapping peaks are: the crests of the negative second derivative, at every scale.

Peaks that overlap merge into one broad hump, but the second derivative still tells them apart down to about two widths.
Data are laid against the second derivative of a Gaussian,

.. math:: h_s(t - c) = (1 - z^2)\,e^{-z^2/2}, \qquad z = (t - c)/s,

less what a constant and a slope take up of it (Marr and Hildreth, Proc. R. Soc. B 207:187, 1980; as a peak finder: Du,
Kibbe and Lin, Bioinformatics 22:2059, 2006). Seen at scale s, a peak of width w has its inflections at
:math:`c \pm \sqrt{w^2 + s^2}`, from which its width follows.
"""

from __future__ import annotations

import math

import numpy as np

from gaussapp.fitting.peak import Array
from gaussapp.fitting.start import Grid

FINER = 1.35
"""Ratio of one scale to the next."""

STEPS_PER_SCALE = 4.0
"""Places looked at, per scale."""

CLOSEST = 0.7
"""No peak starts wider than this share of the distance to the next one."""


def crests(grid: Grid, binned: Array, peaks: int) -> list[tuple[list[float], list[float]]]:
    """Return the highest `peaks` crests at every scale, as centers and log widths; of peaks, of dips, or of both.

    Scales that show the same crests, to half a width, count once; those with too few do not count.

    Parameters
    ----------
    grid
        Bins to look at.
    binned
        Whitened data in these bins, (B,).
    peaks
        Crests wanted.
    """
    found: list[tuple[Array, Array]] = []
    for scale in scales_of(grid, peaks):
        centers, curvature = profile(grid, binned, scale)
        up, down = tops(centers, curvature, scale), tops(centers, -curvature, scale)
        for places in (up, down, up + down):
            if len(places) < peaks:
                continue
            highest = sorted(sorted(places, key=lambda place: -place[2])[:peaks])
            at, widths = np.array([place[0] for place in highest]), np.array([place[1] for place in highest])
            apart = np.diff(at)
            neighbour = np.minimum(np.append(apart, np.inf), np.append(np.inf, apart))
            widths = np.minimum(widths, CLOSEST * neighbour)
            if not any(bool(np.all(abs(at - known) < 0.5 * np.minimum(widths, w))) for known, w in found):
                found.append((at, widths))
    return [(at.tolist(), np.log(widths).tolist()) for at, widths in found]


def scales_of(grid: Grid, peaks: int) -> list[float]:
    """Return the scales from one and a half spacings up to where so many crests have no room."""
    scale, largest = 1.5 * 2.0 / grid.t.size, 2.0 / (peaks + 1.0)
    scales = [scale]
    while scale * FINER < largest:
        scale *= FINER
        scales.append(scale)
    return scales


def profile(grid: Grid, binned: Array, scale: float) -> tuple[Array, Array]:
    """Return places (n,) and the negative second derivative there, in standard deviations of noise 1, (n,)."""
    known = grid.crest_templates.get(scale)
    if known is None:
        centers = np.linspace(-1.0, 1.0, 2 * math.ceil(STEPS_PER_SCALE / scale) + 1)
        square = ((grid.t - centers[:, None]) / scale) ** 2
        templates = (1.0 - square) * np.exp(-0.5 * square)
        columns = np.stack([np.ones_like(grid.t), grid.t], axis=1)
        if grid.root_weight is not None:
            templates *= grid.root_weight
            columns *= grid.root_weight[:, None]
        basis = np.linalg.qr(columns)[0]
        templates -= (templates @ basis) @ basis.T
        norms = np.sqrt(np.einsum("mb,mb->m", templates, templates))
        templates /= np.where(norms > 1e-6 * np.max(norms), norms, np.inf)[:, None]
        known = grid.crest_templates[scale] = centers, templates
    centers, templates = known
    return centers, templates @ binned


def tops(centers: Array, curvature: Array, scale: float) -> list[tuple[float, float, float]]:
    """Return center, width and height of every crest."""
    above = curvature > 0.0
    inside = (curvature[1:-1] >= curvature[:-2]) & (curvature[1:-1] > curvature[2:]) & above[1:-1]
    indices = np.flatnonzero(inside) + 1
    if not indices.size:
        return []
    below = np.flatnonzero(~above)
    step = float(centers[1] - centers[0])
    found = []
    for i in indices.tolist():
        left, middle, right = curvature[i - 1 : i + 2].tolist()
        bend = left - 2.0 * middle + right
        center = float(centers[i]) + (0.5 * step * (left - right) / bend if bend < 0.0 else 0.0)
        after = int(np.searchsorted(below, i))
        reaches = [abs(float(centers[below[at]]) - center) for at in (after - 1, after) if 0 <= at < below.size]
        reach = min(reaches, default=1.0)
        found.append((center, math.sqrt(max(reach * reach - scale * scale, 0.15 * scale * scale)), middle))
    return found
