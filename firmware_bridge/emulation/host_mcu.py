"""The firmware's C core, built for this machine, in virtual time."""

from __future__ import annotations

from firmware_bridge.emulation.virtual_mcu import FirmwareCore, VirtualMcu
from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware.native import Ffi, Library, load
from firmware_bridge.firmware.toolchain import CORE, WARNINGS, build
from firmware_bridge.wire.commands import McuState

_DECLARATIONS = """
typedef struct pl_core pl_core;
pl_core *pl_host_new(uint32_t epoch, uint8_t reset_cause);
void pl_host_free(pl_core *core);
void pl_host_receive(pl_core *core, uint8_t byte);
void pl_host_tick(pl_core *core, uint32_t now_ms, int estop, uint16_t battery_mv);
int pl_host_transmit(pl_core *core, int16_t left, int16_t right);
int pl_host_left(const pl_core *core);
int pl_host_right(const pl_core *core);
int pl_host_led(const pl_core *core);
int pl_host_state(const pl_core *core);
"""


class HostCore(FirmwareCore):
    """``firmware/core.c`` behind the same face as the Python core."""

    def __init__(self, ffi: Ffi, library: Library, epoch: int, reset_cause: int) -> None:
        self._c = library
        core = library.pl_host_new(epoch, reset_cause)
        if core == ffi.NULL:
            raise EmulatorError("no memory for a microcontroller")
        self._core = ffi.gc(core, library.pl_host_free)
        self._look()

    def receive(self, byte: int) -> None:
        """See `FirmwareCore.receive`."""
        self._c.pl_host_receive(self._core, byte)
        if byte == 0:  # only the end of a frame does anything
            self._look()

    def tick(self, now_ms: int, *, estop: bool, battery_mv: int) -> None:
        """See `FirmwareCore.tick`."""
        self._c.pl_host_tick(self._core, now_ms, estop, battery_mv)
        self._look()

    def transmit(self, left: int, right: int) -> int:
        """See `FirmwareCore.transmit`."""
        return int(self._c.pl_host_transmit(self._core, left, right))

    def _look(self) -> None:
        self.left = self._c.pl_host_left(self._core)
        self.right = self._c.pl_host_right(self._core)
        self.led = bool(self._c.pl_host_led(self._core))
        self.state = McuState(self._c.pl_host_state(self._core))


class HostMcu(VirtualMcu):
    """A microcontroller with the C core."""

    def __init__(self) -> None:
        flags = ["cc", *WARNINGS, "-O2", "-fPIC", "-shared"]
        self._ffi, self._library = load(
            build("host.so", flags, [*CORE, "host/glue.c"]), _DECLARATIONS
        )
        super().__init__()

    def _make_core(self, epoch: int, reset_cause: int) -> FirmwareCore:
        return HostCore(self._ffi, self._library, epoch, reset_cause)
