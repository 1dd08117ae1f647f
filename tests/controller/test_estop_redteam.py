"""An emergency stop, pressed and released, that a new process once drove away from."""

from __future__ import annotations

import pytest

from controller.cycle import Reason, State
from firmware_bridge.links.lockstep import LockstepLink
from firmware_bridge.wire.commands import Command, McuState, Trip

pytestmark = pytest.mark.redteam


class _KilledError(Exception):
    """The process is gone: nothing runs any more, nothing is sent."""


class _DeadLine(LockstepLink):
    """What a killed process sends."""

    def send(self, command, ttl_ms):
        return 0


def _press_and_end(bench, shot, *, killed):
    """Drive as with `arm_at_start`, press the button for a moment, end the process later."""
    drive = bench([shot() for _ in range(60)], armed=False, rearm=True)
    drive.supervisor.arm(pardon=False)

    def press(cycle):
        if cycle.frame is None:
            return
        if cycle.frame.sequence == 19:
            assert cycle.decision.state is State.DRIVING
        drive.mcu.set_estop(pressed=20 <= cycle.frame.sequence < 25)
        if cycle.frame.sequence == 50:
            if killed:
                drive.link.__class__ = _DeadLine
            raise _KilledError

    with pytest.raises(_KilledError):
        drive.run(press)
    drive.pass_time(1_000_000_000)
    return drive


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "ended"])
@pytest.mark.parametrize("starts", [1, 4])
def test_it_holds_over_new_processes_that_arm_at_start(bench, shot, killed, starts):
    old = _press_and_end(bench, shot, killed=killed)
    assert (old.mcu.state, old.link.health().status.trip) == (McuState.DISARMED, Trip.ESTOP)
    for start in range(starts):
        new = _next_process(old, bench([shot() for _ in range(60)], armed=False, rearm=True))
        new.supervisor.arm(pardon=False)
        new.run()
        assert set(new.commands) == {Command.STOP}, start
        assert new.supervisor.reason is Reason.MCU_LOCKED
        assert new.mcu.state is McuState.DISARMED
        new.pass_time(1_000_000_000)
        old = new


def test_its_owner_arms_and_it_drives(bench, shot):
    old = _press_and_end(bench, shot, killed=True)
    new = _next_process(old, bench([shot() for _ in range(60)], armed=False, rearm=True))
    new.supervisor.arm(pardon=False)

    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 20:
            new.supervisor.arm()

    new.run(owner)
    driven = [c.frame.sequence for c in new.cycles if c.decision.command is Command.FORWARD]
    assert 21 < driven[0] < 30
    assert new.supervisor.state is State.DRIVING


def _next_process(old, new):
    """Another process, later, at the same microcontroller."""
    new.mcu = new.camera._mcu = old.mcu
    new.clock.advance_to(old.clock.now_ns())
    new.camera._due_ns += old.clock.now_ns()
    new.link = LockstepLink(new.mcu.receive, new.mcu.transmit, new.clock)
    return new
