"""``vectors``: frames byte for byte, for whoever writes the protocol for another board."""

from __future__ import annotations

import argparse

from firmware_bridge.cli.common import Subparsers, add_command, add_json, print_json
from firmware_bridge.wire.vectors import all_vectors, as_text


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "vectors",
        "print test vectors of the protocol, as in docs/protocol.md",
        "vectors",
        run,
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print them."""
    if args.json:
        print_json({vector.says: vector.frame.hex() for vector in all_vectors()})
    else:
        print(as_text())
    return 0
