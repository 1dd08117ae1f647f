"""Every transition of the tables in docs/runtime.md, one by one, on literal times."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from controller.cycle import Reason, State
from controller.drive.image_quality import ImageQuality
from controller.drive.smoothing import SmoothingSettings
from controller.drive.supervisor import Supervisor, SupervisorSettings, choose
from controller.errors import UsageError
from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.wire.session import LinkHealth

MS = 1_000_000
FORWARD = np.array([0.8, 0.1, 0.1], np.float32)
LEFT = np.array([0.2, 0.7, 0.1], np.float32)
UNSURE = np.array([0.4, 0.35, 0.25], np.float32)
NONSENSE = np.array([np.nan, 0, 0], np.float32)


def health(state=McuState.ARMED, trip=Trip.NONE, *, connected=True, mismatched=False, session=7):
    off = MotorOutputs(0.0, 0.0)
    status = McuStatus(1, session, 1, state, trip, Command.STOP, off, None, 0, 0, {})
    return LinkHealth(connected, status, 0, 0, 0, mismatched)


GOOD = health()
HELD = health(McuState.DISARMED, Trip.ESTOP, session=8)
RELEASED = health(McuState.ARMED, Trip.ESTOP, session=8)


def _held(sequence):
    status = dataclasses.replace(HELD.status, sequence=sequence)
    return dataclasses.replace(HELD, status=status)


class Driver:
    """Feeds a supervisor a frame every 50 ms."""

    def __init__(self, **options):
        self.supervisor = Supervisor(**options)
        self.now_ns = 1_000 * MS

    def frame(
        self,
        probabilities=FORWARD,
        health=GOOD,
        quality=ImageQuality.CLEAR,
        age_ms=10,
        gap_ms=50,
        hot=False,
        stamped_ms=None,
        shown_ms=None,
    ):
        """`stamped_ms`, `shown_ms`: how old it is by the camera's stamp and by its content."""
        self.now_ns += gap_ms * MS
        capture_ns = self.now_ns - age_ms * MS
        self.supervisor.set_board_fault(hot)
        ages_ms = (age_ms if older is None else older for older in (stamped_ms, shown_ms))
        witnesses_ns = tuple(self.now_ns - older * MS for older in ages_ms)
        return self.supervisor.on_frame(
            self.now_ns, capture_ns, probabilities, health, quality, witnesses_ns
        )

    def silence(self, health=GOOD, after_ms=50, hot=False):
        self.now_ns += after_ms * MS
        self.supervisor.set_board_fault(hot)
        return self.supervisor.on_silence(self.now_ns, health)

    def driving(self):
        self.supervisor.arm()
        assert self.frame().state is State.DRIVING
        return self

    @property
    def stands(self):
        return self.supervisor.state, self.supervisor.reason


@dataclass(frozen=True)
class Fault:
    """How a frame shows it, how silence does (if so), and what the link says when it is over."""

    kind: str
    frame: dict[str, Any]
    silence: dict[str, Any] | None = None
    over: LinkHealth = GOOD


def _elsewhere(kind, over=GOOD, **shown):
    return Fault(kind, shown, shown, over)


FAULTS = {
    Reason.STALE_FRAME: Fault("passing", {"age_ms": 150}, {"after_ms": 130}),
    Reason.REPEATS: Fault("passing", {"stamped_ms": 150}),
    Reason.BLIND: Fault("passing", {"quality": ImageQuality.BLACK}),
    Reason.LOW_RATE: Fault("passing", {"gap_ms": 2001}),
    Reason.UNSURE: Fault("passing", {"probabilities": UNSURE}),
    Reason.BAD_OUTPUT: Fault("lasting", {"probabilities": NONSENSE}),
    Reason.LINK_DOWN: _elsewhere("lasting", health=health(connected=False)),
    Reason.MISMATCH: _elsewhere("lasting", health=health(mismatched=True)),
    Reason.MCU_TRIPPED: _elsewhere(
        "lasting",
        health=health(McuState.DISARMED, Trip.SILENCE, session=8),
        over=health(McuState.ARMED, Trip.SILENCE, session=8),
    ),
    Reason.BOARD: _elsewhere("lasting", hot=True),
    Reason.MCU_LOCKED: _elsewhere("the owner's", health=HELD, over=RELEASED),
}
NO_FAULTS = {Reason.NONE, Reason.NOT_ARMED, Reason.WAITING, Reason.SHUTDOWN}
STOPPED_FRAMES = {"passing": (2, 2), "lasting": (None, 20), "the owner's": (None, None)}
"""Good frames on which it still stands stopped, without and with `arm_at_start`; None: for ever."""

