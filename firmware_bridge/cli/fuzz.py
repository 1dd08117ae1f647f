"""``fuzz``: corrupted frames by the hundred million against the real core."""

from __future__ import annotations

import argparse
import os

from firmware_bridge.cli.common import (
    Subparsers,
    add_command,
    add_json,
    job_count,
    positive_int,
    print_json,
    seed_number,
)
from firmware_bridge.verification.fuzz import build_fuzzer, fuzz


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "fuzz",
        "send corrupted frames to the firmware's core and count wrong commands obeyed",
        "fuzz --frames 1e8 --seed 1",
        run,
    )
    parser.add_argument(
        "--frames",
        type=positive_int,
        default=100_000_000,
        help="corrupted frames to send (default 1e8)",
    )
    parser.add_argument("--seed", type=seed_number, default=1, help="default 1")
    parser.add_argument(
        "--jobs",
        type=job_count,
        default=os.cpu_count() or 1,
        help="processes to use (default: one per core)",
    )
    parser.add_argument("--sanitize", action="store_true", help="under ASan and UBSan, slower")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the figures; 1 when a wrong command was obeyed."""
    result = fuzz(build_fuzzer(sanitized=args.sanitize), args.frames, args.seed, args.jobs)
    per_s = result.frames / result.seconds
    if args.json:
        print_json(
            {
                "frames": result.frames,
                "wrong_commands": result.wrong_commands,
                "accepted": result.accepted,
                "rejects": result.rejects,
                "frames_per_s": round(per_s),
                "seed": args.seed,
            }
        )
    else:
        print(f"corrupted frames   {result.frames:,} in {result.seconds:.1f} s, {per_s:,.0f} per s")
        print(f"wrong commands   {result.wrong_commands}")
        print(f"right commands   {result.accepted:,} accepted in between")
        for name, count in result.rejects.items():
            print(f"rejected: {name:9} {count:,}")
    return 1 if result.wrong_commands else 0
