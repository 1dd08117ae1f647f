from __future__ import annotations

import contextlib
import itertools

import numpy as np
import pytest

from controller.cameras.pattern import made_up_picture
from controller.cycle import Reason, State
from controller.errors import CameraError
from firmware_bridge.links.base import Link
from firmware_bridge.wire.commands import Command, McuState


def test_nothing_moves_unless_armed(bench, shot):
    drive = bench([shot() for _ in range(40)], armed=False).run()
    assert set(drive.commands) == {Command.STOP}
    assert all(motors.off for motors in drive.motors_by_cycle)


def test_armed_car_drives_what_the_model_says(bench, shot):
    turns = [(0.9, 0.1, 0.0), (0.1, 0.8, 0.1), (0.0, 0.2, 0.8)] * 10
    drive = bench([shot(turn) for turn in turns]).run()
    driven = [cycle for cycle in drive.cycles if cycle.decision.state is State.DRIVING]
    assert len(driven) >= len(turns) - 4  # arming takes three STOPs
    expected = {(0.9, 0.1, 0.0): Command.FORWARD, (0.1, 0.8, 0.1): Command.LEFT}
    for cycle in driven:
        rounded = tuple(round(p, 1) for p in cycle.probabilities)
        assert cycle.decision.command is expected.get(rounded, Command.RIGHT)
    left = next(
        motors
        for cycle, motors in zip(drive.cycles, drive.motors_by_cycle, strict=True)
        if cycle.decision.command is Command.LEFT
    )
    assert left.left < left.right


def test_ttl_is_cut_by_the_age_of_the_frame(bench, shot):
    drive = bench([shot(age_ns=40_000_000) for _ in range(20)]).run()
    ttls = {c.decision.ttl_ms for c in drive.cycles if c.decision.state is State.DRIVING}
    assert ttls == {110}


def test_frame_older_than_150_ms_stops_the_car(bench, shot):
    shots = [shot() for _ in range(20)] + [shot(age_ns=150_000_000)] + [shot() for _ in range(10)]
    drive = bench(shots).run()
    stale = [c for c in drive.cycles if c.decision.reason is Reason.STALE_FRAME and c.frame]
    assert stale[0].frame.sequence == 20
    assert stale[0].decision.command is Command.STOP
    assert drive.commands[-1] is Command.FORWARD  # a passing fault: it drives on by itself


def test_camera_that_pauses_stops_the_car_before_the_deadman_must(bench, shot):
    shots = [shot() for _ in range(20)] + [shot(gap_ns=1_000_000_000)] + [shot() for _ in range(9)]
    drive = bench(shots).run()
    first = next(c for c in drive.cycles if c.decision.reason is Reason.STALE_FRAME)
    last_frame = [c.frame for c in drive.cycles if c.frame is not None][19]
    assert first.frame is None
    assert first.sent_ns - last_frame.capture_ns <= 150_000_000
    assert drive.mcu.state is not McuState.DISARMED  # STOP came in time, nothing tripped
    assert drive.commands[-1] is Command.FORWARD


@pytest.mark.parametrize(
    "output", [(float("nan"), 0.5, 0.5), (2.0, -1.0, 0.0), (0.2, 0.2, 0.2), (float("inf"), 0, 0)]
)
def test_output_that_is_no_probability_stops_until_armed_again(bench, shot, output):
    shots = [shot() for _ in range(10)] + [shot(output)] + [shot() for _ in range(40)]
    drive = bench(shots).run()
    bad = next(i for i, c in enumerate(drive.cycles) if c.decision.reason is Reason.BAD_OUTPUT)
    assert set(drive.commands[bad:]) == {Command.STOP}


def test_owner_may_allow_to_arm_again_by_itself(bench, shot):
    shots = [shot() for _ in range(10)] + [shot((9, 9, 9))] + [shot() for _ in range(40)]
    drive = bench(shots, rearm=True).run()
    bad = next(c for c in drive.cycles if c.decision.reason is Reason.BAD_OUTPUT)
    again = next(
        c for c in drive.cycles if c.sent_ns > bad.sent_ns and c.decision.command is Command.FORWARD
    )
    assert 1_000_000_000 <= again.sent_ns - bad.sent_ns <= 1_300_000_000


def test_exception_in_the_model_stops_the_car_and_comes_out(bench, shot):
    drive = bench([shot() for _ in range(20)] + [shot(RuntimeError("broken"))])
    with pytest.raises(RuntimeError, match="broken"):
        drive.run()
    assert drive.commands[-1] is Command.FORWARD
    drive.pass_time(20_000_000)
    assert drive.mcu.motors.off
    assert drive.mcu.state is McuState.ARMED  # stopped by STOP, not by the deadman