ITSELF = Reason.NONE
LOCKED = (State.STOPPED, Reason.MCU_LOCKED)
TRIPPED = (State.STOPPED, Reason.MCU_TRIPPED)
SITUATIONS = {
    "disarmed": (lambda driver: None, (State.DISARMED, Reason.NOT_ARMED), {}),
    "armed": (
        lambda driver: driver.supervisor.arm(pardon=False),
        (State.ARMED, ITSELF),
        {Reason.MCU_TRIPPED: (State.ARMED, Reason.WAITING), Reason.MCU_LOCKED: LOCKED},
    ),
    "driving": (lambda driver: driver.driving(), (State.STOPPED, ITSELF), {}),
    "stopped, passing": (
        lambda driver: driver.driving().frame(quality=ImageQuality.BLACK),
        (State.STOPPED, Reason.BLIND),
        {Reason.MCU_TRIPPED: TRIPPED, Reason.MCU_LOCKED: LOCKED},
    ),
    "stopped, lasting": (
        lambda driver: driver.driving().frame(NONSENSE),
        (State.STOPPED, Reason.BAD_OUTPUT),
        {Reason.MCU_LOCKED: LOCKED},
    ),
    "stopped, the owner's": (lambda driver: driver.driving().frame(health=HELD), LOCKED, {}),
    "shut down": (
        lambda driver: driver.driving().supervisor.shut_down(),
        (State.DISARMED, Reason.SHUTDOWN),
        {},
    ),
}
"""How to get there; where any fault leads; where some lead instead."""


def _driver_in(situation, *, arm_at_start=False):
    """A driver that any of the faults is one to: demanding, and at 20 of the 1.2 Hz asked for."""
    settings = SupervisorSettings(arm_at_start, least_probability=0.6, unsure_frames=1)
    driver = Driver(settings=settings, asked_rate_hz=1.2)
    driver.frame()
    SITUATIONS[situation][0](driver)
    return driver


def test_every_reason_has_a_row():
    assert FAULTS.keys() | NO_FAULTS == set(Reason)
    assert not FAULTS.keys() & NO_FAULTS


SHOWN = [
    pytest.param(reason, how, id=f"{reason.name}-{how}")
    for reason, fault in FAULTS.items()
    for how in ("frame", "silence")
    if getattr(fault, how) is not None
]


@pytest.mark.parametrize(("reason", "shown_by"), SHOWN)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_where_a_fault_leads(situation, reason, shown_by):
    shown = getattr(FAULTS[reason], shown_by)
    _, any_fault, some = SITUATIONS[situation]
    state, why = some.get(reason, any_fault)
    driver = _driver_in(situation)
    decision = getattr(driver, shown_by)(**shown)
    assert (decision.state, decision.reason) == (state, reason if why is ITSELF else why)
    assert (decision.command, decision.ttl_ms) == (Command.STOP, 150)


@pytest.mark.parametrize("arm_at_start", [False, True])
@pytest.mark.parametrize("reason", FAULTS, ids=lambda reason: reason.name)
def test_how_a_fault_ends(reason, arm_at_start):
    fault = FAULTS[reason]
    driver = _driver_in("driving", arm_at_start=arm_at_start)
    driver.frame(**fault.frame)
    for quality in (
        ImageQuality.CLEAR,
        ImageQuality.CLEAR,
        ImageQuality.BLACK,
    ):  # from here on it counts anew
        driver.frame(health=fault.over, quality=quality)
    decisions = [driver.frame(health=fault.over) for _ in range(100)]
    stopped = STOPPED_FRAMES[fault.kind][arm_at_start]
    if stopped is None:
        assert {(d.state, d.reason) for d in decisions} == {(State.STOPPED, reason)}
        driver.supervisor.arm()
        assert driver.stands == (State.ARMED, Reason.WAITING)
        assert driver.frame(health=fault.over).command is Command.FORWARD
        return
    assert [d.state for d in decisions[: stopped + 2]] == (
        [State.STOPPED] * stopped + [State.ARMED, State.DRIVING]
    )
    assert {d.reason for d in decisions[:stopped]} == {reason}
    assert {d.command for d in decisions[: stopped + 1]} == {Command.STOP}
    assert {d.command for d in decisions[stopped + 1 :]} == {Command.FORWARD}


