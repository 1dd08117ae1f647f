"""A self-test of a real car on blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_bridge.errors import LinkError
from firmware_bridge.tools.probe import Probe
from firmware_bridge.wire.commands import Command, McuState, McuStatus


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of the self-test.

    Attributes:
        step: What was tried.
        ok: Whether it went as it must.
        seen: What was seen.
    """

    step: str
    ok: bool
    seen: str


def self_test(probe: Probe) -> Iterator[Finding]:
    """Every step in turn, each as soon as it is done; the motors turn in some of them."""
    yield _statuses(probe)
    yield _needs_arming(probe)
    yield _arms(probe)
    for command in (Command.FORWARD, Command.LEFT, Command.RIGHT):
        yield _moves(probe, command)
    yield _stops(probe)
    yield _rejects_corruption(probe)
    yield _deadman(probe)
    yield _old_session(probe)


def _statuses(probe: Probe) -> Finding:
    before = len(probe.statuses)
    probe.pause(1.0)
    heard = len(probe.statuses) - before
    return Finding("statuses arrive, 20 a second", 15 <= heard <= 25, f"{heard} in a second")


def _needs_arming(probe: Probe) -> Finding:
    if probe.status.state is not McuState.DISARMED:
        probe.pause(0.3)  # somebody drove it just now: silence disarms
    probe.repeat(Command.FORWARD, 0.2)
    still = probe.status.state is McuState.DISARMED and probe.status.motors.off
    return Finding("a motion command before arming is not obeyed", still, _state(probe.status))


def _arms(probe: Probe) -> Finding:
    return Finding("three STOPs arm", probe.arm(), _state(probe.status))


def _moves(probe: Probe, command: Command) -> Finding:
    if not probe.arm():
        return Finding(f"{command.name.lower()} turns the motors", False, _state(probe.status))
    probe.repeat(command, 0.5)
    status = probe.status
    ok = status.applied is command and status.state is McuState.DRIVING
    seen = f"left {status.motors.left:+.2f}, right {status.motors.right:+.2f}"
    return Finding(f"{command.name.lower()} turns the motors", ok, seen)


def _stops(probe: Probe) -> Finding:
    probe.arm()
    probe.repeat(Command.FORWARD, 0.2)
    started = time.monotonic()
    probe.send(Command.STOP)
    off = probe.wait(lambda status: status.motors.off, 0.2)
    took_ms = (time.monotonic() - started) * 1000
    return Finding("STOP stops at once", off, f"said so after {took_ms:.0f} ms")


def _rejects_corruption(probe: Probe) -> Finding:
    made = probe.session.command(Command.FORWARD, 100, time.monotonic_ns())
    if made is None:
        raise LinkError("the MCU offers no session")
    corrupted = bytearray(made[1])
    corrupted[-3] ^= 0x10
    before = probe.status.counters["crc"]
    probe.write(bytes(corrupted))
    seen = probe.wait(lambda status: status.counters["crc"] != before, 0.2)
    return Finding(
        "a corrupted frame is rejected", seen and probe.status.motors.off, "counted as crc"
    )


def _deadman(probe: Probe) -> Finding:
    probe.arm()
    probe.repeat(Command.FORWARD, 0.3)
    probe.send(Command.FORWARD, 150)
    session = probe.status.session
    started = time.monotonic()
    off = probe.wait(
        lambda status: status.state is McuState.DISARMED and status.session != session, 0.5
    )
    took_ms = (time.monotonic() - started) * 1000
    ok = off and probe.status.motors.off and took_ms < 250
    return Finding("silence stops and disarms", ok, f"said so after {took_ms:.0f} ms")


def _old_session(probe: Probe) -> Finding:
    if not probe.arm():
        return Finding("an old session is dead", False, "it does not arm")
    made = probe.session.command(Command.FORWARD, 150, time.monotonic_ns())
    if made is None:
        raise LinkError("the MCU offers no session")
    probe.pause(0.3)  # disarmed by silence: what was made before is of an old session
    before = probe.status.counters["session"]
    probe.write(made[1])
    counted = probe.wait(lambda status: status.counters["session"] != before, 0.2)
    return Finding("an old session is dead", counted and probe.status.motors.off, "counted")


def _state(status: McuStatus) -> str:
    motors = "off" if status.motors.off else "ON"
    return f"{status.state.name.lower()}, motors {motors}, last trip {status.trip.name.lower()}"
