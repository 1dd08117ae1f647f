"""The second look: a road printed on a mat, with white borders and a dashed yellow middle line.

Colours, the horizon at a quarter of a 4:3 picture's height and the wide, strongly bent view were
read off recordings of a Donkeycar on such a mat (github.com/criscola/donkeycar).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from simulator.camera.optics import CameraRig
from simulator.room.appearance import Colour, FloorLook, LightLook, Look, SensorLook
from simulator.room.ground import PIXELS_PER_M, Ground, noise_field, paint_light
from simulator.track.geometry import Points
from simulator.track.tracks import Track

_MARGIN_M = 1.6
"""Floor round the mat."""
_BITS = 4


@dataclass(frozen=True, slots=True)
class MatLook:
    """What is printed.

    Attributes:
        ground: Colour beside the road.
        road: Colour of the road.
        border: Colour of its borders.
        dash: Colour of the middle line.
        border_m: Width of a border.
        dash_m: Length of a dash of the middle line.
        dash_width_m: Its width.
        gap_m: From a dash to the next.
        prints: White signs beside the road, per square metre.
    """

    ground: Colour = (72.0, 158.0, 182.0)
    road: Colour = (78.0, 73.0, 73.0)
    border: Colour = (228.0, 222.0, 218.0)
    dash: Colour = (222.0, 200.0, 30.0)
    border_m: float = 0.05
    dash_m: float = 0.24
    dash_width_m: float = 0.03
    gap_m: float = 0.25
    prints: float = 0.5


def sample_mat(seed: int) -> MatLook:
    """The mat of a seed: the same print under another light and age."""
    rng = np.random.default_rng([seed, 15])
    plain = MatLook()

    def near(colour: Colour, spread: float) -> Colour:
        red, green, blue = np.clip(np.array(colour) + rng.normal(0.0, spread, 3), 0, 255).tolist()
        return red, green, blue

    return MatLook(
        near(plain.ground, 7.0),
        near(plain.road, 2.5),
        near(plain.border, 4.0),
        near(plain.dash, 10.0),
        border_m=float(rng.uniform(0.04, 0.06)),
        prints=float(rng.uniform(0.1, 0.9)),
    )


def sample_mat_look(seed: int) -> Look:
    """The hall of a seed: a stone floor, bright walls with boards, people standing about."""
    rng = np.random.default_rng([seed, 16])
    stone = rng.uniform(125.0, 165.0)
    wall = rng.uniform(130.0, 175.0)
    red = rng.uniform(1.0, 1.07)
    return Look(
        FloorLook((stone * red, stone, stone * 0.93), 4.0, 5.0, 1.0, 0.0, 0.05, (220.0,) * 3),
        LightLook(
            lamp_height_m=float(rng.uniform(4.0, 6.0)),
            lamp_spacing_m=float(rng.uniform(2.0, 4.0)),
            lamp_size_m=float(rng.uniform(0.5, 1.2)),
            lamp_bars=True,
            unevenness=float(rng.uniform(0.03, 0.1)),
            shadows=int(rng.integers(0, 3)),
            far_shade=float(rng.uniform(0.9, 1.0)),
            wall=(wall * 1.06, wall, wall * 0.9),
            clutter=float(rng.uniform(0.1, 0.5)),
            boards=int(rng.integers(3, 9)),
            people=int(rng.integers(0, 10)),
        ),
        SensorLook(
            exposure=float(rng.uniform(0.85, 1.15)),
            auto_level=float(rng.uniform(115.0, 140.0)),
            white_balance=(float(rng.uniform(1.0, 1.06)), 1.0, float(rng.uniform(0.93, 1.0))),
            contrast=float(rng.uniform(0.8, 1.0)),
            noise=float(rng.uniform(0.5, 2.0)),
            vignette=float(rng.uniform(0.15, 0.4)),
            blur_px=float(rng.uniform(0.2, 0.7)),
            shutter_ms=float(rng.uniform(20.0, 50.0)),
            sharpening=float(rng.uniform(0.0, 0.3)),
            readout_ms=float(rng.uniform(10.0, 30.0)),
            jpeg_quality=int(rng.integers(60, 96)),
            haze=float(rng.uniform(0.02, 0.12)),
        ),
    )


def sample_mat_rig(seed: int) -> CameraRig:
    """The camera of a seed: a wide-angle one on a mast, the horizon at the picture's upper edge."""
    rng = np.random.default_rng([seed, 17])
    field_of_view = math.radians(rng.uniform(82.0, 98.0))
    half_height = math.atan(math.tan(field_of_view / 2) * 9 / 16)
    return CameraRig(
        height_m=float(rng.uniform(0.17, 0.24)),
        pitch_rad=half_height + math.radians(rng.uniform(-5.0, 2.0)),
        roll_rad=math.radians(rng.normal(0.0, 1.0)),
        yaw_rad=math.radians(rng.normal(0.0, 1.5)),
        field_of_view_rad=field_of_view,
        distortion=float(rng.uniform(0.05, 0.18)),
        forward_m=float(rng.uniform(0.05, 0.15)),
    )