def test_microcontroller_that_resets_while_driving_stays_stopped(bench, shot):
    drive = bench([shot() for _ in range(60)])

    def reset(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 20:
            drive.mcu.reset()

    drive.run(reset)
    after = [c for c in drive.cycles if c.frame is not None and c.frame.sequence > 24]
    assert {c.decision.command for c in after} == {Command.STOP}
    assert after[0].decision.reason in (Reason.MCU_TRIPPED, Reason.LINK_DOWN)


def test_emergency_stop_needs_the_owner_even_with_rearm(bench, shot):
    drive = bench([shot() for _ in range(80)], rearm=True)

    def press(cycle):
        if cycle.frame is not None:
            drive.mcu.set_estop(pressed=20 <= cycle.frame.sequence < 30)

    drive.run(press)
    after = [c for c in drive.cycles if c.frame is not None and c.frame.sequence > 24]
    assert {c.decision.command for c in after} == {Command.STOP}


def test_shutting_down_sends_stop_for_good(bench, shot):
    drive = bench([shot() for _ in range(40)], rearm=True)

    def terminate(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 20:
            drive.supervisor.shut_down()
            drive.supervisor.arm()  # too late

    drive.run(terminate)
    after = [c for c in drive.cycles if c.frame is not None and c.frame.sequence > 20]
    assert {c.decision.command for c in after} == {Command.STOP}
    assert after[0].decision.reason is Reason.SHUTDOWN


@pytest.mark.parametrize("value", [0, 255, 128])
def test_a_blind_camera_stops_the_car(bench, shot, value):
    covered = np.full((45, 80, 3), value, np.uint8)
    shots = [shot() for _ in range(10)]
    shots += [shot(pixels=covered ^ np.uint8(i % 2)) for i in range(5)]
    drive = bench(shots + [shot() for _ in range(10)]).run()
    blind = [c for c in drive.cycles if c.frame is not None and 10 <= c.frame.sequence < 15]
    assert {c.decision.reason for c in blind} == {Reason.BLIND}
    assert drive.commands[-1] is Command.FORWARD


def test_a_camera_that_shows_noise_stops_the_car(bench, shot):
    noise = np.random.default_rng(5).integers(0, 256, (5, 45, 80, 3), np.uint8)
    shots = [shot() for _ in range(10)] + [shot(pixels=picture) for picture in noise]
    drive = bench(shots + [shot() for _ in range(10)]).run()
    noisy = [c for c in drive.cycles if c.frame is not None and 10 <= c.frame.sequence < 15]
    assert {c.decision.reason for c in noisy} == {Reason.BLIND}
    assert drive.commands[-1] is Command.FORWARD


def test_a_camera_that_repeats_its_last_picture_is_as_stale_as_that(bench, shot):
    frozen = made_up_picture(500, 45, 80)
    shots = [shot() for _ in range(10)] + [shot(pixels=frozen) for _ in range(20)]
    drive = bench(shots).run()
    frames = [c for c in drive.cycles if c.frame is not None and c.frame.sequence >= 10]
    assert [c.decision.command for c in frames[:3]] == [Command.FORWARD] * 3
    assert [c.decision.ttl_ms for c in frames[:3]] == [145, 95, 45]
    assert {c.decision.reason for c in frames[3:]} == {Reason.REPEATS}
    assert drive.motors_by_cycle[-1].off


def test_a_camera_silent_for_five_seconds_ends_the_process_with_an_error(bench, shot):
    drive = bench([shot() for _ in range(10)] + [shot(gap_ns=9_000_000_000)])
    with pytest.raises(CameraError, match="no picture for 5 s"):
        drive.run()
    assert drive.commands[-1] is Command.STOP


class FinalStops(Link):
    """A link that keeps what the loop sent; what leaving it sends is not the loop's."""

    def __init__(self, link):
        self._link = link
        self.sent = []
        self.broken = False

    def __enter__(self):
        self._link.__enter__()
        return self

    def __exit__(self, *error):
        self._link.__exit__(*error)

    def send(self, command, ttl_ms):
        self.sent.append((command, ttl_ms))
        if self.broken:
            raise OSError("no such device")
        return self._link.send(command, ttl_ms)

    def health(self):
        return self._link.health()


@pytest.mark.parametrize(
    "error", [None, RuntimeError("sink"), CameraError("gone"), KeyboardInterrupt(), SystemExit(1)]
)
@pytest.mark.parametrize("broken", [False, True])
def test_whatever_ends_the_loop_stop_is_tried_three_times(bench, shot, error, broken):
    drive = bench([shot() for _ in range(20)])
    drive.link = link = FinalStops(drive.link)

    def end(cycle):
        if cycle.frame.sequence == 19:
            link.sent.clear()
            link.broken = broken
            if error is not None:
                raise error

    with contextlib.nullcontext() if error is None else pytest.raises(type(error)) as caught:
        drive.run(end)
    assert error is None or caught.value is error
    assert link.sent == 3 * [(Command.STOP, 150)]
    assert drive.commands[-1] is Command.FORWARD


def test_a_process_that_stood_still_does_not_blame_the_camera(bench, shot):
    drive = bench([shot() for _ in range(40)])

    def stand_still(cycle):
        if cycle.frame is not None and cycle.frame.sequence in (10, 20):
            drive.pass_time(60_000_000_000)
            drive.camera._due_ns = drive.clock.now_ns() + 400_000_000

    drive.run(stand_still)
    assert drive.cycles[-1].frame.sequence == 39


def test_a_camera_has_five_seconds_from_the_start_of_the_loop(bench, shot):
    drive = bench([shot()])
    drive.pass_time(10_000_000_000)  # what the machine did before
    drive.camera._due_ns = drive.clock.now_ns() + 4_900_000_000
    drive.run()
    assert drive.cycles[-1].frame is not None


def test_each_stage_is_timed_and_the_sinks_of_the_turn_before(bench, shot):
    drive = bench([shot() for _ in range(5)] + [shot(gap_ns=200_000_000)])
    ticks = itertools.count()
    drive.run(stopwatch=lambda: next(ticks))
    assert [cycle.stages_ns[5] for cycle in drive.cycles] == [0] + [1] * (len(drive.cycles) - 1)
    for cycle in drive.cycles:
        assert cycle.stages_ns[:5] == ((1, 1, 1, 1, 1) if cycle.frame else (1, 0, 0, 1, 1))
    assert None in [cycle.frame for cycle in drive.cycles]
