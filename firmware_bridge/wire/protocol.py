"""The wire format, as drawn in ``firmware/protocol.h``: COBS frames with a CRC-32.

Sources: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
Networking 7(2), 1999, for the framing; IEEE 802.3 for the CRC-32 (the one of `zlib.crc32`).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from firmware_bridge.errors import FrameError
from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip

VERSION = 1
TYPE_COMMAND = 0x43
TYPE_STATUS = 0x53
BAUD = 115200
MAX_PAYLOAD = 64
"""Longest payload of any version in bytes, CRC included; a longer one is no frame."""
MAX_TTL_MS = 150
MAX_SEQUENCE = 0xFFFFFFFF
NO_BATTERY = 0xFFFF
FULL_DUTY = 255
COUNTERS = ("accepted", "crc", "length", "version", "session", "sequence", "command", "disarmed")
"""Order of the counters in a status; all but the first are rejects."""

WIRE_CODES = {
    Command.STOP: 0x00,
    Command.FORWARD: 0x33,
    Command.LEFT: 0x55,
    Command.RIGHT: 0x66,
}
"""Any two codes differ in four bits, so no one, two or three flipped bits turn one into another."""
COMMAND_OF_CODE = {code: command for command, code in WIRE_CODES.items()}

_COMMAND = struct.Struct("<BBIIBB")
_STATUS = struct.Struct("<BBIIBBBhhHIB8H")
_CRC = struct.Struct("<I")
DELIMITER = b"\x00"
"""Ends a frame; several in a row are one."""
_CODES = tuple(bytes((length + 1,)) for length in range(254))
"""COBS code of a run by its length."""


@dataclass(frozen=True, slots=True)
class CommandFrame:
    """One command frame.

    Attributes:
        session: The MCU's session that it is meant for.
        sequence: 1 to 2**32 - 1, newer than every one before it in the session.
        command: The command.
        ttl_ms: Time to live from its arrival, 1 to 150 ms.
    """

    session: int
    sequence: int
    command: Command
    ttl_ms: int


def cobs_encode(data: bytes) -> bytes:
    """Stuff `data` so that it holds no zero byte (no delimiter is added)."""
    runs = data.split(DELIMITER)
    if len(data) < 254:
        return b"".join([_CODES[len(run)] + run for run in runs])
    *earlier, last = runs
    stuffed = [_stuff_run(run, ends_in_zero=True) for run in earlier]
    return b"".join([*stuffed, _stuff_run(last, ends_in_zero=False)])


def _stuff_run(run: bytes, *, ends_in_zero: bool) -> bytes:
    """A run without zeros: full blocks of 254 bytes, which imply no zero, and one that does."""
    stuffed = bytearray()
    while len(run) >= 254:
        stuffed += b"\xff" + run[:254]
        run = run[254:]
    if run or ends_in_zero or not stuffed:
        stuffed += _CODES[len(run)] + run
    return bytes(stuffed)


def cobs_decode(data: bytes) -> bytes:
    """Undo `cobs_encode`.

    Raises:
        FrameError: `data` holds a zero byte or ends inside a block.
    """
    decoded = bytearray()
    position = 0
    while position < len(data):
        code = data[position]
        block = data[position + 1 : position + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            raise FrameError("not a COBS frame: a block is cut short or holds a zero byte")
        decoded += block
        position += code
        if code != 0xFF and position < len(data):
            decoded.append(0)
    return bytes(decoded)


def encode_frame(payload: bytes) -> bytes:
    """Add the CRC-32, stuff, and delimit on both sides.

    The leading delimiter costs one byte and ends whatever garbage stands on the line before.
    """
    checked = payload + _CRC.pack(zlib.crc32(payload))
    return DELIMITER + cobs_encode(checked) + DELIMITER


def encode_command(frame: CommandFrame) -> bytes:
    """The bytes of one command frame, delimiters included.

    Raises:
        ValueError: A field is out of its range.
    """
    if not 1 <= frame.ttl_ms <= MAX_TTL_MS:
        raise ValueError(f"ttl_ms is {frame.ttl_ms}, it must be 1 to {MAX_TTL_MS}")
    if not 1 <= frame.sequence <= MAX_SEQUENCE:
        raise ValueError(f"sequence is {frame.sequence}, it must be 1 to {MAX_SEQUENCE}")
    return command_bytes(frame.session, frame.sequence, frame.command, frame.ttl_ms)


def command_bytes(session: int, sequence: int, command: Command, ttl_ms: int) -> bytes:
    """What `encode_command` gives, of fields that are known to be in their ranges."""
    code = WIRE_CODES[command]
    return encode_frame(_COMMAND.pack(TYPE_COMMAND, VERSION, session, sequence, code, ttl_ms))


def decode_command(payload: bytes) -> CommandFrame:
    """A command frame's payload (CRC already checked and cut off), as the MCU reads it.

    Raises:
        FrameError: It is no command frame of this version, or says something impossible.
    """
    _check_kind(payload, TYPE_COMMAND, _COMMAND.size, "command")
    _, _, session, sequence, code, ttl_ms = _COMMAND.unpack(payload)
    if code not in COMMAND_OF_CODE:
        raise FrameError(f"command code 0x{code:02x} is none of this protocol's")
    if not 1 <= ttl_ms <= MAX_TTL_MS:
        raise FrameError(f"time to live is {ttl_ms} ms, expected 1 to {MAX_TTL_MS}")
    return CommandFrame(session, sequence, COMMAND_OF_CODE[code], ttl_ms)


def encode_status(status: McuStatus) -> bytes:
    """The bytes of one status frame, delimiters included (motor duties are rounded to 1/255)."""
    return encode_frame(
        _STATUS.pack(
            TYPE_STATUS,
            status.version,
            status.session,
            status.sequence,
            status.state,
            status.trip,
            WIRE_CODES[status.applied],
            round(status.motors.left * FULL_DUTY),
            round(status.motors.right * FULL_DUTY),
            NO_BATTERY if status.battery_mv is None else status.battery_mv,
            status.uptime_ms,
            status.reset_cause,
            *(status.counters[name] for name in COUNTERS),
        )
    )


def decode_status(payload: bytes) -> McuStatus:
    """A status frame's payload (CRC already checked and cut off).

    Raises:
        FrameError: It is no status frame of this version, or says something impossible.
    """
    _check_kind(payload, TYPE_STATUS, _STATUS.size, "status")
    fields = _STATUS.unpack(payload)
    _, version, session, sequence, state, trip, applied, left, right = fields[:9]
    battery_mv, uptime_ms, reset_cause = fields[9:12]
    try:
        return McuStatus(
            version=version,
            session=session,
            sequence=sequence,
            state=McuState(state),
            trip=Trip(trip),
            applied=COMMAND_OF_CODE[applied],
            motors=MotorOutputs(left / FULL_DUTY, right / FULL_DUTY),
            battery_mv=None if battery_mv == NO_BATTERY else battery_mv,
            uptime_ms=uptime_ms,
            reset_cause=reset_cause,
            counters=dict(zip(COUNTERS, fields[12:], strict=True)),
        )
    except (KeyError, ValueError) as error:
        raise FrameError(f"a status frame says something impossible: {error}") from error


def peer_version(payload: bytes) -> int:
    """Protocol version of any frame with a right CRC: its second byte, in every version."""
    return payload[1]


def _check_kind(payload: bytes, kind: int, size: int, name: str) -> None:
    if len(payload) != size or payload[0] != kind or payload[1] != VERSION:
        raise FrameError(
            f"not a {name} frame of version {VERSION}: {len(payload)} bytes starting "
            f"{payload[:2].hex(' ')}, expected {size} starting {kind:02x} {VERSION:02x}"
        )


class Decoder:
    """Cuts a stream of bytes into payloads whose CRC-32 is right.

    Attributes:
        rejects: Frames thrown away so far: ``length`` (too short, too long, or cut short inside a
            COBS block) and ``crc``.
    """

    def __init__(self) -> None:
        self.rejects = {"length": 0, "crc": 0}
        self._open = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they arrived, in pieces of any size.

        Returns:
            Payloads completed by them, without their CRC, oldest first.
        """
        *complete, rest = data.split(DELIMITER)
        payloads = []
        for part in complete:
            payload = self._close(part)
            if payload is not None:
                payloads.append(payload)
        self._keep(rest)
        return payloads

    def _keep(self, part: bytes) -> None:
        # One byte over the limit is enough to know that the frame is too long.
        self._open += part[: MAX_PAYLOAD + 3 - len(self._open)]

    def _close(self, part: bytes) -> bytes | None:
        self._keep(part)
        stuffed = bytes(self._open)
        self._open.clear()
        if not stuffed:
            return None
        try:
            checked = cobs_decode(stuffed)
        except FrameError:
            checked = b""
        if not 2 + _CRC.size <= len(checked) <= MAX_PAYLOAD:
            self.rejects["length"] += 1
            return None
        payload, crc = checked[: -_CRC.size], checked[-_CRC.size :]
        if _CRC.unpack(crc)[0] != zlib.crc32(payload):
            self.rejects["crc"] += 1
            return None
        return payload
