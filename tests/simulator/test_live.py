"""The simulated camera and link by their names, in real time, as the runtime opens them."""

import math
import time

import pytest

from controller.cameras.registry import CameraSettings, open_camera
from controller.clock import MonotonicClock
from controller.errors import UsageError
from firmware_bridge.links.registry import open_link
from firmware_bridge.wire.commands import Command
from simulator.devices import live

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


def test_a_link_without_its_camera_answers_too():
    with open_link("simulated:oval:4", CLOCK) as link:
        deadline_s = time.monotonic() + 5
        while not link.health().connected and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert link.health().connected


@pytest.mark.parametrize("words", ["", "nowhere", "oval:-1"])
def test_words_that_name_no_world_are_refused(words):
    settings = CameraSettings(f"simulated:{words}")
    with pytest.raises(UsageError, match="simulated:TRACK"), open_camera(settings, CLOCK):
        pass
    if words:
        with pytest.raises(UsageError, match="simulated:TRACK"):
            open_link(f"simulated:{words}", CLOCK)
