"""What stands round the floor: walls, furniture, feet, and their mirror image in the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from simulator.room.appearance import LightLook
from simulator.room.ground import noise_field

LOWEST_RAD = math.radians(-14.0)
"""The panorama's lower edge: this far below the horizon nothing but floor is seen."""

HIGHEST_RAD = math.radians(12.0)
COLUMNS = 1440
ROWS = 104


@dataclass(frozen=True, slots=True)
class Backdrop:
    """All round the car, as if far away.

    Attributes:
        image: ``(ROWS, COLUMNS, 4) uint8``: colours, and how much they cover. Columns go once
            round from heading 0 counter-clockwise, rows from `HIGHEST_RAD` down to `LOWEST_RAD`.
    """

    image: npt.NDArray[np.uint8]


def elevation_to_row(elevation_rad: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Row of the panorama at an angle above the horizon."""
    return (HIGHEST_RAD - elevation_rad) / (HIGHEST_RAD - LOWEST_RAD) * ROWS - 0.5


def _wall(look: LightLook, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    image = np.empty((ROWS, COLUMNS, 3), np.float32)
    image[:] = look.wall
    panels = np.repeat(rng.normal(0.0, 14.0, COLUMNS // 40), 40)
    image += panels[None, :, None].astype(np.float32)
    image += 6.0 * noise_field(rng, ROWS, COLUMNS, 18)[..., None]
    return image


def _furniture(
    image: npt.NDArray[np.float32], feet: npt.NDArray[np.int64], look: LightLook,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Legs, feet and boxes; ``feet`` is the row where things meet the floor, moved down by them."""
    for _ in range(int(70 * look.clutter)):
        left = int(rng.integers(COLUMNS))
        kind = rng.random()
        width = int(rng.integers(2, 7) if kind < 0.75 else rng.integers(10, 50))
        columns = np.arange(left, left + width) % COLUMNS
        bottom = int(feet[columns].max() + rng.integers(0, 16 if kind < 0.75 else 8))
        top = 0 if kind < 0.75 else int(rng.integers(0, 60))
        if kind < 0.6:
            colour = rng.uniform(5, 70) * rng.uniform(0.8, 1.2, 3)
        elif kind < 0.95:
            colour = rng.uniform(60, 190) * rng.uniform(0.92, 1.08, 3)
        else:
            colour = np.array([170.0, 70.0, 50.0]) * rng.uniform(0.4, 1.0, 3)
        image[top:bottom, columns] = colour
        feet[columns] = np.maximum(feet[columns], bottom)


def _hang_windows(
    image: npt.NDArray[np.float32], feet: npt.NDArray[np.int64], count: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Bright panes, which end somewhere above the wall's foot."""
    for _ in range(count):
        columns = (int(rng.integers(COLUMNS)) + np.arange(int(rng.integers(4, 24)))) % COLUMNS
        bottom = int(feet[columns].min() - rng.integers(1, 30))
        image[: max(2, bottom), columns] = rng.uniform(190, 255) * rng.uniform(0.95, 1.05, 3)


def _set_up_boards(
    image: npt.NDArray[np.float32], feet: npt.NDArray[np.int64], count: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """White boards with something printed on them."""
    for _ in range(count):
        width, height = int(rng.integers(70, 170)), int(rng.integers(22, 48))
        columns = (int(rng.integers(COLUMNS)) + np.arange(width)) % COLUMNS
        bottom = int(feet[columns].max() + rng.integers(0, 4))
        board = np.full((height, width, 3), rng.uniform(190, 235) * np.array([1, 0.98, 0.95]))
        for _ in range(int(rng.integers(2, 7))):
            left, top = int(rng.integers(4, width - 20)), int(rng.integers(3, height - 8))
            word = (left + int(rng.integers(6, 40)), top + int(rng.integers(3, 14)))
            ink = rng.choice([[40, 40, 45], [190, 40, 50], [60, 90, 160], [120, 120, 125]])
            cv2.rectangle(board, (left, top), word, ink.tolist(), -1)
        top = max(0, bottom - height)
        image[top:bottom, columns] = board[height - (bottom - top) :]
        feet[columns] = bottom


def _let_people_stand(
    image: npt.NDArray[np.float32], feet: npt.NDArray[np.int64], count: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Trouser legs and shoes, two by two."""
    for _ in range(count):
        left, near = int(rng.integers(COLUMNS)), float(rng.uniform(0.6, 1.8))
        cloth = rng.uniform(10, 90) * rng.uniform(0.85, 1.2, 3)
        shoe = rng.uniform(10, 60) if rng.random() < 0.6 else rng.uniform(130, 230)
        for leg in (0, round(rng.uniform(9, 16) * near)):
            columns = (left + leg + np.arange(round(7 * near))) % COLUMNS
            bottom = min(ROWS - 3, int(feet[columns].max() + 7 * near))
            image[:bottom, columns] = cloth
            toes = (columns[0] - 2 + np.arange(round(9 * near))) % COLUMNS
            image[bottom - round(4 * near) : bottom, toes] = shoe
            feet[toes] = np.maximum(feet[toes], bottom)


def paint_backdrop(look: LightLook, gloss: float, seed: int) -> Backdrop:
    """Paint the room round the floor.

    Args:
        look: The wall's colour and the clutter in front of it.
        gloss: How much of it the floor mirrors, 0 to 1.
        seed: Where everything comes from.
    """
    rng = np.random.default_rng([seed, 5])
    extra = np.random.default_rng([seed, 14])  # of its own: without extras nothing else changes
    image = _wall(look, rng)
    horizon = int(elevation_to_row(np.zeros(1))[0])
    base = horizon + rng.uniform(2, 12) + 3.0 * noise_field(rng, 1, COLUMNS, 240)[0]
    feet = np.clip(base, horizon + 1, ROWS - 6).astype(np.int64)
    _hang_windows(image, feet, look.windows, extra)
    skirting = feet.copy()
    _furniture(image, feet, look, rng)
    _set_up_boards(image, feet, look.boards, extra)
    _let_people_stand(image, feet, look.people, extra)
    rows = np.arange(ROWS)[:, None]
    image[(rows >= skirting - 2) & (rows < skirting) & (rows >= feet - 2)] *= 0.6
    # Below its foot each column goes on as its own picture upside down, blurred and fading out.
    mirrored = np.clip(2 * feet[None] - rows, 0, ROWS - 1)
    below = rows >= feet
    colours = np.clip(image, 0.0, 255.0).astype(np.uint8)
    upside_down = np.take_along_axis(colours, mirrored[..., None], axis=0)
    colours = np.where(below[..., None], cv2.blur(upside_down, (3, 9)), colours)
    depth = (rows - feet) / (ROWS * 0.42)
    cover = np.where(
        below, 0.9 * min(1.0, 0.35 + gloss) * np.clip(1.0 - depth, 0.0, 1.0) ** 1.5, 1.0
    )
    soft = cv2.GaussianBlur(np.rint(cover * 255.0).astype(np.uint8), (0, 0), 0.7)
    soft[-1] = 0
    result = np.empty((ROWS, COLUMNS, 4), np.uint8)
    result[..., :3] = colours
    result[..., 3] = soft
    return Backdrop(result)


def paint_lamps(look: LightLook, seed: int, pixels: int = 256) -> npt.NDArray[np.uint8]:
    """The ceiling's lamps as the floor mirrors them, one period of an endless pattern.

    Returns:
        ``(pixels, pixels) uint8``, four lamp spacings wide and high.
    """
    rng = np.random.default_rng([seed, 6])
    scale = pixels / (4 * look.lamp_spacing_m)
    image = np.zeros((3 * pixels, 3 * pixels), np.uint16)
    for row in range(4):
        for column in range(4):
            if rng.random() < 0.2:
                continue
            middle = (np.array([column, row]) + 0.5 + rng.normal(0, 0.06, 2)) * pixels / 4
            strength = float(rng.uniform(0.4, 1.0))
            long = 0.42 * pixels / 4 if look.lamp_bars else 0.6 * look.lamp_size_m * scale
            short = min(0.5 * look.lamp_size_m * scale, long)
            for shift in np.ndindex(3, 3):
                at = (middle + np.array(shift) * pixels).astype(int).tolist()
                axes = (max(1, int(short)), max(1, int(long)))
                cv2.ellipse(image, at, axes, 0.0, 0.0, 360.0, strength * 65535.0, -1)
    softness = max(1.0, 0.3 * look.lamp_size_m * scale)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), softness), np.uint16)
    middle_part = image[pixels : 2 * pixels, pixels : 2 * pixels]
    return (middle_part * np.float32(190.0 / 65535)).astype(np.uint8)
