"""The boot counter in Python, to hold ``firmware/boot_counter.c`` to."""

from __future__ import annotations

SLOTS = 16
BOOT_MEMORY = 8 * SLOTS


class ReferenceBootCounter:
    """Counts boots in 128 bytes that survive them.

    Attributes:
        memory: What is stored, erased (all ones) at first.
        worn_out: Address of a byte that can no longer be written, or None.
    """

    def __init__(self) -> None:
        self.memory = bytearray(b"\xff" * BOOT_MEMORY)
        self.worn_out: int | None = None

    def count(self, writes: int = 255) -> int:
        """Count one boot.

        Args:
            writes: Number of byte writes after which the power goes; 255 for never.

        Returns:
            The boot's number, or 0 when it was not stored.
        """
        number = (max(self._number(slot) for slot in range(SLOTS)) + 1) & 0xFFFFFFFF
        slot = number % SLOTS
        stored = number.to_bytes(4, "little") + (number ^ 0xFFFFFFFF).to_bytes(4, "little")
        for offset in range(min(writes, 8)):
            if 8 * slot + offset != self.worn_out:
                self.memory[8 * slot + offset] = stored[offset]
        complete = writes >= 8 and self.memory[8 * slot : 8 * slot + 8] == stored
        return number if complete else 0

    def _number(self, slot: int) -> int:
        stored = self.memory[8 * slot : 8 * slot + 8]
        if any(a ^ b != 0xFF for a, b in zip(stored[:4], stored[4:], strict=True)):
            return 0
        return int.from_bytes(stored[:4], "little")
