"""The Raspberry Pi's camera, through picamera2 (from the Pi's own packages: python3-picamera2).

Written against the picamera2 manual (Raspberry Pi Ltd, "The Picamera2 Library", chapters 4 to 6);
a test holds every call to the package's own signatures.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from picamera2 import Picamera2

from controller.cameras.base import ThreadedCamera
from controller.cameras.registry import CameraSettings
from controller.clock import Clock
from controller.errors import CameraError, UsageError
from controller.frames import Pixels

_log = logging.getLogger(__name__)

PICTURE_TIMEOUT_S = 1.5
"""How long a picture may take, in s. libcamera gives up on the sensor after 1 s ("Camera frontend
has timed out") and may then never complete another request (raspberrypi/picamera2, issue 962)."""

RATE_TOLERANCE = 0.99
"""Share of the asked frame rate that a sensor mode must reach: the package rounds both."""


def widest_mode(modes: list[dict[str, Any]], frame_rate_hz: float) -> dict[str, Any]:
    """The sensor mode that sees most, fast enough, with the fewest pixels to read out.

    Left to itself libcamera takes the mode next to the picture's size, and the small modes of many
    sensors are cut from the middle: a lane that the wide view shows would be out of the picture.

    Args:
        modes: ``Picamera2.sensor_modes``.
        frame_rate_hz: Frames a second wanted.

    Returns:
        The ``sensor`` part of a configuration; empty for a camera without modes of its own (USB),
        or where none is fast enough: then libcamera chooses.
    """
    fast = [
        mode
        for mode in modes
        if "crop_limits" in mode and mode["fps"] >= RATE_TOLERANCE * frame_rate_hz
    ]
    if not fast:
        return {}
    best = max(
        fast,
        key=lambda mode: (
            mode["crop_limits"][2] * mode["crop_limits"][3],
            -mode["size"][0] * mode["size"][1],
        ),
    )
    return {"output_size": best["size"], "bit_depth": best["bit_depth"]}


class PiCamera(ThreadedCamera):
    """One camera on the Pi's connector, at a fixed frame rate, small pictures scaled by the ISP."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        super().__init__(clock)
        self._settings = settings
        self._camera: Any = None
        self._configuration: Any = None
        self._exposed_ns: int | None = None

    def _open(self) -> None:
        settings = self._settings
        number = settings.argument or "0"
        if not number.isdecimal() or len(number) > 3:
            raise UsageError(f"camera picamera2:{number}: the argument is the camera's number")
        period_us = int(1_000_000 / settings.frame_rate_hz)
        controls: dict[str, Any] = {"FrameDurationLimits": (period_us, period_us)}
        if settings.exposure_us:
            controls |= {"AeEnable": False, "ExposureTime": settings.exposure_us}
        try:
            self._camera = Picamera2(int(number))
            self._configuration = self._camera.create_video_configuration(
                # The format's name is the order in memory, last first: this one is RGB.
                main={"size": (settings.width, settings.height), "format": "BGR888"},
                controls=controls,
                queue=False,  # a picture taken before it was asked for is an old picture
                sensor=widest_mode(self._camera.sensor_modes, settings.frame_rate_hz),
            )
            self._camera.configure(self._configuration)
            self._camera.start()
        except (RuntimeError, IndexError, OSError) as error:  # the last: who is not in group video
            reason = "" if error.__cause__ is None else f" ({error.__cause__})"
            raise CameraError(
                f"camera picamera2:{number}: {error}{reason}; see `rpicam-hello --list-cameras`"
            ) from error

    def _grab(self) -> tuple[Pixels, int]:
        try:
            request = self._next_request()
        except TimeoutError:
            _log.warning("the camera gives no pictures: restarting it")
            self._restart()
            try:
                request = self._next_request()
            except TimeoutError as error:
                raise CameraError(
                    "camera picamera2: gives no pictures, not even after a restart; "
                    "check its cable and its power"
                ) from error
        try:
            pixels: Pixels = request.make_array("main")
            exposed_ns = int(request.get_metadata()["SensorTimestamp"])
        finally:
            request.release()
        self._exposed_ns = exposed_ns
        # libcamera's SensorTimestamp is CLOCK_BOOTTIME (its control's documentation).
        age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - exposed_ns
        return pixels, self._clock.now_ns() - max(0, age_ns)

    def _stamp(self) -> int | None:
        return self._exposed_ns

    def _next_request(self) -> Any:  # noqa: ANN401 - picamera2's CompletedRequest
        job = self._camera.capture_request(wait=False)
        return self._camera.wait(job, timeout=PICTURE_TIMEOUT_S)

    def _restart(self) -> None:
        """Flush, stop, start. May hang as the driver does: the loop then gives the camera up."""
        self._camera.cancel_all_and_flush()
        self._camera.stop()
        # A start takes rate and exposure from the configuration only once.
        self._camera.configure(self._configuration)
        self._camera.start()

    def _close(self) -> None:
        self._camera.stop()
        self._camera.close()


def open_picamera2(settings: CameraSettings, clock: Clock) -> PiCamera:
    """The Pi camera that the settings name."""
    return PiCamera(settings, clock)
