r"""Where a fit starts: every (center, width) of a grid, with amplitude and baseline solved linearly.

For a template ``g`` of unit height, the best amplitude (of either sign) and the best baseline are a linear problem, and
what a peak there explains beyond the baseline is

.. math:: \frac{(g^T r)^2}{g^T g - |Q^T g|^2}, \qquad r = y - Q Q^T y,

with the columns of ``Q`` an orthonormal basis of the baseline (Golub and Pereyra, SIAM J. Numer. Anal. 10:413, 1973). A
grid of templates is one matrix product. Templates are spaced so that wherever the best peak is, one of them
explains at least 85 % of what it explains if positions are even: a start with less than 80 % of the best one's cannot
lead to the best fit, and every start above is reported. Once one of them has been followed to its end, more is known of
what the others have to reach (`promising`).

Templates depend on x and its weights alone and are kept for the last few x that were fitted. More than 64 points are
collected into 64 bins for the wide templates; peaks narrower than a bin are looked for with running sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import Axis

BINS = 64
"""Points or bins that the wide templates are laid over."""

WITHIN_REACH = 0.8
"""Share of the best template's explained sum of squares above which another one may lead to a better fit."""

REPRESENTED = 0.85
"""Share of what a peak explains that the best template explains at least."""

BINS_SEEN = 4.0
"""Width in bins from which that holds where points are collected into bins."""

STEEPNESS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.2, 1.5, 1.9, 2.3, 2.8, 3.4, 4.1, 5.0, 6.0, 7.5, 9.0, 12.0, 16.0, 24.0)
RATES = (*(-rate for rate in STEEPNESS), 0.0, *STEEPNESS)
"""Decay rates tried for an exponential baseline, per half window; between them its derivative stands in."""

TEMPLATES_PAIRED = 600
"""Templates of which all pairs are compared, at most."""

PAIRS = 3
"""Pairs returned at most, of any signs."""

MAX_STARTS = 8
"""Starts returned at most."""


class Start(NamedTuple):
    """A peak to start from: center, logarithm of its width, decay rate, and the sum of squares it explains."""

    center: float
    log_width: float
    rate: float
    explained: float


@dataclass(slots=True, eq=False)
class Grid:
    """Templates laid over one axis."""

    order: NDArray[np.intp] | None  # sorts x; None if it is sorted
    edges: NDArray[np.intp] | None  # first point of each bin; None if every point is its own
    t: Array  # (B,) positions of points or bins
    root_weight: Array | None  # (B,) square root of each bin's weight
    scale: Array | None  # (B,) what a bin's weighted sum is multiplied by
    point_weight: Array | None  # (N,) square root of each point's weight, in order of x
    templates: Array  # (M, B)
    squares: Array  # (M,)
    centers: Array  # (M,)
    log_widths: Array  # (M,)
    lengths: list[int]  # points in the boxes that look for peaks narrower than a bin
    total_weight: Array | None  # (N + 1,) running sum of the points' weights; None if all are 1
    point_t: Array  # (N,)
    projections: dict[str, tuple[Array | None, Array]] = field(default_factory=dict, repr=False)
    apart: NDArray[np.bool_] | None = field(default=None, repr=False)  # filled by gaussapp.fitting.stack.start
    crest_templates: dict[float, tuple[Array, Array]] = field(default_factory=dict, repr=False)  # by scale

    def projection(self, baseline: str) -> tuple[Array | None, Array]:
        """Return an orthonormal basis of the baseline, (q, B), and one over the templates' norms without it, (M,).

        For the exponential baseline the basis, (rates, 2, B), has the exponential and its derivative for every decay
        rate, and the norms, (2, rates, M), are those without the exponential and without both.
        """
        known = self.projections.get(baseline)
        if known is None:
            if baseline == "exponential":
                bases = np.array([decay_basis(self.t, self.root_weight, rate) for rate in RATES])
                known = bases, np.array([[inverse_norms(self, basis[:n]) for basis in bases] for n in (1, 2)])
            else:
                basis = baseline_basis(self.t, self.root_weight, baseline)
                known = basis, inverse_norms(self, basis)
            self.projections[baseline] = known
        return known

    def are_apart(self, node: Any, others: Any) -> NDArray[np.bool_]:
        """Tell which nodes lead to another peak than a node (or than each of many) does, as `are_neighbours` does."""
        log_width, log_widths = self.log_widths[node], self.log_widths[others]
        reach: Any = 1.0
        if self.edges is None:
            narrow = math.log(2.0 / self.t.size)
            reach = np.where((log_width < narrow) | (log_widths < narrow), 0.4, 1.0)
        apart = abs(log_widths - log_width) > reach
        distance = abs(self.centers[others] - self.centers[node])
        apart |= distance >= 1.1 * reach * np.exp(np.maximum(log_width, log_widths))
        return np.asarray(apart)

    def binned(self, y: Array) -> Array:
        """Return whitened `y` (N,) or (n, N) in bins, in order of x."""
        return self.binned_in_order(y if self.order is None else y[..., self.order])

    def binned_in_order(self, y: Array) -> Array:
        """Return whitened `y`, given in order of x, in bins."""
        if self.edges is None:
            return y
        if self.point_weight is not None:
            y = y * self.point_weight
        return np.asarray(np.add.reduceat(y, self.edges, axis=-1) * self.scale)


