"""A made-up camera: noise at a steady rate, for benchmarks and for a bench without a camera.

It is simulated and says so by its name; it shows no lane.
"""

from __future__ import annotations

import numpy as np

from controller.cameras import CameraSettings
from controller.cameras.base import ThreadedCamera
from controller.clock import Clock
from controller.frames import Pixels

PICTURES = 16
"""Different pictures that it shows in turn."""


class PatternCamera(ThreadedCamera):
    """Shows `PICTURES` pictures of noise in turn; a picture's capture time is when it was due."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        super().__init__(clock)
        self._settings = settings
        self._period_ns = int(1e9 / settings.frame_rate_hz)
        self._count = 0
        self._due_ns = 0

    def _open(self) -> None:
        shape = (PICTURES, self._settings.height, self._settings.width, 3)
        self._pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self._due_ns = self._clock.now_ns()

    def _grab(self) -> tuple[Pixels, int]:
        self._due_ns += self._period_ns
        now_ns = self._clock.now_ns()
        if self._due_ns < now_ns - self._period_ns:  # a starved machine: skip, as a sensor would
            self._due_ns = now_ns
        self._clock.sleep_until(self._due_ns)
        self._count += 1
        return self._pictures[self._count % PICTURES], self._clock.now_ns()

    def _close(self) -> None:
        """Nothing is open."""


def open_pattern(settings: CameraSettings, clock: Clock) -> PatternCamera:
    """The pattern at the rate and size that the settings ask for."""
    return PatternCamera(settings, clock)
