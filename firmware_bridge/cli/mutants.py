"""``mutants``: does every small fault in the C core show?"""

from __future__ import annotations

import argparse
import os

from firmware_bridge.cli.common import Subparsers, add_command, add_json, job_count, print_json
from firmware_bridge.verification.differential_scripts import directed_script, random_script
from firmware_bridge.verification.mutation import EQUIVALENT, all_mutants, judge


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "mutants",
        "put small faults into the firmware's C core, one at a time, and see that each shows",
        "mutants",
        run,
    )
    parser.add_argument(
        "--jobs",
        type=job_count,
        default=os.cpu_count() or 1,
        help="processes to use (default: one per core)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the survivors; 1 when there is one without a justification."""
    scripts = [directed_script(), *(random_script(seed) for seed in range(3))]
    verdicts = judge(all_mutants(), scripts, args.jobs)
    count = {
        fate: sum(verdict.fate == fate for verdict in verdicts)
        for fate in ("killed", "survived", "equivalent", "stillborn")
    }
    if args.json:
        print_json({"mutants": len(verdicts), **count})
    else:
        print(
            f"{len(verdicts)} mutants: {count['killed']} killed, {count['equivalent']} equivalent "
            f"(justified in {EQUIVALENT.name}), {count['stillborn']} do not compile, "
            f"{count['survived']} survived"
        )
        for verdict in verdicts:
            if verdict.fate == "survived":
                mutant = verdict.mutant
                print(f"survived: {mutant.file}:{mutant.line}: {mutant.before}  ->  {mutant.after}")
    return 1 if count["survived"] else 0
