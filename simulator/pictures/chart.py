"""A small line chart, drawn with OpenCV: on the car's side there is no matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from controller.frames import Pixels
from simulator.pictures.picture import text_width, write_text

_SIZE = (420, 720)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 44, 62
_GRID = (222, 222, 220)
_LINE, _BROKEN, _USUAL = (31, 111, 235), (215, 40, 50), (200, 100, 10)


def draw_chart(
    values: Sequence[float],
    shares: Sequence[float],
    title: str,
    unit: str,
    usual: float | None = None,
) -> Pixels:
    """Draw a share, 0 to 1, over a factor; points under one half are red.

    Args:
        values: The factor's, in rising order, two or more.
        shares: What came of each.
        title: Over the chart.
        unit: Under it: the factor and its unit.
        usual: The factor's value in everything else that is measured, marked by a line.

    Returns:
        ``(420, 720, 3) uint8`` RGB.
    """
    height, width = _SIZE
    image = np.full((height, width, 3), 255, np.uint8)
    low, high = min(values), max(values)

    def place(value: float, share: float) -> tuple[int, int]:
        x = _LEFT + (value - low) / max(1e-9, high - low) * (width - _LEFT - _RIGHT)
        y = height - _BOTTOM - share * (height - _TOP - _BOTTOM)
        return round(x), round(y)

    write_text(image, title, _LEFT, 28, 0.6)
    write_text(image, unit, (width - text_width(unit, 0.5)) // 2, height - 14, 0.5)
    for tenth in range(0, 11, 2):
        cv2.line(image, place(low, tenth / 10), place(high, tenth / 10), _GRID, 1, cv2.LINE_AA)
        write_text(image, f"{10 * tenth:3d} %", 14, place(low, tenth / 10)[1] + 5, 0.45)
    for value in values:
        x, y = place(value, 0.0)
        cv2.line(image, (x, y), (x, y + 5), (90, 90, 90), 1, cv2.LINE_AA)
        write_text(image, f"{value:g}", x - text_width(f"{value:g}", 0.42) // 2, y + 22, 0.42)
    if usual is not None and low <= usual <= high:
        cv2.line(image, place(usual, 0.0), place(usual, 1.0), _USUAL, 1, cv2.LINE_AA)
        write_text(image, "usual", place(usual, 0.0)[0] + 6, place(usual, 0.02)[1], 0.42, _USUAL)
    points = [place(value, share) for value, share in zip(values, shares, strict=True)]
    cv2.polylines(image, [np.array(points)], False, _LINE, 2, cv2.LINE_AA)
    for point, share in zip(points, shares, strict=True):
        cv2.circle(image, point, 5, _BROKEN if share < 0.5 else _LINE, -1, cv2.LINE_AA)
    return image
