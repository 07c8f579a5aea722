"""Draws a very large set of points as the picture that all of them would make, at the resolution of the plot.

Sending a million markers to a browser takes seconds, and all but a few of them are painted over. Here every point sets
the pixel it falls on, and every pixel set grows to the size of a marker: what arrives is what the eye would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BLOCK = 32_768
"""Points handled at a time, so that the intermediate arrays stay in the processor's cache."""


@dataclass(frozen=True)
class Frame:
    """The part of the plane that a plot shows, and its size in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int


def picture(x: Array, y: Array, frame: Frame, radius: float = 2.0) -> NDArray[np.uint8]:
    """Paint points as discs of `radius` pixels.

    Parameters
    ----------
    x, y : (N,) arrays
        The points. Those outside the frame, and those that are not finite, are not painted.
    frame : Frame
        What is shown, and at which resolution.
    radius : float
        Of a marker, in pixels.

    Returns
    -------
    (height, width) array of uint8
        1 where there is ink. Row 0 is the lowest y.
    """
    width, height = frame.width, frame.height
    margin = int(np.ceil(radius))
    # A margin keeps the halves of discs whose centers lie just outside, and takes the clipped points beyond.
    columns, rows = width + 2 * margin + 2, height + 2 * margin + 2
    canvas = np.zeros(rows * columns, np.uint8)
    to_column = width / (frame.x[1] - frame.x[0])
    to_row = height / (frame.y[1] - frame.y[0])
    column_shift = margin + 1 - frame.x[0] * to_column
    row_shift = margin + 1 - frame.y[0] * to_row
    for start in range(0, len(x), BLOCK):
        part = slice(start, start + BLOCK)
        with np.errstate(over="ignore", invalid="ignore"):
            column = x[part] * to_column
            column += column_shift
            row = y[part] * to_row
            row += row_shift
            np.clip(column, 0, columns - 1, out=column)
            np.clip(row, 0, rows - 1, out=row)
        row_index = np.nan_to_num(row).astype(np.int32)
        column_index = np.nan_to_num(column).astype(np.int32)
        canvas[row_index * columns + column_index] = 1
    grid = canvas.reshape(rows, columns)
    grid[[0, -1]] = 0  # where the points beyond the margin were collected
    grid[:, [0, -1]] = 0
    return _grown(grid, radius)[margin + 1 : margin + 1 + height, margin + 1 : margin + 1 + width]


def _grown(grid: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """Grow every set pixel to a disc: for each row of the disc, a running maximum along x, shifted along y."""
    reach = int(radius)
    result = np.zeros_like(grid)
    spread = {0: grid.copy()}
    for half in range(1, reach + 1):
        wider = spread[half - 1].copy()
        wider[:, half:] |= grid[:, :-half]
        wider[:, :-half] |= grid[:, half:]
        spread[half] = wider
    for shift in range(-reach, reach + 1):
        row = spread[int(np.sqrt(radius**2 - shift**2))]
        if shift >= 0:
            result[shift:] |= row[: len(row) - shift]
        else:
            result[:shift] |= row[-shift:]
    return result
