"""Smoothing of decisions: one small policy, off unless its owner turns it on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.errors import UsageError
from controller.model.pilot import Probabilities
from firmware_bridge.wire.commands import Command


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """How decisions are smoothed; the defaults do nothing.

    Attributes:
        keep: Share of the old probabilities that is kept at each frame (exponential filter), 0 for
            none, below 1.
        margin: By how much another class must beat the present one to replace it (hysteresis),
            0 to 1.
        hold_frames: Frames for which a command stays, 1 for no hold.
    """

    keep: float = 0.0
    margin: float = 0.0
    hold_frames: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.keep < 1:
            raise UsageError(f"keep is {self.keep}, must be 0 to below 1")
        if not 0 <= self.margin <= 1:
            raise UsageError(f"margin is {self.margin}, must be 0 to 1")
        if not 1 <= self.hold_frames <= 100:
            raise UsageError(f"hold_frames is {self.hold_frames}, must be 1 to 100")


class Smoother:
    """Turns the probabilities of frame after frame into commands."""

    def __init__(self, settings: SmoothingSettings) -> None:
        self._settings = settings
        self._filtered = np.zeros(len(Command) - 1, np.float32)
        self._command: Command | None = None
        self._held = 0

    def reset(self) -> None:
        """Forget the past: the car has stood."""
        self._command, self._held = None, 0

    def choose(self, probabilities: Probabilities) -> Command:
        """The command for a frame.

        Args:
            probabilities: ``(3,) float32``, valid ones.
        """
        settings = self._settings
        if self._command is None:
            self._filtered[:] = probabilities
        else:
            self._filtered *= settings.keep
            self._filtered += (1 - settings.keep) * probabilities
        self._held += 1
        # ndarray.argmax takes the first of equals, as `supervisor.choose` does.
        best = Command(int(self._filtered.argmax()))
        present = self._command
        if present is None or (
            best is not present
            and self._held >= settings.hold_frames
            and self._filtered[best] - self._filtered[present] > settings.margin
        ):
            self._command, self._held = best, 0
            return best
        return present
