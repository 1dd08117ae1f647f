"""Builds the firmware for the ATmega328P and for this machine, on demand, into a cache."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.errors import EmulatorError

SOURCES = Path(__file__).parent
CORE = ("frame.c", "core.c", "boot_counter.c")
"""The portable core: what is the same on every target."""
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FLASH_BYTES = 32768
RAM_BYTES = 2048
"""Of an ATmega328P (data sheet DS40002061, table 2-1)."""

_AVR = (
    *WARNINGS,
    "-mmcu=atmega328p",
    "-DF_CPU=16000000UL",
    "-Os",
    "-flto",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
)
_ADVICE = {
    "avr-gcc": "apt install gcc-avr avr-libc",
    "avr-size": "apt install binutils-avr",
    "avr-objcopy": "apt install binutils-avr",
    "avrdude": "apt install avrdude",
    "cc": "apt install gcc libc6-dev",
    "gcov": "apt install gcc",
}


@dataclass(frozen=True, slots=True)
class FirmwareSize:
    """What a build needs of the ATmega328P.

    Attributes:
        flash_bytes: Program and initial data, of 32768.
        ram_bytes: Static data, of 2048; the stack comes on top.
    """

    flash_bytes: int
    ram_bytes: int


def require(tool: str) -> str:
    """Path of a tool.

    Raises:
        EmulatorError: It is not installed; the message says which package has it.
    """
    path = shutil.which(tool)
    if path is None:
        raise EmulatorError(f"{tool} is not installed: {_ADVICE.get(tool, f'install {tool}')}")
    return path


def cache_folder() -> Path:
    """Where builds are kept: in the package if it may be written to, else in the user's cache."""
    own = SOURCES.parent / "build"
    if os.access(own if own.exists() else own.parent, os.W_OK):
        return own
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "paperlane" / "firmware"


def build(name: str, command: Sequence[str], sources: Sequence[str | Path]) -> Path:
    """Compile `sources` unless the same was compiled before.

    Args:
        name: Name of the file to make.
        command: Compiler and flags; flags that start with ``-l`` go behind the sources.
        sources: Paths below `SOURCES`, or absolute ones.

    Returns:
        The file made.

    Raises:
        EmulatorError: The compiler is missing, or refuses.
    """
    compiler = require(command[0])
    key = _fingerprint(command, sources)
    made = cache_folder() / f"{key}-{name}"
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    libraries = [flag for flag in command[1:] if flag.startswith("-l")]
    flags = [flag for flag in command[1:] if not flag.startswith("-l")]
    # Made under another name and renamed, so that two processes at once do not read half a file.
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        fresh = Path(folder) / name
        paths = [str(SOURCES / source) for source in sources]
        done = subprocess.run(
            [compiler, *flags, *paths, "-o", str(fresh), *libraries],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EmulatorError(f"{command[0]} cannot build {name}:\n{done.stderr.strip()}")
        fresh.replace(made)
    return made


def build_avr(defines: Sequence[str] = ()) -> Path:
    """The firmware for the ATmega328P.

    Args:
        defines: Settings of ``core.h`` and ``avr/board.h``, such as ``PL_BATTERY_DIVIDER=300``.

    Returns:
        Path of the ELF file.
    """
    flags = [f"-D{define}" for define in defines]
    return build("firmware.elf", ["avr-gcc", *_AVR, *flags], [*CORE, "avr/main.c"])


def firmware_size(elf: Path) -> FirmwareSize:
    """Flash and RAM that a build takes, as avr-size counts them."""
    done = subprocess.run(
        [require("avr-size"), "-C", "--mcu=atmega328p", str(elf)],
        capture_output=True,
        text=True,
        check=True,
    )
    sizes = {
        kind: int(size) for kind, size in re.findall(r"(Program|Data): +(\d+) bytes", done.stdout)
    }
    return FirmwareSize(flash_bytes=sizes["Program"], ram_bytes=sizes["Data"])


def _fingerprint(command: Sequence[str], sources: Sequence[str | Path]) -> str:
    digest = hashlib.sha256("\0".join(command).encode())
    digest.update("\0".join(str(source) for source in sources).encode())
    for header in sorted(SOURCES.rglob("*.h")):
        digest.update(header.read_bytes())
    for source in sources:
        digest.update((SOURCES / source).read_bytes())
    return digest.hexdigest()[:16]
