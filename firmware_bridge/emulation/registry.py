"""Finds a microcontroller by name, and loads what emulates it only then."""

from __future__ import annotations

import importlib

from firmware_bridge.emulation.base import Microcontroller
from firmware_bridge.errors import EmulatorError

MICROCONTROLLERS = {
    "python": "firmware_bridge.emulation.python_mcu:PythonMcu",
    "host": "firmware_bridge.emulation.host_mcu:HostMcu",
    "avr": "firmware_bridge.emulation.avr_mcu:AvrMcu",
}
"""Name -> ``module:class``; the class takes no arguments."""


def open_microcontroller(name: str) -> Microcontroller:
    """Make one by name.

    Args:
        name: ``python`` (no compiler needed), ``host`` (the C core, built for this machine), or
            ``avr`` (the ATmega328P firmware in simavr).

    Raises:
        EmulatorError: The name is unknown, or a tool that it needs is missing.
    """
    if name not in MICROCONTROLLERS:
        known = ", ".join(sorted(MICROCONTROLLERS))
        raise EmulatorError(f"no microcontroller is called {name!r}; there are: {known}")
    module, _, attribute = MICROCONTROLLERS[name].partition(":")
    made: Microcontroller = getattr(importlib.import_module(module), attribute)()
    return made