def grid_of(axis: Axis, peaks: int = 1) -> Grid:
    """Return the grid of an axis, fine enough to find the last of several peaks; it stays with the axis."""
    bins = BINS if peaks < 3 else min(24 * peaks, 480)
    grid = axis.grids.get(bins)
    if grid is None:
        grid = axis.grids[bins] = lay_grid(axis, bins)
    return grid


def lay_grid(axis: Axis, bins: int) -> Grid:
    """Lay templates over an axis, in at most this many bins."""
    t, root_weight, order = axis.t, axis.root_weight, axis.order
    if order is not None:
        t = t[order]
        root_weight = None if root_weight is None else root_weight[order]
    n = t.size
    edges: NDArray[np.intp] | None = None
    scale: Array | None = None
    points, point_weight = t, root_weight
    if n > bins:
        edges = np.linspace(0, n, bins, endpoint=False).astype(np.intp)
        if root_weight is None:
            counts = np.diff(np.append(edges, n)).astype(float)
            t = np.add.reduceat(t, edges) / counts
            scale = 1.0 / np.sqrt(counts)
            root_weight = np.sqrt(counts)
        else:
            weight = root_weight * root_weight
            total = np.add.reduceat(weight, edges)
            t = np.add.reduceat(t * weight, edges) / total
            scale = 1.0 / np.sqrt(total)
            root_weight = np.sqrt(total)
    centers, widths = grid_nodes(t, narrow=edges is None)
    templates = np.exp(-0.5 * ((t - centers[:, None]) / widths[:, None]) ** 2)
    if root_weight is not None:
        templates *= root_weight
    squares = np.einsum("mb,mb->m", templates, templates)
    seen = squares > 1e-8 * np.max(squares)
    templates, squares, centers, widths = templates[seen], squares[seen], centers[seen], widths[seen]
    lengths = []
    if edges is not None:
        lengths = [2**power for power in range(20) if 2**power <= max(1.5 * n / bins, 2.0)]
    running: Array | None = None
    if point_weight is not None:
        running = np.concatenate(([0.0], np.cumsum(point_weight * point_weight)))
    return Grid(
        order=order,
        edges=edges,
        t=t,
        root_weight=root_weight,
        scale=scale,
        point_weight=point_weight,
        templates=templates,
        squares=squares,
        centers=centers,
        log_widths=np.log(widths),
        lengths=lengths,
        total_weight=running,
        point_t=points,
    )


