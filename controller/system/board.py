"""The computer's own troubles while it drives: under-voltage and heat, as the kernel tells them.

Where the files are not there (not a Pi), nothing is ever wrong.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

UNDER_VOLTAGE = 1 << 0
"""Bit of ``get_throttled``: under 4.63 V now (Raspberry Pi documentation, vcgencmd)."""
TOO_HOT_C = 85.0
"""Temperature at which the firmware throttles hard (Raspberry Pi documentation, frequency
management), in degrees Celsius: inference may then take longer than a frame."""
_SOCS = ("soc", "soc@107c000000")
"""The processor's node in the device tree; the second is a Pi 5's."""
_MONITORS = "sys/class/hwmon"
_ZONES = "sys/class/thermal"


def throttled_flags(root: Path = Path("/")) -> int | None:
    """The firmware's ``get_throttled`` flags; None on a computer that is no Pi, or does not say.

    Args:
        root: Where its file system is.
    """
    for soc in _SOCS:
        file = root / "sys/devices/platform" / soc / f"{soc}:firmware/get_throttled"
        with contextlib.suppress(OSError, ValueError):
            return int(file.read_text(), 16)
    return None


def voltage_alarm(root: Path = Path("/")) -> bool | None:
    """Whether the voltage was too low within the last 2 s; None where the kernel does not watch it.

    That is Linux's own driver for every Pi (kernel documentation, hwmon/raspberrypi-hwmon). The
    flags say more, but not every kernel has their file.

    Args:
        root: Where the computer's file system is.
    """
    for monitor in (root / _MONITORS).glob("hwmon*"):
        with contextlib.suppress(OSError, ValueError):
            if (monitor / "name").read_text().strip() == "rpi_volt":
                return int((monitor / "in0_lcrit_alarm").read_text()) != 0
    return None


def temperature_c(root: Path = Path("/")) -> float | None:
    """The hottest of the kernel's thermal zones, in degrees Celsius; None without any.

    Args:
        root: Where the computer's file system is.
    """
    found = []
    for zone in (root / _ZONES).glob("thermal_zone*/temp"):
        try:
            found.append(int(zone.read_text()) / 1000)
        except (OSError, ValueError):
            continue  # a zone whose sensor is asleep
    return max(found, default=None)


def board_fault(root: Path = Path("/")) -> str | None:
    """What is wrong with the computer now, in words; None if nothing is.

    Args:
        root: Where its file system is.
    """
    flags = throttled_flags(root)
    if voltage_alarm(root) if flags is None else flags & UNDER_VOLTAGE:
        return "under-voltage"
    degrees = temperature_c(root)
    return f"{degrees:.0f} °C" if degrees is not None and degrees >= TOO_HOT_C else None
