"""Every transition of the table in `controller.supervisor`, one by one, on literal times."""

from __future__ import annotations

import numpy as np
import pytest

from controller.errors import UsageError
from controller.sight import Sight
from controller.smoothing import Smoother, SmoothingSettings
from controller.supervisor import Reason, State, Supervisor, SupervisorSettings, choose
from firmware_bridge.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.link import LinkHealth

MS = 1_000_000
FORWARD = np.array([0.8, 0.1, 0.1], np.float32)
LEFT = np.array([0.2, 0.7, 0.1], np.float32)


def health(state=McuState.ARMED, trip=Trip.NONE, *, connected=True, mismatched=False, session=7):
    off = MotorOutputs(0.0, 0.0)
    status = McuStatus(1, session, 1, state, trip, Command.STOP, off, None, 0, 0, {})
    return LinkHealth(connected, status, 0, 0, 0, mismatched)


GOOD = health()


class Driver:
    """Feeds a supervisor a frame every 50 ms."""

    def __init__(self, **options):
        self.supervisor = Supervisor(**options)
        self.now_ns = 1_000 * MS

    def frame(self, probabilities=FORWARD, health=GOOD, sight=Sight.CLEAR, age_ms=10, gap_ms=50):
        self.now_ns += gap_ms * MS
        capture_ns = self.now_ns - age_ms * MS
        return self.supervisor.on_frame(self.now_ns, capture_ns, probabilities, health, sight)

    def silence(self, health=GOOD, after_ms=50):
        self.now_ns += after_ms * MS
        return self.supervisor.on_silence(self.now_ns, health)

    def driving(self):
        self.supervisor.arm()
        assert self.frame().state is State.DRIVING
        return self


def test_disarmed_until_the_owner_arms():
    driver = Driver()
    decision = driver.frame()
    assert (decision.command, decision.state, decision.reason) == (
        Command.STOP,
        State.DISARMED,
        Reason.NOT_ARMED,
    )
    driver.supervisor.arm()
    assert driver.supervisor.state is State.ARMED
    assert driver.frame(LEFT).command is Command.LEFT


@pytest.mark.parametrize(
    "not_ready", [health(connected=False), health(McuState.DISARMED, Trip.RESET)]
)
def test_armed_waits_for_link_and_microcontroller(not_ready):
    driver = Driver()
    driver.supervisor.arm()
    decision = driver.frame(health=not_ready)
    assert (decision.command, decision.state) == (Command.STOP, State.ARMED)
    assert driver.frame().state is State.DRIVING


PASSING = {
    Reason.STALE_FRAME: {"age_ms": 150},
    Reason.BLIND: {"sight": Sight.BLACK},
}
LASTING = {
    Reason.BAD_OUTPUT: {"probabilities": np.array([np.nan, 0, 0], np.float32)},
    Reason.LINK_DOWN: {"health": health(connected=False)},
    Reason.MISMATCH: {"health": health(mismatched=True)},
    Reason.MCU_TRIPPED: {"health": health(McuState.DISARMED, Trip.SILENCE)},
}


@pytest.mark.parametrize(("reason", "bad"), {**PASSING, **LASTING}.items())
def test_any_fault_stops_a_driving_car_at_once(reason, bad):
    decision = Driver().driving().frame(**bad)
    assert (decision.command, decision.ttl_ms) == (Command.STOP, 150)
    assert (decision.state, decision.reason) == (State.STOPPED, reason)


@pytest.mark.parametrize("bad", PASSING.values())
def test_a_passing_fault_is_over_after_three_good_frames(bad):
    driver = Driver().driving()
    driver.frame(**bad)
    assert [driver.frame().command for _ in range(4)] == [Command.STOP] * 3 + [Command.FORWARD]


@pytest.mark.parametrize("bad", LASTING.values())
def test_a_lasting_fault_waits_for_the_owner(bad):
    driver = Driver().driving()
    driver.frame(**bad)
    assert {driver.frame().command for _ in range(100)} == {Command.STOP}
    driver.supervisor.arm()
    assert driver.frame().command is Command.FORWARD


@pytest.mark.parametrize("bad", LASTING.values())
def test_with_the_owners_leave_it_waits_one_good_second(bad):
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    driver.frame(**bad)
    assert [driver.frame().command for _ in range(21)] == [Command.STOP] * 21
    assert driver.frame().command is Command.FORWARD


def test_a_trip_during_a_passing_fault_makes_it_a_lasting_one():
    """A process that froze: its first picture is late, and the deadman has acted meanwhile."""
    driver = Driver().driving()
    assert driver.frame(age_ms=400).reason is Reason.STALE_FRAME
    tripped = health(McuState.ARMED, Trip.TTL, session=8)
    assert {driver.frame(health=tripped).reason for _ in range(100)} == {Reason.MCU_TRIPPED}
    driver.supervisor.arm()
    assert driver.frame(health=tripped).command is Command.FORWARD


@pytest.mark.parametrize("trip", [Trip.ESTOP, Trip.BATTERY])
def test_emergency_stop_and_low_battery_always_wait_for_the_owner(trip):
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    held, released = (health(s, trip, session=8) for s in (McuState.DISARMED, McuState.ARMED))
    assert driver.frame(health=held).reason is Reason.MCU_LOCKED
    assert {driver.frame(health=released).command for _ in range(100)} == {Command.STOP}
    driver.supervisor.arm()
    assert driver.frame(health=released).command is Command.FORWARD


