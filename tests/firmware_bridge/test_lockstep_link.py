from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.links.lockstep import LockstepLink
from firmware_bridge.wire.commands import Command, McuState


class VirtualClock:
    def __init__(self):
        self.time_ns = 0

    def now_ns(self):
        return self.time_ns


def drive(mcu, seconds):
    """One car driven for a while; everything that was seen."""
    clock = VirtualClock()
    seen = []
    with LockstepLink(mcu.receive, mcu.transmit, clock) as link:
        for tick in range(seconds * 50):
            clock.time_ns = tick * 20_000_000
            mcu.run_until(clock.time_ns // 1000)
            health = link.health()
            armed = health.status is not None and health.status.state is not McuState.DISARMED
            link.send(
                (Command.FORWARD, Command.LEFT)[tick // 25 % 2] if armed else Command.STOP, 60
            )
            seen.append((health, mcu.motors))
    return seen


def test_arms_and_drives_in_virtual_time():
    seen = drive(open_microcontroller("python"), 2)
    assert not seen[0][0].connected
    health, motors = seen[-1]
    assert health.connected
    assert not health.mismatched
    assert health.status.state is McuState.DRIVING
    assert health.status.applied is Command.LEFT
    assert motors.left < 0 < motors.right


def test_is_deterministic():
    assert drive(open_microcontroller("python"), 2) == drive(open_microcontroller("python"), 2)


def test_sends_stop_when_left_and_nothing_afterwards():
    sent = []
    mcu = open_microcontroller("python")
    mcu.run_until(100_000)

    def write(data):
        sent.append(data)
        mcu.receive(data)
        mcu.run_until(mcu.time_us + 20_000)

    link = LockstepLink(write, mcu.transmit, VirtualClock())
    assert link.send(Command.STOP, 50) == 0
    with link:
        assert [link.send(Command.STOP, 50) for _ in range(3)] == [1, 2, 3]
    assert len(sent) == 4
    assert link.send(Command.FORWARD, 50) == 0
    assert len(sent) == 4
    assert not link.health().connected


def test_sends_no_stop_when_left_that_would_help_to_arm():
    sent = []
    mcu = open_microcontroller("python")
    mcu.run_until(100_000)
    with LockstepLink(sent.append, mcu.transmit, VirtualClock()) as link:
        assert link.send(Command.STOP, 50) == 1
    assert len(sent) == 1


def test_a_dead_line_is_seen():
    clock = VirtualClock()
    mcu = open_microcontroller("python")
    mcu.run_until(100_000)
    with LockstepLink(lambda _: None, mcu.transmit, clock) as link:
        assert link.health().connected
        clock.time_ns = 150_000_000
        assert not link.health().connected
