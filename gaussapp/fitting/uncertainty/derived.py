"""Full width at half maximum and area of every peak, with errors from the full covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH
from gaussapp.fitting.verdicts.verdict import Estimate

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit


def derived_of(fit: Fit) -> Mapping[str, Estimate]:
    """Return ``fwhm, area``, or ``fwhm_1, area_1, fwhm_2 …``; errors by the delta method."""
    estimates = {}
    for k in range(fit.peaks):
        suffix = "" if fit.peaks == 1 else f"_{k + 1}"
        amplitude, width = fit.values[f"amplitude{suffix}"], fit.values[f"width{suffix}"]
        area = AREA_PER_HEIGHT_AND_WIDTH * amplitude * width
        units, covariance = fit._covariance_in_units
        relative = units[3 * k] / amplitude if amplitude else math.inf, units[3 * k + 2] / width
        block = covariance[3 * k], covariance[3 * k + 2]
        variance = relative[0] * relative[0] * block[0][3 * k] + relative[1] * relative[1] * block[1][3 * k + 2]
        variance += 2.0 * relative[0] * relative[1] * block[0][3 * k + 2]
        error = abs(area) * math.sqrt(variance) if 0.0 <= variance < math.inf else math.inf
        estimates[f"fwhm{suffix}"] = Estimate(FWHM_PER_WIDTH * width, FWHM_PER_WIDTH * fit.errors[f"width{suffix}"])
        estimates[f"area{suffix}"] = Estimate(area, error)
    return MappingProxyType(estimates)
