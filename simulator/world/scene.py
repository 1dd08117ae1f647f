"""A scene: a track in a room, seen by one camera. Everything about it comes from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2

from controller.frames import REFERENCE_SHAPE, Pixels
from simulator.camera.optics import CameraRig, focal_px, sample_rig
from simulator.camera.renderer import Renderer
from simulator.camera.sensor import Sensor
from simulator.room.appearance import Look, sample_look
from simulator.room.backdrop import paint_backdrop, paint_lamps
from simulator.room.ground import PIXELS_PER_M, Ground, paint_ground
from simulator.track.geometry import Pose
from simulator.track.tracks import MAT, Track
from simulator.world.mat import paint_mat, sample_mat, sample_mat_look, sample_mat_rig


class Camera(Protocol):
    """Takes pictures of a scene."""

    def __call__(self, pose: Pose, turn_rate_radps: float = 0.0) -> Pixels:
        """The picture from a pose: ``(h, w, 3) uint8`` RGB."""
        ...


OVERSAMPLING = 2
"""Views are drawn so many times as wide and high as pictures."""


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """What a scene is made of; whatever is None is sampled from the seed.

    Attributes:
        seed: Of everything that is sampled, and of texture, jitter and noise.
        look: Colours, light and sensor.
        rig: The camera's place and lens.
        shape: Height and width of the pictures, in pixels.
        fine: Paint the floor twice as fine and with smooth edges, for people who look on: what a
            frame of 45x80 cannot show anyway.
    """

    seed: int = 0
    look: Look | None = None
    rig: CameraRig | None = None
    shape: tuple[int, int] = REFERENCE_SHAPE
    fine: bool = False


def look_of(surface: str, seed: int) -> Look:
    """How the room of a seed looks round a lane of paper, or round a mat."""
    return sample_mat_look(seed) if surface == MAT else sample_look(seed)


def rig_of(surface: str, seed: int) -> CameraRig:
    """The camera of a seed on a car for paper lanes, or for mats."""
    return sample_mat_rig(seed) if surface == MAT else sample_rig(seed)


class Scene:
    """A painted room with a camera in it."""

    def __init__(self, track: Track, config: SceneConfig) -> None:
        """Paint it: some 0.1 s of work.

        Args:
            track: Where the paper lies.
            config: What the scene is made of.
        """
        look = config.look or look_of(track.surface, config.seed)
        self.track = track
        self.look = look
        self.rig = config.rig or rig_of(track.surface, config.seed)
        scale = 2 * PIXELS_PER_M if config.fine else PIXELS_PER_M
        self.ground: Ground = (
            paint_mat(track, look, sample_mat(config.seed), config.seed, scale)
            if track.surface == MAT
            else paint_ground(track, look.floor, look.light, config.seed, scale)
        )
        if config.fine:
            cv2.GaussianBlur(self.ground.image, (0, 0), 0.8, dst=self.ground.image)
        self._backdrop = paint_backdrop(look.light, look.floor.gloss, config.seed)
        self._lamps = paint_lamps(look.light, config.seed)
        self._config = config
        self.picture: Camera = self.camera(config.shape)
        """What the camera makes of the scene, from a pose and a turn rate; see `camera`."""

    def finer(self) -> Scene:
        """The same scene painted finer; see `SceneConfig.fine`."""
        return Scene(self.track, replace(self._config, fine=True))

    def camera(self, shape: tuple[int, int], oversampling: int = OVERSAMPLING) -> Camera:
        """The scene's camera with another number of pixels.

        Args:
            shape: Height and width of its pictures, in pixels.
            oversampling: How many times as wide and high views are drawn.

        Returns:
            A function of the car's pose and of how fast it turns to the left, in rad/s (for motion
            blur), that gives ``(h, w, 3) uint8`` RGB. It keeps the state of automatic exposure.
        """
        height, width = shape
        renderer = Renderer(
            self.ground, self._backdrop, self._lamps, self.look.light, self.rig,
            height * oversampling, width * oversampling,
        )  # fmt: skip
        sensor = Sensor(self.look.sensor, height, width, self._config.seed)
        turn_scale = focal_px(self.rig, width * oversampling)

        def take(pose: Pose, turn_rate_radps: float = 0.0) -> Pixels:
            return sensor.expose(renderer.draw(pose), turn_rate_radps * turn_scale)

        return take
