"""Frames byte for byte, for whoever writes the protocol for another board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.wire.protocol import COUNTERS, CommandFrame, encode_command, encode_status


@dataclass(frozen=True, slots=True)
class Vector:
    """A frame and what it says.

    Attributes:
        says: Its content, for people.
        frame: Its bytes on the line, delimiters included.
    """

    says: str
    frame: bytes


def _commands() -> Iterator[Vector]:
    for session, sequence, command, ttl_ms in (
        (0x12345678, 1, Command.STOP, 150),
        (0x12345678, 2, Command.FORWARD, 100),
        (0x12345678, 3, Command.LEFT, 60),
        (0x12345678, 0xFFFFFFFF, Command.RIGHT, 1),
        (0xFF00FF00, 256, Command.STOP, 100),
    ):
        yield Vector(
            f"COMMAND session 0x{session:08X} sequence {sequence} {command.name} ttl {ttl_ms} ms",
            encode_command(CommandFrame(session, sequence, command, ttl_ms)),
        )


def _statuses() -> Iterator[Vector]:
    yield Vector(
        "STATUS after power-on: session 0x12345678, disarmed, trip reset, no battery divider",
        encode_status(
            McuStatus(
                version=1,
                session=0x12345678,
                sequence=0,
                state=McuState.DISARMED,
                trip=Trip.RESET,
                applied=Command.STOP,
                motors=MotorOutputs(0.0, 0.0),
                battery_mv=None,
                uptime_ms=50,
                reset_cause=1,
                counters=dict.fromkeys(COUNTERS, 0),
            )
        ),
    )
    yield Vector(
        "STATUS driving left: session 0x9E3779B1 sequence 17, last trip silence, left -140/255, "
        "right +140/255, 7400 mV, up 70000 ms, MCUSR 2, counters 1 to 8",
        encode_status(
            McuStatus(
                version=1,
                session=0x9E3779B1,
                sequence=17,
                state=McuState.DRIVING,
                trip=Trip.SILENCE,
                applied=Command.LEFT,
                motors=MotorOutputs(-140 / 255, 140 / 255),
                battery_mv=7400,
                uptime_ms=70000,
                reset_cause=2,
                counters={name: number for number, name in enumerate(COUNTERS, start=1)},
            )
        ),
    )


def all_vectors() -> list[Vector]:
    """Every test vector, in the order of the documentation."""
    return [*_commands(), *_statuses()]


def as_text() -> str:
    """As they stand in the documentation: 16 bytes to a line."""
    lines = []
    for vector in all_vectors():
        lines.append(vector.says)
        lines += [
            f"    {vector.frame[start : start + 16].hex(' ')}"
            for start in range(0, len(vector.frame), 16)
        ]
    return "\n".join(lines)