def grid_nodes(t: Array, *, narrow: bool) -> tuple[Array, Array]:
    """Return centers and widths, (M,) each, for sorted positions `t`.

    Widths grow by 1.6 from a third of the usual spacing (`narrow`) or one spacing up to two windows; centers are 0.7
    widths apart and reach two widths beyond the window. The narrowest ones follow the points, wherever these are.
    """
    distinct = np.unique(t)
    length = float(distinct[-1] - distinct[0])
    gaps = np.diff(distinct)
    spacing = max(float(np.median(gaps)), length / (4.0 * BINS))
    middle = 0.5 * float(distinct[0] + distinct[-1])
    centers: list[Array] = []
    widths: list[Array] = []
    if narrow:
        local = np.minimum(np.append(gaps, gaps[-1]), np.append(gaps[0], gaps))
        between = 0.5 * (distinct[1:] + distinct[:-1])
        for factor in (0.35, 0.56):
            centers += [distinct, between]
            widths += [factor * local, factor * gaps]
        quarter = 0.25 * gaps
        centers += [distinct[:-1] + quarter, distinct[1:] - quarter]
        widths += [0.45 * gaps, 0.45 * gaps]
    width = 0.9 * spacing
    while width < 4.0 * length:
        reach = 2.0 * width if width > 1.5 * spacing else 0.0
        # Less a line, a peak between the middle and an end changes its shape fastest.
        step = 0.4 if 0.08 * length < width <= 0.25 * length else 0.7
        count = max(2, 1 + math.ceil((length + 2.0 * reach) / (step * width)))
        nodes = np.linspace(distinct[0] - reach, distinct[-1] + reach, count)
        if width > 0.25 * length:  # less a constant these are parabolas, for which the place of the top counts
            inside = np.linspace(distinct[0] - 0.2 * length, distinct[-1] + 0.2 * length, 15)
            nodes = np.concatenate([inside, nodes[abs(nodes - middle) > 0.8 * length]])
        centers.append(nodes)
        widths.append(np.full(nodes.size, width))
        width *= 1.6
    return np.concatenate(centers), np.concatenate(widths)


def baseline_basis(t: Array, root_weight: Array | None, baseline: str) -> Array | None:
    """Return an orthonormal basis (q, B) of a constant or linear baseline; None if there is none."""
    columns = line_basis(t, root_weight, baseline)
    return np.array(columns) if columns else None


def decay_basis(t: Array, root_weight: Array | None, rate: float) -> Array:
    """Return an orthonormal basis (2, B) of an exponential and its derivative by the rate."""
    decay = np.exp(-rate * t - abs(rate))
    if root_weight is not None:
        decay = decay * root_weight
    return np.ascontiguousarray(np.linalg.qr(np.stack([decay, t * decay], axis=1))[0].T)


def inverse_norms(grid: Grid, basis: Array | None) -> Array:
    """Return one over the norm of each template after projection, (M,); 0 where next to nothing is left of it."""
    left = grid.squares
    if basis is not None:
        along = grid.templates @ basis.T
        left = left - np.einsum("mq,mq->m", along, along)
    keep = left > 1e-5 * grid.squares
    return np.where(keep, 1.0 / np.sqrt(np.where(keep, left, 1.0)), 0.0)


