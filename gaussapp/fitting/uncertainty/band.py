"""Bands around a fitted curve: where the true curve is, and where a further measurement would fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import row_scales

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit


def band_of(fit: Fit, x: ArrayLike, level: float, kind: str) -> tuple[Array, Array]:
    """Return lower and upper edge of a pointwise band; see `Fit.band`."""
    if kind not in ("confidence", "prediction"):
        raise ValueError(f'kind must be "confidence" or "prediction", not {kind!r}')
    quantile = fit._quantile(level)
    solution = fit._solution
    scale, layout, beta = solution.scale, solution.layout, solution.beta
    rows = fit._rows(fit._scaled(x))
    with np.errstate(all="ignore"):
        middle = scale.y0 + scale.y_unit * (np.array(beta) @ rows[: layout.linear])
        jacobian = rows[: layout.size] * np.array(row_scales(beta, layout))[:, None]
        variance = np.einsum("pn,pn->n", np.array(fit._unit_covariance) @ jacobian, jacobian) * fit._point_variance
        if kind == "prediction":
            variance = variance + noise_variance(fit, np.asarray(x, dtype=float).ravel())
        half = scale.y_unit * quantile * np.sqrt(np.maximum(variance, 0.0))
        known = np.isfinite(half) & np.isfinite(middle)
        low, high = np.where(known, middle - half, -np.inf), np.where(known, middle + half, np.inf)
    return low.reshape(np.shape(x)), high.reshape(np.shape(x))


def noise_variance(fit: Fit, x: Array) -> Array | float:
    """Return the variance of a point at `x`, in scaled units of y."""
    scale, control = fit._solution.scale, fit._control
    if fit.loss == "poisson":  # it is the mean
        return np.asarray(np.maximum(fit.curve(x), 0.0) / scale.y_unit**2)
    variance = fit._point_variance
    if control is not None and fit.loss == "robust":
        variance = control.deviation * control.deviation
    if fit.sigma is None or scale.root_weight is None:
        return variance
    order = np.argsort(fit.x, kind="stable")
    ratio = np.interp(x, fit.x[order], fit.sigma[order]) / scale.sigma_unit
    return np.asarray(variance * ratio * ratio)
