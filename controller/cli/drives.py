"""``python -m controller drives``: look into recorded drives and turn them into other things.

What a command needs is imported when it runs: a drive that starts does not wait for it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, add_command, print_json
from controller.errors import DriveError, UsageError
from firmware_bridge.text import printable


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
        _list,
        "List the drives of a folder.",
        "python -m controller drives list /var/lib/paperlane/drives",
    )
    listing.add_argument("folder", type=Path)
    listing.add_argument("--json", action="store_true", help="print as JSON")
    info = add_command(
        actions,
        "info",
        _info,
        "Say what is in a drive.",
        "python -m controller drives info out/drive/drive.mcap",
    )
    info.add_argument("drive", type=Path)
    info.add_argument("--json", action="store_true", help="print as JSON")
    export = add_command(
        actions,
        "export",
        _export,
        "Turn a drive into a frame set to train on (--npy), a video or single pictures.",
        "python -m controller drives export out/drive/drive.mcap --video drive.mp4",
    )
    export.add_argument("drive", type=Path)
    export.add_argument("--npy", type=Path, metavar="FOLDER", help="a frame set, see the docs")
    export.add_argument(
        "--video", type=Path, metavar="FILE", help="with the probabilities drawn in"
    )
    export.add_argument("--pictures", type=Path, metavar="FOLDER", help="NUMBER-COMMAND.png")


def _list(arguments: argparse.Namespace) -> int:
    """``drives list``."""
    from controller.recording.format import SUFFIX
    from controller.recording.tools import listed

    if not arguments.folder.is_dir():
        raise UsageError(f"{arguments.folder}: no such folder")
    drives = [listed(path) for path in sorted(arguments.folder.glob(f"*{SUFFIX}"))]
    if arguments.json:
        print_json({"drives": drives})
        return DONE
    for drive in drives:
        if "error" in drive:
            print(printable(drive["error"]))
            continue
        print(
            f"{printable(drive['path'])}  {drive['frames']} frames, {drive['seconds']:.1f} s, "
            f"{drive['size_bytes'] / 1e6:.1f} MB{'' if drive['complete'] else ', cut short'}"
        )
    print("1 drive" if len(drives) == 1 else f"{len(drives)} drives")
    return DONE


def _info(arguments: argparse.Namespace) -> int:
    """``drives info``."""
    from controller.recording.tools import summary_of

    summary = summary_of(arguments.drive)
    if arguments.json:
        print_json(summary)
        return DONE
    for key, value in summary.items():
        print(f"{printable(key):12} {printable(value)}")
    return DONE


def _export(arguments: argparse.Namespace) -> int:
    """``drives export``."""
    from controller.recording.reader import read_drive
    from controller.recording.tools import as_frameset, write_pictures, write_video

    if arguments.npy is arguments.video is arguments.pictures is None:
        raise UsageError("say what to make: --npy FOLDER, --video FILE or --pictures FOLDER")
    frames = list(read_drive(arguments.drive))
    if not frames:
        raise DriveError(f"{arguments.drive}: holds no frames")
    if arguments.npy is not None:
        _refuse_existing(arguments.npy)
        as_frameset(frames, arguments.drive.stem).save(arguments.npy)
        print(f"wrote {arguments.npy}: {len(frames)} frames")
    if arguments.pictures is not None:
        _refuse_existing(arguments.pictures)
        write_pictures(arguments.pictures, frames)
        print(f"wrote {arguments.pictures}: {len(frames)} pictures")
    if arguments.video is not None:
        _refuse_existing(arguments.video)
        write_video(arguments.video, frames)
        print(f"wrote {arguments.video}: {len(frames)} frames")
    return DONE


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UsageError(f"{path}: exists, name another")
