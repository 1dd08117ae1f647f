"""What ``check`` finds out about the computer: board, power, temperature, disk, clock, service."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.doctor.page import Line, fail, ok, warn
from controller.system.board import UNDER_VOLTAGE, temperature_c, throttled_flags, voltage_alarm

COMMAND_TIMEOUT_S = 3.0
THROTTLED, TOO_HOT = 1 << 2, 1 << 3
"""Bits of the firmware's ``get_throttled``; 16 higher: since boot. Raspberry Pi documentation,
``vcgencmd``. Bit 1 (capped frequency) always comes with one of these."""
SINCE_BOOT = 16
WARM_C, HOT_C = 70.0, 80.0
"""At 80 degrees Celsius the firmware begins to slow the processor down, same page."""
LITTLE_SPACE_BYTES = 1 << 30
"""About three hours of drives at 45x80 and 30 Hz."""
SERVICE_FOLDER = "/var/lib/paperlane"
"""What systemd makes for the service's user alone (the unit's StateDirectory)."""
OLDEST_YEAR = 2025
"""A clock before this one has never been set: the Pi has no battery for it."""
_NOT_A_PI = "not a Raspberry Pi"
_POWER_ADVICE = "a supply with more current, a shorter cable, a charged battery"


def run_command(arguments: Sequence[str]) -> str | None:
    """What a command prints; None where it is not installed, fails or takes longer than 3 s."""
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


class Machine:
    """A computer, by its files and its commands."""

    def __init__(
        self,
        root: Path = Path("/"),
        run: Callable[[Sequence[str]], str | None] = run_command,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            root: Where its file system is.
            run: Runs a command, see `run_command`.
        """
        self._root = root
        self._run = run

    def _read(self, path: str) -> str | None:
        try:
            return (self._root / path).read_bytes().decode(errors="replace").strip("\0\n ")
        except OSError:
            return None

    @property
    def pi_model(self) -> str | None:
        """The board's own name, such as ``Raspberry Pi 4 Model B Rev 1.4``; None for another."""
        name = self._read("sys/firmware/devicetree/base/model")
        return name if name is not None and name.startswith("Raspberry Pi") else None

    def look_at_board(self) -> list[Line]:
        """Which computer this is, and whether its processor may sleep."""
        model = self.pi_model
        if model is None:
            return [warn("board", f"{_NOT_A_PI}: {platform.machine()}, {os.cpu_count()} cores")]
        return [ok("board", f"{model}, {os.cpu_count()} cores, governor {self.governor}")]

    def look_at_power(self) -> list[Line]:
        """Under-voltage and throttling, now and since boot."""
        flags = self.throttled
        if flags is None:
            return [self._power_by_alarm()]
        seen = flags >> SINCE_BOOT
        if flags & UNDER_VOLTAGE:
            return [fail("power", f"under-voltage now ({flags:#x})", _POWER_ADVICE)]
        if flags & THROTTLED:
            return [fail("power", f"throttled now ({flags:#x})", _POWER_ADVICE)]
        if seen & (UNDER_VOLTAGE | THROTTLED):
            return [warn("power", f"was short since boot ({flags:#x})", _POWER_ADVICE)]
        return [ok("power", f"never short since boot ({flags:#x})")]

    def _power_by_alarm(self) -> Line:
        alarm = voltage_alarm(self._root)
        if alarm is None:
            found = _NOT_A_PI if self.pi_model is None else "the firmware does not say"
            return warn("power", found)
        return fail("power", "under-voltage now", _POWER_ADVICE) if alarm else ok("power", "enough")

    @property
    def governor(self) -> str:
        """How the kernel sets the processor's clock; "unknown" where it does not."""
        return self._read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "unknown"

    @property
    def throttled(self) -> int | None:
        """The firmware's flags, see `controller.system.board.UNDER_VOLTAGE`; None without any."""
        flags = throttled_flags(self._root)
        if flags is not None or self.pi_model is None:
            return flags
        text = (self._run(["vcgencmd", "get_throttled"]) or "").partition("=")[2]
        try:
            return int(text, 16)
        except ValueError:
            return None

    def look_at_temperature(self) -> list[Line]:
        """Whether the computer is too warm."""
        degrees = temperature_c(self._root)
        if degrees is None:
            return [warn("temperature", "no sensor")]
        found = f"{degrees:.0f} °C"
        if degrees >= HOT_C:
            return [fail("temperature", found, "a heat sink, a fan, air: the processor slows down")]
        if degrees >= WARM_C:
            return [warn("temperature", found, f"from {HOT_C:.0f} °C on the processor slows down")]
        return [ok("temperature", found)]

    def look_at_disk(self, folder: str) -> list[Line]:
        """Whether drives can be recorded: a drive that cannot begin its file does not start."""
        if not folder:
            return [ok("disk", "nothing is recorded ([recording] folder is empty)")]
        place = self._root / folder.lstrip("/") if Path(folder).is_absolute() else Path(folder)
        while not os.path.exists(place) and place != place.parent:  # noqa: PTH110 - False without
            place = place.parent  # permission, where pathlib raises
        facts = os.statvfs(place)
        free_bytes = facts.f_bavail * facts.f_frsize
        found = f"{free_bytes / (1 << 30):.1f} GiB free for {folder}"
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            if place.is_dir() and Path(folder).is_relative_to(SERVICE_FOLDER):
                advice = "this user may not write there, the service may: sudo paperlane check"
                return [warn("disk", found, advice)]
            advice = "a drive would not start: mend that, or empty [recording] folder"
            return [fail("disk", f"{folder} cannot be written", advice)]
        if free_bytes < LITTLE_SPACE_BYTES:
            return [warn("disk", found, "move or delete old drives")]
        return [ok("disk", found)]

    def look_at_clock(self) -> list[Line]:
        """Whether recordings will carry the right time. Driving does not use this clock."""
        now = datetime.datetime.now().astimezone()
        found = now.isoformat(timespec="seconds")
        if now.year < OLDEST_YEAR:
            return [warn("clock", f"{found}: never set", "connect the network, or set the time")]
        synchronised = self._run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
        if synchronised == "yes":
            return [ok("clock", f"{found}, synchronised")]
        advice = "recordings may carry a wrong time; driving does not mind"
        return [warn("clock", f"{found}, not synchronised", advice)]

    def look_at_service(self) -> list[Line]:
        """Whether the service is there, runs, and starts at boot."""
        names = ("LoadState", "ActiveState", "UnitFileState", "NRestarts", "Result")
        command = ["systemctl", "show", "paperlane.service", f"--property={','.join(names)}"]
        text = self._run(command)
        facts = dict(row.partition("=")[::2] for row in (text or "").splitlines())
        if not facts:
            return [warn("service", "systemd does not answer here", "drive by hand")]
        if facts.get("LoadState") != "loaded":
            return [warn("service", "not installed", "sudo systemd/install.sh")]
        state, restarts = facts.get("ActiveState", "unknown"), facts.get("NRestarts", "0")
        found = f"{state}, {facts.get('UnitFileState', '')}, restarted {restarts} times"
        if state == "failed":
            advice = (
                "why: journalctl -u paperlane; then sudo systemctl reset-failed paperlane, restart"
            )
            return [fail("service", f"{found}, last result {facts.get('Result')}", advice)]
        if facts.get("UnitFileState") != "enabled":
            return [warn("service", found, "at boot too: sudo systemctl enable --now paperlane")]
        if restarts.isdecimal() and int(restarts) > 0:
            return [warn("service", found, "why: journalctl -u paperlane")]
        return [ok("service", found)]
