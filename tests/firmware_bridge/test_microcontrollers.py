"""One contract over every build: Python, C on this machine, C on the ATmega328P in simavr."""

import random

import pytest

from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.errors import EmulatorError
from firmware_bridge.wire.commands import Command, McuState, MotorOutputs, Trip
from firmware_bridge.wire.protocol import encode_frame

FORWARD = MotorOutputs(160 / 255, 160 / 255)
LEFT = MotorOutputs(-140 / 255, 140 / 255)
RIGHT = MotorOutputs(140 / 255, -140 / 255)


def test_starts_disarmed_with_a_session(rig):
    assert rig.status.state is McuState.DISARMED
    assert rig.status.trip is Trip.RESET
    assert rig.status.session != 0
    assert rig.status.battery_mv is None
    assert rig.mcu.motors.off


def test_three_stops_arm(rig):
    rig.send(Command.STOP)
    rig.send(Command.STOP)
    assert rig.mcu.state is McuState.DISARMED
    rig.send(Command.STOP)
    assert rig.mcu.state is McuState.ARMED
    assert rig.mcu.motors.off


def test_a_motion_command_between_the_stops_starts_the_count_again(rig):
    rig.send(Command.STOP)
    rig.send(Command.STOP)
    rig.send(Command.FORWARD)
    rig.send(Command.STOP)
    rig.send(Command.STOP)
    assert rig.mcu.state is McuState.DISARMED
    rig.send(Command.STOP)
    assert rig.mcu.state is McuState.ARMED
    rig.run(60)
    assert rig.count("disarmed") == 1
    assert rig.count("accepted") == 5


@pytest.mark.parametrize(
    ("command", "motors"),
    [(Command.FORWARD, FORWARD), (Command.LEFT, LEFT), (Command.RIGHT, RIGHT)],
)
def test_obeys_a_motion_command(rig, command, motors):
    rig.arm()
    rig.drive(command)
    assert rig.mcu.state is McuState.DRIVING
    assert rig.mcu.motors == motors
    rig.run(20)
    assert rig.status.applied is command
    assert rig.status.motors == motors


def test_motors_ramp_up_and_through_zero_but_stop_at_once(rig):
    rig.arm()
    rig.send(Command.FORWARD)
    seen = []
    for _ in range(25):
        rig.run(1)
        seen.append(rig.mcu.motors.left * 255)
    assert seen == sorted(seen)
    assert max(later - earlier for earlier, later in zip(seen, seen[1:])) <= 8.01  # noqa: B905, RUF007
    assert seen[-1] == pytest.approx(160)
    rig.send(Command.LEFT)
    rig.run(10)
    assert 0 < rig.mcu.motors.left * 255 < 160
    rig.run(40)
    assert rig.mcu.motors == LEFT
    rig.send(Command.STOP)
    assert rig.mcu.motors.off
    assert rig.mcu.state is McuState.ARMED


@pytest.mark.parametrize("ttl_ms", [1, 2, 20, 150])
def test_a_command_is_obeyed_for_its_time_to_live(rig, ttl_ms):
    rig.arm()
    rig.send(Command.FORWARD, ttl_ms)
    rig.run(max(0, ttl_ms - 5))
    if ttl_ms > 10:
        assert not rig.mcu.motors.off
    rig.run(4)
    assert rig.mcu.motors.off
    assert rig.mcu.state is McuState.DISARMED
    rig.run(60)
    assert rig.status.trip is Trip.TTL


def test_silence_disarms(rig):
    rig.arm()
    rig.run(145)
    assert rig.mcu.state is McuState.ARMED
    rig.run(4.5)  # 149.8 ms after the last bit
    assert rig.mcu.state is McuState.DISARMED
    rig.run(20)
    assert rig.status.trip is Trip.SILENCE


def test_every_trip_makes_a_new_session_and_the_old_one_is_dead(rig):
    old = rig.status.session
    rig.arm()
    rig.drive()
    rig.run(200)
    assert rig.status.session != old
    before = rig.count("session")
    for _ in range(5):
        rig.send(Command.STOP, session=old)
    rig.send(Command.FORWARD, session=old)
    rig.run(60)
    assert rig.mcu.state is McuState.DISARMED
    assert rig.count("session") == before + 6


def test_a_session_begins_with_sequence_zero(rig):
    rig.arm()
    rig.run(10)
    assert rig.status.sequence == 3
    rig.run(200)
    assert rig.status.sequence == 0
    rig.arm()
    assert rig.mcu.state is McuState.ARMED


def test_old_and_repeated_sequence_numbers_are_not_obeyed(rig):
    rig.arm()
    rig.send(Command.STOP, sequence=1000)
    for sequence in (1000, 999, 0x80000000 + 1000 - 2**32 & 0xFF, 1):
        rig.send(Command.FORWARD, sequence=sequence)
    assert rig.mcu.motors.off
    rig.send(Command.FORWARD, sequence=2**32 - 1)
    rig.run(20)
    assert not rig.mcu.motors.off
    assert rig.count("sequence") == 4


@pytest.mark.parametrize("state", ["armed", "driving"])
def test_another_version_trips(rig, state):
    rig.arm()
    if state == "driving":
        rig.drive()
    rig.mcu.receive(encode_frame(b"\x43\x02and whatever version 2 has to say"))
    rig.run(5)
    assert rig.mcu.motors.off
    assert rig.mcu.state is McuState.DISARMED
    rig.run(60)
    assert rig.status.trip is Trip.VERSION
    assert rig.count("version") == 1


