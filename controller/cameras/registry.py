"""Cameras, found by name; a camera's library is imported only when that camera is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from controller.cameras.base import Camera
from controller.clock import Clock
from controller.errors import UsageError

CAMERAS = {
    "picamera2": "controller.cameras.picamera2:open_picamera2",
    "opencv": "controller.cameras.opencv:open_opencv",
    "mjpeg": "controller.cameras.mjpeg:open_mjpeg",
    "replay": "controller.cameras.replay:open_replay",
    "pattern": "controller.cameras.pattern:open_pattern",
    "simulated": "simulator.devices.live:LiveCamera",
}
"""Name -> ``module:function``; the function takes ``(CameraSettings, Clock)``."""
_ADVICE = {
    "picamera2": (
        " It comes with the Pi's own packages (sudo apt install python3-picamera2) and fits the "
        "Pi's own NumPy, so a checkout's .venv does not see it: sudo systemd/install.sh, then "
        "`paperlane drive` in place of `python -m controller drive`"
    ),
}
"""What to do about a library that cannot be had by pip."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """How to open a camera.

    Attributes:
        source: ``NAME`` or ``NAME:ARGUMENT``: ``picamera2``, ``picamera2:1`` (second camera),
            ``opencv:0`` (device index), ``opencv:FILE_OR_URL``, ``mjpeg:URL``,
            ``replay:DRIVE_OR_TUB``, ``pattern`` (made-up pictures, for benchmarks),
            ``simulated:TRACK:SEED`` (of the simulator's, with the link of the same name).
        frame_rate_hz: Frames a second to ask for, 1 to 120.
        height: Height of the picture to ask for, in pixels.
        width: Width of the picture to ask for, in pixels.
        exposure_us: Fixed exposure time in µs, of a Pi's or a V4L2 camera; 0 leaves it to it.
    """

    source: str = "picamera2"
    frame_rate_hz: float = 30.0
    height: int = 90
    width: int = 160
    exposure_us: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.frame_rate_hz <= 120:
            raise UsageError(f"frame_rate_hz is {self.frame_rate_hz}, must be 1 to 120")
        if not (16 <= self.height <= 4096 and 16 <= self.width <= 4096):
            raise UsageError(f"picture is {self.height}x{self.width}, sides must be 16 to 4096")
        if not 0 <= self.exposure_us <= 1_000_000 / self.frame_rate_hz:
            raise UsageError(
                f"exposure_us is {self.exposure_us}, must be 0 (automatic) to "
                f"{int(1_000_000 / self.frame_rate_hz)} at {self.frame_rate_hz} Hz"
            )

    @property
    def argument(self) -> str:
        """What stands behind the name, '' for nothing."""
        return self.source.partition(":")[2]


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """Make the camera that the settings name; entering it opens the device.

    Raises:
        UsageError: If there is no camera of that name, or its library is not installed.
    """
    name = settings.source.partition(":")[0]
    if name not in CAMERAS:
        raise UsageError(
            f"{settings.source!r}: no such camera; there are {', '.join(CAMERAS)} "
            "(as NAME or NAME:ARGUMENT)"
        )
    module_name, _, function_name = CAMERAS[name].partition(":")
    try:
        make: Callable[[CameraSettings, Clock], Camera] = getattr(
            importlib.import_module(module_name), function_name
        )
    except (ImportError, ValueError) as error:  # the second: built for another NumPy
        raise UsageError(
            f"camera {name}: {error}; is its library installed?{_ADVICE.get(name, '')}"
        ) from error
    return make(settings, clock)
