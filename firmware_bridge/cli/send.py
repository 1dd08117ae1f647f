"""``send``: one command to a real car, for as long as asked and no longer."""

from __future__ import annotations

import argparse

from firmware_bridge.cli.common import Subparsers, add_command, add_json, positive_float, print_json
from firmware_bridge.cli.monitor import as_json, describe
from firmware_bridge.tools.probe import Probe
from firmware_bridge.wire.commands import Command


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "send",
        "arm the car, send one command for a moment, stop",
        "send /dev/ttyACM0 forward --seconds 0.5",
        run,
    )
    parser.add_argument("device", help="a path, a glob pattern or a URL")
    parser.add_argument("command", choices=[command.name.lower() for command in Command])
    parser.add_argument("--seconds", type=positive_float, default=0.5, help="default 0.5")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Send it; 1 when the MCU did not do it."""
    command = Command[args.command.upper()]
    with Probe(args.device) as probe:
        armed = probe.arm()
        first = len(probe.statuses)
        if armed:
            probe.repeat(command, args.seconds)
        obeyed = armed and any(status.applied is command for status in probe.statuses[first:])
        status = probe.status
    if args.json:
        print_json({"obeyed": obeyed, "status": as_json(status)})
    else:
        print(f"{'obeyed' if obeyed else 'NOT OBEYED'}: {describe(status, 50)}")
    return 0 if obeyed else 1
