"""``python -m controller``: drive the car, or drive through a recording again."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from controller import blas  # noqa: F401 - before anything that imports NumPy
from controller.cli.benchmark import add_benchmark
from controller.cli.check import add_check_command
from controller.cli.common import (
    DONE,
    FELL_SHORT,
    add_command,
    make_parser,
    print_json,
    run_command,
)
from controller.cli.drives import add_drives
from controller.cli.models import add_models_command
from controller.cli.service import add_service_commands
from controller.config import Config, load_config
from controller.drive.statistics import PERCENTILES, Statistics
from controller.errors import LateDeviceError, NoDeviceError, UsageError
from controller.model.pilot import find_model
from controller.model.trial import load_pilot
from controller.system import process
from controller.system.signals import stop_on_signals
from firmware_bridge.errors import LinkError, VersionError


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    parser = make_parser(
        "python -m controller",
        "Drive the car from its camera.",
        "python -m controller drive --camera opencv:0 --link /dev/ttyACM0 --arm",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_drive(commands)
    _add_replay(commands)
    add_benchmark(commands)
    add_models_command(commands)
    add_drives(commands)
    add_service_commands(commands)
    add_check_command(commands)
    return run_command(parser, argv)


def _add_drive(commands: Any) -> None:  # noqa: ANN401
    parser = add_command(
        commands,
        "drive",
        _drive,
        "Drive: frame, model, command, serial line. Options override the configuration file.",
        "python -m controller drive --camera opencv:0 --link /dev/ttyACM0 --arm --record drives",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file")
    parser.add_argument(
        "--camera",
        metavar="NAME[:ARG]",
        help="picamera2, opencv:0, mjpeg:URL, replay:DRIVE, simulated:TRACK",
    )
    parser.add_argument(
        "--link",
        metavar="DEVICE",
        help="a path, a pattern or a URL; simulated:TRACK as the camera; plain:PATH for letters",
    )
    parser.add_argument("--model", metavar="NAME_OR_FILE", help="a shipped model or a .tflite file")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the model")
    parser.add_argument(
        "--arm", action="store_true", default=None, help="drive as soon as all is ready"
    )
    parser.add_argument("--record", metavar="FOLDER", help="record the drive into this folder")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so long")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _add_replay(commands: Any) -> None:  # noqa: ANN401
    parser = add_command(
        commands,
        "replay",
        _replay,
        "Let a model decide on every frame of a drive (.mcap), a Donkeycar v2 tub or a frame set.",
        "python -m controller replay drives/drive-20261122-153000.mcap --model default --json",
    )
    parser.add_argument("source", type=Path, metavar="DRIVE")
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument(
        "--link", metavar="DEVICE", help="send the commands there too, at the recorded pace"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="with --link: times the pace"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="only the first N frames")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _drive(arguments: argparse.Namespace) -> int:
    from controller.car import FirstDecision, drive

    if arguments.seconds is not None and not 0 < arguments.seconds <= 1e9:
        raise UsageError(f"--seconds is {arguments.seconds}, must be above 0 and finite")
    config = load_config(arguments.config) if arguments.config else Config()
    first = FirstDecision()
    try:
        statistics = drive(_override(config, arguments), arguments.seconds, (first,))
    except VersionError:
        raise
    except (LinkError, NoDeviceError) as error:  # it may come late: the service shall start again
        raise LateDeviceError(str(error)) from error
    if arguments.json:
        cost = {"peak_rss_mib": process.memory_mib(peak=True), "cpu_s": process.cpu_s()}
        start = {"start_to_first_decision_s": first.after_s}
        warmed_up = {"model_warmed_up": statistics.model_warmed_up}
        print_json({**statistics.figures(), **warmed_up, **start, **cost})
        return DONE
    print(f"{statistics.frames} frames; commands: {dict(statistics.commands)}")
    if statistics.stops:
        print(f"stopped because: {dict(statistics.stops)}")
    print(statistics.table())
    return DONE


def _override(config: Config, arguments: argparse.Namespace) -> Config:
    """The configuration with what the command line says put over it."""
    options = (
        ("camera", "source", arguments.camera),
        ("link", "device", arguments.link),
        ("model", "name", arguments.model),
        ("model", "threads", arguments.threads),
        ("supervisor", "arm_at_start", arguments.arm),
        ("recording", "folder", arguments.record),
    )
    for section, key, value in options:
        if value is not None:
            changed = dataclasses.replace(getattr(config, section), **{key: value})
            config = dataclasses.replace(config, **{section: changed})
    return config


def _replay(arguments: argparse.Namespace) -> int:
    from controller.drive.replay import replay

    if not 0 < arguments.speed <= 100:
        raise UsageError(f"--speed is {arguments.speed}, must be above 0 and at most 100")
    if arguments.frames is not None and not 1 <= arguments.frames <= sys.maxsize:
        raise UsageError(f"--frames is {arguments.frames}, must be 1 to {sys.maxsize}")
    pilot = load_pilot(find_model(arguments.model), arguments.threads)
    statistics = Statistics()
    options: dict[str, Any] = {"limit": arguments.frames, "sinks": (statistics,)}
    if arguments.link is None:
        report = replay(arguments.source, pilot, **options)
    else:
        from controller.clock import MonotonicClock
        from firmware_bridge.links.registry import open_link

        with stop_on_signals() as stopped, open_link(arguments.link, MonotonicClock()) as link:
            options |= {"speed": arguments.speed, "keep_going": lambda: not stopped()}
            report = replay(arguments.source, pilot, link, **options)
    figures = {
        "frames": report.frames,
        "answered": report.answered,
        "compared": report.compared,
        "agreement": report.agreement,
        "changes": dict(report.changes),
        "stopped": report.stopped,
        "motors_off_ms": report.motors_off_ms,
        "commands_sha256": report.commands_sha256,
        "invoke_ms": statistics.stages_ms()["invoke"],
        "overhead_ms": {f"p{p}": statistics.overhead_ms(p) for p in PERCENTILES},
        "stages_ms": statistics.stages_ms(),
    }
    if arguments.json:
        print_json(figures)
    else:
        _print_replay(figures, statistics, with_link=arguments.link is not None)
    all_answered = report.answered == report.frames
    stands = arguments.link is None or report.motors_off_ms is not None
    return DONE if all_answered and stands else FELL_SHORT


def _print_replay(figures: dict[str, Any], statistics: Statistics, *, with_link: bool) -> None:
    print(f"frames       {figures['frames']}")
    by = "motor pins as commanded, the MCU says" if with_link else "a command for each"
    print(f"answered     {figures['answered']} ({by})")
    agreement = figures["agreement"]
    said = "-" if agreement is None else f"{agreement:.4f}"
    print(f"agreement    {said} with the recording, {figures['compared']} frames")
    for change, count in sorted(figures["changes"].items(), key=lambda item: -item[1]):
        print(f"  {change:20} {count:6}")
    if figures["stopped"]:
        print(f"stopped      {figures['stopped']} frames, by the supervisor")
    if with_link:
        off = figures["motors_off_ms"]
        print(f"motors off   {'NOT SEEN' if off is None else f'{off} ms after the last command'}")
    print(f"commands     SHA-256 {figures['commands_sha256']}")
    print(statistics.table())


if __name__ == "__main__":
    process.leave(main())
