"""``build`` and ``flash``: the ATmega328P's firmware, its size, and how it gets onto the board."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path

from firmware_bridge.cli.common import Subparsers, add_command, add_json, print_json
from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware.toolchain import (
    FLASH_BYTES,
    RAM_BYTES,
    build_avr,
    firmware_size,
    require,
)
from firmware_bridge.links.serial import find_device

BOOTLOADER_BAUD = 115200
"""Of Optiboot, on every Uno and newer Nano; older Nanos need 57600."""


def add_parser(subparsers: Subparsers) -> None:
    """Add both subcommands."""
    build = add_command(
        subparsers,
        "build",
        "build the firmware for the ATmega328P and print what it needs of it",
        "build --define PL_BATTERY_DIVIDER=300 --out firmware.elf",
        run_build,
    )
    build.add_argument("--out", type=Path, help="also copy the ELF file here")
    add_json(build)
    flash = add_command(
        subparsers,
        "flash",
        "build the firmware and write it onto an Arduino Uno or Nano",
        "flash --port /dev/ttyACM0",
        run_flash,
    )
    flash.add_argument("--port", required=True, help="a path or a glob pattern")
    flash.add_argument(
        "--baud", type=int, default=BOOTLOADER_BAUD, help="of the boot loader, default 115200"
    )
    for parser in (build, flash):
        parser.add_argument(
            "--define",
            action="append",
            type=_setting,
            default=[],
            metavar="NAME=VALUE",
            help="a setting of firmware/core.h or firmware/avr/board.h; may be given again",
        )


def _setting(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*=.+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    return text


def run_build(args: argparse.Namespace) -> int:
    """Build; 1 when less than half of the flash or the RAM is left."""
    elf = build_avr(args.define)
    if args.out is not None:
        try:
            shutil.copy(elf, args.out)
        except OSError as error:
            raise EmulatorError(f"cannot write {args.out}: {error.strerror}") from error
    size = firmware_size(elf)
    flash_share, ram_share = size.flash_bytes / FLASH_BYTES, size.ram_bytes / RAM_BYTES
    fits = flash_share <= 0.5 and ram_share <= 0.5
    if args.json:
        print_json(
            {
                "elf": str(args.out or elf),
                "flash_bytes": size.flash_bytes,
                "flash_share": flash_share,
                "ram_bytes": size.ram_bytes,
                "ram_share": ram_share,
                "half_free": fits,
            }
        )
    else:
        print(f"firmware  {args.out or elf}")
        print(f"flash     {size.flash_bytes} of {FLASH_BYTES} bytes, {flash_share:.1%} used")
        print(f"RAM       {size.ram_bytes} of {RAM_BYTES} bytes, {ram_share:.1%} used")
        print(f"half of both free: {'yes' if fits else 'NO'}")
    return 0 if fits else 1


def run_flash(args: argparse.Namespace) -> int:
    """Build and write; 1 when avrdude fails."""
    elf = build_avr(args.define)
    command = [
        require("avrdude"), "-q", "-p", "atmega328p", "-c", "arduino", "-D",
        "-P", find_device(args.port), "-b", str(args.baud), "-U", f"flash:w:{elf}:e",
    ]  # fmt: skip
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        print("avrdude failed: is the port right and unused? An older Nano needs --baud 57600")
        return 1
    return 0
