"""``python -m firmware_bridge``: the serial line and the firmware from the command line."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from firmware_bridge import (
    bench,
    build_firmware,
    check,
    emulate,
    faults,
    firmware_coverage,
    fuzz,
    monitor,
    mutation,
    send,
    vectors,
)
from firmware_bridge.errors import BridgeError

_MODULES = (
    monitor,
    send,
    check,
    bench,
    build_firmware,
    emulate,
    vectors,
    fuzz,
    faults,
    firmware_coverage,
    mutation,
)


def make_parser() -> argparse.ArgumentParser:
    """The tree of subcommands."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_bridge",
        description="The serial line to the car's microcontroller, and its firmware.",
        epilog="example:\n  python -m firmware_bridge monitor /dev/ttyACM0",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in _MODULES:
        module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 done, 1 it ran and fell short, 2 wrong usage or input.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    args = make_parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except BridgeError as error:
        print(f"paperlane: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