@pytest.mark.parametrize(
    "mask",
    [
        {"sight": Sight.BLACK},
        {"age_ms": 300},
        {"probabilities": np.array([np.nan, 0, 0], np.float32)},
    ],
)
def test_an_emergency_stop_is_seen_behind_any_other_fault(mask):
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    held = health(McuState.DISARMED, Trip.ESTOP, session=8)
    driver.frame(**mask)
    driver.frame(**mask, health=held)
    later = health(McuState.ARMED, Trip.SILENCE, session=9)  # it tripped again since
    assert {driver.frame(health=later).reason for _ in range(100)} == {Reason.MCU_LOCKED}
    driver.supervisor.arm()
    assert driver.frame(health=later).command is Command.FORWARD


def test_an_emergency_stop_while_armed_or_silent_is_kept_too():
    held = health(McuState.DISARMED, Trip.ESTOP, session=8)
    released = health(McuState.ARMED, Trip.ESTOP, session=8)
    driver = Driver(settings=SupervisorSettings(arm_at_start=True))
    driver.supervisor.arm()
    driver.frame(health=held)
    assert {driver.frame(health=released).command for _ in range(50)} == {Command.STOP}
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    decision = driver.silence(held, after_ms=20)
    assert decision is not None
    assert decision.reason is Reason.MCU_LOCKED


def test_arming_does_not_override_a_button_that_is_held():
    held = health(McuState.DISARMED, Trip.ESTOP, session=8)
    driver = Driver().driving()
    driver.frame(health=held)
    driver.supervisor.arm()
    assert driver.frame(health=held).reason is Reason.MCU_LOCKED
    released = health(McuState.ARMED, Trip.ESTOP, session=8)
    assert driver.frame(health=released).command is Command.STOP
    driver.supervisor.arm()
    assert driver.frame(health=released).command is Command.FORWARD


def test_a_pardoned_stop_does_not_pardon_the_next():
    driver = Driver().driving()
    driver.frame(health=health(McuState.DISARMED, Trip.ESTOP, session=8))
    driver.supervisor.arm()
    assert driver.frame(health=health(McuState.ARMED, Trip.ESTOP, session=8)).command is (
        Command.FORWARD
    )
    again = health(McuState.DISARMED, Trip.ESTOP, session=9)
    assert driver.frame(health=again).reason is Reason.MCU_LOCKED


def test_the_owner_disarms():
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    driver.supervisor.disarm()
    assert {driver.frame().command for _ in range(100)} == {Command.STOP}
    assert driver.supervisor.reason is Reason.NOT_ARMED


def test_shutting_down_is_for_good():
    driver = Driver().driving()
    driver.supervisor.shut_down()
    driver.supervisor.arm()
    assert driver.frame().reason is Reason.SHUTDOWN


def test_silence_keeps_a_command_that_still_holds():
    driver = Driver().driving()  # the frame was 10 ms old
    assert driver.silence(after_ms=100) is None
    decision = driver.silence(after_ms=30)  # 140 ms old: STOP must still beat the deadman
    assert decision is not None
    assert (decision.command, decision.reason) == (Command.STOP, Reason.STALE_FRAME)


def test_patience_ends_before_the_command_does():
    driver = Driver()
    assert driver.supervisor.patience_ms(driver.now_ns, 50.0) == 50.0
    driver.driving()
    assert driver.supervisor.patience_ms(driver.now_ns, 50.0) == 50.0
    assert driver.supervisor.patience_ms(driver.now_ns + 100 * MS, 50.0) == pytest.approx(30.0)
    assert driver.supervisor.patience_ms(driver.now_ns + 200 * MS, 50.0) == 0.0


def test_silence_with_the_link_down_stops():
    decision = Driver().driving().silence(health(connected=False))
    assert decision is not None
    assert decision.reason is Reason.LINK_DOWN


def test_a_camera_at_half_its_rate_stops_after_two_seconds():
    driver = Driver(asked_rate_hz=20.0).driving()
    reasons = [driver.frame(gap_ms=100, age_ms=10).reason for _ in range(25)]
    assert set(reasons[:19]) == {Reason.NONE}
    assert set(reasons[20:]) == {Reason.LOW_RATE}
    again = [driver.frame(gap_ms=50).command for _ in range(60)]
    assert again[-1] is Command.FORWARD


def test_a_camera_at_its_rate_with_jitter_drives_on():
    driver = Driver(asked_rate_hz=20.0).driving()
    rng = np.random.default_rng(3)
    gaps = rng.integers(42, 59, 400)
    assert {driver.frame(gap_ms=int(gap)).command for gap in gaps} == {Command.FORWARD}


def test_an_unsure_model_stops_after_three_frames():
    driver = Driver(settings=SupervisorSettings(least_probability=0.6)).driving()
    unsure = np.array([0.4, 0.35, 0.25], np.float32)
    reasons = [driver.frame(unsure).reason for _ in range(3)]
    assert reasons == [Reason.NONE, Reason.NONE, Reason.UNSURE]


def test_a_hot_board_stops():
    driver = Driver().driving()
    driver.supervisor.set_board_fault(True)
    assert driver.frame().reason is Reason.BOARD


def test_equal_probabilities_mean_the_first_class():
    assert choose(np.array([0.5, 0.5, 0.0], np.float32)) is Command.FORWARD
    assert choose(np.array([0.2, 0.4, 0.4], np.float32)) is Command.LEFT


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


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SmoothingSettings(keep=1.0),
        lambda: SmoothingSettings(margin=-0.1),
        lambda: SmoothingSettings(hold_frames=0),
        lambda: SupervisorSettings(least_probability=2.0),
        lambda: SupervisorSettings(unsure_frames=0),
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="must be"):
        wrong()
