"""Scripts for the firmware's core with what must come of them, by the Python implementation.

A script is written while the Python core plays it, so that it can go where the rules get
interesting (the right session, the next sequence number, the last tick before a timeout). Any
other build must then show the same: the C core under sanitizers, for coverage, and as mutants.
What they go through stands in `differential_scripts`.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from firmware_bridge.emulation.boot_counter import ReferenceBootCounter
from firmware_bridge.emulation.python_mcu import PythonCore
from firmware_bridge.firmware.toolchain import CORE, SANITIZERS, WARNINGS, build
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.protocol import (
    NO_BATTERY,
    CommandFrame,
    encode_command,
    encode_frame,
)

_RECORD = struct.Struct("<hhBBIH")


class Script:
    """Operations, and the records that they must lead to; see ``firmware/host/trace.c``."""

    def __init__(self) -> None:
        self.operations = bytearray()
        self.records: list[bytes] = []
        self.now_ms = 0
        self.estop = False
        self.battery_mv = NO_BATTERY
        self._boots = ReferenceBootCounter()
        self.start(1)

    @property
    def expected(self) -> bytes:
        """Everything that must be shown."""
        return b"".join(self.records)

    def start(self, epoch: int, cause: int = 1) -> None:
        """A new core."""
        self.core = PythonCore(epoch, cause)
        self.now_ms = 0
        self._note(struct.pack("<BIB", ord("I"), epoch, cause))

    def receive(self, data: bytes) -> None:
        """Bytes from the line."""
        for byte in data:
            self.core.receive(byte)
        self._note(struct.pack("<BH", ord("R"), len(data)) + data)

    def tick(self, by_ms: int = 1) -> None:
        """Let time pass, in one step."""
        self.now_ms = (self.now_ms + by_ms) & 0xFFFFFFFF
        self.core.tick(self.now_ms, estop=self.estop, battery_mv=self.battery_mv)
        self._note(struct.pack("<BIBH", ord("T"), self.now_ms, self.estop, self.battery_mv))

    def ticks(self, count: int) -> None:
        """Let time pass, in steps of 1 ms, and look at the line after each."""
        for _ in range(count):
            self.tick()
            self.transmit(6)

    def transmit(self, most: int = 47, pins: tuple[int, int] | None = None) -> None:
        """Take bytes for the line; the pins show what they were told unless said otherwise."""
        left, right = pins if pins is not None else (self.core.left, self.core.right)
        sent = bytearray()
        while len(sent) < most and (byte := self.core.transmit(left, right)) >= 0:
            sent.append(byte)
        self._note(struct.pack("<BHhh", ord("X"), most, left, right), sent=bytes(sent))

    def boot(self, writes: int = 255) -> int:
        """Count a boot whose power goes after so many writes."""
        number = self._boots.count(writes)
        self._note(struct.pack("<BB", ord("B"), writes), number=number)
        return number

    def poke(self, address: int, value: int) -> None:
        """Change a byte of the boot counter's memory."""
        self._boots.memory[address] = value
        self._note(struct.pack("<BBB", ord("E"), address, value))

    def wear_out(self, address: int | None) -> None:
        """Make a byte of the boot counter's memory read-only."""
        self._boots.worn_out = address
        self._note(struct.pack("<BB", ord("W"), 255 if address is None else address))

    def command(self, command: Command, ttl_ms: int = 100, **changes: int) -> None:
        """The right next command frame, unless changed."""
        fields = {"session": self.core.session, "sequence": self.core.sequence + 1, **changes}
        self.receive(encode_command(CommandFrame(command=command, ttl_ms=ttl_ms, **fields)))

    def raw(self, session: int, sequence: int, code: int, ttl_ms: int) -> None:
        """A frame with a right CRC and any content."""
        self.receive(encode_frame(struct.pack("<BBIIBB", 0x43, 1, session, sequence, code, ttl_ms)))

    def arm(self) -> None:
        """Three STOPs."""
        for _ in range(3):
            self.command(Command.STOP)

    def _note(self, operation: bytes, *, number: int = 0, sent: bytes = b"") -> None:
        core = self.core
        self.operations += operation
        self.records.append(
            _RECORD.pack(core.left, core.right, core.led, core.state, number, len(sent)) + sent
        )


def build_trace(*, sanitized: bool) -> Path:
    """The program that plays scripts into the C core.

    Args:
        sanitized: Under AddressSanitizer and UndefinedBehaviorSanitizer.
    """
    flags = ["cc", *WARNINGS, "-O1", "-g", *(SANITIZERS if sanitized else ())]
    name = "trace-sanitized" if sanitized else "trace"
    return build(name, flags, [*CORE, "host/trace.c"])


def difference(trace: Path, script: Script) -> str | None:
    """Play a script into a build.

    Args:
        trace: A build of ``firmware/host/trace.c``.
        script: The script.

    Returns:
        None if the build shows what it must, else what is different.
    """
    done = subprocess.run(
        [str(trace)], input=bytes(script.operations), capture_output=True, timeout=60, check=False
    )
    if done.returncode != 0:
        return f"it ends with {done.returncode}: {done.stderr.decode(errors='replace')[:2000]}"
    if done.stdout == script.expected:
        return None
    position = 0
    for number, record in enumerate(script.records):
        shown = done.stdout[position : position + len(record)]
        if shown != record:
            return f"operation {number}: {shown.hex(' ')} instead of {record.hex(' ')}"
        position += len(record)
    return f"{len(done.stdout) - position} bytes too many"
