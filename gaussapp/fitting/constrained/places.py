"""Where a fit under constraints starts: the unconstrained answers brought into the box, and a grid laid inside it.

The best fit under constraints may be far from the best one without them (a width that is held at its true value shuts
out the broad curve that would win otherwise), so both are looked for and every promising one is followed.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.peak import Array
from gaussapp.fitting.solution import Solution, exponential

CENTERS, WIDTHS = 60, 12
"""Nodes of the grid for one peak, where its center and its width are free."""

ARRANGED = 4
"""Up to this many peaks every way of giving them their numbers is tried."""

BEST_NODES = 5
"""Nodes of the grid for a single peak that are followed."""

EXCHANGES = 2
"""Rounds in which every peak is taken out and looked for again."""


def parameters_of(solution: Solution, coordinates: Coordinates) -> Array:
    """Return the scaled parameters of an unconstrained answer, (P,)."""
    p = [value for k in range(coordinates.peaks) for value in solution.peak(k)]
    b, rate = solution.beta[coordinates.peaks :], solution.place.rate
    if coordinates.layout.baseline == "linear":
        b = [b[0] - b[1], b[0] + b[1]] if coordinates.basis == "ends" else [b[0] - coordinates.origin * b[1], b[1]]
    elif coordinates.layout.rates:
        b = [b[0] * exponential(rate * coordinates.origin), rate]
    return np.asarray(np.nan_to_num(np.array([*p, *b]), posinf=1e30, neginf=-1e30))


def arrangements(p: Array, coordinates: Coordinates) -> list[Array]:
    """Return parameters with the peaks' numbers given in every way; of many peaks, those that suit the bounds."""
    peaks = coordinates.peaks
    blocks, rest = p[: 3 * peaks].reshape(peaks, 3), p[3 * peaks :]
    if peaks <= ARRANGED:
        orders: list[tuple[int, ...]] = list(itertools.permutations(range(peaks)))
    else:
        order, left = [-1] * peaks, list(range(peaks))
        domains = [domain(coordinates, 3 * k + 1, -1.0, 1.0) for k in range(peaks)]
        for k in sorted(range(peaks), key=lambda k: domains[k][1] - domains[k][0]):
            middle = 0.5 * sum(domains[k])
            narrow = domains[k][1] - domains[k][0] < 2.0
            order[k] = min(left, key=lambda i: abs(blocks[i][1] - middle)) if narrow else left[0]
            left.remove(order[k])
        orders = [tuple(range(peaks)), tuple(order)]
    return [np.concatenate([blocks[list(order)].ravel(), rest]) for order in orders]


def domain(coordinates: Coordinates, i: int, least: float, most: float) -> tuple[float, float]:
    """Return the part of [least, most] that a parameter may have; the nearest it may have if there is none."""
    j = int(coordinates.root[i])
    if j < 0:
        return float(coordinates.shift[i]), float(coordinates.shift[i])
    ends = coordinates.factor[i] * np.array([coordinates.low[j], coordinates.high[j]]) + coordinates.shift[i]
    low, high = float(ends.min()), float(ends.max())
    return min(max(low, least), high), max(min(high, most), low)