@pytest.mark.parametrize("arm_at_start", [False, True])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_the_owner_does_wherever_it_stands(situation, arm_at_start):
    driver = _driver_in(situation, arm_at_start=arm_at_start)
    before = driver.stands
    driver.supervisor.arm()
    over = situation == "shut down"
    waits = before[0] in (State.DISARMED, State.STOPPED) and not over
    assert driver.stands == ((State.ARMED, Reason.WAITING) if waits else before)
    driver.supervisor.disarm()
    stands = State.DISARMED, Reason.SHUTDOWN if over else Reason.NOT_ARMED
    assert driver.stands == stands
    decisions = [driver.frame() for _ in range(100)] + [driver.silence()]
    assert {(d.state, d.reason) for d in decisions} == {stands}
    assert {d.command for d in decisions} == {Command.STOP}


@pytest.mark.parametrize("how", ["frame", "silence"])
def test_shutting_down_stops_at_once_and_for_good(how):
    driver = _driver_in("shut down")
    for _ in range(2):
        assert driver.stands == (State.DISARMED, Reason.SHUTDOWN)
        decision = getattr(driver, how)()
        assert (decision.command, decision.reason) == (Command.STOP, Reason.SHUTDOWN)
        driver.supervisor.arm()


def test_armed_it_drives_once_the_microcontroller_is_ready():
    driver = _driver_in("armed")
    reset = health(McuState.DISARMED, Trip.RESET)
    for decision in (driver.frame(health=reset), driver.silence(health=reset, after_ms=20)):
        assert (decision.state, decision.reason) == (State.ARMED, Reason.WAITING)
    assert driver.silence().state is State.ARMED
    decision = driver.frame(LEFT)
    assert (decision.command, decision.ttl_ms) == (Command.LEFT, 140)
    assert (decision.state, decision.reason) == driver.stands == (State.DRIVING, Reason.NONE)


@pytest.mark.parametrize(
    ("reason", "arm_at_start", "stopped"),
    [(Reason.BLIND, False, 2), (Reason.BAD_OUTPUT, True, 10)],
)
def test_the_time_between_two_frames_of_a_slow_camera_is_no_fault(reason, arm_at_start, stopped):
    """At 10 Hz the loop asks once between them."""
    driver = _driver_in("driving", arm_at_start=arm_at_start)
    driver.frame(**FAULTS[reason].frame)
    states = []
    for _ in range(stopped + 2):
        driver.silence()
        states.append(driver.frame().state)
    assert states == [State.STOPPED] * stopped + [State.ARMED, State.DRIVING]


def test_what_keeps_from_driving_is_said_before_that_no_frame_comes():
    decision = Driver().driving().silence(health(connected=False), after_ms=130)
    assert decision.reason is Reason.LINK_DOWN


def test_a_line_that_says_nothing_drives_too():
    silent = LinkHealth(True, None, 0, 0, 0, False)
    driver = Driver()
    driver.supervisor.arm()
    assert driver.frame(health=silent).command is Command.FORWARD
    assert driver.frame(health=silent, quality=ImageQuality.BLACK).reason is Reason.BLIND
    states = [driver.frame(health=silent).state for _ in range(4)]
    assert states == [State.STOPPED] * 2 + [State.ARMED, State.DRIVING]


def test_a_trip_during_a_passing_fault_makes_it_a_lasting_one():
    """A process that froze: its first picture is late, and the deadman has acted meanwhile."""
    driver = _driver_in("driving", arm_at_start=True)
    assert driver.frame(age_ms=400).reason is Reason.STALE_FRAME
    assert {driver.frame().reason for _ in range(2)} == {Reason.STALE_FRAME}
    tripped = health(McuState.ARMED, Trip.TTL, session=8)
    stands = [(driver.frame(health=tripped), driver.stands)[1] for _ in range(22)]
    assert stands == [TRIPPED] * 21 + [(State.ARMED, Reason.WAITING)]


