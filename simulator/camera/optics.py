"""The camera's geometry: a pinhole with radial distortion, above a floor and tilted down to it.

Axes of the camera: x to the right, y down, z out of the lens. A pixel's centre is at whole
numbers plus one half, so that a picture of w pixels spans 0 to w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
"""``(h, w) float64``: one value for each pixel."""


@dataclass(frozen=True, slots=True)
class CameraRig:
    """A camera on a car.

    The defaults are a Raspberry Pi camera (v1: 53.5 degrees across, raspberrypi.com's table of
    camera modules) on a car of 0.2 m, tilted so that the horizon lies just above the picture, as
    in the reference frames.

    Attributes:
        height_m: Of the lens above the floor.
        pitch_rad: How far it looks down.
        roll_rad: How far it leans to the right.
        yaw_rad: How far it looks to the left of straight ahead.
        field_of_view_rad: Across the picture's width, before distortion.
        distortion: First radial coefficient: a point at r (in focal lengths) in the picture
            belongs to a ray at ``r * (1 + distortion * r**2)``; positive is barrel distortion.
        forward_m: How far in front of the wheels' axle it stands.
    """

    height_m: float = 0.14
    pitch_rad: float = math.radians(17.0)
    roll_rad: float = 0.0
    yaw_rad: float = 0.0
    field_of_view_rad: float = math.radians(53.5)
    distortion: float = 0.05
    forward_m: float = 0.06


def sample_rig(seed: int) -> CameraRig:
    """The camera of a seed: as another person would have fixed another camera to the car."""
    rng = np.random.default_rng([seed, 4])
    field_of_view = math.radians(rng.uniform(50.0, 62.0))
    # The horizon lies from a little below the top edge of a 16:9 picture to well above it.
    half_height = math.atan(math.tan(field_of_view / 2) * 9 / 16)
    return CameraRig(
        height_m=float(rng.uniform(0.11, 0.17)),
        pitch_rad=half_height + math.radians(rng.uniform(-1.0, 4.0)),
        roll_rad=math.radians(rng.normal(0.0, 1.0)),
        yaw_rad=math.radians(rng.normal(0.0, 1.5)),
        field_of_view_rad=field_of_view,
        distortion=float(rng.uniform(-0.02, 0.15)),
        forward_m=float(rng.uniform(0.02, 0.10)),
    )


@dataclass(frozen=True, slots=True)
class Rays:
    """Where each pixel looks, in the car's axes.

    Attributes:
        ahead: Forward part of the unit vector.
        left: Part to the left.
        down: Part towards the floor; 0 at the horizon.
    """

    ahead: Field
    left: Field
    down: Field


def focal_px(rig: CameraRig, width: int) -> float:
    """Focal length in pixels of a picture so wide."""
    return width / 2 / math.tan(rig.field_of_view_rad / 2)


def cast_rays(rig: CameraRig, height: int, width: int) -> Rays:
    """Unit vectors of all pixels of a picture, ``(height, width)`` each."""
    focal = focal_px(rig, width)
    columns, rows = np.meshgrid(
        (np.arange(width) + 0.5 - width / 2) / focal,
        (np.arange(height) + 0.5 - height / 2) / focal,
    )
    bend = 1.0 + rig.distortion * (columns**2 + rows**2)
    x, y = columns * bend, rows * bend
    cos, sin = math.cos(rig.roll_rad), math.sin(rig.roll_rad)
    x, y = cos * x - sin * y, sin * x + cos * y
    cos, sin = math.cos(rig.pitch_rad), math.sin(rig.pitch_rad)
    ahead, down, left = cos - sin * y, sin + cos * y, -x
    cos, sin = math.cos(rig.yaw_rad), math.sin(rig.yaw_rad)
    ahead, left = cos * ahead - sin * left, sin * ahead + cos * left
    norm = np.sqrt(ahead**2 + left**2 + down**2)
    return Rays(ahead / norm, left / norm, down / norm)


def project(
    rig: CameraRig, height: int, width: int, ahead_m: float, left_m: float, up_m: float = 0.0
) -> tuple[float, float] | None:
    """Where a point appears in a picture; the inverse of `cast_rays`.

    Args:
        rig: The camera.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        ahead_m: In front of the car's axle.
        left_m: To its left.
        up_m: Above the floor.

    Returns:
        Column and row, in pixels (they may lie outside of the picture), or None if the point is
        behind the camera.
    """
    ahead, left, down = ahead_m - rig.forward_m, left_m, rig.height_m - up_m
    cos, sin = math.cos(rig.yaw_rad), math.sin(rig.yaw_rad)
    ahead, left = cos * ahead + sin * left, -sin * ahead + cos * left
    cos, sin = math.cos(rig.pitch_rad), math.sin(rig.pitch_rad)
    depth, y, x = cos * ahead + sin * down, cos * down - sin * ahead, -left
    if depth <= 0:
        return None
    x, y = x / depth, y / depth
    cos, sin = math.cos(rig.roll_rad), math.sin(rig.roll_rad)
    x, y = cos * x + sin * y, -sin * x + cos * y
    straight = math.hypot(x, y)
    bent = straight
    for _ in range(30):  # Newton: bent * (1 + k * bent**2) = straight
        slope = 1.0 + 3.0 * rig.distortion * bent**2
        bent -= (bent * (1.0 + rig.distortion * bent**2) - straight) / slope
    shrink = bent / straight if straight > 0 else 1.0
    focal = focal_px(rig, width)
    return width / 2 + focal * x * shrink, height / 2 + focal * y * shrink
