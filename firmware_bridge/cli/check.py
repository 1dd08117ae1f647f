"""``check``: a self-test of a real car on blocks."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from firmware_bridge.cli.common import Subparsers, add_command, add_json, print_json
from firmware_bridge.errors import LinkError
from firmware_bridge.tools.probe import Probe
from firmware_bridge.tools.self_test import Finding, self_test


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "check",
        "self-test of a real car whose wheels turn freely: arming, motion, deadman",
        "check /dev/ttyACM0 --on-blocks",
        run,
    )
    parser.add_argument("device", help="a path, a glob pattern or a URL")
    parser.add_argument(
        "--on-blocks", action="store_true", help="the wheels are off the ground and turn freely"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the steps; 1 when one fails."""
    if not args.on_blocks:
        raise LinkError("the wheels will turn: put the car on blocks and add --on-blocks")
    show: Callable[[Finding], None] = (lambda _: None) if args.json else _print
    findings = []
    with Probe(args.device) as probe:
        for finding in self_test(probe):
            findings.append(finding)
            show(finding)
    failed = [finding for finding in findings if not finding.ok]
    if args.json:
        steps = [{"step": f.step, "ok": f.ok, "seen": f.seen} for f in findings]
        print_json({"ok": not failed, "steps": steps})
    else:
        print(f"{len(findings) - len(failed)} of {len(findings)} steps passed")
    return 1 if failed else 0


def _print(finding: Finding) -> None:
    print(f"{'ok    ' if finding.ok else 'FAILED'}  {finding.step}: {finding.seen}", flush=True)