def test_another_version_while_disarmed_starts_the_count_again(rig):
    session = rig.status.session
    rig.send(Command.STOP)
    rig.send(Command.STOP)
    rig.mcu.receive(encode_frame(b"\x43\x02"))
    rig.send(Command.STOP)
    assert rig.mcu.state is McuState.DISARMED
    rig.run(60)
    assert rig.status.session == session


def test_emergency_stop_stops_and_forbids_arming(rig):
    rig.arm()
    rig.drive()
    rig.mcu.set_estop(pressed=True)
    rig.run(2)
    assert rig.mcu.motors.off
    rig.run(60)
    assert rig.status.trip is Trip.ESTOP
    rig.arm()
    assert rig.mcu.state is McuState.DISARMED
    rig.mcu.set_estop(pressed=False)
    rig.run(10)
    for _ in range(3):
        rig.send(Command.STOP)
    assert rig.mcu.state is McuState.ARMED


def test_reset_while_driving(rig):
    session = rig.status.session
    rig.arm()
    rig.drive()
    assert not rig.mcu.motors.off
    rig.mcu.reset()
    assert rig.mcu.motors.off
    for _ in range(5):
        rig.send(Command.FORWARD)
        assert rig.mcu.motors.off
    rig.run(100)
    assert rig.status.session != session
    assert rig.status.trip is Trip.RESET
    assert rig.status.reset_cause & 2
    rig.arm()
    rig.drive()
    assert not rig.mcu.motors.off


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [(0, 0x53, "command"), (10, 0x34, "command"), (11, 0, "command"), (11, 151, "command")],
)
def test_what_no_host_would_say_is_rejected(rig, field, value, reason):
    payload = bytearray(12)
    payload[0:2] = b"\x43\x01"
    payload[2:6] = rig.status.session.to_bytes(4, "little")
    payload[6] = 1
    payload[11] = 100
    payload[field] = value
    rig.mcu.receive(encode_frame(bytes(payload)))
    rig.run(60)
    assert rig.count(reason) == 1
    assert rig.count("accepted") == 0


def test_line_garbage_is_counted(rig):
    good = rig.frame(Command.STOP)
    rig.mcu.receive(good[:-3] + bytes([good[-3] ^ 0x10]) + good[-2:])
    rig.mcu.receive(b"\x03\x01\0")
    rig.mcu.receive(encode_frame(b"\x43\x01 of no known length"))
    rig.mcu.receive(encode_frame(bytes(61)))
    rig.run(80)
    assert rig.count("crc") == 1
    assert rig.count("length") == 3


def test_status_period_and_answer(rig):
    before = len(rig.statuses)
    rig.run(1000)
    assert 19 <= len(rig.statuses) - before <= 21
    before = len(rig.statuses)
    for _ in range(90):
        rig.send(Command.STOP)
        rig.run(1000 / 90 - 2)
    assert 89 <= len(rig.statuses) - before <= 91


def test_heartbeat_shows_the_state(rig):
    def lit(for_ms: int) -> list[bool]:
        seen = []
        for _ in range(for_ms):
            rig.run(1)
            seen.append(rig.mcu.led)
        return seen

    slow = lit(2048)
    assert sum(slow) == pytest.approx(128, abs=2)
    rig.arm()
    rig.drive(for_ms=300)
    flicker = []
    for _ in range(8):
        rig.send(Command.FORWARD)
        flicker += lit(62)
    changes = sum(a != b for a, b in zip(flicker, flicker[1:]))  # noqa: B905, RUF007
    assert 7 <= changes <= 9


@pytest.mark.parametrize("noise", ["random", "zeros", "tiny frames", "full frames"])
def test_garbage_at_line_rate_holds_no_command_up(rig, noise):
    rng = random.Random(noise)
    filler = {
        "random": lambda: rng.randbytes(200),
        "zeros": lambda: bytes(200),
        "tiny frames": lambda: b"\x01\x00" * 100,
        "full frames": lambda: encode_frame(b"\x53\x01" + rng.randbytes(58))[1:] * 3,
    }[noise]
    rig.arm()
    for step in range(50):
        # 20 ms are 230 bytes: the line is never idle, and each command stands behind noise.
        rig.mcu.receive(filler()[:200] + b"\0" + rig.frame(Command.FORWARD, 60))
        rig.run(20)
        if step > 2:
            assert rig.mcu.state is McuState.DRIVING
    rig.run(20)
    assert rig.count("accepted") == 53
    rig.mcu.receive(filler()[:200] * 3)
    rig.run(60)
    assert rig.mcu.motors.off


def test_line_takes_its_time(rig):
    frame = rig.frame(Command.STOP)
    rig.mcu.receive(frame)
    rig.run(1.0)
    assert rig.count("accepted") == 0
    rig.run(60)
    assert rig.count("accepted") == 1


def test_time_only_goes_forward(rig):
    before = rig.mcu.time_us
    rig.mcu.run_until(10)
    assert rig.mcu.time_us == before


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(EmulatorError, match="avr, host, python"):
        open_microcontroller("arduino")
