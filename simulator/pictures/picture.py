"""The driven line over the track, seen from straight above. Drawn with OpenCV alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from controller.frames import Pixels
from firmware_bridge.wire.commands import Command
from simulator.room.ground import Ground, view_from_above
from simulator.track.tracks import Track
from simulator.world.world import Snapshot

COLOURS: dict[Command, tuple[int, int, int]] = {
    Command.FORWARD: (46, 160, 67),
    Command.LEFT: (31, 111, 235),
    Command.RIGHT: (240, 120, 20),
    Command.STOP: (130, 130, 130),
}
"""Colour of each command's part of the line, RGB."""

_INK = (24, 26, 30)
PAPER = (250, 250, 248)
_BAR_PX = 46
_BITS = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def write_text(
    image: Pixels,
    text: str,
    left: int,
    baseline: int,
    scale: float = 0.5,
    colour: tuple[int, int, int] = _INK,
) -> int:
    """Write a line; gives the column where it ends."""
    cv2.putText(image, text, (left, baseline), _FONT, scale, colour, 1, cv2.LINE_AA)
    return left + text_width(text, scale)


def text_width(text: str, scale: float = 0.5) -> int:
    """How wide `write_text` makes a line, in pixels."""
    return int(cv2.getTextSize(text, _FONT, scale, 1)[0][0])


def _fixed(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[list[int]]:
    fixed: list[list[int]] = np.round(points * (1 << _BITS)).astype(int).tolist()
    return fixed


def draw_car(image: Pixels, x_px: float, y_px: float, heading_rad: float, size_px: float) -> None:
    """A small arrowhead where a car stands; headings are counter-clockwise, rows go down."""
    shape = np.array([[0.62, 0.0], [-0.42, 0.4], [-0.2, 0.0], [-0.42, -0.4]]) * size_px
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    corners = np.column_stack(
        [x_px + shape[:, 0] * cos - shape[:, 1] * sin, y_px - shape[:, 0] * sin - shape[:, 1] * cos]
    )
    fixed = np.array(_fixed(corners))
    cv2.fillPoly(image, [fixed], (215, 40, 50), cv2.LINE_AA, _BITS)
    cv2.polylines(image, [fixed], True, (255, 255, 255), 1, cv2.LINE_AA, _BITS)


def map_of(ground: Ground, track: Track, width: int) -> tuple[Pixels, Ground]:
    """The floor from above, cut to the track and scaled.

    Args:
        ground: The floor.
        track: What to cut to.
        width: Of the picture wanted, in pixels.

    Returns:
        The picture, and the same as a `Ground` that converts places to its pixels.
    """
    reach = float(track.half_widths_m.max()) + track.strip_width_m + 0.25
    low = track.centre.points_m.min(axis=0) - reach
    high = track.centre.points_m.max(axis=0) + reach
    scale = width / float(high[0] - low[0])
    height = math.ceil(float(high[1] - low[1]) * scale)
    target = Ground(np.zeros((height, width, 4), np.uint8), float(low[0]), float(high[1]), scale)
    corners = np.array([[low[0], high[1]], [high[0], high[1]], [low[0], low[1]]])
    matrix = cv2.getAffineTransform(
        target.to_pixels(corners).astype(np.float32), ground.to_pixels(corners).astype(np.float32)
    )
    floor = view_from_above(ground)
    if scale < ground.pixels_per_m:
        floor = np.asarray(
            cv2.GaussianBlur(floor, (0, 0), 0.4 * ground.pixels_per_m / scale), np.uint8
        )
    picture = cv2.warpAffine(
        floor, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )  # fmt: skip
    return np.asarray(picture, np.uint8), target


def _draw_line(image: Pixels, place: Ground, trace: Sequence[Snapshot]) -> None:
    points = place.to_pixels(np.array([(seen.pose.x_m, seen.pose.y_m) for seen in trace]))
    fixed = _fixed(points)
    cv2.polylines(image, [np.array(fixed)], False, (255, 255, 255), 7, cv2.LINE_AA, _BITS)
    for first, second, seen in zip(fixed[:-1], fixed[1:], trace[1:], strict=True):
        cv2.line(image, first, second, COLOURS[seen.motion], 4, cv2.LINE_AA, _BITS)
    # Turns in place are points of the line: drawn last, so that they show.
    for point, seen in zip(fixed, trace, strict=True):
        if seen.motion in (Command.LEFT, Command.RIGHT):
            cv2.circle(image, point, 4 << _BITS, COLOURS[seen.motion], -1, cv2.LINE_AA, _BITS)


def _draw_departures(image: Pixels, place: Ground, trace: Sequence[Snapshot]) -> None:
    inside = True
    for seen in trace:
        outside = abs(seen.offset_m) > seen.half_width_m
        if outside and inside:
            x, y = place.to_pixels(np.array([[seen.pose.x_m, seen.pose.y_m]]))[0].tolist()
            cv2.drawMarker(
                image, (round(x), round(y)), (215, 20, 30), cv2.MARKER_TILTED_CROSS, 26, 4,
                cv2.LINE_AA,
            )  # fmt: skip
        inside = not outside


def _legend(width: int, caption: str, pixels_per_m: float) -> Pixels:
    bar = np.full((_BAR_PX, width, 3), PAPER, np.uint8)
    middle = _BAR_PX // 2
    column = 16
    for command in (Command.FORWARD, Command.LEFT, Command.RIGHT):
        cv2.line(bar, (column, middle), (column + 22, middle), COLOURS[command], 5, cv2.LINE_AA)
        column = write_text(bar, command.name.lower(), column + 30, middle + 5) + 22
    write_text(bar, caption, column + 8, middle + 5)
    right, length = width - 16, round(pixels_per_m)
    cv2.line(bar, (right - length, middle), (right, middle), _INK, 2, cv2.LINE_AA)
    for end in (right - length, right):
        cv2.line(bar, (end, middle - 5), (end, middle + 5), _INK, 2, cv2.LINE_AA)
    write_text(bar, "1 m", right - length // 2 - 12, middle - 8, 0.42)
    return bar


def draw_drive(
    ground: Ground, track: Track, trace: Sequence[Snapshot], caption: str, width: int = 1000
) -> Pixels:
    """Draw a drive.

    Args:
        ground: The floor.
        track: The track on it.
        trace: Where the car was, at least one place.
        caption: Words under the picture.
        width: Of the picture, in pixels.

    Returns:
        ``(h, width, 3) uint8`` RGB.
    """
    picture, place = map_of(ground, track, width)
    _draw_line(picture, place, trace)
    _draw_departures(picture, place, trace)
    last = trace[-1].pose
    x, y = place.to_pixels(np.array([[last.x_m, last.y_m]]))[0].tolist()
    draw_car(picture, x, y, last.heading_rad, 0.2 * place.pixels_per_m)
    return np.vstack([picture, _legend(width, caption, place.pixels_per_m)])
