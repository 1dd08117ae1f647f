"""The simulated devices: what the runtime's loop is given in place of a camera and a line."""

from __future__ import annotations

from typing import Self

from controller.cameras.base import Camera
from controller.frames import Frame
from controller.model.pilot import BorrowedPilot, Pilot, Probabilities
from firmware_bridge.links.lockstep import LockstepLink
from simulator.world.world import World


class SimulatedCamera(Camera):
    """The camera of a world; reading it is what lets the world's time pass."""

    def __init__(self, world: World) -> None:
        """Look at a world.

        Args:
            world: It stays its owner's.
        """
        self._world = world

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: the world is its owner's."""

    def read(self, timeout_ms: float) -> Frame | None:
        """See `controller.cameras.base.Camera.read`; the time-out is virtual time."""
        return self._world.next_frame(round(timeout_ms * 1e6))


class TimedPilot(BorrowedPilot):
    """A pilot that takes virtual time to think: a fixed one, so that runs are repeatable."""

    def __init__(self, pilot: Pilot, world: World) -> None:
        """Give a pilot a world's time.

        Args:
            pilot: The real one.
            world: Its clock moves on by ``inference_ms`` of its configuration at each `infer`.
        """
        super().__init__(pilot)
        self._world = world

    def infer(self) -> Probabilities:
        """See `controller.model.pilot.Pilot`."""
        probabilities = self._pilot.infer()
        clock = self._world.clock
        clock.advance_to(clock.now_ns() + round(self._world.config.inference_ms * 1e6))
        return probabilities


def open_link(world: World) -> LockstepLink:
    """The serial line to a world's microcontroller; entering it opens it."""
    return LockstepLink(world.write, world.read, world.clock)
