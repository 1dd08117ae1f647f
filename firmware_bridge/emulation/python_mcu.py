"""The firmware's rules in Python, for simulations without a compiler.

An independent implementation of ``firmware/core.c``, held to it by a differential test: a change
of behaviour in one must be made in the other.
"""

from __future__ import annotations

from firmware_bridge.emulation.virtual_mcu import FirmwareCore, VirtualMcu
from firmware_bridge.errors import FrameError
from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.wire.protocol import (
    COUNTERS,
    FULL_DUTY,
    NO_BATTERY,
    TYPE_COMMAND,
    VERSION,
    CommandFrame,
    Decoder,
    decode_command,
    encode_status,
    peer_version,
)

SILENCE_MS = 149
"""Whole ticks counted: the first may come at once, so 149 of them never last over 149 ms."""
ARMING_STOPS = 3
STATUS_PERIOD_MS = 50
STATUS_GAP_MS = 8
DUTY_FORWARD = 160
DUTY_TURN = 140
RAMP_PER_MS = 8
BATTERY_LOW_MS = 500
BATTERY_STOP_MV = 6400
MAX_EPOCH = (1 << 20) - 1
MAX_TRIPS = (1 << 12) - 1

_COMMAND_SIZE = 12
_M32 = 0xFFFFFFFF
_TARGETS = {
    Command.STOP: (0, 0),
    Command.FORWARD: (DUTY_FORWARD, DUTY_FORWARD),
    Command.LEFT: (-DUTY_TURN, DUTY_TURN),
    Command.RIGHT: (DUTY_TURN, -DUTY_TURN),
}


def make_session(epoch: int, trips: int) -> int:
    """Session of the `trips`-th trip after the `epoch`-th boot; 0, never obeyed, when used up.

    The factor is odd, so no two pairs share a session (Knuth, TAOCP 3, 6.4: multiplicative
    hashing with the golden ratio).
    """
    if not 1 <= epoch <= MAX_EPOCH or trips > MAX_TRIPS:
        return 0
    return ((epoch << 12 | trips) * 0x9E3779B1) & _M32


def applied_command(left: int, right: int) -> Command:
    """The command whose motion two motor duties show."""
    if left == 0 and right == 0:
        return Command.STOP
    if left > 0 and right > 0:
        return Command.FORWARD
    return Command.LEFT if left < right else Command.RIGHT


