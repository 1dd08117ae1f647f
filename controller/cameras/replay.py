"""A camera that plays a recording at its own pace, faster or slower."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from controller.cameras.base import Camera
from controller.cameras.registry import CameraSettings
from controller.clock import Clock
from controller.errors import EndOfFrames
from controller.frames import Frame
from controller.recording.sources import RecordedFrame, open_recording

LONGEST_GAP_NS = 100_000_000
"""Longest pause between frames that is played as it was, ns: recordings have holes of minutes where
the driver paused or deleted frames, and a replay is not there to wait for them."""
HOLD_NS = 20_000_000
"""Silence after which a held replay asks again, ns."""


class ReplayCamera(Camera):
    """Plays every frame of a recording, none skipped.

    On a real clock it keeps the recorded pace; on a virtual one the clock follows the recording,
    as fast as the machine goes. When the reader is late, the rest is late too: a frame is never
    older than its reading.
    """

    def __init__(
        self,
        frames: Iterator[RecordedFrame],
        clock: Clock,
        speed: float = 1.0,
        ready: Callable[[], bool] | None = None,
    ) -> None:
        """Prepare a replay.

        Args:
            frames: The recording, see `controller.recording.sources.open_recording`.
            clock: The loop's clock.
            speed: How many times faster than recorded; above 0.
            ready: Asked before each frame; while it says no, there is none. None: always.
        """
        self._frames = frames
        self._clock = clock
        self._speed = speed
        self._ready = ready
        self._pending: RecordedFrame | None = None
        self._due_ns = 0
        self._last: tuple[int, int] | None = None  # recorded and played time of the last frame
        self._sequence = 0
        self.current: RecordedFrame | None = None
        """The frame that was read last, as it was recorded."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, timeout_ms: float) -> Frame | None:
        """See `Camera.read`."""
        now_ns = self._clock.now_ns()
        if self._pending is None:
            self._pending = next(self._frames, None)
            if self._pending is None:
                raise EndOfFrames("the recording is over")
            self._due_ns = self._due(self._pending, now_ns)
        deadline_ns = now_ns + int(max(0.0, timeout_ms) * 1e6)
        if self._due_ns > deadline_ns:
            self._clock.sleep_until(deadline_ns)
            return None
        self._clock.sleep_until(self._due_ns)
        if self._ready is not None and not self._ready():
            self._clock.sleep_until(now_ns + HOLD_NS)
            return None
        recorded, self._pending = self._pending, None
        capture_ns = max(self._due_ns, now_ns)
        self._last = (recorded.time_ns, capture_ns)
        frame = Frame(recorded.pixels, self._sequence, capture_ns)
        self._sequence += 1
        self.current = recorded
        return frame

    def _due(self, frame: RecordedFrame, now_ns: int) -> int:
        if self._last is None:
            return now_ns
        gap_ns = min(max(0, frame.time_ns - self._last[0]), LONGEST_GAP_NS)
        return self._last[1] + int(gap_ns / self._speed)


def open_replay(settings: CameraSettings, clock: Clock) -> ReplayCamera:
    """A replay of the recording that the settings name, at its own pace."""
    return ReplayCamera(open_recording(Path(settings.argument)), clock)
