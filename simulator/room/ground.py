"""The floor seen from straight above, painted once for each world, to scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from controller.frames import Pixels
from simulator.exact import enlarge
from simulator.room.appearance import FloorLook, LightLook
from simulator.track.distractors import lay_distractors
from simulator.track.geometry import Points
from simulator.track.paper import Laying, Sheet, lay_sheets
from simulator.track.tracks import Track

Grey = npt.NDArray[np.float32]

PIXELS_PER_M = 200.0
"""Scale: a pixel is 5 mm, as much as a pixel of a 45x80 frame covers just in front of the car."""

_MARGIN_M = 1.2
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Ground:
    """A picture of the floor from above, to scale.

    Attributes:
        image: ``(H, W, 4) uint8``: red, green, blue, and how much the floor mirrors there.
        left_m: x at the left edge of the picture.
        top_m: y at its top edge; y points up in the picture as in the world.
        pixels_per_m: Scale.
    """

    image: npt.NDArray[np.uint8]
    left_m: float
    top_m: float
    pixels_per_m: float

    def to_pixels(self, points_m: Points) -> Points:
        """Where points on the floor are in the picture: ``(N, 2)`` columns and rows.

        Pixel centres have whole numbers, as OpenCV has it.
        """
        return (
            (points_m - (self.left_m, self.top_m)) * (self.pixels_per_m, -self.pixels_per_m)
        ) - 0.5

    def affine(self, x_m: float, y_m: float, heading_rad: float) -> npt.NDArray[np.float32]:
        """The 2x3 matrix from (ahead, left) of a pose, in metres, to the picture's pixels."""
        scale, cos, sin = self.pixels_per_m, math.cos(heading_rad), math.sin(heading_rad)
        return np.array(
            [
                [scale * cos, -scale * sin, scale * (x_m - self.left_m) - 0.5],
                [-scale * sin, -scale * cos, scale * (self.top_m - y_m) - 0.5],
            ],
            np.float32,
        )


def noise_field(rng: np.random.Generator, height: int, width: int, cells: float) -> Grey:
    """Smooth noise, ``(height, width) float32`` of mean 0 and deviation about 1.

    Args:
        rng: Where it comes from.
        height: In pixels.
        width: In pixels.
        cells: Size of its blotches, in pixels.
    """
    small = (max(2, math.ceil(height / cells) + 1), max(2, math.ceil(width / cells) + 1))
    coarse = rng.standard_normal(small, np.float32)
    return enlarge(coarse, height, width)


