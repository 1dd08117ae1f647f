"""What can go wrong while the car drives, and how soon the motors are off."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.verification.fault_rig import BYTE_US, Rig
from firmware_bridge.wire.protocol import encode_frame

LIMIT_MS = 150.0
"""From the last valid command's last bit on the line until both motors are off, in MCU time."""
RESET_LIMIT_MS = 1.0
ESTOP_LIMIT_MS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of one fault ended.

    Attributes:
        off_after_ms: From the last valid command (for e-stop and reset: from that) to motors off.
        moved: Whether the motors turned again before the car was armed anew.
        recovered: Whether it drove again once it was.
    """

    off_after_ms: float
    moved: bool
    recovered: bool


def _finish(rig: Rig, since_us: float) -> Outcome:
    """Motors must be off now and must have gone off only once since then."""
    ons = [c for c in rig.history if c.time_us > since_us and not c.motors.off]
    offs = [c for c in rig.history if c.time_us > since_us and c.motors.off]
    moved = bool(ons and offs and ons[-1].time_us > offs[0].time_us)
    off_after_ms = (rig.off_us(since_us) - since_us) / 1000
    return Outcome(off_after_ms, moved, rig.recovers())


def host_killed(rig: Rig) -> Outcome:
    """The host sends nothing more."""
    rig.drive()
    rig.run(500_000)
    return _finish(rig, rig.last_valid_us)


def host_frozen(rig: Rig) -> Outcome:
    """The host stands still for 500 ms, then goes on with what it knew."""
    rig.drive()
    since_us = rig.last_valid_us
    late = [rig.make(rig.motion) for _ in range(10)]
    rig.run(500_000)
    for frame in late:
        rig.put(frame)
        rig.run(rig.period_us)
    return _finish(rig, since_us)


def line_cut(rig: Rig) -> Outcome:
    """The line goes in the middle of a frame, and comes back after 300 ms in another one."""
    rig.drive()
    since_us = rig.last_valid_us
    frames = [rig.make(rig.motion) for _ in range(10)]
    rig.put(frames[0][: rig.rng.randint(1, len(frames[0]) - 2)])
    rig.run(300_000)
    rig.put(frames[1][rig.rng.randint(1, len(frames[1]) - 1) :])
    for frame in frames[2:]:
        rig.put(frame)
        rig.run(rig.period_us)
    return _finish(rig, since_us)


def line_stalled(rig: Rig) -> Outcome:
    """For 500 ms nothing arrives, then everything at once."""
    rig.drive()
    since_us = rig.last_valid_us
    waiting = [rig.make(rig.motion) for _ in range(25)]
    rig.run(500_000)
    rig.put(b"".join(waiting))
    rig.run(200_000)
    return _finish(rig, since_us)


def garbage_flood(rig: Rig) -> Outcome:
    """Noise, corrupted frames and repeated ones at line rate, and nothing else."""
    rig.drive()
    since_us = rig.last_valid_us
    repeated = rig.make(rig.motion)
    since_us = rig.last_valid_us = rig.put(repeated)
    end_us = rig.now_us + 500_000
    while rig.now_us < end_us:
        corrupted = bytearray(repeated)
        corrupted[rig.rng.randrange(1, len(corrupted) - 1)] ^= 1 << rig.rng.randrange(8)
        noise = bytes(rig.rng.choice((0, rig.rng.randrange(256))) for _ in range(40))
        data = rig.rng.choice((noise, rig.rng.randbytes(80), bytes(corrupted), repeated))
        rig.put(data)
        rig.run(BYTE_US * len(data))
    rig.put(b"\0")
    return _finish(rig, since_us)


def mcu_reset(rig: Rig) -> Outcome:
    """The MCU is reset; the host does not notice and goes on."""
    rig.drive()
    frames = [rig.make(rig.motion) for _ in range(10)]
    since_us = rig.now_us
    rig.mcu.reset()
    for frame in frames:
        rig.put(frame)
        rig.run(rig.period_us)
    return _finish(rig, since_us)


def firmware_hang(rig: Rig) -> Outcome:
    """The firmware is caught in a loop, with or without interrupts; the host goes on."""
    rig.drive()
    since_us = rig.last_valid_us
    frames = [rig.make(rig.motion) for _ in range(20)]
    rig.mcu.hang(interrupts=rig.rng.random() < 0.5)
    for frame in frames:
        rig.put(frame)
        rig.run(rig.period_us)
    return _finish(rig, since_us)


def emergency_stop(rig: Rig) -> Outcome:
    """The e-stop is pressed for 300 ms; the host does not notice and goes on."""
    rig.drive()
    frames = [rig.make(rig.motion) for _ in range(15)]
    since_us = rig.now_us
    rig.mcu.set_estop(pressed=True)
    for frame in frames:
        rig.put(frame)
        rig.run(rig.period_us)
    rig.mcu.set_estop(pressed=False)
    rig.run(50_000)
    return _finish(rig, since_us)


def wrong_version(rig: Rig) -> Outcome:
    """A host of another version speaks up; the right one goes on."""
    rig.drive()
    frames = [rig.make(rig.motion) for _ in range(10)]
    rig.put(encode_frame(b"\x43\x02" + rig.rng.randbytes(rig.rng.randrange(40))))
    since_us = rig.now_us
    for frame in frames:
        rig.put(frame)
        rig.run(rig.period_us)
    return _finish(rig, since_us)


FAULTS: dict[str, tuple[Callable[[Rig], Outcome], float]] = {
    "host killed": (host_killed, LIMIT_MS),
    "host frozen": (host_frozen, LIMIT_MS),
    "line cut": (line_cut, LIMIT_MS),
    "line stalled, flushed": (line_stalled, LIMIT_MS),
    "garbage flood": (garbage_flood, LIMIT_MS),
    "MCU reset": (mcu_reset, RESET_LIMIT_MS),
    "firmware hang": (firmware_hang, LIMIT_MS),
    "e-stop": (emergency_stop, ESTOP_LIMIT_MS),
    "wrong version": (wrong_version, 10.0),
}
"""Each with its limit in ms."""


@dataclass(frozen=True, slots=True)
class Row:
    """A fault over all its runs.

    Attributes:
        fault: Its name.
        runs: How often it was made.
        worst_ms: Longest time until the motors were off.
        median_ms: The usual one.
        limit_ms: The longest allowed.
        moved: Runs with motion before a new arming.
        stuck: Runs in which the car did not drive again after one.
    """

    fault: str
    runs: int
    worst_ms: float
    median_ms: float
    limit_ms: float
    moved: int
    stuck: int

    @property
    def ok(self) -> bool:
        """Whether the fault did no harm in any run."""
        return self.worst_ms <= self.limit_ms and self.moved == 0 and self.stuck == 0


def run_fault(name: str, runs: int, seed: int) -> Row:
    """Make one fault many times, each at another phase; the same seed gives the same runs."""
    make, limit_ms = FAULTS[name]
    outcomes = []
    for number in range(runs):
        rig = Rig(random.Random(f"{seed} {name} {number}"))
        try:
            outcomes.append(make(rig))
        finally:
            rig.mcu.close()
    times = sorted(outcome.off_after_ms for outcome in outcomes)
    return Row(
        fault=name,
        runs=runs,
        worst_ms=times[-1],
        median_ms=times[len(times) // 2],
        limit_ms=limit_ms,
        moved=sum(outcome.moved for outcome in outcomes),
        stuck=sum(not outcome.recovered for outcome in outcomes),
    )