class PythonCore(FirmwareCore):
    """The state machine; see ``firmware/core.h`` for the words.

    Attributes:
        session: Session of now; 0 when no more are left.
        sequence: Of the newest command accepted in it.
    """

    def __init__(
        self, epoch: int, reset_cause: int, battery_stop_mv: int = BATTERY_STOP_MV
    ) -> None:
        self.left = self.right = 0
        self.led = False
        self.state = McuState.DISARMED
        self._epoch = epoch
        self._trips = 0
        self.session = make_session(epoch, 0)
        self._trip = Trip.RESET
        self._reset_cause = reset_cause
        self._battery_stop_mv = battery_stop_mv
        self._battery_mv = NO_BATTERY
        self._low_ticks = 0
        self._blocked = False
        self._now_ms = 0
        self.sequence = 0
        self._stops = 0
        self._target = Command.STOP
        self._heard_ms = self._obeyed_ms = self._ttl_ticks = 0
        self._decoder = Decoder()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._due = True
        self._status_ms = -STATUS_GAP_MS & _M32
        self._sending = b""

    def receive(self, byte: int) -> None:
        """See `FirmwareCore.receive`."""
        rejects = self._decoder.rejects
        payloads = self._decoder.feed(bytes((byte,)))
        if byte == 0:
            for name in ("length", "crc"):
                self._counters[name] = (self._counters[name] + rejects[name]) & 0xFFFF
                rejects[name] = 0
        for payload in payloads:
            self._handle(payload)

    def tick(self, now_ms: int, *, estop: bool, battery_mv: int) -> None:
        """See `FirmwareCore.tick`."""
        self._now_ms = now_ms
        self._watch_inputs(estop, battery_mv)
        if self.state is McuState.DRIVING and self._since(self._obeyed_ms) >= self._ttl_ticks:
            self._disarm(Trip.TTL)
        if self.state is not McuState.DISARMED and self._since(self._heard_ms) >= SILENCE_MS:
            self._disarm(Trip.SILENCE)
        target_left, target_right = _TARGETS[self._target]
        self.left = _towards(self.left, target_left)
        self.right = _towards(self.right, target_right)
        self.led = self._led_pattern()
        if self._since(self._status_ms) >= STATUS_PERIOD_MS:
            self._due = True

    def transmit(self, left: int, right: int) -> int:
        """See `FirmwareCore.transmit`."""
        if not self._sending and self._due and self._since(self._status_ms) >= STATUS_GAP_MS:
            self._due = False
            self._status_ms = self._now_ms
            self._sending = encode_status(self._status(left, right))
        if not self._sending:
            return -1
        byte, self._sending = self._sending[0], self._sending[1:]
        return byte

    def _since(self, then_ms: int) -> int:
        return (self._now_ms - then_ms) & _M32

    def _watch_inputs(self, estop: bool, battery_mv: int) -> None:
        self._battery_mv = battery_mv
        if battery_mv == NO_BATTERY or battery_mv >= self._battery_stop_mv:
            self._low_ticks = 0
        else:
            self._low_ticks += 1
        low = self._low_ticks >= BATTERY_LOW_MS
        self._blocked = estop or low
        if estop:
            self._disarm(Trip.ESTOP)
        elif low:
            self._disarm(Trip.BATTERY)

    def _disarm(self, trip: Trip) -> None:
        self._trip = trip
        self._stops = 0
        self._target = Command.STOP
        self.left = self.right = 0
        if self.state is McuState.DISARMED:
            return
        self.state = McuState.DISARMED
        self._trips += 1
        self.session = make_session(self._epoch, self._trips)
        self.sequence = 0
        self._due = True

    def _count(self, name: str) -> None:
        self._counters[name] = (self._counters[name] + 1) & 0xFFFF

    def _handle(self, payload: bytes) -> None:
        if peer_version(payload) != VERSION:
            self._count("version")
            self._disarm(Trip.VERSION)
            return
        if payload[0] != TYPE_COMMAND:
            self._count("command")
            return
        if len(payload) != _COMMAND_SIZE:
            self._count("length")
            return
        session = int.from_bytes(payload[2:6], "little")
        sequence = int.from_bytes(payload[6:10], "little")
        if session != self.session or session == 0:
            self._count("session")
        elif sequence <= self.sequence:
            self._count("sequence")
        else:
            try:
                frame = decode_command(payload)
            except FrameError:
                self._count("command")
                return
            self._obey(frame)

    def _obey(self, frame: CommandFrame) -> None:
        stop = frame.command is Command.STOP
        if self.state is McuState.DISARMED and not stop:
            self._stops = 0
            self._count("disarmed")
            return
        self._count("accepted")
        self.sequence = frame.sequence
        self._heard_ms = self._now_ms
        self._due = True
        self._target = frame.command
        if not stop:
            self.state = McuState.DRIVING
            self._obeyed_ms = self._now_ms
            self._ttl_ticks = frame.ttl_ms - 1
            return
        self.left = self.right = 0
        if self.state is McuState.DRIVING:
            self.state = McuState.ARMED
        elif self.state is McuState.DISARMED and not self._blocked:
            self._stops += 1
            if self._stops >= ARMING_STOPS:
                self._stops = 0
                self.state = McuState.ARMED

    def _led_pattern(self) -> bool:
        if self.session == 0:
            return True
        if self.state is McuState.DISARMED:
            return self._now_ms % 1024 < 64
        if self.state is McuState.ARMED:
            return self._now_ms % 512 < 256
        return self._now_ms % 128 < 64

    def _status(self, left: int, right: int) -> McuStatus:
        return McuStatus(
            version=VERSION,
            session=self.session,
            sequence=self.sequence,
            state=self.state,
            trip=self._trip,
            applied=applied_command(left, right),
            motors=MotorOutputs(left / FULL_DUTY, right / FULL_DUTY),
            battery_mv=None if self._battery_mv == NO_BATTERY else self._battery_mv,
            uptime_ms=self._now_ms,
            reset_cause=self._reset_cause,
            counters=self._counters,
        )


def _towards(duty: int, target: int) -> int:
    return min(duty + RAMP_PER_MS, max(duty - RAMP_PER_MS, target))


class PythonMcu(VirtualMcu):
    """A microcontroller with the Python core."""

    def _make_core(self, epoch: int, reset_cause: int) -> FirmwareCore:
        return PythonCore(epoch, reset_cause)
