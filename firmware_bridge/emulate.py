"""``emulate``: the firmware in simavr on a pty, alone or under another command."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from firmware_bridge.avr_mcu import PinChange
from firmware_bridge.cli import Subparsers, add_command, add_json, print_json
from firmware_bridge.emulator import EmulationReport, Emulator
from firmware_bridge.errors import EmulatorError

AFTERMATH_MS = 400.0
"""MCU time that goes on after the command under it has ended: the deadman has 150 ms of it."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "emulate",
        "run the ATmega328P firmware in simavr, in real time, with its serial line on a pty",
        "emulate -- python -m firmware_bridge bench {pty}",
        run,
    )
    parser.add_argument("--pty-link", type=Path, help="make a symbolic link to the pty here")
    parser.add_argument(
        "--pins", type=Path, help="write every change of the motor pins, with MCU time (JSON lines)"
    )
    add_json(parser)
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- CMD ...",
        help="run this with {pty} replaced by the pty's path; its exit code becomes ours, or 1 if "
        "the motors are still on 400 ms of MCU time after it",
    )


def run(args: argparse.Namespace) -> int:
    """Emulate until the command ends, or until interrupted."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    pins = _open_pins(args.pins)
    try:
        with Emulator(args.pty_link, _pin_writer(pins)) as emulator:
            code = _run_under(emulator, command) if command else _run_alone(emulator, args.json)
            report = emulator.report()
    finally:
        if pins is not None:
            pins.close()
    if args.json:
        print_json(report.as_json())
    else:
        _print_report(report)
    if not report.motors_off:
        print("paperlane: the motors are still on", file=sys.stderr)
        return code or 1
    return code


def _open_pins(path: Path | None) -> TextIO | None:
    if path is None:
        return None
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise EmulatorError(f"cannot write {path}: {error.strerror}") from error


def _pin_writer(pins: TextIO | None) -> Callable[[PinChange], None] | None:
    if pins is None:
        return None

    def write(change: PinChange) -> None:
        line = {
            "time_us": change.time_us,
            "left": change.motors.left,
            "right": change.motors.right,
            "state": change.state.name.lower(),
            "accepted": change.accepted,
        }
        pins.write(json.dumps(line) + "\n")

    return write


def _path(emulator: Emulator) -> str:
    if emulator.line is None:
        raise EmulatorError("the pty is closed")
    return emulator.line.path


def _run_alone(emulator: Emulator, quiet: bool) -> int:
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopped.append(number)

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        print(
            f"the firmware runs at {_path(emulator)} until interrupted",
            file=sys.stderr if quiet else sys.stdout,
            flush=True,
        )
        emulator.run(lambda: bool(stopped))
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    return 0


def _run_under(emulator: Emulator, command: Sequence[str]) -> int:
    filled = [word.replace("{pty}", _path(emulator)) for word in command]
    try:
        child = subprocess.Popen(filled)
    except OSError as error:
        raise EmulatorError(f"cannot run {filled[0]!r}: {error.strerror}") from error
    try:
        emulator.run(lambda: child.poll() is not None)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    emulator.run_for_mcu_ms(AFTERMATH_MS)
    return 128 - child.returncode if child.returncode < 0 else child.returncode


def _print_report(report: EmulationReport) -> None:
    shown = ", ".join(f"{name} {ms / 1000:.2f} s" for name, ms in report.shown_ms.items())
    rejects = ", ".join(f"{name} {count}" for name, count in report.rejects.items())
    print(f"emulated for        {report.mcu_time_s:.2f} s of MCU time")
    print(f"commands accepted   {report.accepted}")
    print(f"frames rejected     {rejects}")
    print(f"motor pin changes   {report.pin_changes}, of the motion shown {report.motion_changes}")
    print(f"motors showed       {shown}")
    if report.off_after_last_accepted_ms is None:
        print(f"motors now          {'off' if report.motors_off else 'ON'}")
    else:
        print(
            f"motors now          off, {report.off_after_last_accepted_ms:.1f} ms of MCU time "
            "after the last accepted command"
        )
