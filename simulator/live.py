"""A world in real time, for the runtime as it is: the camera and the link named ``simulated``.

``python -m controller drive --camera simulated:oval --link simulated:oval --arm`` drives it as it
would drive a car, with its own threads, sockets and service. Camera and link are devices of one
world, the camera's, if the same words stand behind ``simulated``; with another link its car stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from controller.cameras import CameraSettings
from controller.cameras.base import Camera
from controller.clock import Clock, VirtualClock
from controller.errors import UsageError
from controller.frames import Frame
from firmware_bridge.clock import Clock as LinkClock
from firmware_bridge.lockstep_link import LockstepLink
from simulator.tracks import TRACK_NAMES
from simulator.world import CameraTiming, World, WorldConfig

_worlds: dict[str, World] = {}
"""The worlds of open cameras, by the words that name them: there a link finds its camera's."""


class WallClock(VirtualClock):
    """A world's clock that goes by itself, in ns since it was made."""

    def __init__(self, clock: Clock) -> None:
        """Start at 0.

        Args:
            clock: The real one.
        """
        super().__init__()
        self._clock = clock
        self.start_ns = clock.now_ns()

    def now_ns(self) -> int:
        """See `controller.clock.Clock`."""
        return self._clock.now_ns() - self.start_ns

    def advance_to(self, time_ns: int) -> None:
        """Wait until it is so late."""
        self._clock.sleep_until(self.start_ns + time_ns)


class LiveCamera(Camera):
    """The camera of a world whose time is the real one."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        """Remember what to open.

        Args:
            settings: Names the world, and how many pictures a second its camera takes.
            clock: The real one.

        Raises:
            UsageError: If they name no track and seed.
        """
        self._words = settings.argument
        name, _, seed = self._words.partition(":")
        if name not in TRACK_NAMES or not (seed or "1").isdecimal():
            raise UsageError(
                f"camera simulated:{self._words}: say simulated:TRACK or simulated:TRACK:SEED, "
                f"with a track of {', '.join(TRACK_NAMES)}"
            )
        timing = CameraTiming(frame_rate_hz=settings.frame_rate_hz)
        self._config = WorldConfig(name, int(seed or "1"), timing=timing)
        self._clock = clock

    def __enter__(self) -> Self:
        self._world = World(self._config)
        self._time = self._world.clock = WallClock(self._clock)  # painting took a while
        _worlds[self._words] = self._world
        return self

    def __exit__(self, *_: object) -> None:
        _worlds.pop(self._words, None)
        self._world.microcontroller.close()

    def read(self, timeout_ms: float) -> Frame | None:
        """See `controller.cameras.base.Camera.read`."""
        frame = self._world.next_frame(round(timeout_ms * 1e6))
        if frame is None:
            return None
        return replace(frame, capture_ns=frame.capture_ns + self._time.start_ns)


def open_link(device: str, clock: LinkClock) -> LockstepLink:
    """The line to the microcontroller of an open camera's world; dead while there is none.

    Args:
        device: The words behind the camera's ``simulated:``.
        clock: The time that ages are counted on.
    """

    def write(data: bytes) -> None:
        if device in _worlds:
            _worlds[device].write(data)

    def read() -> bytes:
        return _worlds[device].read() if device in _worlds else b""

    return LockstepLink(write, read, clock)
