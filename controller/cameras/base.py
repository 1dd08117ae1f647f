"""What a camera is to the runtime: something whose `read` comes back in time, whatever happens."""

from __future__ import annotations

import abc
import threading
from typing import Self

from controller.clock import Clock
from controller.errors import CameraError, EndOfFrames
from controller.frames import Frame, Pixels


class Camera(abc.ABC):
    """A source of frames. A context manager: entering opens it, leaving closes it."""

    @abc.abstractmethod
    def __enter__(self) -> Self: ...

    @abc.abstractmethod
    def __exit__(self, *_: object) -> None: ...

    @abc.abstractmethod
    def read(self, timeout_ms: float) -> Frame | None:
        """Wait for the next frame; older frames that nobody read are skipped.

        Args:
            timeout_ms: How long to wait at most, in ms; 0 or less only looks.

        Returns:
            The newest frame not yet returned, or None when none came in time.

        Raises:
            CameraError: If the camera has stopped for good.
            EndOfFrames: If a recording is over.
        """


class ThreadedCamera(Camera):
    """A camera with a thread of its own, so that a stalled device stalls nobody else.

    A back-end overrides `_open`, `_grab` and `_close`.
    """

    CLOSE_TIMEOUT_S = 2.0
    """How long leaving waits for the last picture and for the device to close; a thread that hangs
    in a driver longer than that is left behind (it is a daemon) and said so in `CameraError`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready = threading.Condition()
        self._newest: Frame | None = None
        self._failure: BaseException | None = None
        self._trouble: CameraError | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @abc.abstractmethod
    def _open(self) -> None:
        """Open the device. Raises CameraError."""

    @abc.abstractmethod
    def _grab(self) -> tuple[Pixels, int]:
        """Wait for one picture: ``(h, w, 3) uint8`` RGB and its capture time in monotonic ns.

        May hang for as long as the device does. Raises CameraError or EndOfFrames.
        """

    def _stamp(self) -> int | None:
        """The camera's own stamp of the picture grabbed last, see `Frame.stamp`."""
        return None

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the device; called once, after the last `_grab` has come back, in its thread."""

    def __enter__(self) -> Self:
        self._open()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        self._closing.set()
        if self._thread is None:
            return
        self._thread.join(self.CLOSE_TIMEOUT_S)
        trouble = self._trouble
        if self._thread.is_alive():
            trouble = CameraError(
                f"the camera did not close within {self.CLOSE_TIMEOUT_S} s; its driver hangs"
            )
        if trouble is not None and kind is None:  # what was raised already is the better news
            raise trouble

    def read(self, timeout_ms: float) -> Frame | None:
        """See `Camera.read`."""
        with self._ready:
            if self._newest is None and self._failure is None and timeout_ms > 0:
                self._ready.wait(timeout_ms / 1000)
            frame, self._newest = self._newest, None
            if frame is None and self._failure is not None:
                raise self._failure
            return frame

    def _run(self) -> None:
        try:
            self._take_pictures()
        finally:
            try:
                self._close()  # in this thread: drivers hang in closing too
            except Exception as error:  # noqa: BLE001
                self._trouble = _failed(error)

    def _take_pictures(self) -> None:
        sequence = 0
        while not self._closing.is_set():
            try:
                pixels, capture_ns = self._grab()
            except (CameraError, EndOfFrames) as error:
                self._fail(error)
                return
            except Exception as error:  # noqa: BLE001 - whatever a driver raises ends the camera
                self._fail(_failed(error))
                return
            frame = Frame(pixels, sequence, capture_ns, self._stamp())
            sequence += 1
            with self._ready:
                self._newest = frame
                self._ready.notify()

    def _fail(self, failure: BaseException) -> None:
        with self._ready:
            self._failure = failure
            self._ready.notify()


def _failed(error: Exception) -> CameraError:
    failure = CameraError(f"the camera failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
