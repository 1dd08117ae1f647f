"""A camera through OpenCV: a V4L2 device, a video file or a network stream."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np

from controller.cameras.base import ThreadedCamera
from controller.cameras.registry import CameraSettings
from controller.clock import Clock
from controller.errors import CameraError, EndOfFrames, NoDeviceError, UsageError
from controller.frames import Pixels

_log = logging.getLogger(__name__)

EXPOSURE_MANUAL, EXPOSURE_UNIT_US = 1, 100
"""V4L2_EXPOSURE_MANUAL, and the unit of V4L2_CID_EXPOSURE_ABSOLUTE (V4L2 camera controls)."""
OLDEST_NS = 1_000_000_000
"""A driver's time that is further away than this is of another clock, ns."""


class OpenCvCamera(ThreadedCamera):
    """A device index, file or URL, as `cv2.VideoCapture` opens it.

    A V4L2 driver tells on the monotonic clock when a frame began to arrive (``v4l2_buffer``'s
    timestamp), which OpenCV passes on as a position in ms; of whatever clock, it is the picture's
    stamp. Where there is none, a frame's capture
    time is when its reading came back, one exposure and one transfer late. A file is played at its
    own frame rate.
    """

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        super().__init__(clock)
        self._settings = settings
        self._is_file = Path(settings.argument).is_file()
        self._is_v4l2 = False
        self._told_ns: int | None = None
        self._period_ns = 0
        self._due_ns = 0

    def _open(self) -> None:
        settings = self._settings
        index = settings.argument
        # "/dev/video2", or udev's link to it, would go to a general back-end that ignores size and
        # rate: name V4L2.
        path = str(Path(index).resolve()) if Path(index).is_symlink() else index
        number = path.removeprefix("/dev/video")
        if number.isdecimal() and len(number) > 3:
            raise UsageError(f"camera opencv:{index}: device indexes are 0 to 999")
        self._is_v4l2 = number.isdecimal()
        if self._is_v4l2:
            self._capture = cv2.VideoCapture(int(number), cv2.CAP_V4L2)
        else:
            self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise NoDeviceError(
                f"camera opencv:{index}: cannot be opened; "
                "give a device index, a video file or a stream's URL that exists"
            )
        if self._is_file:
            told_hz = self._capture.get(cv2.CAP_PROP_FPS)  # 0 or -1 where the file does not say
            self._period_ns = int(1e9 / (told_hz if told_hz > 0 else settings.frame_rate_hz))
            self._due_ns = self._clock.now_ns()
            return
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
        self._capture.set(cv2.CAP_PROP_FPS, settings.frame_rate_hz)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an older picture is of no use
        if self._is_v4l2 and settings.exposure_us:
            manual = self._capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, EXPOSURE_MANUAL)
            units = settings.exposure_us / EXPOSURE_UNIT_US
            if not (self._capture.set(cv2.CAP_PROP_EXPOSURE, units) and manual):
                _log.warning("camera %s: takes no fixed exposure_us", settings.source)

    def _grab(self) -> tuple[Pixels, int]:
        good, picture = self._capture.read()
        if not good:
            if self._is_file:
                raise EndOfFrames(f"{self._settings.argument}: the video is over")
            raise CameraError(f"camera {self._settings.source}: gives no more pictures")
        if self._is_file:
            self._clock.sleep_until(self._due_ns)
            self._due_ns = max(self._due_ns + self._period_ns, self._clock.now_ns())
        now_ns = self._clock.now_ns()
        pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        return pixels, self._capture_ns(now_ns)

    def _capture_ns(self, now_ns: int) -> int:
        if self._is_v4l2:
            told_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            self._told_ns = told_ns if told_ns > 0 else None
            if now_ns - OLDEST_NS < told_ns <= now_ns:
                return told_ns
        return now_ns

    def _stamp(self) -> int | None:
        return self._told_ns

    def _close(self) -> None:
        self._capture.release()


def open_opencv(settings: CameraSettings, clock: Clock) -> OpenCvCamera:
    """The OpenCV camera that the settings name."""
    if not settings.argument:
        raise UsageError("camera opencv: say which, as opencv:0, opencv:FILE or opencv:URL")
    return OpenCvCamera(settings, clock)
