"""A camera on the network: motion JPEG over HTTP, as phones, ESP32-CAM and ustreamer serve it.

OpenCV opens such streams too, but its read may block for half a minute on a line that went quiet.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any

from controller.cameras.base import ThreadedCamera
from controller.cameras.registry import CameraSettings
from controller.clock import Clock
from controller.errors import CameraError, NoDeviceError, UsageError
from controller.frames import Pixels
from controller.pictures import decode_picture

TIMEOUT_S = 2.0
"""How long the stream may say nothing, in s."""
MOST_LINES = 100
"""More lines than any part has before its picture; who says no length has the picture in them."""
LONGEST_PICTURE = 8 << 20
"""A part longer than this is no picture, bytes."""


class MjpegCamera(ThreadedCamera):
    """Reads ``multipart/x-mixed-replace`` parts (one JPEG each).

    A picture's capture time is when its first byte came; how long the camera took to send it is
    not known.
    """

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        super().__init__(clock)
        self._url = settings.argument
        self._stream: Any = None

    def _open(self) -> None:
        try:
            self._stream = urllib.request.urlopen(self._url, timeout=TIMEOUT_S)  # noqa: S310
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise NoDeviceError(f"camera mjpeg:{self._url}: cannot be opened: {reason}") from error
        kind = self._stream.headers.get_content_type()
        if kind != "multipart/x-mixed-replace":
            self._stream.close()
            raise UsageError(f"camera mjpeg:{self._url}: sends {kind}, not motion JPEG")

    def _grab(self) -> tuple[Pixels, int]:
        try:
            length = self._read_headers()
            capture_ns = self._clock.now_ns()
            coded = self._stream.read(length)
        except (OSError, http.client.HTTPException) as error:
            raise CameraError(f"camera mjpeg:{self._url}: the stream broke: {error}") from error
        pixels = decode_picture(coded) if len(coded) == length else None
        if pixels is None:
            raise CameraError(f"camera mjpeg:{self._url}: sends broken pictures")
        return pixels, capture_ns

    def _read_headers(self) -> int:
        """Skip the boundary and a part's headers; gives its length in bytes."""
        length = 0
        for _ in range(MOST_LINES):
            line = self._stream.readline(1024)
            if not line:
                raise CameraError(f"camera mjpeg:{self._url}: the stream ended")
            text = line.strip().lower()
            if text.startswith(b"content-length:"):
                number = text.partition(b":")[2].strip()
                length = int(number) if number.isdigit() else 0
            elif not text and length:
                break
        else:
            raise CameraError(f"camera mjpeg:{self._url}: sends pictures without a length")
        if length > LONGEST_PICTURE:
            raise CameraError(f"camera mjpeg:{self._url}: a picture of {length} bytes is none")
        return length

    def _close(self) -> None:
        self._stream.close()


def open_mjpeg(settings: CameraSettings, clock: Clock) -> MjpegCamera:
    """The network camera that the settings name."""
    if not settings.argument.startswith(("http://", "https://")):
        raise UsageError("camera mjpeg: say which, as mjpeg:http://HOST/stream")
    return MjpegCamera(settings, clock)
