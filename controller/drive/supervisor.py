"""The supervisor: the state machine that decides which command is really sent.

It is pure: it reads no clock and touches no device. The loop tells it what happened and when, and
sends what it answers. Where it stands and why is in every decision::

    state     leaves for   when
    DISARMED  ARMED        the owner arms
    ARMED     DRIVING      a good frame, and the link and the microcontroller are ready
    DRIVING   STOPPED      any fault; the reason is kept
    STOPPED   STOPPED      a trip of the microcontroller's replaces a passing fault as the reason,
                           an emergency stop or a low battery any; others only begin the count anew
    ARMED     STOPPED      emergency stop or low battery; any other fault is only said
    STOPPED   ARMED        a passing fault (of the pictures) is gone for `RECOVERY_FRAMES` good
                           frames; a lasting one (of model, link, microcontroller or board): the
                           owner arms again, or, if the owner allowed it (`arm_at_start`), it is
                           gone for `REARM_NS`; never by itself after the emergency stop or a low
                           battery
    any       DISARMED     the owner disarms; SIGTERM (and then for good)

Every state but DRIVING sends STOP. Only after an emergency stop or a low battery that no owner has
pardoned nothing is sent to a disarmed microcontroller: STOPs are what arms it, and one that is
armed forgets why it was stopped as soon as this process dies. So the next process finds the trip as
it was, and `arm_at_start` alone ends none.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from controller.cycle import FRESH_NS, Decision, Reason, State
from controller.drive.image_quality import ImageQuality
from controller.drive.locks import Locks
from controller.drive.smoothing import Smoother, SmoothingSettings
from controller.errors import UsageError
from controller.model.pilot import Probabilities
from firmware_bridge.wire.commands import Command, McuState
from firmware_bridge.wire.session import LinkHealth

MAX_TTL_MS = 150
"""Longest time to live that the wire carries (design, contract 4), in ms."""
RECOVERY_FRAMES = 3
"""Good frames in a row after which a passing fault is over."""
REARM_NS = 1_000_000_000
"""How long a lasting fault must be gone before `rearm` arms again, in ns."""
RATE_WINDOW_NS = 2_000_000_000
"""Over how long the frame rate is counted, in ns."""
LEAST_RATE_SHARE = 0.9
"""Share of the asked frame rate under which the camera is too slow to drive by."""
SUM_TOLERANCE = 0.1
"""How far from 1 three 8-bit probabilities may add up (each is rounded to 1/256)."""


_PASSING = frozenset(
    {Reason.STALE_FRAME, Reason.REPEATS, Reason.BLIND, Reason.LOW_RATE, Reason.UNSURE}
)


def choose(probabilities: Probabilities, forward_weight: float = 1.0) -> Command | None:
    """The most probable class; the first of equals. None if these are not three probabilities.

    Args:
        probabilities: ``(3,) float32`` as the model gave them.
        forward_weight: What forward's is multiplied by before they are compared, above 0.
    """
    forward, left, right = probabilities.tolist()
    total = forward + left + right
    if not (
        math.isfinite(total)
        and min(forward, left, right) >= 0.0
        and max(forward, left, right) <= 1.0
        and abs(total - 1.0) <= SUM_TOLERANCE
    ):
        return None
    forward *= forward_weight
    if forward >= left and forward >= right:
        return Command.FORWARD
    return Command.LEFT if left >= right else Command.RIGHT


def weigh(probabilities: Probabilities, forward_weight: float) -> Probabilities:
    """Probabilities with forward's multiplied by a weight, adding up to 1 again.

    Args:
        probabilities: ``(3,) float32``, valid ones.
        forward_weight: Above 0; 1 changes nothing.
    """
    if forward_weight == 1.0:
        return probabilities
    weighed = probabilities.copy()
    weighed[0] *= forward_weight
    weighed /= weighed.sum()
    return weighed


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """What the owner allows and demands.

    Attributes:
        arm_at_start: Drive as soon as everything is ready, and again once a lasting fault is gone;
            without it the car waits to be armed.
        least_probability: Probability of the chosen class under which the model is unsure, 0 to 1;
            0 asks nothing.
        unsure_frames: Frames in a row on which it may be unsure before the car stops, 1 to 100.
    """

    arm_at_start: bool = False
    least_probability: float = 0.0
    unsure_frames: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.least_probability <= 1:
            raise UsageError(f"least_probability is {self.least_probability}, must be 0 to 1")
        if not 1 <= self.unsure_frames <= 100:
            raise UsageError(f"unsure_frames is {self.unsure_frames}, must be 1 to 100")


class Supervisor:
    """See the module's text. Times are monotonic ns on the loop's clock."""

    def __init__(
        self,
        settings: SupervisorSettings | None = None,
        smoothing: SmoothingSettings | None = None,
        asked_rate_hz: float | None = None,
    ) -> None:
        """Start disarmed.

        Args:
            settings: What the owner allows; nothing if None.
            smoothing: How decisions are smoothed; not at all if None.
            asked_rate_hz: Frame rate asked of the camera; None to accept any.
        """
        self._settings = settings or SupervisorSettings()
        off = smoothing is None or smoothing == SmoothingSettings()
        self._smoother = None if off else Smoother(smoothing or SmoothingSettings())
        self._rate = _RateWatch(asked_rate_hz)
        self.forward_weight = 1.0
        """What forward's probability is multiplied by; see `controller.model.cards.Card`."""
        self._unsure = 0
        self._board_fault = False
        self._driven_session: int | None = None
        self._locks = Locks()
        self._state = State.DISARMED
        self._reason = Reason.NOT_ARMED
        self._newest_capture_ns: int | None = None
        self._newest_new_ns = 0
        self._driven_since_ns = 0
        self._good_frames = 0
        self._good_since_ns: int | None = None
        self._shut_down = False

    @property
    def state(self) -> State:
        """Where it stands."""
        return State.DISARMED if self._shut_down else self._state

    @property
    def reason(self) -> Reason:
        """Why it does not drive."""
        return Reason.SHUTDOWN if self._shut_down else self._reason

    @property
    def may_drive(self) -> bool:
        """Whether it drives, or will without the owner as soon as nothing is the matter."""
        if self.state is not State.STOPPED:
            return self.state is not State.DISARMED
        return self._reason in _PASSING or (
            self._settings.arm_at_start and self._reason is not Reason.MCU_LOCKED
        )

    def arm(self, *, pardon: bool = True) -> None:
        """The owner wants it to drive. Without effect while driving or after `shut_down`.

        Args:
            pardon: End an emergency stop or a low battery too; False where nobody asks at this
                moment (`arm_at_start`).
        """
        if self._state in (State.DISARMED, State.STOPPED):
            self._state, self._reason = State.ARMED, Reason.WAITING
            self._locks.ask_pardon(pardon=pardon)

    def disarm(self) -> None:
        """The owner wants it to stand."""
        self._state = State.DISARMED
        self._reason = Reason.SHUTDOWN if self._shut_down else Reason.NOT_ARMED

    def shut_down(self) -> None:
        """STOP from now on, for good. May be called by a signal's handler at any moment."""
        self._shut_down = True

    @property
    def shutting_down(self) -> bool:
        """Whether `shut_down` was called."""
        return self._shut_down

    def patience_ms(self, now_ns: int, longest_ms: float) -> float:
        """How long the loop may wait for a frame before it must ask `on_silence`, in ms."""
        if self._state is not State.DRIVING or self._newest_capture_ns is None:
            return longest_ms
        left_ms = (self._newest_new_ns + FRESH_NS - now_ns) / 1e6
        # A command takes about 2 ms to cross the line: be early, so that STOP beats the deadman.
        return max(0.0, min(longest_ms, left_ms - 10.0))

    def set_board_fault(self, fault: bool) -> None:
        """Say whether the computer is too hot or short of power now."""
        self._board_fault = fault

    def on_frame(
        self,
        now_ns: int,
        capture_ns: int,
        probabilities: Probabilities,
        health: LinkHealth,
        quality: ImageQuality = ImageQuality.CLEAR,
        witnesses_ns: tuple[int, int] | None = None,
    ) -> Decision:
        """Decide on a frame that went through the model.

        Args:
            now_ns: Time after the model ran.
            capture_ns: When the frame was taken, as is claimed.
            probabilities: ``(3,) float32`` as the model gave them.
            health: The link, just asked.
            quality: Whether anything can be seen in the frame.
            witnesses_ns: When the picture was new by the camera's own stamp and by its content,
                see `controller.drive.freeze`; None if both are `capture_ns`.
        """
        new_ns = capture_ns if witnesses_ns is None else self._new_ns(*witnesses_ns)
        self._newest_capture_ns, self._newest_new_ns = capture_ns, new_ns
        self._locks.watch(now_ns, health)
        chosen = choose(probabilities, self.forward_weight)
        ttl_ms = min(MAX_TTL_MS, (min(capture_ns, new_ns) + FRESH_NS - now_ns) // 1_000_000)
        slow = self._rate.too_slow(capture_ns)
        if ttl_ms < 1:
            fault = self._too_old(capture_ns, now_ns - FRESH_NS + 1_000_000)
        elif chosen is None:
            fault = Reason.BAD_OUTPUT
        elif quality is not ImageQuality.CLEAR:
            fault = Reason.BLIND
        elif slow:
            fault = Reason.LOW_RATE
        elif self._is_unsure(probabilities, chosen):
            fault = Reason.UNSURE
        else:
            fault = self._fault_elsewhere(health)
        self._step(now_ns, fault, health)
        if self._state is not State.DRIVING or chosen is None or self._shut_down:
            if self._smoother is not None:
                self._smoother.reset()
            return self._stop(health)
        if self._smoother is not None:
            chosen = self._smoother.choose(weigh(probabilities, self.forward_weight))
        return Decision(chosen, int(ttl_ms), self._state, Reason.NONE)

    def on_silence(self, now_ns: int, health: LinkHealth) -> Decision | None:
        """Decide when no frame came in time.

        Returns:
            What to send; None while driving on a command that still holds.
        """
        self._locks.watch(now_ns, health)
        fault = self._fault_elsewhere(health)
        newest = self._newest_capture_ns
        oldest_ns = now_ns - FRESH_NS + 10_000_000
        if newest is None or min(newest, self._newest_new_ns) <= oldest_ns:
            fault = fault if fault is not Reason.NONE else self._too_old(newest, oldest_ns)
        if self.state is State.DRIVING and fault is Reason.NONE and not self._locks.locked:
            return None
        self._step(now_ns, fault if fault is not Reason.NONE else Reason.WAITING, health)
        return self._stop(health)

    def _new_ns(self, stamped_ns: int, content_ns: int) -> int:
        """Since when there has been what the picture shows, as far as that is a fault.

        The camera's own stamp always counts. The content does once the car moves: before, a camera
        without noise shows the same again and again, and it takes motion to tell it from one that
        hangs. When it has hung, three new pictures end that, not a stop.
        """
        if self._state is State.DRIVING:
            return min(stamped_ns, max(content_ns, self._driven_since_ns))
        if self._state is State.STOPPED and self._reason is Reason.REPEATS:
            return min(stamped_ns, content_ns)
        return stamped_ns

    def _too_old(self, capture_ns: int | None, oldest_ns: int) -> Reason:
        """Why a picture is too old: it comes late, or it comes again."""
        late = capture_ns is None or capture_ns <= oldest_ns
        return Reason.STALE_FRAME if late else Reason.REPEATS

    def _stop(self, health: LinkHealth) -> Decision:
        if self._shut_down:
            self.disarm()
        silent = self._locks.silences(health)
        return Decision(Command.STOP, MAX_TTL_MS, self._state, self._reason, silent)

    def _is_unsure(self, probabilities: Probabilities, chosen: Command) -> bool:
        least = self._settings.least_probability
        if least == 0.0 or weigh(probabilities, self.forward_weight)[chosen] >= least:
            self._unsure = 0
            return False
        self._unsure += 1
        return self._unsure >= self._settings.unsure_frames

    def _fault_elsewhere(self, health: LinkHealth) -> Reason:
        if self._board_fault:
            return Reason.BOARD
        if not health.connected:
            return Reason.LINK_DOWN
        if health.mismatched:
            return Reason.MISMATCH
        status = health.status
        # Before driving a disarmed MCU is no fault: the STOPs being sent are what arms it.
        if status is not None and status.state is McuState.DISARMED:
            return Reason.MCU_TRIPPED if self._state is State.DRIVING else Reason.NONE
        return Reason.NONE

    def _step(self, now_ns: int, fault: Reason, health: LinkHealth) -> None:
        good = fault is Reason.NONE
        if good:
            self._good_frames += 1
            if self._good_since_ns is None:
                self._good_since_ns = now_ns
        elif fault is not Reason.WAITING:  # a slow camera's next frame is still to come
            self._good_frames, self._good_since_ns = 0, None
        if self._locks.locked and self._state is not State.DISARMED:
            self._state, self._reason = State.STOPPED, Reason.MCU_LOCKED
        elif self._state is State.DRIVING and not good:
            self._state, self._reason = State.STOPPED, fault
        elif self._state is State.STOPPED:
            if self._reason in _PASSING and _session(health) != self._driven_session:
                # STOPs were due all the time: if it tripped, this was no mere late picture.
                self._reason, self._good_since_ns = Reason.MCU_TRIPPED, None
            if self._recovered(now_ns):
                self._state, self._reason = State.ARMED, Reason.WAITING
        elif self._state is State.ARMED and good and _is_ready(health):
            self._state, self._reason = State.DRIVING, Reason.NONE
            self._driven_session = _session(health)
            self._driven_since_ns = now_ns
        elif self._state is State.ARMED:
            self._reason = Reason.WAITING if good else fault

    def _recovered(self, now_ns: int) -> bool:
        if self._good_since_ns is None:
            return False
        if self._reason in _PASSING:
            return self._good_frames >= RECOVERY_FRAMES
        return self._settings.arm_at_start and now_ns - self._good_since_ns >= REARM_NS


def _is_ready(health: LinkHealth) -> bool:
    """Whether the microcontroller would obey; a link that is down is a fault before that."""
    return health.status is None or health.status.state is not McuState.DISARMED


def _session(health: LinkHealth) -> int | None:
    return None if health.status is None else health.status.session


class _RateWatch:
    """Counts frames by their capture times over the last `RATE_WINDOW_NS`."""

    def __init__(self, asked_hz: float | None) -> None:
        window_s = RATE_WINDOW_NS / 1e9
        self._least = 0 if asked_hz is None else int(asked_hz * LEAST_RATE_SHARE * window_s)
        # The window is full of frames at the asked rate when this many are younger than it.
        self._times_ns: deque[int] = deque(maxlen=max(1, self._least))
        self._first_ns: int | None = None

    def too_slow(self, capture_ns: int) -> bool:
        """Take a frame; whether too few came in the window that it ends."""
        if self._first_ns is None:
            self._first_ns = capture_ns
        self._times_ns.append(capture_ns)
        if self._least == 0 or capture_ns - self._first_ns < RATE_WINDOW_NS:
            return False
        full = len(self._times_ns) == self._least
        return not full or capture_ns - self._times_ns[0] > RATE_WINDOW_NS
