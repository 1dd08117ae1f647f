"""The parser of ``python -m controller drives``; what it needs is imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType
from typing import Any

from controller.cli.common import add_command


def _tools() -> ModuleType:
    from controller.recording import tools  # a drive that starts does not wait for it

    return tools


def add_drives(commands: Any) -> None:  # noqa: ANN401
    """Add the ``drives`` subcommand and its own subcommands."""
    parser = commands.add_parser(
        "drives",
        help="List drives, look into one, or export it.",
        description="List drives, look into one, or export it.",
        epilog="example:\n  python -m controller drives info out/drive/drive.mcap",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = add_command(
        actions,
        "list",
        lambda arguments: _tools().list_drives(arguments),
        "List the drives of a folder.",
        "python -m controller drives list /var/lib/paperlane/drives",
    )
    listing.add_argument("folder", type=Path)
    listing.add_argument("--json", action="store_true", help="print as JSON")
    info = add_command(
        actions,
        "info",
        lambda arguments: _tools().info(arguments),
        "Say what is in a drive.",
        "python -m controller drives info out/drive/drive.mcap",
    )
    info.add_argument("drive", type=Path)
    info.add_argument("--json", action="store_true", help="print as JSON")
    export = add_command(
        actions,
        "export",
        lambda arguments: _tools().export(arguments),
        "Turn a drive into a frame set to train on (--npy), a video or single pictures.",
        "python -m controller drives export out/drive/drive.mcap --video drive.mp4",
    )
    export.add_argument("drive", type=Path)
    export.add_argument("--npy", type=Path, metavar="FOLDER", help="a frame set, see the docs")
    export.add_argument(
        "--video", type=Path, metavar="FILE", help="with the probabilities drawn in"
    )
    export.add_argument("--pictures", type=Path, metavar="FOLDER", help="NUMBER-COMMAND.png")
