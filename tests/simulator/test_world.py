import math

import pytest

from controller.frames import Frame
from firmware_bridge.wire.commands import Command, McuState, MotorOutputs
from simulator.devices.lockstep import SimulatedCamera, open_link
from simulator.errors import SimulatorUsageError
from simulator.evaluation.closed_loop import drive_world
from simulator.teacher.teacher import Teacher, TeacherPilot
from simulator.world.world import CameraTiming, World, WorldConfig, motion_of

STEADY = CameraTiming(20.0, 20.0, 0.0)


def drive(config, seconds):
    with World(config) as world:
        pilot = TeacherPilot(world, Teacher(world.track))
        frames = []

        def keep(cycle):
            frames.append(None if cycle.pixels is None else cycle.pixels.tobytes())

        run = drive_world(
            world, pilot, lambda _keeper: world.clock.now_ns() < seconds * 1e9, [keep]
        )
        return run, frames, world


def test_pictures_come_at_the_frame_rate_and_after_the_latency():
    with World(WorldConfig("oval", timing=STEADY)) as world, SimulatedCamera(world) as camera:
        for number in range(3):
            frame = camera.read(1000)
            assert isinstance(frame, Frame)
            assert frame.sequence == number
            assert frame.capture_ns == (number + 1) * 50_000_000
            assert world.clock.now_ns() == frame.capture_ns + 20_000_000


def test_a_wait_that_is_too_short_gives_nothing_and_takes_its_time():
    with World(WorldConfig("oval", timing=STEADY)) as world, SimulatedCamera(world) as camera:
        assert camera.read(30) is None
        assert world.clock.now_ns() == 30_000_000
        assert camera.read(0) is None
        assert world.clock.now_ns() == 30_000_000
        assert camera.read(40).sequence == 0


def test_who_comes_late_gets_the_newest_picture():
    with World(WorldConfig("oval", timing=STEADY)) as world, SimulatedCamera(world) as camera:
        world.clock.advance_to(275_000_000)  # pictures 0 to 4 were taken; 4 arrived at 270 ms
        assert camera.read(0).sequence == 4
        assert camera.read(100).sequence == 5


def test_commands_move_the_car_and_silence_stops_it():
    with World(WorldConfig("oval", timing=STEADY)) as world, open_link(world) as link:
        for _ in range(20):
            world.clock.advance_to(world.clock.now_ns() + 20_000_000)
            link.send(Command.STOP, 150)
        assert world.microcontroller.state is McuState.ARMED
        start = world.car.pose
        for _ in range(25):
            world.clock.advance_to(world.clock.now_ns() + 20_000_000)
            link.send(Command.FORWARD, 100)
        world.catch_up()
        moved = math.hypot(world.car.pose.x_m - start.x_m, world.car.pose.y_m - start.y_m)
        assert 0.06 < moved < 0.16
        world.clock.advance_to(world.clock.now_ns() + 150_000_000)
        world.catch_up()
        assert world.microcontroller.motors.off


def test_a_slow_line_delivers_late_and_in_order():
    with World(WorldConfig("oval", timing=STEADY, line_delay_ms=40.0)) as world:
        sent = []
        world.microcontroller.receive = lambda data: sent.append((world.clock.now_ns(), data))
        for data in (b"first", b"second"):
            world.write(data)
            world.clock.advance_to(world.clock.now_ns() + 10_000_000)
        world.clock.advance_to(39_000_000)
        world.catch_up()
        assert sent == []
        world.clock.advance_to(60_000_000)
        world.catch_up()
        assert [data for _, data in sent] == [b"first", b"second"]


def test_the_teacher_keeps_to_the_oval():
    run, _frames, world = drive(WorldConfig("oval", 1), 45)
    keeping = run.keeper.summary()
    assert keeping.kept
    assert keeping.laps == 1
    assert keeping.offset_max_m < 0.12
    assert run.statistics.age_ms(100) == pytest.approx(25.0, abs=1.0)
    assert world.track.length_m == pytest.approx(2 * 1.6 + math.tau * 0.8, rel=0.01)


def test_the_same_world_drives_the_same_to_the_last_bit():
    first, frames, _ = drive(WorldConfig("random", 7), 4)
    again, frames_again, _ = drive(WorldConfig("random", 7), 4)
    assert frames == frames_again
    assert first.keeper.trace == again.keeper.trace
    other, _, _ = drive(WorldConfig("random", 8), 4)
    assert first.keeper.trace != other.keeper.trace


def test_what_motors_say_in_words():
    assert motion_of(MotorOutputs(0.0, 0.0)) is Command.STOP
    assert motion_of(MotorOutputs(0.5, 0.5)) is Command.FORWARD
    assert motion_of(MotorOutputs(-0.5, 0.5)) is Command.LEFT
    assert motion_of(MotorOutputs(0.5, -0.5)) is Command.RIGHT


def test_impossible_timings_are_refused():
    with pytest.raises(SimulatorUsageError, match="frame rate"):
        CameraTiming(0.5)
    with pytest.raises(SimulatorUsageError, match="latency"):
        CameraTiming(20.0, -1.0)