class Layer:
    """Data over which starts are laid: positions, whitened values and root weights."""

    def __init__(self, coordinates: Coordinates, t: Array, y: Array, root_weight: Array | None) -> None:
        self.coordinates, self.t, self.y = coordinates, t, y
        self.root_weight = np.ones_like(t) if root_weight is None else root_weight

    def with_linear_best(self, f: Array) -> Array:
        """Return coordinates with amplitudes and baseline at their least squares, stopped at their bounds."""
        coordinates = self.coordinates
        linear = linear_coordinates(coordinates)
        f = f.copy()
        free = linear.copy()
        for _ in range(3):
            if not free.any():
                break
            f[free] = 0.0
            p = coordinates.parameters(f)
            rows, kinds = self.linear_rows(p)
            rest = self.y - p[kinds] @ rows
            design = coordinates.transform[np.ix_(kinds, free)].T @ rows
            f[free] = np.linalg.lstsq(design.T, rest, rcond=1e-12)[0]
            over = free & ((f < coordinates.low) | (f > coordinates.high))
            if not over.any():
                break
            f = np.clip(f, coordinates.low, coordinates.high)
            free &= ~over
        return np.clip(f, coordinates.low, coordinates.high)

    def linear_rows(self, p: Array) -> tuple[Array, NDArray[np.intp]]:
        """Return what the linear parameters multiply, whitened, and which parameters these are."""
        coordinates, peaks = self.coordinates, self.coordinates.peaks
        kinds = [3 * k for k in range(peaks)]
        rows = [self.peak(p[3 * k + 1], p[3 * k + 2]) for k in range(peaks)]
        baseline = coordinates.baseline_rows(self.t, float(p[-1]) if coordinates.layout.rates else 0.0)
        kinds += range(3 * peaks, 3 * peaks + len(baseline))
        rows += [row * self.root_weight for row in baseline]
        return np.array(rows), np.array(kinds, dtype=np.intp)

    def peak(self, center: float, width: float) -> Array:
        """Return a whitened peak of height one."""
        z = (self.t - center) / width
        return np.asarray(np.exp(np.maximum(-0.5 * z * z, -330.0)) * self.root_weight)

    # ------------------------------------------------------------------ the grid

    def nodes(self, k: int, known: dict[int, float]) -> tuple[Array, Array]:
        """Return centers and widths that peak k may have, given what is known of the free coordinates, (M,) each."""
        coordinates = self.coordinates
        sides = []
        spacing = 1.0 / self.t.size
        for i, least, most, count in ((3 * k + 1, -1.0, 1.0, CENTERS), (3 * k + 2, spacing, 2.0, WIDTHS)):
            j = int(coordinates.root[i])
            if j in known:
                sides.append(np.array([coordinates.factor[i] * known[j] + coordinates.shift[i]]))
                continue
            low, high = domain(coordinates, i, least, most)
            if low == high:
                sides.append(np.array([low]))
            elif i % 3 == 2:
                sides.append(np.geomspace(max(low, 1e-9), high, count))
            else:
                sides.append(np.linspace(low, high, count))
        centers, widths = np.meshgrid(sides[0], np.maximum(sides[1], 1e-9), indexing="ij")
        return centers.ravel(), widths.ravel()

    def explained(self, k: int, centers: Array, widths: Array, basis: Array) -> Array:
        """Return the sum of squares that each node explains beyond orthonormal `basis`, (M,).

        It is below zero where the least height that is allowed is more than the data have there.
        """
        coordinates = self.coordinates
        z = (self.t - centers[:, None]) / widths[:, None]
        templates = np.exp(np.maximum(-0.5 * z * z, -330.0)) * self.root_weight
        residual = self.y - (self.y @ basis.T) @ basis
        across = templates @ basis.T
        norms = np.einsum("mn,mn->m", templates, templates)
        alone = np.maximum(norms - np.einsum("mq,mq->m", across, across), 1e-6 * norms + 1e-300)
        overlap = templates @ residual
        low, high = domain(coordinates, 3 * k, -math.inf, math.inf)
        height = np.clip(overlap / alone, low, high)
        return np.asarray(height * (2.0 * overlap - height * alone))

    def basis(self, centers: list[float], widths: list[float], rate: float) -> Array:
        """Return an orthonormal basis of some peaks and the baseline, (q, N)."""
        rows = [self.peak(c, w) for c, w in zip(centers, widths, strict=True)]
        rows += [row * self.root_weight for row in self.coordinates.baseline_rows(self.t, rate)]
        if not rows:
            return np.empty((0, self.t.size))
        columns, sizes, _ = np.linalg.svd(np.array(rows).T / np.linalg.norm(rows, axis=1), full_matrices=False)
        return np.asarray(columns[:, sizes > 1e-6 * sizes[0]].T)

    def grid_starts(self, rate: float, begun: dict[int, float]) -> list[Array]:
        """Return starts from the grid, peak after peak where each explains most; `begun` is known beforehand."""
        coordinates, peaks = self.coordinates, self.coordinates.peaks
        order = sorted(range(peaks), key=lambda k: len(self.nodes(k, begun)[0]))
        known = dict(begun)
        centers, widths = [math.nan] * peaks, [math.nan] * peaks

        def choose(k: int, others: list[int]) -> Array:
            basis = self.basis([centers[i] for i in others], [widths[i] for i in others], rate)
            c, w = self.nodes(k, known)
            gains = self.explained(k, c, w, basis)
            best = int(gains.argmax())
            self.put(k, float(c[best]), float(w[best]), centers, widths, known)
            return np.array([c, w, gains])

        if peaks == 1:
            c, w, gains = choose(0, [])
            return [self.filled([c[i]], [w[i]], rate, begun) for i in distinct(c, w, gains)]
        for rank, k in enumerate(order):
            choose(k, order[:rank])
        starts = [self.filled(centers, widths, rate, begun)]
        for _ in range(EXCHANGES):
            for k in order:
                for i in (3 * k + 1, 3 * k + 2):  # what only this peak follows is looked for again
                    j = int(coordinates.root[i])
                    if j >= 0 and j not in begun and np.count_nonzero(coordinates.root == j) == 1:
                        known.pop(j, None)
                choose(k, [other for other in range(peaks) if other != k])
        return [*starts, self.filled(centers, widths, rate, begun)]

    def put(
        self, k: int, center: float, width: float, centers: list[float], widths: list[float], known: dict[int, float]
    ) -> None:
        """Note a peak's place and what it says of the free coordinates."""
        coordinates = self.coordinates
        centers[k], widths[k] = center, width
        for i, value in ((3 * k + 1, center), (3 * k + 2, width)):
            j = int(coordinates.root[i])
            if j >= 0:
                known[j] = float((value - coordinates.shift[i]) / coordinates.factor[i])

    def filled(self, centers: list[float], widths: list[float], rate: float, begun: dict[int, float]) -> Array:
        """Return free coordinates for chosen places, the linear ones at their best."""
        coordinates = self.coordinates
        p = np.zeros(coordinates.root.size)
        p[1 : 3 * coordinates.peaks : 3], p[2 : 3 * coordinates.peaks : 3] = centers, widths
        if coordinates.layout.rates:
            p[-1] = rate
        f = coordinates.nearest(p)
        for j, value in begun.items():
            f[j] = value
        best = self.with_linear_best(f)
        for j, value in begun.items():
            best[j] = value
        return best


def linear_coordinates(coordinates: Coordinates) -> NDArray[np.bool_]:
    """Tell which free coordinates move linear parameters only."""
    size, peaks = coordinates.root.size, coordinates.peaks
    bent = [3 * k + side for k in range(peaks) for side in (1, 2)] + ([size - 1] if coordinates.layout.rates else [])
    linear = np.ones(coordinates.low.size, dtype=bool)
    linear[[j for j in coordinates.root[bent].tolist() if j >= 0]] = False
    return linear


def distinct(centers: Array, widths: Array, gains: Array) -> list[int]:
    """Return the most promising nodes that are not neighbours of a better one."""
    chosen: list[int] = []
    best = float(gains.max())
    for i in np.argsort(-gains, kind="stable"):
        if gains[i] < best - 0.8 * abs(best) or len(chosen) == BEST_NODES:
            break
        if all(
            abs(centers[i] - centers[j]) > 1.5 * widths[j] or abs(math.log(widths[i] / widths[j])) > 1.0 for j in chosen
        ):
            chosen.append(int(i))
    return chosen or [int(gains.argmax())]
