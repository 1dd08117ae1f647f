"""Whether the camera still looks: pictures that it has handed out before."""

from __future__ import annotations

from controller.frames import Frame

REMEMBERED = 32
"""Pictures that are remembered: more than any driver has buffers (V4L2's VIDEO_MAX_FRAME is 32)."""
SAMPLED = 61
"""Of so many bytes one is looked at first, which takes a tenth of the time: where a sensor has
noise, that tells two pictures apart. A prime, so that they stand in all columns and colours."""


class FreezeDetector:
    """Tells how old a picture really is: one that repeats is as old as its first copy.

    A camera that hangs hands out its last buffer for ever, or all of its buffers in turn, with ever
    new times. The first witness is the camera's own word, where it gives one: its stamp of a new
    picture is above that of every picture before. It counts once it has been seen to rise. The
    second is the content: a sensor has noise, so that two pictures of it are never the same to the
    bit. But pictures of a camera without noise are, as long as nothing moves: what a repeated
    content means is for the supervisor to say.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[bytes, int]] = {}
        self._stamp: int | None = None
        self._stamp_ns = 0
        self._rises = False

    def look(self, content: bytes, frame: Frame) -> tuple[int, int]:
        """When the picture was new, by each witness.

        Args:
            content: All bytes of the picture.
            frame: Its times: the capture time that is claimed, and the camera's own stamp.

        Returns:
            Capture time of the newest picture that the camera's own stamps tell of (of this one
            where it has none), ns; and of the first picture with this content, ns.
        """
        stamped_ns = self._look_at_stamp(frame)
        key = content[::SAMPLED]
        seen = self._seen.get(key)
        if seen is not None and seen[0] != content:
            key = content
            seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= REMEMBERED:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[key] = content, stamped_ns
        return stamped_ns, seen[1]

    def _look_at_stamp(self, frame: Frame) -> int:
        if frame.stamp is None:
            return frame.capture_ns
        if self._stamp is None or frame.stamp > self._stamp:
            self._rises = self._stamp is not None
            self._stamp, self._stamp_ns = frame.stamp, frame.capture_ns
        return self._stamp_ns if self._rises else frame.capture_ns
