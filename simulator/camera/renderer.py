"""Pictures of a world: floor by perspective remapping, lamps mirrored in it, the room behind."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import numpy.typing as npt

from controller.frames import Pixels
from simulator.camera.optics import CameraRig, cast_rays
from simulator.exact import Map, transform
from simulator.room.appearance import LightLook
from simulator.room.backdrop import COLUMNS, LOWEST_RAD, ROWS, Backdrop, elevation_to_row
from simulator.room.ground import Ground
from simulator.track.geometry import Pose

_FARTHEST_M = 12.0
"""Floor beyond this is drawn as if it were here: OpenCV reflects a picture step by step."""
_FARTHEST_LAMP_M = 25.0
_LAMP_PERIODS = 4
_MIRRORED = 0.8
"""Cover of the backdrop below which it is a mirror image in the floor."""
_DULL = 8
"""Gloss below which nothing is mirrored: paper."""


def _sample(
    image: npt.NDArray[np.uint8], columns: Map, rows: Map, border: int
) -> npt.NDArray[np.uint8]:
    """The picture's values at places between its pixels."""
    return np.asarray(
        cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=border), np.uint8
    )


class Renderer:
    """Draws what a camera sees from a pose; before exposure, noise and the like.

    Each picture is drawn twice as wide and high as wanted, from a pyramid of the floor's picture
    that fits each row's distance, so that nothing flickers; the caller scales it down.
    """

    def __init__(
        self,
        ground: Ground,
        backdrop: Backdrop,
        lamps: npt.NDArray[np.uint8],
        light: LightLook,
        rig: CameraRig,
        height: int,
        width: int,
    ) -> None:
        """Prepare the maps.

        Args:
            ground: The floor.
            backdrop: The room round it.
            lamps: From `simulator.room.backdrop.paint_lamps`.
            light: Where the lamps hang.
            rig: The camera.
            height: Of the pictures, in pixels.
            width: Of the pictures, in pixels.
        """
        self._ground = ground
        self._backdrop = backdrop
        self._lamps = lamps
        self._light = light
        self._rig = rig
        rays = cast_rays(rig, height, width)
        down = np.maximum(rays.down, rig.height_m / _FARTHEST_M)
        reach = rig.height_m / down
        self._floor_map = (
            (rays.ahead * reach + rig.forward_m).astype(np.float32),
            (rays.left * reach).astype(np.float32),
        )
        depth = np.minimum((rig.height_m + light.lamp_height_m) / down, _FARTHEST_LAMP_M)
        self._lamp_map = (
            (rays.ahead * depth + rig.forward_m).astype(np.float32),
            (rays.left * depth).astype(np.float32),
        )
        fade = np.clip(rays.down, 0.0, 1.0) ** light.lamp_fade
        self._lamp_fade = fade.astype(np.float32) if light.lamp_fade > 0 else None
        elevation = -np.arcsin(rays.down)
        self._far_rows = int((elevation > LOWEST_RAD).any(axis=1).sum())
        top = slice(0, self._far_rows)
        azimuth = np.arctan2(rays.left[top], rays.ahead[top])
        self._far_columns = (azimuth * (COLUMNS / math.tau)).astype(np.float32)
        rows = np.clip(elevation_to_row(elevation[top]), 0.0, ROWS - 1.0)
        self._far_rows_map = rows.astype(np.float32)
        self._shade = self._far_shade(elevation)
        self._veil = self._far_veil(elevation)
        self._pyramid = [ground.image]
        self._bands = self._choose_levels(reach, rig, width)

    def _far_shade(self, elevation: npt.NDArray[np.float64]) -> npt.NDArray[np.float32] | None:
        """How much darker the floor is towards the horizon; None where it is not."""
        if self._light.far_shade >= 1.0:
            return None
        part = np.clip(1.0 + elevation / math.radians(25.0), 0.0, 1.0) ** 2
        shade = 1.0 - (1.0 - self._light.far_shade) * part
        return np.repeat(shade[..., None], 3, axis=2).astype(np.float32)

    def _far_veil(
        self, elevation: npt.NDArray[np.float64]
    ) -> tuple[int, npt.NDArray[np.float32]] | None:
        """Rows that the wall's mirrored colour lies over; how much of it is in each pixel."""
        if self._light.fresnel <= 0:
            return None
        # Schlick's approximation of Fresnel's law (Computer Graphics Forum 13(3), 1994).
        share = self._light.fresnel * (1.0 - np.sin(np.clip(-elevation, 0.0, math.pi / 2))) ** 5
        rows = int((share > 0.02).any(axis=1).sum())
        return rows, np.repeat(share[:rows, :, None], 3, axis=2).astype(np.float32)

    def _add_veil(self, picture: Pixels, mirror: npt.NDArray[np.uint8]) -> None:
        if self._veil is None:
            return
        rows, share = self._veil
        floor = picture[:rows]
        veiled = (floor + share * (np.array(self._light.wall, np.float32) - floor)).astype(np.uint8)
        np.copyto(floor, veiled, where=(mirror[:rows] >= _DULL)[..., None])

    def _choose_levels(
        self, reach: npt.NDArray[np.float64], rig: CameraRig, width: int
    ) -> list[tuple[int, int, int]]:
        """Rows that are drawn from one level of the pyramid: (first row, end, level)."""
        per_pixel = rig.field_of_view_rad / width
        across = np.median(reach, axis=1) * per_pixel
        along = across * np.median(reach, axis=1) / rig.height_m
        footprint = np.sqrt(across * along) * self._ground.pixels_per_m
        levels = np.clip(np.floor(np.log2(np.maximum(footprint, 1.0))), 0, 4).astype(int)
        for _ in range(int(levels.max())):
            self._pyramid.append(np.asarray(cv2.pyrDown(self._pyramid[-1]), np.uint8))
        starts = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
        return [(first, end, int(levels[first])) for first, end in itertools.pairwise(starts)]

    def _draw_floor(self, pose: Pose) -> npt.NDArray[np.uint8]:
        matrix = self._ground.affine(pose.x_m, pose.y_m, pose.heading_rad)
        columns, rows = transform(*self._floor_map, matrix)
        parts = []
        for first, end, level in self._bands:
            band = columns[first:end], rows[first:end]
            if level:
                band = band[0] * np.float32(0.5**level), band[1] * np.float32(0.5**level)
            parts.append(_sample(self._pyramid[level], *band, cv2.BORDER_REFLECT_101))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _add_lamps(self, floor: npt.NDArray[np.uint8], pose: Pose) -> Pixels:
        colours = np.ascontiguousarray(floor[..., :3])
        period_m = _LAMP_PERIODS * self._light.lamp_spacing_m
        scale = self._lamps.shape[0] / period_m
        cos, sin = math.cos(pose.heading_rad) * scale, math.sin(pose.heading_rad) * scale
        x_px, y_px = (pose.x_m % period_m) * scale, (pose.y_m % period_m) * scale
        matrix = np.array([[cos, -sin, x_px], [sin, cos, y_px]], np.float32)
        light = _sample(self._lamps, *transform(*self._lamp_map, matrix), cv2.BORDER_WRAP)
        if self._lamp_fade is not None:
            light = np.asarray(cv2.multiply(light, self._lamp_fade, dtype=cv2.CV_8U), np.uint8)
        # OpenCV's scaled product rounds on x86 and cuts off on ARM.
        glare = ((light * floor[..., 3].astype(np.uint16) + 127) // 255).astype(np.uint8)
        return np.asarray(cv2.add(colours, cv2.merge([glare, glare, glare])), np.uint8)

    def _add_backdrop(self, picture: Pixels, mirror: npt.NDArray[np.uint8], pose: Pose) -> None:
        rows = self._far_rows
        if rows == 0:
            return
        columns = self._far_columns + np.float32(
            (pose.heading_rad % math.tau) * (COLUMNS / math.tau) - 0.5
        )
        room = cv2.remap(
            self._backdrop.image, columns, self._far_rows_map, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        floor = picture[:rows].astype(np.float32)
        cover = room[..., 3:].astype(np.float32) * np.float32(1 / 255)
        # What stands there hides paper too; its mirror image shows only where the floor mirrors.
        cover[(cover[..., 0] < _MIRRORED) & (mirror[:rows] < _DULL)] = 0.0
        floor += (room[..., :3] - floor) * cover
        picture[:rows] = floor

    def draw(self, pose: Pose) -> Pixels:
        """What the lens sees from a pose of the car: ``(height, width, 3) uint8`` RGB."""
        floor = self._draw_floor(pose)
        picture = self._add_lamps(floor, pose)
        if self._shade is not None:
            picture = np.asarray(cv2.multiply(picture, self._shade, dtype=cv2.CV_8U), np.uint8)
        self._add_veil(picture, floor[..., 3])
        self._add_backdrop(picture, floor[..., 3], pose)
        return picture
