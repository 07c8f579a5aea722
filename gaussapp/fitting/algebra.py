"""Small symmetric systems: what a step, a set of amplitudes and a covariance are solved from.

Up to `PLAIN` unknowns this is plain Python, which takes a third of the time of a call into LAPACK.
"""

from __future__ import annotations

import numpy as np

Matrix = list[list[float]]

PLAIN = 6
"""Up to this many unknowns plain Python solves a system in a third of the time of a call into LAPACK."""


def solve_positive(matrix: Matrix, right: list[float], tolerance: float = 1e-13) -> list[float]:
    """Solve a positive semi-definite system; directions that the matrix does not see get 0."""
    n = len(right)
    if n == 2:
        return solve_pair(matrix[0][0], matrix[1][0], matrix[1][1], right[0], right[1], tolerance)
    if n > PLAIN:
        full = np.array(matrix)
        scale = 1.0 / np.sqrt(np.maximum(full.diagonal(), 1e-300))
        full *= scale * scale[:, None]
        target = np.array(right) * scale
        try:
            # A Cholesky factor whose pivots are all large needs no pseudo-inverse, which takes several times as long.
            factor = np.linalg.cholesky(full)
            sure = float(factor.diagonal().min()) > 1e-4
        except np.linalg.LinAlgError:
            sure = False
        if sure:
            solved = np.linalg.solve(full, target)
        else:
            solved = np.linalg.pinv(full, rcond=tolerance, hermitian=True) @ target
        result: list[float] = (solved * scale).tolist()
        return result
    solution = eliminate(matrix, right, tolerance, semidefinite=True)
    assert solution is not None
    return solution


def solve_pair(a: float, b: float, c: float, first: float, second: float, tolerance: float) -> list[float]:
    """Solve a positive semi-definite system of two, as `solve_positive` does."""
    share = b / a if a > 0.0 else 0.0
    left = c - b * share
    y = (second - first * share) / left if left > tolerance * c else 0.0
    return [(first - b * y) / a if a > 0.0 else 0.0, y]


def eliminate(
    matrix: Matrix, right: list[float], tolerance: float, *, semidefinite: bool, damping: float = 0.0, linear: int = 0
) -> list[float] | None:
    """Solve a symmetric system by LDLᵀ in plain Python, from its lower triangle.

    The diagonal beyond the first `linear` unknowns, less what these explain of it, is raised by `damping`. A direction
    whose pivot is within `tolerance` of zero, as a share of the diagonal, gets 0. With `semidefinite` so does one whose
    pivot is below; otherwise None is returned, because the matrix is not positive definite.
    """
    n = len(right)
    lower: Matrix = []
    pivots, x = [0.0] * n, list(right)
    for i in range(n):
        source = matrix[i]
        row = source[:i]
        for j in range(i):
            value, other = row[j], lower[j]
            for k in range(j):
                value -= row[k] * other[k]
            row[j] = value
        pivot = source[i]
        floor = abs(tolerance * pivot)
        for j in range(i):
            if j == linear:
                pivot += damping * pivot
            if pivots[j]:
                value = row[j]
                row[j] = share = value / pivots[j]
                pivot -= value * share
                x[i] -= share * x[j]
            else:
                row[j] = 0.0
        if i == linear:
            pivot += damping * pivot
        lower.append(row)
        if pivot > floor:
            pivots[i] = pivot
        elif not semidefinite and (pivot < -floor or abs(x[i]) > floor):
            return None
    for i in range(n - 1, -1, -1):
        if pivots[i]:
            value = x[i] / pivots[i]
            for k in range(i + 1, n):
                value -= lower[k][i] * x[k]
            x[i] = value
        else:
            x[i] = 0.0
    return x