@pytest.mark.parametrize("trip", [Trip.ESTOP, Trip.BATTERY])
def test_emergency_stop_and_low_battery_always_wait_for_the_owner(trip):
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    held, released = (health(s, trip, session=8) for s in (McuState.DISARMED, McuState.ARMED))
    assert driver.frame(health=held).reason is Reason.MCU_LOCKED
    assert {driver.frame(health=released).command for _ in range(100)} == {Command.STOP}
    driver.supervisor.arm()
    assert driver.frame(health=released).command is Command.FORWARD


@pytest.mark.parametrize("mask", [{"quality": ImageQuality.BLACK}, {"age_ms": 300}, {"hot": True}])
def test_an_emergency_stop_is_seen_behind_any_other_fault(mask):
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    driver.frame(**mask)
    driver.frame(**mask, health=HELD)
    later = health(McuState.ARMED, Trip.SILENCE, session=9)  # it tripped again since
    assert {driver.frame(health=later).reason for _ in range(100)} == {Reason.MCU_LOCKED}
    driver.supervisor.arm()
    assert driver.frame(health=later).command is Command.FORWARD


@pytest.mark.parametrize("situation", ["armed", "driving"])
@pytest.mark.parametrize("how", ["frame", "silence"])
def test_an_emergency_stop_that_was_released_at_once_is_kept_too(situation, how):
    driver = _driver_in(situation, arm_at_start=True)
    driver.silence(after_ms=20)  # what was before arming is pardoned
    decision = getattr(driver, how)(health=RELEASED)
    assert (decision.state, decision.reason) == LOCKED
    assert {driver.frame().reason for _ in range(100)} == {Reason.MCU_LOCKED}


def test_arming_does_not_override_a_button_that_is_held():
    driver = Driver().driving()
    driver.frame(health=HELD)
    driver.supervisor.arm()
    # The STOPs that would arm it go out, and are seen to be in vain.
    assert not any(driver.frame(health=_held(sequence)).silent for sequence in (1, 2, 3, 4))
    assert driver.frame(health=_held(5)).reason is Reason.MCU_LOCKED
    assert driver.frame(health=_held(5)).silent
    assert driver.frame(health=RELEASED).command is Command.STOP
    driver.supervisor.arm()
    assert driver.frame(health=RELEASED).command is Command.FORWARD


def test_a_pardon_that_does_not_reach_the_microcontroller_is_void_after_a_second():
    driver = Driver().driving()
    driver.frame(health=HELD)
    driver.supervisor.arm()
    stands = [driver.frame(health=HELD).reason for _ in range(25)]
    assert stands == [Reason.WAITING] * 20 + [Reason.MCU_LOCKED] * 5
    assert {driver.frame(health=RELEASED).reason for _ in range(30)} == {Reason.MCU_LOCKED}


@pytest.mark.parametrize("trip", [Trip.ESTOP, Trip.BATTERY])
@pytest.mark.parametrize("how", ["frame", "silence"])
@pytest.mark.parametrize("state", [State.DISARMED, State.STOPPED])
def test_no_stop_that_would_arm_is_sent_while_locked(trip, how, state):
    driver = Driver(settings=SupervisorSettings(arm_at_start=True)).driving()
    held, armed = (health(s, trip, session=8) for s in (McuState.DISARMED, McuState.ARMED))
    driver.frame(health=held)
    if state is State.DISARMED:
        driver.supervisor.disarm()
    decisions = [getattr(driver, how)(health=held) for _ in range(50)]
    assert {(d.silent, d.command, d.state) for d in decisions} == {(True, Command.STOP, state)}
    assert not getattr(driver, how)(health=armed).silent  # STOP keeps an armed one as it is


def test_only_an_owners_arming_ends_what_was_before_the_start():
    driver = Driver(settings=SupervisorSettings(arm_at_start=True))
    driver.supervisor.arm(pardon=False)
    decisions = [driver.frame(health=HELD) for _ in range(100)]
    assert {(d.silent, d.reason) for d in decisions} == {(True, Reason.MCU_LOCKED)}
    driver.supervisor.arm()
    assert not driver.frame(health=HELD).silent
    assert driver.frame(health=RELEASED).command is Command.FORWARD


@pytest.mark.parametrize("state", [McuState.DISARMED, McuState.ARMED])
def test_a_pardoned_stop_does_not_pardon_the_next(state):
    driver = Driver().driving()
    driver.frame(health=HELD)
    driver.supervisor.arm()
    assert driver.frame(health=RELEASED).command is Command.FORWARD
    again = health(state, Trip.ESTOP, session=9)
    assert driver.frame(health=again).reason is Reason.MCU_LOCKED


