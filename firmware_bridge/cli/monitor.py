"""``monitor``: what the MCU says, live."""

from __future__ import annotations

import argparse
import sys
import time

from firmware_bridge.cli.common import Subparsers, add_command, add_json, positive_float, print_json
from firmware_bridge.text import rewrite_line
from firmware_bridge.tools.probe import Probe
from firmware_bridge.wire.commands import McuStatus


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "monitor",
        "show the microcontroller's status live, and send nothing",
        "monitor '/dev/serial/by-id/*'",
        run,
    )
    parser.add_argument("device", help="a path, a glob pattern or a URL")
    parser.add_argument("--seconds", type=positive_float, help="end after this long")
    parser.add_argument("--every", type=positive_float, default=0.2, help="seconds, default 0.2")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line every now and then until interrupted."""
    end = None if args.seconds is None else time.monotonic() + args.seconds
    with Probe(args.device, quiet=True) as probe:
        try:
            while end is None or time.monotonic() < end:
                before = len(probe.statuses)
                probe.pause(args.every)
                heard = len(probe.statuses) - before
                if args.json:
                    print_json(as_json(probe.status))
                else:
                    _show(describe(probe.status, heard / args.every))
                del probe.statuses[:-1]
        except KeyboardInterrupt:
            pass
    if sys.stdout.isatty() and not args.json:
        print()
    return 0


def _show(line: str) -> None:
    if sys.stdout.isatty():
        rewrite_line(line)
    else:
        print(line, flush=True)


def describe(status: McuStatus, rate_hz: float) -> str:
    """One line for people."""
    rejects = ", ".join(
        f"{count} {name}" for name, count in status.counters.items() if count and name != "accepted"
    )
    battery = "" if status.battery_mv is None else f"  {status.battery_mv / 1000:.2f} V"
    return (
        f"{status.state.name.lower():8} shows {status.applied.name.lower():7} "
        f"left {status.motors.left:+.2f} right {status.motors.right:+.2f}{battery}  "
        f"last trip {status.trip.name.lower()}  session {status.session:08x} "
        f"#{status.sequence}  accepted {status.counters['accepted']}  "
        f"rejected {rejects or 'none'}  up {status.uptime_ms / 1000:.1f} s  {rate_hz:.0f} Hz"
    )


def as_json(status: McuStatus) -> dict[str, object]:
    """One object for machines."""
    return {
        "version": status.version,
        "session": status.session,
        "sequence": status.sequence,
        "state": status.state.name.lower(),
        "trip": status.trip.name.lower(),
        "applied": status.applied.name.lower(),
        "left": status.motors.left,
        "right": status.motors.right,
        "battery_mv": status.battery_mv,
        "uptime_ms": status.uptime_ms,
        "reset_cause": status.reset_cause,
        "counters": status.counters,
    }