def damped_pair(matrix: Matrix, right: list[float], damping: float, linear: int) -> list[float] | None:
    """Return what `eliminate` does for one or two linear unknowns and two more, without its loops: one peak's step."""
    u, v = matrix[linear], matrix[linear + 1]
    g, x = matrix[0][0], right[0]
    tiny = 1e-15
    if g > 0.0:
        of_u, of_v = u[0] / g, v[0] / g
        a, b, c = u[linear] - of_u * u[0], v[linear] - of_v * u[0], v[linear + 1] - of_v * v[0]
        r, s = right[linear] - of_u * x, right[linear + 1] - of_v * x
        h = 1.0
        if linear == 2:
            edge, corner = matrix[1][0], matrix[1][1]
            share = edge / g
            h, y = corner - share * edge, right[1] - share * x
            along_u, along_v = u[1] - share * u[0], v[1] - share * v[0]
            if h > tiny * corner:
                of_u, of_v = along_u / h, along_v / h
                a, b, c = a - of_u * along_u, b - of_v * along_u, c - of_v * along_v
                r, s = r - of_u * y, s - of_v * y
            else:
                h = 0.0
        a += damping * a
        c += damping * c
        if h > 0.0 and a > tiny * u[linear] and c - b * b / a > tiny * v[linear + 1]:
            last = (s - b / a * r) / (c - b * b / a)
            first = (r - b * last) / a
            if linear == 1:
                return [(x - u[0] * first - v[0] * last) / g, first, last]
            level = (y - along_u * first - along_v * last) / h
            return [(x - edge * level - u[0] * first - v[0] * last) / g, level, first, last]
    return eliminate(matrix, right, tiny, semidefinite=False, damping=damping, linear=linear)


def inverse_of(matrix: Matrix) -> Matrix | None:
    """Return the inverse of a small symmetric positive definite matrix; None if it has none.

    A pivot below 1e-13 of its diagonal has no digits left that the matrix could vouch for.
    """
    n = len(matrix)
    rows = [row.copy() for row in matrix]
    for k in range(n):  # Gauss and Jordan, in place
        head = rows[k]
        pivot = head[k]
        if not pivot > 1e-13 * matrix[k][k]:
            return None
        head[k] = 1.0
        for j in range(n):
            head[j] /= pivot
        for i in range(n):
            if i != k:
                row = rows[i]
                factor = row[k]
                row[k] = 0.0
                for j in range(n):
                    row[j] -= factor * head[j]
    return rows


def damped_step(matrix: Matrix, right: list[float], damping: float, linear: int) -> list[float] | None:
    """Return the solution of the damped system; None if it is not positive definite.

    Only the nonlinear unknowns are damped, in proportion to what the linear ones leave of their diagonal: where a peak
    is hardly told from its baseline, damping in proportion to the whole diagonal would hold every step back.
    Directions in which neither the matrix nor the right side has anything (a peak so narrow that only one point
    sees it has no gradient in its width) get a step of 0.
    """
    if linear in (1, 2) and len(right) == linear + 2:
        return damped_pair(matrix, right, damping, linear)
    if len(right) <= PLAIN:
        return eliminate(matrix, right, 1e-15, semidefinite=False, damping=damping, linear=linear)
    full, gradient = np.array(matrix), np.array(right)
    scale = 1.0 / np.sqrt(np.maximum(abs(full.diagonal()), 1e-30))
    full *= scale * scale[:, None]
    gradient *= scale
    across = full[linear:, :linear]
    try:
        solved = np.linalg.solve(
            full[:linear, :linear] + 1e-15 * np.eye(linear), np.column_stack([across.T, gradient[:linear]])
        )
        reduced = full[linear:, linear:] - across @ solved[:, :-1]
        diagonal = reduced.diagonal()
        reduced = reduced + np.diag(damping * abs(diagonal) + 1e-15)
        np.linalg.cholesky(reduced)
        nonlinear = np.linalg.solve(reduced, gradient[linear:] - across @ solved[:, -1])
    except np.linalg.LinAlgError:
        return None
    result: list[float] = (np.concatenate([solved[:, -1] - solved[:, :-1] @ nonlinear, nonlinear]) * scale).tolist()
    return result