def find_starts(axis: Axis, y: Array, baseline: str) -> list[Start]:
    """Return where to start the first peak of whitened `y` (N,), best first.

    The first entry explains most; others follow if they are another peak (not a neighbour on the grid) and within
    reach of it.
    """
    grid = grid_of(axis)
    in_order = y if grid.order is None else y[grid.order]
    binned = grid.binned_in_order(in_order)
    basis, norms = grid.projection(baseline)
    if baseline == "exponential":
        assert basis is not None
        # Two rankings: by the exponential at these rates alone, right if it is weak, and with its derivative, which a
        # strong one needs so that the little that lies between the rates does not outweigh the peak.
        starts: list[Start] = []
        for columns in (1, 2):
            along = basis[:, :columns] @ binned
            left = binned - np.einsum("rk,rkb->rb", along, basis[:, :columns])
            gain = (left @ grid.templates.T) * norms[columns - 1]
            without = np.einsum("rk,rk->r", along, along)
            found = list_starts(grid, gain * gain + (without - np.max(without))[:, None], RATES)
            starts += [start for start in found if not any(are_neighbours(*start[:3], other, -9.9) for other in starts)]
        if grid.lengths:
            rate = RATES[int(without.argmax())]  # of the second ranking
            points = decay_basis(grid.point_t, grid.point_weight, rate)
            narrow = box_starts(grid, in_order - (points @ in_order) @ points)
            starts += [start._replace(rate=rate) for start in narrow]
        return starts
    if basis is not None:
        binned = binned - basis.dot(binned).dot(basis)
    explained = grid.templates.dot(binned)
    explained *= norms
    explained *= explained
    starts = list_starts(grid, explained)
    if grid.lengths:
        starts = merged(starts, box_starts(grid, without_line(grid, in_order, baseline)))
    return starts


def line_basis(t: Array, root_weight: Array | None, baseline: str) -> list[Array]:
    """Return the orthonormal columns of a constant or linear baseline at positions (N,) or (R, N); none of others."""
    if baseline not in ("constant", "linear"):
        return []
    level = np.ones_like(t) if root_weight is None else root_weight
    level = level / np.sqrt(np.vecdot(level, level))[..., None]
    if baseline == "constant":
        return [level]
    rise = t * level
    rise = rise - np.vecdot(rise, level)[..., None] * level
    return [level, rise / np.sqrt(np.vecdot(rise, rise))[..., None]]


def beyond_baseline(t: Array, root_weight: Array | None, y: Array, baseline: str) -> Array:
    """Return the sum of squares of whitened `y` that a baseline linear in its parameters leaves; (R,) of (R, N)."""
    left = np.vecdot(y, y)
    for column in line_basis(t, root_weight, baseline):
        left = left - np.vecdot(y, column) ** 2
    return np.asarray(left)


def promising(explained: Array, log_widths: Array, wanted: Array | float, points: int) -> NDArray[np.bool_]:
    """Tell which starts may lead to a peak that explains as much as is wanted, (S,).

    What is hardly wider than a bin may stand for a narrow peak that explains far more.
    """
    narrow = -math.inf if points <= BINS else math.log(2.0 * BINS_SEEN / BINS)
    return np.asarray((explained >= REPRESENTED * wanted) | (log_widths < narrow))


def find_next(grid: Grid, residual: Array, jacobian: Array) -> list[Start]:
    """Return where to add a peak to a fit, given its whitened residual (N,) and its Jacobian (P, N).

    What the parameters of the fit so far could take up by themselves is not credited to the new peak.
    """
    basis = np.linalg.qr(grid.binned(jacobian).T)[0].T
    binned = grid.binned(residual)
    explained = (grid.templates @ (binned - (basis @ binned) @ basis)) * inverse_norms(grid, basis)
    starts = list_starts(grid, explained * explained)
    if grid.lengths:
        starts = merged(starts, box_starts(grid, residual if grid.order is None else residual[grid.order]))
    return starts


