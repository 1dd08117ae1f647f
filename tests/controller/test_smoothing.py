from __future__ import annotations

import numpy as np

from controller.drive.smoothing import Smoother, SmoothingSettings
from controller.drive.supervisor import choose
from firmware_bridge.wire.commands import Command


def test_smoothing_does_nothing_unless_asked():
    smoother = Smoother(SmoothingSettings())
    rng = np.random.default_rng(4)
    for _ in range(200):
        probabilities = rng.dirichlet((1, 1, 1)).astype(np.float32)
        assert smoother.choose(probabilities) is choose(probabilities)


def test_hysteresis_hold_and_filter():
    def commands(settings, *rows):
        smoother = Smoother(settings)
        return [smoother.choose(np.array(row, np.float32)) for row in rows]

    F, L = Command.FORWARD, Command.LEFT  # noqa: N806
    f, near, left = (0.6, 0.4, 0.0), (0.45, 0.55, 0.0), (0.1, 0.9, 0.0)
    assert commands(SmoothingSettings(margin=0.2), f, near, left) == [F, F, L]
    assert commands(SmoothingSettings(hold_frames=3), f, left, left, left) == [F, F, F, L]
    assert commands(SmoothingSettings(keep=0.5), f, near, left) == [F, F, L]
