"""``python -m controller check``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, FELL_SHORT, add_command, print_json
from controller.cli.service import service_config
from controller.doctor.page import Line, Verdict, diagnose, fail
from controller.errors import ConfigError
from firmware_bridge.text import printable


def add_check_command(commands: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add ``check`` to the tree of ``python -m controller``."""
    parser = add_command(
        commands,
        "check",
        _check,
        "Say on one page whether this car can drive, and what to do where it cannot.",
        "python -m controller check --config /etc/paperlane/paperlane.toml",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the car (default: the installed service's)"
    )
    parser.add_argument("--json", action="store_true", help="print the page as JSON")


def _check(arguments: argparse.Namespace) -> int:
    from controller.doctor.probes import all_probes

    try:
        config = service_config(arguments.config)
    except ConfigError as error:
        page = [fail("settings", str(error), "correct it; nothing else was looked at")]
    else:
        page = diagnose(all_probes(config))
    failed = [line.name for line in page if line.verdict is Verdict.FAIL]
    if arguments.json:
        print_json(
            {
                "can_drive": not failed,
                "lines": [
                    {
                        "name": line.name,
                        "verdict": line.verdict.value,
                        "found": line.found,
                        "advice": line.advice,
                    }
                    for line in page
                ],
            }
        )
    else:
        print(as_text(page))
    return FELL_SHORT if failed else DONE


def as_text(page: Sequence[Line]) -> str:
    """The page as people read it."""
    width = max((len(line.name) for line in page), default=0)
    rows = []
    for line in page:
        rows.append(f"{line.name:{width}}  {line.verdict.value:4}  {printable(line.found)}")
        if line.advice:
            rows.append(f"{'':{width}}        -> {printable(line.advice)}")
    failed = [line.name for line in page if line.verdict is Verdict.FAIL]
    verdict = f"this car cannot drive: {', '.join(failed)}" if failed else "this car can drive"
    return "\n".join([*rows, "", verdict])