def find_pairs(
    grid: Grid, y: Array, others: Array, near: tuple[float, float] | None = None
) -> list[tuple[Start, Start]]:
    """Return pairs of peaks: the best few, and the best with amplitudes of one sign.

    Parameters
    ----------
    grid
        Templates to choose from; all pairs of them are compared.
    y
        Whitened data, (N,).
    others
        Whitened rows of what there is beside: other peaks, the baseline and their derivatives, (n, N).
    near
        (center, width) of a peak that the pair is to take the place of; only templates near it are compared.
    """
    nodes = np.arange(grid.centers.size)
    if near is not None:
        center, width = near
        close = abs(grid.centers - center) < 3.0 * width
        close &= (grid.log_widths < math.log(2.0 * width)) & (grid.log_widths > math.log(width / 6.0))
        nodes = np.flatnonzero(close)
    if nodes.size < 2:
        return []
    templates, target = grid.templates[nodes], grid.binned(y)
    if others.shape[0]:
        basis = np.linalg.qr(grid.binned(others).T)[0]
        target = target - basis @ (target @ basis)
        templates = templates - (templates @ basis) @ basis.T
    norms = np.sqrt(np.einsum("mb,mb->m", templates, templates))
    usable = norms > 1e-2 * np.sqrt(grid.squares[nodes])
    nodes, templates = nodes[usable], templates[usable] / norms[usable, None]
    gain = templates @ target
    if nodes.size > TEMPLATES_PAIRED:
        best_alone = np.sort(np.argpartition(-abs(gain), TEMPLATES_PAIRED)[:TEMPLATES_PAIRED])
        nodes, templates, gain = nodes[best_alone], templates[best_alone], gain[best_alone]
    overlap = templates @ templates.T
    determinant = 1.0 - overlap * overlap
    first = gain[:, None] - overlap * gain  # amplitudes, up to the determinant
    explained = (gain[:, None] * first + gain * first.T) / np.where(determinant > 0.05, determinant, np.inf)
    pairs: list[tuple[Start, Start]] = []
    for allowed, most in ((explained, PAIRS), (np.where(first * first.T > 0.0, explained, 0.0), PAIRS + 1)):
        flat = np.triu(allowed, 1).ravel()
        leading = np.argpartition(flat, -min(200, flat.size))[-200:]
        for index in leading[np.argsort(-flat[leading])].tolist():
            one, other = (
                Start(float(grid.centers[node]), float(grid.log_widths[node]), 0.0, float(flat[index]))
                for node in (nodes[index // nodes.size], nodes[index % nodes.size])
            )
            if one.explained <= 0.0 or len(pairs) >= most:
                break
            if not any(
                are_neighbours(*one[:3], known[i], -math.inf) and are_neighbours(*other[:3], known[1 - i], -math.inf)
                for known in pairs
                for i in (0, 1)
            ):
                pairs.append((one, other))
    return pairs


def pursue(grid: Grid, y: Array, baseline: Array, peaks: int, widest: float, sign: float) -> list[Start]:
    """Return peaks found one after the other, each the template that best explains what the others left.

    Only templates up to a width are used, and amplitudes of one sign (0: of any).

    This is orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, Asilomar 1993): the templates themselves,
    with nothing fitted in between, so that it errs elsewhere than a search that fits after every peak.
    """
    target = grid.binned(y)
    rows = list(grid.binned(baseline)) if baseline.shape[0] else []
    starts: list[Start] = []
    allowed = grid.log_widths <= math.log(widest)
    for _ in range(peaks):
        basis = np.linalg.qr(np.array(rows).T)[0].T if rows else None
        left = target if basis is None else target - (basis @ target) @ basis
        explained = (grid.templates @ left) * inverse_norms(grid, basis)
        best = int(np.argmax(np.where(allowed, sign * explained if sign else abs(explained), -np.inf)))
        starts.append(Start(float(grid.centers[best]), float(grid.log_widths[best]), 0.0, float(explained[best]) ** 2))
        rows.append(grid.templates[best])
    return starts


def list_starts(grid: Grid, explained: Array, rates: tuple[float, ...] = (0.0,)) -> list[Start]:
    """Return the separate peaks among the nodes within reach of the best one; `explained` is (M,) or (rates, M)."""
    explained = explained.reshape(-1)
    best = int(explained.argmax())
    threshold = WITHIN_REACH * float(explained[best])
    size = grid.centers.size
    if not threshold > 0.0:  # the baseline alone is perfect: start anywhere
        return [Start(0.0, math.log(0.25), rates[best // size], 0.0)]
    nodes = (explained > threshold).nonzero()[0]
    if nodes.size > 1:
        nodes = nodes[(-explained[nodes]).argsort(kind="stable")]
    starts: list[Start] = []
    while nodes.size and len(starts) < MAX_STARTS:
        node = int(nodes[0])
        rate, at = divmod(node, size)
        starts.append(Start(float(grid.centers[at]), float(grid.log_widths[at]), rates[rate], float(explained[node])))
        if nodes.size == 1:
            break
        others = nodes % size if len(rates) > 1 else nodes
        apart = grid.are_apart(at, others)
        if len(rates) > 1:
            apart |= abs(np.array(rates)[nodes // size] - rates[rate]) > 1.0 + 0.5 * abs(rates[rate])
        nodes = nodes[apart]
    return starts


def are_neighbours(center: float, log_width: float, rate: float, other: Start, narrow: float) -> bool:
    """Tell whether two starts lead to the same peak: nodes next to each other on the grid, or nearly.

    Among peaks on two or three points (log width below `narrow`) nearly every node leads to a peak of its own.
    """
    apart = 0.4 if log_width < narrow or other.log_width < narrow else 1.0
    if abs(log_width - other.log_width) > apart or abs(rate - other.rate) > 1.0 + 0.5 * abs(other.rate):
        return False
    return abs(center - other.center) < 1.1 * apart * math.exp(max(log_width, other.log_width))


def without_line(grid: Grid, in_order: Array, baseline: str) -> Array:
    """Return whitened points, (N,) or (R, N), less the best constant or line: what a narrow peak is told from."""
    if baseline == "constant" and grid.point_weight is None:  # y has no mean then already
        return in_order
    columns = line_basis(grid.point_t, grid.point_weight, baseline)
    if not columns:
        return in_order
    basis = np.array(columns)
    return np.asarray(in_order - (in_order @ basis.T) @ basis)


def box_starts(grid: Grid, in_order: Array) -> list[Start]:
    """Return the best narrow peak of whitened points, given in order of x, by sums over runs of 1, 2, 4 … points.

    A run of n points sees a peak of n/2.8 spacings best, and explains 94 % of what that peak does.
    """
    weighted = in_order if grid.point_weight is None else in_order * grid.point_weight
    sums = np.empty(weighted.size + 1)
    sums[0] = 0.0
    weighted.cumsum(out=sums[1:])
    best, first, count = 0.0, 0, 1
    for length in grid.lengths:
        stride = max(1, length // 4)
        gain = sums[length::stride] - sums[:-length:stride]
        if grid.total_weight is not None:
            gain /= np.sqrt(grid.total_weight[length::stride] - grid.total_weight[:-length:stride])
        for i in (int(gain.argmax()), int(gain.argmin())):
            value = float(gain[i])
            explained = value * value / (length if grid.total_weight is None else 1.0)
            if explained > best:
                best, first, count = explained, i * stride, length
    t = grid.point_t
    left, right = float(t[first]), float(t[first + count - 1])
    if count > 1:
        spacing = (right - left) / (count - 1)
    else:
        spacing = 0.5 * float(t[min(first + 1, t.size - 1)] - t[max(first - 1, 0)])
    return [Start(0.5 * (left + right), math.log(max(count, 1.4) * max(spacing, 1e-9) / 2.8), 0.0, best)]


def merged(starts: list[Start], others: list[Start]) -> list[Start]:
    """Return both lists as one, best first, without those out of reach of the best one, which stays in any case."""
    best, *rest = sorted(starts + others, key=lambda start: -start.explained)
    return [best, *(start for start in rest[: MAX_STARTS - 1] if start.explained > 0.7 * best.explained)]
