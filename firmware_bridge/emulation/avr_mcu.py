"""The ATmega328P firmware, instruction by instruction, in simavr."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.emulation.base import Microcontroller
from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware.native import CData, load
from firmware_bridge.firmware.toolchain import build, build_avr
from firmware_bridge.wire.commands import McuState, MotorOutputs
from firmware_bridge.wire.protocol import FULL_DUTY

CYCLES_PER_US = 16
EEPROM_BYTES = 1024

_DECLARATIONS = """
typedef struct {
    uint64_t cycle;
    int16_t left;
    int16_t right;
    uint8_t led;
    uint8_t state;
    uint8_t accepted;
} plsim_pins;
typedef struct plsim plsim;
plsim *plsim_open(const char *elf_path);
void plsim_close(plsim *sim);
uint32_t plsim_receive(plsim *sim, const uint8_t *data, uint32_t length);
uint32_t plsim_transmit(plsim *sim, uint8_t *buffer);
uint32_t plsim_pending(const plsim *sim);
int plsim_run_until(plsim *sim, uint64_t cycle);
uint64_t plsim_cycle(const plsim *sim);
void plsim_pins_now(const plsim *sim, plsim_pins *pins);
uint32_t plsim_take_history(plsim *sim, plsim_pins *buffer);
uint32_t plsim_history_length(const plsim *sim);
uint32_t plsim_history_lost(const plsim *sim);
void plsim_reset(plsim *sim);
void plsim_set_estop_pin(plsim *sim, int level);
void plsim_set_adc_mv(plsim *sim, uint32_t millivolts);
void plsim_hang(plsim *sim, int interrupts);
void plsim_set_eeprom(plsim *sim, const uint8_t *bytes, uint32_t size);
void plsim_get_eeprom(plsim *sim, uint8_t *bytes, uint32_t size);
"""


@dataclass(frozen=True, slots=True)
class PinChange:
    """The pins from one moment on.

    Attributes:
        time_us: MCU time of the change since power-on, in µs; goes on over resets.
        motors: What the motor driver's pins say.
        led: Whether the heartbeat LED is lit.
        state: State of the firmware's state machine.
        accepted: Commands accepted since the last reset, modulo 256.
    """

    time_us: float
    motors: MotorOutputs
    led: bool
    state: McuState
    accepted: int


class AvrMcu(Microcontroller):
    """An ATmega328P at 16 MHz with the firmware in its flash.

    Deterministic, and independent of others in the same process. Faster than real time.
    """

    def __init__(self, defines: Sequence[str] = (), eeprom: bytes = b"") -> None:
        """Power on, with the e-stop closed.

        Args:
            defines: Settings of the firmware, as for `toolchain.build_avr`.
            eeprom: What its EEPROM starts with, from address 0; the rest is erased.

        Raises:
            EmulatorError: A tool is missing, or the firmware cannot be loaded.
        """
        elf = build_avr(defines)
        self._ffi, self._sim = load(_build_shim(), _DECLARATIONS)
        self._mcu: CData = self._sim.plsim_open(str(elf).encode())
        if self._mcu == self._ffi.NULL:
            raise EmulatorError(f"simavr cannot load {elf}")
        if eeprom:
            self._sim.plsim_set_eeprom(self._mcu, eeprom, len(eeprom))
        self._pins = self._ffi.new("plsim_pins *")
        self.set_estop(pressed=False)

    def receive(self, data: bytes) -> None:
        """See `Microcontroller.receive`."""
        if self._sim.plsim_receive(self._mcu, data, len(data)) != len(data):
            raise EmulatorError("over 1 MiB waits on the line to the emulated MCU")

    def run_until(self, time_us: int) -> None:
        """See `Microcontroller.run_until`."""
        if self._sim.plsim_run_until(self._mcu, time_us * CYCLES_PER_US) != 0:
            raise EmulatorError(f"the emulated MCU crashed {self.time_us / 1e6:.6f} s after start")

    def transmit(self) -> bytes:
        """See `Microcontroller.transmit`."""
        buffer = self._ffi.new("uint8_t[]", self._sim.plsim_pending(self._mcu))
        return bytes(self._ffi.buffer(buffer, self._sim.plsim_transmit(self._mcu, buffer)))

    @property
    def time_us(self) -> int:
        """See `Microcontroller.time_us`."""
        return int(self._sim.plsim_cycle(self._mcu)) // CYCLES_PER_US

    @property
    def motors(self) -> MotorOutputs:
        """See `Microcontroller.motors`."""
        return self.pins.motors

    @property
    def led(self) -> bool:
        """See `Microcontroller.led`."""
        return self.pins.led

    @property
    def state(self) -> McuState:
        """See `Microcontroller.state`."""
        return self.pins.state

    @property
    def pins(self) -> PinChange:
        """The pins as they are now, with the time since when."""
        self._sim.plsim_pins_now(self._mcu, self._pins)
        return _pin_change(self._pins)

    def take_history(self) -> list[PinChange]:
        """Every change of the pins since this was last called, oldest first.

        Raises:
            EmulatorError: More changes happened than are kept (65536).
        """
        length = self._sim.plsim_history_length(self._mcu)
        if self._sim.plsim_history_lost(self._mcu):
            raise EmulatorError("pin history overflowed: take it more often")
        buffer = self._ffi.new("plsim_pins[]", length)
        self._sim.plsim_take_history(self._mcu, buffer)
        return [_pin_change(buffer[i]) for i in range(length)]

    def reset(self) -> None:
        """See `Microcontroller.reset`."""
        self._sim.plsim_reset(self._mcu)

    def set_estop(self, *, pressed: bool) -> None:
        """See `Microcontroller.set_estop`."""
        self._sim.plsim_set_estop_pin(self._mcu, int(pressed))

    def set_adc_mv(self, millivolts: int) -> None:
        """Set the voltage at A0, behind the divider, in mV."""
        self._sim.plsim_set_adc_mv(self._mcu, millivolts)

    def hang(self, *, interrupts: bool) -> None:
        """Catch the firmware in an endless loop, as a fault would.

        Args:
            interrupts: Whether its interrupts still run in it.
        """
        self._sim.plsim_hang(self._mcu, int(interrupts))

    @property
    def eeprom(self) -> bytes:
        """What its 1024 bytes of EEPROM hold."""
        buffer = self._ffi.new("uint8_t[]", EEPROM_BYTES)
        self._sim.plsim_get_eeprom(self._mcu, buffer, EEPROM_BYTES)
        return bytes(self._ffi.buffer(buffer))

    def close(self) -> None:
        """See `Microcontroller.close`."""
        self._sim.plsim_close(self._mcu)
        self._mcu = self._ffi.NULL


def _pin_change(pins: CData) -> PinChange:
    return PinChange(
        time_us=pins.cycle / CYCLES_PER_US,
        motors=MotorOutputs(pins.left / FULL_DUTY, pins.right / FULL_DUTY),
        led=bool(pins.led),
        state=McuState(pins.state),
        accepted=pins.accepted,
    )


def _build_shim() -> Path:
    flags = ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    try:
        return build("simavr.so", [*flags, "-lsimavr", "-lelf"], ["simavr/shim.c"])
    except EmulatorError as error:
        if "simavr/" in str(error) or "lsimavr" in str(error) or "lelf" in str(error):
            raise EmulatorError(
                "libsimavr is not installed: apt install libsimavr-dev libelf-dev"
            ) from error
        raise
