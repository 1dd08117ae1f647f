"""``faults``: what can go wrong while the car drives, and how soon the motors are off."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from firmware_bridge.cli.common import (
    Subparsers,
    add_command,
    add_json,
    job_count,
    positive_int,
    print_json,
    seed_number,
)
from firmware_bridge.verification.faults import FAULTS, Row, run_fault


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "faults",
        "make every fault while the emulated car drives, and measure how soon the motors are off",
        "faults --runs 100",
        run,
    )
    parser.add_argument("--runs", type=positive_int, default=100, help="of each (default 100)")
    parser.add_argument("--seed", type=seed_number, default=1, help="default 1")
    parser.add_argument(
        "--jobs",
        type=job_count,
        default=os.cpu_count() or 1,
        help="processes to use (default: one per core)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 when a fault did harm."""
    count = len(FAULTS)
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(run_fault, FAULTS, [args.runs] * count, [args.seed] * count))
    if args.json:
        print_json({"faults": [_as_json(row) for row in rows]})
    else:
        _print_table(rows)
    return 0 if all(row.ok for row in rows) else 1


def _as_json(row: Row) -> dict[str, object]:
    return {
        "fault": row.fault,
        "runs": row.runs,
        "worst_ms": round(row.worst_ms, 3),
        "median_ms": round(row.median_ms, 3),
        "limit_ms": row.limit_ms,
        "moved_before_arming": row.moved,
        "did_not_recover": row.stuck,
        "ok": row.ok,
    }


def _print_table(rows: Sequence[Row]) -> None:
    print("MCU time from the last valid command (reset, e-stop, version: from the fault) to motors")
    print("off; then no motion without a new arming, and motion after it.")
    print(
        f"{'fault':22} {'runs':>5} {'median ms':>10} {'worst ms':>9} {'limit ms':>9}  moved stuck"
    )
    for row in rows:
        print(
            f"{row.fault:22} {row.runs:5} {row.median_ms:10.2f} {row.worst_ms:9.2f} "
            f"{row.limit_ms:9.1f}  {row.moved:5} {row.stuck:5}  {'' if row.ok else 'FAILED'}"
        )