@pytest.mark.parametrize("trip", [Trip.ESTOP, Trip.BATTERY])
def test_arming_does_not_pardon_a_stop_that_comes_before_the_microcontroller_is_armed(trip):
    """It is disarmed already, so that the stop begins no new session (firmware, `disarm`)."""
    driver = Driver()
    driver.supervisor.arm()
    driver.frame(health=health(McuState.DISARMED, Trip.RESET, session=8))
    assert driver.frame(health=health(McuState.DISARMED, trip, session=8)).state is State.STOPPED
    released = health(McuState.ARMED, trip, session=8)
    assert {driver.frame(health=released).reason for _ in range(100)} == {Reason.MCU_LOCKED}


def test_arming_pardons_the_stop_that_the_first_status_tells_of():
    driver = Driver()
    driver.supervisor.arm()
    driver.silence(LinkHealth(False, None, 0, 0, 0, False))
    assert driver.frame(health=RELEASED).command is Command.FORWARD


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
    driver.supervisor.disarm()  # a loop that stands has nothing to hurry for
    assert driver.supervisor.patience_ms(driver.now_ns + 200 * MS, 50.0) == 50.0


def test_a_frame_from_the_future_lets_a_command_live_no_longer():
    assert Driver().driving().frame(age_ms=-20).ttl_ms == 150


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


def test_a_model_may_be_unsure_on_two_frames_in_a_row_but_not_on_three():
    driver = Driver(settings=SupervisorSettings(least_probability=0.6)).driving()
    frames = [UNSURE, UNSURE, FORWARD, UNSURE, UNSURE, UNSURE]
    reasons = [driver.frame(probabilities).reason for probabilities in frames]
    assert reasons == [Reason.NONE] * 5 + [Reason.UNSURE]


def test_smoothing_smooths_what_is_weighed_and_forgets_when_the_car_stands():
    def commands(*frames):
        return [driver.frame(probabilities).command for probabilities in frames]

    driver = Driver(smoothing=SmoothingSettings(hold_frames=3)).driving()
    assert commands(LEFT, LEFT, LEFT) == [Command.FORWARD, Command.FORWARD, Command.LEFT]
    driver.frame(quality=ImageQuality.BLACK)
    stood = commands(FORWARD, FORWARD, FORWARD, FORWARD)
    assert stood == [Command.STOP] * 3 + [Command.FORWARD]
    driver.supervisor.forward_weight = 9.0
    assert commands(LEFT, LEFT, LEFT, LEFT) == [Command.FORWARD] * 4


def test_equal_probabilities_mean_the_first_class():
    assert choose(np.array([0.5, 0.5, 0.0], np.float32)) is Command.FORWARD
    assert choose(np.array([0.2, 0.4, 0.4], np.float32)) is Command.LEFT


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


def test_before_motion_an_unchanged_picture_is_no_fault_and_in_motion_it_is_after_150_ms():
    driver = Driver()
    for standing_ms in range(0, 5000, 50):
        assert driver.frame(shown_ms=standing_ms + 10).reason is Reason.NOT_ARMED
    driver.supervisor.arm()
    assert driver.frame(shown_ms=6000).command is Command.FORWARD
    ttls_ms = [driver.frame(shown_ms=7000).ttl_ms for _ in range(2)]
    assert ttls_ms == [100, 50]
    decision = driver.frame(shown_ms=8000)
    assert (decision.command, decision.reason) == (Command.STOP, Reason.REPEATS)


@pytest.mark.parametrize("arm_at_start", [False, True])
def test_a_camera_that_has_hung_drives_on_after_three_new_pictures(arm_at_start):
    driver = _driver_in("driving", arm_at_start=arm_at_start)
    driver.frame(gap_ms=150)
    assert {driver.frame(shown_ms=200).reason for _ in range(60)} == {Reason.REPEATS}
    assert [driver.frame().state for _ in range(4)] == [State.STOPPED] * 2 + [
        State.ARMED,
        State.DRIVING,
    ]


def test_while_pictures_repeat_silence_is_no_news():
    """At 20 Hz the third repetition is due when the command before has just run out."""
    driver = Driver().driving()
    driver.frame(shown_ms=60)
    decision = driver.silence(after_ms=90)
    assert (decision.command, decision.reason) == (Command.STOP, Reason.REPEATS)