def _floor_base(
    look: FloorLook, size: tuple[int, int], scale: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    height, width = size
    pattern = 0.55 * noise_field(rng, height, width, 0.5 * scale)
    pattern += 0.5 * noise_field(rng, height, width, 0.08 * scale)
    pattern += 0.35 * noise_field(rng, height, width, 0.02 * scale)
    pattern *= look.blotch
    if look.tile_m > 0:
        step = max(4, round(look.tile_m * scale))
        pattern[::step] -= 14.0
        pattern[1::step] -= 14.0
        pattern[:, ::step] -= 14.0
        pattern[:, 1::step] -= 14.0
    hue = noise_field(rng, height, width, 0.7 * scale) * (0.3 * look.blotch)
    return cv2.merge(
        [pattern + look.colour[0], pattern + look.colour[1], pattern + hue + look.colour[2]]
    ).astype(np.float32, copy=False)


def _mark_floor(
    image: npt.NDArray[np.float32], look: FloorLook, scale: float, rng: np.random.Generator
) -> None:
    """Specks of paint and dirt, and scratches."""
    height, width = image.shape[:2]
    area = height * width / scale**2
    base = np.array(look.colour)
    for _ in range(int(look.specks * area)):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        radius = max(1, round(rng.exponential(0.004) * scale))
        colour = base + rng.normal(15.0, 30.0)
        cv2.circle(image, at, radius, colour.tolist(), -1, cv2.LINE_AA)
    for _ in range(int(look.scratches * area)):
        start = rng.uniform((0, 0), (width, height))
        angle, length = rng.uniform(0, math.tau), rng.uniform(0.1, 0.8) * scale
        end = start + length * np.array([math.cos(angle), math.sin(angle)])
        colour = base + rng.normal(-8.0, 14.0)
        cv2.line(
            image, start.astype(int).tolist(), end.astype(int).tolist(), colour.tolist(), 1,
            cv2.LINE_AA,
        )  # fmt: skip


def _paint_sheets(
    image: npt.NDArray[np.float32],
    gloss: npt.NDArray[np.uint8],
    corners_px: list[Points],
    sheets: list[Sheet],
    look: FloorLook,
) -> None:
    factor = 1 << _SUBPIXEL_BITS
    paper = np.array(look.paper)
    for corners, sheet in zip(corners_px, sheets, strict=True):
        fixed = np.round(corners * factor).astype(np.int32)
        cv2.fillConvexPoly(
            image, fixed, (paper * sheet.shade).tolist(), cv2.LINE_AA, _SUBPIXEL_BITS
        )
        cv2.polylines(
            image, [fixed], True, (paper * sheet.shade * look.seam).tolist(), 1, cv2.LINE_AA,
            _SUBPIXEL_BITS,
        )  # fmt: skip
        cv2.fillConvexPoly(gloss, fixed, 0.0, cv2.LINE_8, _SUBPIXEL_BITS)


def _punch_holes(
    image: npt.NDArray[np.float32],
    corners_px: list[Points],
    look: FloorLook,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """Rows of holes along the long sides of endless paper, half an inch apart."""
    for corners in corners_px:
        if rng.random() >= look.holes:
            continue
        forward = corners[0] - corners[3]
        length_px = float(np.hypot(*forward))
        inwards = (corners[1] - corners[0]) / np.hypot(*(corners[1] - corners[0]))
        places = np.arange(0.5, length_px / (0.0127 * scale))[:, None] * 0.0127 * scale / length_px
        for start, side in ((corners[3], 1.0), (corners[2], -1.0)):
            for hole in start + side * 0.006 * scale * inwards + places * forward:
                at = np.round(hole * 16).astype(int).tolist()
                cv2.circle(image, at, round(0.0025 * scale * 16), look.colour, -1, cv2.LINE_AA, 4)


def _stick_tape(
    image: npt.NDArray[np.float32],
    gloss: npt.NDArray[np.uint8],
    corners_px: list[Points],
    look: FloorLook,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """Clear tape over the sheets' edges: it mirrors lamps, and its rims and bubbles glint."""
    for corners in corners_px:
        rim = np.vstack([corners, corners[:1]])
        length_m = float(np.hypot(*np.diff(rim, axis=0).T).sum()) / scale
        for _ in range(rng.poisson(look.tape * length_m)):
            side = int(rng.integers(4))
            along = rim[side + 1] - rim[side]
            middle = rim[side] + rng.uniform() * along
            angle = math.degrees(math.atan2(along[1], along[0])) + float(rng.normal(0.0, 12.0))
            size = (rng.uniform(0.03, 0.10) * scale, rng.uniform(0.012, 0.03) * scale)
            piece = cv2.boxPoints((middle.tolist(), size, angle)).round().astype(np.int32)
            cv2.fillConvexPoly(gloss, piece, float(rng.uniform(60, 255)), cv2.LINE_8)
            cv2.polylines(image, [piece], True, [float(rng.uniform(130, 250))] * 3, 1, cv2.LINE_AA)
            for glint in middle + rng.normal(0.0, 0.3, (int(rng.integers(0, 5)), 2)) * size[0]:
                cv2.circle(image, glint.astype(int).tolist(), 1, (255.0, 255.0, 255.0), -1)


def paint_light(
    look: LightLook, size: tuple[int, int], scale: float, rng: np.random.Generator
) -> Grey:
    """How light it is at each place, about 1."""
    height, width = size
    field = 1.0 + look.unevenness * noise_field(rng, height, width, 1.2 * scale)
    for _ in range(look.shadows):
        mask = np.zeros((height // 8, width // 8), np.uint16)
        middle = rng.uniform((0, 0), (width / 8, height / 8))
        axes = rng.uniform(0.1, 0.9, 2) * scale / 8
        cv2.ellipse(
            mask,
            (middle.astype(int).tolist(), axes.astype(int).tolist(), rng.uniform(0, 180)),
            65535.0,
            -1,
        )
        softness = rng.uniform(0.02, 0.2) * scale / 8
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.uint16)
        shadow = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        field -= shadow * np.float32(rng.uniform(0.05, 0.4) / 65535)
    return np.asarray(np.clip(field, 0.3, 1.6), np.float32)


def paint_ground(
    track: Track,
    floor: FloorLook,
    light: LightLook,
    seed: int,
    pixels_per_m: float = PIXELS_PER_M,
    laying: Laying | None = None,
) -> Ground:
    """Paint the floor with a track's paper on it.

    Args:
        track: Where the paper lies.
        floor: Colours and texture.
        light: Unevenness and shadows.
        seed: Where texture and jitter come from.
        pixels_per_m: Scale.
        laying: How carefully the sheets were laid.

    Returns:
        The picture, with a margin of bare floor round the track.
    """
    rng = np.random.default_rng([seed, 3])
    laying = laying or Laying()
    sheets = lay_sheets(track, laying, rng)
    extra = np.random.default_rng([seed, 13])  # of its own: without extras nothing else changes
    if floor.distractors:
        sheets = lay_distractors(track, floor.distractors, laying, extra) + sheets
    outline = np.vstack([track.centre.points_m, *[sheet.corners_m for sheet in sheets]])
    low, high = outline.min(axis=0) - _MARGIN_M, outline.max(axis=0) + _MARGIN_M
    width, height = (math.ceil(extent * pixels_per_m) for extent in high - low)
    image = _floor_base(floor, (height, width), pixels_per_m, rng)
    _mark_floor(image, floor, pixels_per_m, rng)
    mirror = np.clip(
        255.0 * floor.gloss * (1.0 + 0.25 * noise_field(rng, height, width, 0.3 * pixels_per_m)),
        0.0,
        255.0,
    ).astype(np.uint8)
    ground = Ground(
        np.empty((height, width, 4), np.uint8), float(low[0]), float(high[1]), pixels_per_m
    )
    corners = [ground.to_pixels(sheet.corners_m) for sheet in sheets]
    if floor.mottle > 0:
        spots = noise_field(extra, height, width, 0.03 * pixels_per_m)
        mirror = np.clip(mirror * (1.0 + floor.mottle * spots), 0.0, 255.0).astype(np.uint8)
    _paint_sheets(image, mirror, corners, sheets, floor)
    if floor.holes > 0:
        _punch_holes(image, corners, floor, pixels_per_m, extra)
    if floor.tape > 0:
        _stick_tape(image, mirror, corners, floor, pixels_per_m, extra)
    image *= paint_light(light, (height, width), pixels_per_m, rng)[..., None]
    ground.image[..., :3] = np.clip(image, 0.0, 255.0)
    ground.image[..., 3] = mirror
    return ground


def view_from_above(ground: Ground) -> Pixels:
    """The floor's colours alone, ``(H, W, 3) uint8`` RGB."""
    return np.ascontiguousarray(ground.image[..., :3])
