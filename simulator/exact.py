"""Arithmetic whose results are the same on every processor, to the last bit.

A processor that can multiply and add with one rounding does so within OpenCV's and numpy's loops
(ARM always, x86 where it has AVX2), another one rounds twice. numpy's own operations on whole
arrays, one after the other, round each by itself everywhere; OpenCV's on 8 and 16 bit integers use
integers. A difference in the last place that is left by then is rounded away, see `settle`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from controller.frames import Pixels

Map = npt.NDArray[np.float32]
"""``(h, w) float32``: one value for each pixel."""

_ROWS = 64
"""So many rows at a time stay in a processor's cache."""


def settle(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Round to millionths: no more of a metre or a radian is seen, and far less is uncertain."""
    return np.asarray(np.round(np.asarray(values, np.float64), 6), np.float64)


def _taps(size: int, wanted: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Which four values each new one is made of, and their weights: ``(4, wanted)`` each."""
    places = (np.arange(wanted) + 0.5) * (size / wanted) - 0.5
    first = np.floor(places)
    part = places - first
    # Cubic convolution with a = -0.75, as OpenCV has it (Keys, IEEE ASSP 29(6), 1981).
    near = [part, 1.0 - part]
    far = [1.0 + part, 2.0 - part]
    inner = [(1.25 * x - 2.25) * x * x + 1.0 for x in near]
    outer = [((-0.75 * x + 3.75) * x - 6.0) * x + 3.0 for x in far]
    rows = np.clip(first.astype(np.int64) + np.arange(-1, 3)[:, None], 0, size - 1)
    return rows, np.array([outer[0], inner[0], inner[1], outer[1]], np.float32)


def enlarge(image: Map, height: int, width: int) -> Map:
    """A picture made larger by cubic convolution.

    Args:
        image: ``(h, w) float32``.
        height: Wanted, at least h, in pixels.
        width: Wanted, at least w, in pixels.
    """
    columns, weights = _taps(image.shape[1], width)
    wide = image[:, columns[0]] * weights[0]
    for column, weight in zip(columns[1:], weights[1:], strict=True):
        wide += image[:, column] * weight
    rows, weights = _taps(image.shape[0], height)
    result = np.empty((height, width), np.float32)
    for start in range(0, height, _ROWS):
        part = slice(start, start + _ROWS)
        some = result[part]
        np.multiply(wide[rows[0, part]], weights[0, part, None], out=some)
        for row, weight in zip(rows[1:, part], weights[1:, part], strict=True):
            some += wide[row] * weight[:, None]
    return result


def transform(x: Map, y: Map, matrix: npt.NDArray[np.float32]) -> tuple[Map, Map]:
    """Points through an affine map.

    Args:
        x: Of the points, ``(h, w)``.
        y: Of the points, ``(h, w)``.
        matrix: ``(2, 3) float32``.

    Returns:
        Their new x and y.
    """
    first, second = (x * row[0] + y * row[1] + row[2] for row in matrix)
    return first, second


def blend(one: Pixels, share: float, other: Pixels, other_share: float) -> Pixels:
    """Two pictures weighted and added, rounded and cut to 0 to 255."""
    value: Any = one * np.float32(share)
    value += other * np.float32(other_share)
    np.rint(value, out=value)
    return np.asarray(np.clip(value, 0.0, 255.0, out=value).astype(np.uint8))
