"""A made-up camera: pictures at a steady rate, for benchmarks and for a bench without a camera.

It is simulated and says so by its name; what it shows is no lane to drive on.
"""

from __future__ import annotations

import numpy as np

from controller.cameras.base import ThreadedCamera
from controller.cameras.registry import CameraSettings
from controller.clock import Clock
from controller.frames import Pixels

PICTURES = 8
"""Different pictures that it shows in turn, each time round moved by a row, so that none comes
again before hundreds of others."""


def made_up_picture(number: int, height: int, width: int) -> Pixels:
    """A light stripe on a dark floor that moves with the number, under a sensor's grain.

    Numbers that differ give pictures that differ. Made without numpy's random numbers, whose
    module takes 3 MiB that no car needs.
    """
    y, x = np.ogrid[:height, :width]
    off_px = (x - width * (0.5 + 0.3 * np.sin(number / 3)) - 0.3 * y) / width
    shades = 60 + 40 * y / height + 120 * np.exp(-((off_px * 8) ** 2))
    count = np.arange(number, number + height * width * 3, dtype=np.uint32)
    grain = (count * np.uint32(2654435761) >> np.uint32(11)) % np.uint32(11)  # Knuth's hash
    picture: Pixels = (shades[:, :, None] + grain.reshape(height, width, 3)).astype(np.uint8)
    return picture


class PatternCamera(ThreadedCamera):
    """Shows made-up pictures, see `PICTURES`; a picture's capture time is when it was due."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        super().__init__(clock)
        self._settings = settings
        self._period_ns = int(1e9 / settings.frame_rate_hz)
        self._count = 0
        self._due_ns = 0

    def _open(self) -> None:
        height, width = self._settings.height, self._settings.width
        pictures = [made_up_picture(i, height, width) for i in range(PICTURES)]
        self._pictures = [np.concatenate((picture, picture)) for picture in pictures]
        self._due_ns = self._clock.now_ns()

    def _grab(self) -> tuple[Pixels, int]:
        self._due_ns += self._period_ns
        now_ns = self._clock.now_ns()
        if self._due_ns < now_ns - self._period_ns:  # a starved machine: skip, as a sensor would
            self._due_ns = now_ns
        self._clock.sleep_until(self._due_ns)
        self._count += 1
        top = self._count // PICTURES % self._settings.height
        picture = self._pictures[self._count % PICTURES][top : top + self._settings.height]
        return picture, self._clock.now_ns()

    def _close(self) -> None:
        """Nothing is open."""


def open_pattern(settings: CameraSettings, clock: Clock) -> PatternCamera:
    """The pattern at the rate and size that the settings ask for."""
    return PatternCamera(settings, clock)
