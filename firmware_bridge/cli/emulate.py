"""``emulate``: the firmware in simavr on a pty, alone or under another command."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_bridge.cli.common import Subparsers, add_command, add_json, print_json
from firmware_bridge.emulation.avr_mcu import PinChange
from firmware_bridge.emulation.emulator import EmulationReport, Emulator
from firmware_bridge.errors import EmulatorError

AFTERMATH_MS = 400.0
"""MCU time that goes on after the command under it has ended: the deadman has 150 ms of it."""


PRIORITY = -15
"""Niceness asked for, -20 (before everything) to 19."""


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
    _ask_for_priority()
    with contextlib.ExitStack() as stack:
        pins = None if args.pins is None else stack.enter_context(_PinFile(args.pins))
        emulator = stack.enter_context(Emulator(args.pty_link, pins))
        code = _run_under(emulator, command) if command else _run_alone(emulator, args.json)
        report = emulator.report()
    if args.json:
        print_json(report.as_json())
    else:
        _print_report(report)
    if not report.motors_off:
        print("error: the motors are still on", file=sys.stderr)
        return code or 1
    return code


class _PinFile:
    """Writes every change of the pins as a line of JSON. A context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        try:
            # By the line: a disk that is full shows at once, not when all is over.
            self._file = self._path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise self._cannot(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError as late:
            if kind is None:
                raise self._cannot(late) from late

    def __call__(self, change: PinChange) -> None:
        line = {
            "time_us": change.time_us,
            "left": change.motors.left,
            "right": change.motors.right,
            "state": change.state.name.lower(),
            "accepted": change.accepted,
        }
        try:
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> EmulatorError:
        return EmulatorError(f"cannot write {self._path}: {error.strerror}")


def _ask_for_priority() -> None:
    """Run before other work, with the command that is emulated for; without leave, as before.

    An MCU in real time that waits for a busy machine looks like a stalled line to its host.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


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
