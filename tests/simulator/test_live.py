"""The simulated camera and link by their names, in real time, as the runtime opens them."""

import math
import time

import pytest

from controller.cameras import CameraSettings, open_camera
from controller.clock import MonotonicClock
from firmware_bridge.commands import Command
from firmware_bridge.links import open_link
from simulator import live

CLOCK = MonotonicClock()


def test_the_link_drives_the_car_whose_camera_has_the_same_name():
    settings = CameraSettings("simulated:oval:3", frame_rate_hz=25)
    with open_link("simulated:oval:3", CLOCK) as link, open_camera(settings, CLOCK) as camera:
        world = live._worlds["oval:3"]
        start = world.car.pose
        first = camera.read(500)
        driven_s = time.monotonic() + 1.5
        while time.monotonic() < driven_s:
            frame = camera.read(100)
            assert 0 < CLOCK.now_ns() - frame.capture_ns < 500e6
            armed = link.health().connected and link.health().status.state.name != "DISARMED"
            link.send(Command.FORWARD if armed else Command.STOP, 120)
        moved = math.hypot(world.car.pose.x_m - start.x_m, world.car.pose.y_m - start.y_m)
        assert 0.05 < moved < 0.5
        assert 5 < frame.sequence - first.sequence <= 40
    assert "oval:3" not in live._worlds


def test_a_link_without_its_camera_is_dead():
    with open_link("simulated:oval:4", CLOCK) as link:
        assert link.send(Command.STOP, 100) == 0
        assert not link.health().connected


@pytest.mark.parametrize("words", ["", "nowhere", "oval:-1"])
def test_words_that_name_no_world_are_refused(words):
    with pytest.raises(Exception, match="simulated:TRACK"):
        open_camera(CameraSettings(f"simulated:{words}"), CLOCK)
