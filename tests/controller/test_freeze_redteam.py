"""Cameras that hang, and were driven on for ever; and one that does not, and never started."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from controller.cameras.pattern import made_up_picture
from controller.cycle import State
from firmware_bridge.wire.commands import Command
from tests.controller.conftest import SHAPE, ScriptedCamera

pytestmark = pytest.mark.redteam
SAYS = "camera repeats its pictures"


def _picture(number):
    return made_up_picture(number, *SHAPE)


@pytest.mark.parametrize("buffers", [1, 2, 4, 32])
def test_a_ring_of_old_buffers(bench, shot, buffers):
    """3,000 of 3,000 frames were driven on."""
    ring = [_picture(1000 + number) for number in range(buffers)]
    shots = [shot() for _ in range(20)]
    shots += [shot(pixels=ring[number % buffers]) for number in range(3000)]
    drive = bench(shots).run()
    driven = [c.frame.sequence for c in drive.cycles if c.decision.command is not Command.STOP]
    assert driven[-1] < 20 + buffers + 3  # 150 ms of 50 ms each, after the last new picture
    assert {c.decision.reason.value for c in drive.cycles[40 + buffers :]} == {SAYS}
    assert drive.motors_by_cycle[-1].off


def test_a_ring_that_goes_on_from_the_start_moves_the_car_no_further_than_150_ms(bench, shot):
    ring = [_picture(number) for number in range(4)]
    drive = bench([shot(pixels=ring[number % 4]) for number in range(500)], rearm=True).run()
    driven = [c.frame.sequence for c in drive.cycles if c.decision.command is not Command.STOP]
    assert len(driven) == 3
    assert drive.cycles[-1].decision.reason.value == SAYS


def test_a_clean_camera_before_a_standing_car_starts(bench, shot):
    """It waited for ever: `armed: newest frame too old`, beside a frame age of 0.5 ms."""
    wall = np.full((*SHAPE, 3), 90, np.uint8)
    wall[20:, 30:50] = 200
    drive = bench([shot(pixels=wall) for _ in range(100)], armed=False)

    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 60:
            drive.supervisor.arm()

    def moved(cycle):  # once the motors run, the picture is another with each frame
        if not drive.mcu.motors.off:
            for later in drive.camera._shots:
                later.pixels = None

    drive.run(owner, moved)
    assert drive.supervisor.state is State.DRIVING
    driven = [c.frame.sequence for c in drive.cycles if c.decision.command is Command.FORWARD]
    assert driven == list(range(driven[0], 100))
    assert driven[0] <= 63


class _StampedCamera(ScriptedCamera):
    """Its own clock says which picture it is; the newest once it hangs, with ever new content."""

    def __init__(self, *arguments, hangs_from, ring):
        super().__init__(*arguments)
        self._hangs_from, self._ring = hangs_from, ring

    def read(self, timeout_ms):
        frame = super().read(timeout_ms)
        if frame is None:
            return None
        number = frame.sequence
        if number >= self._hangs_from:
            number = self._hangs_from - 1 - number % self._ring
        return dataclasses.replace(frame, stamp=123_456_789 + number * 50_000)


@pytest.mark.parametrize("ring", [1, 2, 4])
def test_the_cameras_own_stamps_are_believed_before_the_content(bench, shot, ring):
    """A driver that writes into its old buffers (a time, a crosshair) makes new content of them."""
    drive = bench([shot() for _ in range(200)])
    drive.camera = _StampedCamera(drive.shots, drive.clock, drive.mcu, hangs_from=20, ring=ring)
    drive.camera_pilot.camera = drive.camera
    drive.run()
    driven = [c.frame.sequence for c in drive.cycles if c.decision.command is not Command.STOP]
    assert driven[-1] < 23
    assert drive.cycles[-1].decision.reason.value == SAYS


def test_a_stamp_that_never_rose_is_none(bench, shot):
    drive = bench([shot() for _ in range(50)])
    drive.camera = _StampedCamera(drive.shots, drive.clock, drive.mcu, hangs_from=0, ring=1)
    drive.camera_pilot.camera = drive.camera
    assert drive.run().supervisor.state is State.DRIVING
