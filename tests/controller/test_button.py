from __future__ import annotations

import sys
import time

import pytest

from controller.cycle import State
from controller.drive.supervisor import Supervisor
from controller.errors import UsageError
from controller.service.button import BOUNCE_S, ArmButton

PIN = 17


@pytest.fixture
def pin():
    """The pin of a pretended Pi, high by its pull-up until driven low."""
    mock = pytest.importorskip("gpiozero.pins.mock")
    from gpiozero import Device

    before = Device.pin_factory
    Device.pin_factory = mock.MockFactory()
    try:
        yield Device.pin_factory.pin(PIN)
    finally:
        Device.pin_factory.reset()
        Device.pin_factory = before


def _press(pin, times=1):
    for _ in range(times):
        pin.drive_low()
        time.sleep(0.001)
        pin.drive_high()


def test_each_press_toggles_and_only_in_the_loops_own_thread(pin, bench, shot):
    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence in (5, 10):
            before = drive.supervisor.state
            _press(pin)
            assert drive.supervisor.state is before

    drive = bench([shot() for _ in range(15)], armed=False)
    with ArmButton(PIN, drive.supervisor) as button:
        drive.run(owner, button)
    states = {c.frame.sequence: c.decision.state for c in drive.cycles if c.frame is not None}
    assert [states[n] for n in (5, 6, 10, 11)] == [
        State.DISARMED, State.DRIVING, State.DRIVING, State.DISARMED,
    ]  # fmt: skip


def test_a_contact_that_chatters_between_two_frames_is_one_press(pin):
    supervisor = Supervisor()
    with ArmButton(PIN, supervisor) as button:
        _press(pin, times=7)
        button(None)
        button(None)
    assert supervisor.state is State.ARMED


def test_the_pin_is_pulled_up_and_given_back(pin):
    with ArmButton(PIN, Supervisor()):
        assert pin.pull == "up"
        assert pin.function == "input"
        assert pin.bounce == BOUNCE_S
        with pytest.raises(UsageError, match="gpio_pin = 17"), ArmButton(PIN, Supervisor()):
            pass
    with ArmButton(PIN, Supervisor()):
        pass


def test_without_gpiozero_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(UsageError, match="apt install python3-gpiozero"):
        ArmButton(PIN, Supervisor()).__enter__()
