"""A world in real time, for the runtime as it is: the camera and the link named ``simulated``.

``python -m controller drive --camera simulated:oval --link simulated:oval --arm`` drives it as it
would drive a car, with its own threads, sockets and service. Camera and link are devices of one
world, the camera's, if the same words stand behind ``simulated``; with another link its car stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from controller.cameras.base import Camera
from controller.cameras.registry import CameraSettings
from controller.clock import Clock, MonotonicClock, VirtualClock
from controller.errors import UsageError
from controller.frames import Frame
from firmware_bridge.clock import Clock as LinkClock
from firmware_bridge.links.lockstep import LockstepLink
from simulator.track.tracks import TRACK_NAMES
from simulator.world.world import CameraTiming, World, WorldConfig

LONGEST_SEED = 15
"""Digits of a world's seed, at most."""
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


def _world_of(words: str, timing: CameraTiming, clock: Clock) -> tuple[World, WallClock]:
    """A new world, whose time begins when it has been painted.

    Raises:
        UsageError: If the words name no track and seed.
    """
    name, _, seed = words.partition(":")
    seed = seed or "1"
    if name not in TRACK_NAMES or not seed.isdecimal() or len(seed) > LONGEST_SEED:
        raise UsageError(
            f"simulated:{words}: say simulated:TRACK or simulated:TRACK:SEED, "
            f"with a track of {', '.join(TRACK_NAMES)}"
        )
    world = World(WorldConfig(name, int(seed), timing=timing))
    world.clock = wall = WallClock(clock)
    return world, wall


class LiveCamera(Camera):
    """The camera of a world whose time is the real one."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        """Remember what to open.

        Args:
            settings: Names the world, and how many pictures a second its camera takes.
            clock: The real one.
        """
        self._words = settings.argument
        self._timing = CameraTiming(frame_rate_hz=settings.frame_rate_hz)
        self._clock = clock

    def __enter__(self) -> Self:
        self._world, self._time = _world_of(self._words, self._timing, self._clock)
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
    """The line to the microcontroller of an open camera's world; without one, of a world's own.

    Args:
        device: The words behind the camera's ``simulated:``.
        clock: The time that ages are counted on.

    Raises:
        UsageError: If they name no track and seed.
    """
    own, _ = _world_of(device, CameraTiming(), MonotonicClock())

    def world() -> World:
        return _worlds.get(device, own)

    return LockstepLink(lambda data: world().write(data), lambda: world().read(), clock)
