"""Medians, quartiles and ratios of what was timed, as text."""

from collections.abc import Sequence

import numpy as np


def ratio_of_medians(times: Sequence[float], against: Sequence[float], draws: int = 2000) -> tuple[float, float, float]:
    """Return median(times) / median(against) and the 90 % bootstrap interval of that ratio."""
    random = np.random.default_rng(0)
    ours, theirs = np.asarray(times, float), np.asarray(against, float)
    pick = [np.median(random.choice(part, (draws, len(part))), axis=1) for part in (ours, theirs)]
    low, high = np.quantile(pick[0] / pick[1], [0.05, 0.95])
    return float(np.median(ours) / np.median(theirs)), float(low), float(high)


def spread(times: Sequence[float]) -> str:
    """Write median and quartiles."""
    low, middle, high = np.quantile(np.asarray(times, float), [0.25, 0.5, 0.75])
    return f"{middle:7.1f} [{low:.1f}, {high:.1f}]"


def ratio(times: Sequence[float], against: Sequence[float]) -> str:
    """Write the ratio of medians with its 90 % interval."""
    middle, low, high = ratio_of_medians(times, against)
    return f"{middle:5.2f} [{low:.2f}, {high:.2f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table with aligned columns."""
    cells = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