def _fill(
    image: npt.NDArray[np.float32], ground: Ground, outlines: list[Points], colour: Colour
) -> None:
    fixed = [
        np.round(ground.to_pixels(outline) * (1 << _BITS)).astype(np.int32) for outline in outlines
    ]
    cv2.fillPoly(image, fixed, colour, cv2.LINE_AA, _BITS)


def _dashes(track: Track, mat: MatLook) -> list[Points]:
    line = track.centre
    period_m = line.length_m / max(1, round(line.length_m / (mat.dash_m + mat.gap_m)))
    across = line.normals * (mat.dash_width_m / 2)
    outlines = []
    for start_m in np.arange(0.0, line.length_m - 0.5 * period_m, period_m):
        rows = np.flatnonzero((line.along_m - start_m) % line.length_m < mat.dash_m)
        rows = rows[np.argsort((line.along_m[rows] - start_m) % line.length_m)]
        left, right = line.points_m[rows] + across[rows], line.points_m[rows] - across[rows]
        outlines.append(np.vstack([left, right[::-1]]))
    return outlines


def _signs(low: Points, high: Points, mat: MatLook, rng: np.random.Generator) -> list[Points]:
    """White bars and angles of printed words too large to read."""
    signs = []
    for _ in range(int(mat.prints * np.prod(high - low))):
        middle, turn = rng.uniform(low, high), rng.uniform(0.0, math.tau)
        long, thick = rng.uniform(0.2, 0.6), rng.uniform(0.06, 0.2)
        shape = np.array(
            [[0, 0], [long, 0], [long, thick], [thick, thick], [thick, long], [0, long]]
        )
        if rng.random() < 0.5:
            shape = np.array([[0, 0], [long, 0], [long, thick], [0, thick]])
        cos, sin = math.cos(turn), math.sin(turn)
        signs.append(middle + shape @ np.array([[cos, sin], [-sin, cos]]))
    return signs


def paint_mat(
    track: Track, look: Look, mat: MatLook, seed: int, pixels_per_m: float = PIXELS_PER_M
) -> Ground:
    """Paint the floor with a printed mat on it.

    Args:
        track: Where the road runs; its half widths are the road's, without the borders.
        look: The floor round the mat, and the light.
        mat: What is printed.
        seed: Where texture and signs come from.
        pixels_per_m: Scale.

    Returns:
        The picture, with a margin of bare floor round the mat.
    """
    rng = np.random.default_rng([seed, 3])
    line, halves_m = track.centre, track.half_widths_m[:, None]
    reach_m = float(halves_m.max()) + mat.border_m + 0.25
    low, high = line.points_m.min(axis=0) - reach_m, line.points_m.max(axis=0) + reach_m
    width, height = np.ceil((high - low + 2 * _MARGIN_M) * pixels_per_m).astype(int).tolist()
    image = np.empty((height, width, 3), np.float32)
    image[:] = look.floor.colour
    ground = Ground(
        np.full((height, width, 4), round(255 * look.floor.gloss), np.uint8),
        float(low[0]) - _MARGIN_M, float(high[1]) + _MARGIN_M, pixels_per_m,
    )  # fmt: skip
    mat_m = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    _fill(image, ground, [mat_m], mat.ground)
    for sign in _signs(low, high, mat, rng):
        _fill(image, ground, [sign], mat.border)
    for reach, colour in ((halves_m + mat.border_m, mat.border), (halves_m, mat.road)):
        sides = [line.points_m + side * line.normals * reach for side in (1, -1)]
        _fill(image, ground, sides, colour)
    for dash in _dashes(track, mat):
        _fill(image, ground, [dash], mat.dash)
    grain = noise_field(rng, height, width, 0.4 * pixels_per_m)
    grain += 0.6 * noise_field(rng, height, width, 0.015 * pixels_per_m)
    image += 0.5 * look.floor.blotch * grain[..., None]
    image *= paint_light(look.light, (height, width), pixels_per_m, rng)[..., None]
    ground.image[..., :3] = np.clip(image, 0.0, 255.0)
    return ground
