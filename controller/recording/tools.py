"""``python -m controller drives``: look into recorded drives and turn them into other things."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from controller.cli.common import DONE, print_json
from controller.drive.supervisor import FRESH_NS
from controller.errors import DriveError, UsageError
from controller.pictures import encode_png
from controller.recording.format import SUFFIX
from controller.recording.frameset import UNLABELLED, FrameSet
from controller.recording.reader import DriveInfo, DrivenFrame, read_decisions, read_drive
from firmware_bridge.wire.commands import Command

_COLOURS = {
    Command.FORWARD: (80, 200, 90),
    Command.LEFT: (60, 130, 250),
    Command.RIGHT: (250, 150, 50),
    Command.STOP: (220, 50, 50),
}
VIDEO_SCALE = 8
"""Times by which a video enlarges the model's input."""


def list_drives(arguments: argparse.Namespace) -> int:
    """``drives list``."""
    if not arguments.folder.is_dir():
        raise UsageError(f"{arguments.folder}: no such folder")
    drives = [_listed(path) for path in sorted(arguments.folder.glob(f"*{SUFFIX}"))]
    if arguments.json:
        print_json({"drives": drives})
        return DONE
    for drive in drives:
        if "error" in drive:
            print(drive["error"])
            continue
        print(
            f"{drive['path']}  {drive['frames']} frames, {drive['seconds']:.1f} s, "
            f"{drive['size_bytes'] / 1e6:.1f} MB{'' if drive['complete'] else ', cut short'}"
        )
    print("1 drive" if len(drives) == 1 else f"{len(drives)} drives")
    return DONE


def info(arguments: argparse.Namespace) -> int:
    """``drives info``."""
    summary = _summary(arguments.drive)
    if arguments.json:
        print_json(summary)
        return DONE
    for key, value in summary.items():
        print(f"{key:12} {value}")
    return DONE


def _listed(path: Path) -> dict[str, Any]:
    """What is in a drive, or why that cannot be said: one broken file hides no other."""
    try:
        return _summary(path)
    except DriveError as error:
        return {"path": str(path), "error": str(error)}


def _summary(path: Path) -> dict[str, Any]:
    about = DriveInfo()
    commands: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    times_ns: list[int] = []
    ages_ns: list[int] = []
    stale = 0
    for decision in read_decisions(path, about):
        moves = decision.command is not Command.STOP
        if not moves:
            stops[decision.reason] += 1
        if decision.capture_ns is None:
            continue
        commands[decision.command.name] += 1
        times_ns.append(decision.capture_ns)
        ages_ns.append(decision.sent_ns - decision.capture_ns)
        stale += moves and ages_ns[-1] > FRESH_NS
    return {
        **about.metadata,  # first: what it may say of the rest is not believed
        "path": str(path),
        "size_bytes": path.stat().st_size,
        "complete": about.complete,
        "frames": len(times_ns),
        "seconds": (times_ns[-1] - times_ns[0]) / 1e9 if times_ns else 0.0,
        "commands": dict(commands),
        "stops": dict(stops),
        "frame_age_ms": {
            f"p{p}": float(np.percentile(ages_ns, p)) / 1e6 if ages_ns else 0.0
            for p in (50, 99, 100)
        },
        "stale_commands": stale,
        "messages": about.counts,
    }


def export(arguments: argparse.Namespace) -> int:
    """``drives export``."""
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
        arguments.pictures.mkdir(parents=True)
        for number, frame in enumerate(frames):
            name = f"{number:06}-{frame.command.name.lower()}.png"
            (arguments.pictures / name).write_bytes(encode_png(frame.pixels))
        print(f"wrote {arguments.pictures}: {len(frames)} pictures")
    if arguments.video is not None:
        _refuse_existing(arguments.video)
        write_video(arguments.video, frames)
        print(f"wrote {arguments.video}: {len(frames)} frames")
    return DONE


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UsageError(f"{path}: exists, name another")


def as_frameset(frames: list[DrivenFrame], name: str) -> FrameSet:
    """A drive's frames as a frame set, labelled with what was sent (STOP: unlabelled)."""
    labels = [UNLABELLED if f.command is Command.STOP else int(f.command) for f in frames]
    start_ns = frames[0].time_ns
    return FrameSet(
        frames=np.stack([frame.pixels for frame in frames]),
        labels=np.array(labels, np.uint8),
        drives=np.zeros(len(frames), np.uint16),
        times_ns=np.array([frame.time_ns - start_ns for frame in frames], np.int64),
        steering=np.full(len(frames), np.nan, np.float32),
        drive_names=(name,),
        source=name,
    )


def write_video(path: Path, frames: list[DrivenFrame]) -> None:
    """Write a video at the drive's mean frame rate, probabilities and command drawn in.

    Raises:
        UsageError: If OpenCV cannot write such a file here.
    """
    span_ns = frames[-1].time_ns - frames[0].time_ns
    rate_hz = (len(frames) - 1) * 1e9 / span_ns if span_ns else 20.0
    height, width = (VIDEO_SCALE * side for side in frames[0].pixels.shape[:2])
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, (width, height + 3 * 16 + 8)
    )
    if not writer.isOpened():
        raise UsageError(f"{path}: cannot be written as a video; name a file ending in .mp4")
    try:
        for picture in _draw(frames, height, width):
            writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()


def _draw(
    frames: Iterable[DrivenFrame], height: int, width: int
) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    for frame in frames:
        picture = np.full((height + 3 * 16 + 8, width, 3), 24, np.uint8)
        cv2.resize(frame.pixels, (width, height), picture[:height], 0, 0, cv2.INTER_CUBIC)
        cv2.rectangle(picture, (0, 0), (width - 1, height - 1), _COLOURS[frame.command], 6)
        for row, (label, share) in enumerate(zip(Command, frame.probabilities, strict=False)):
            top = height + 4 + 16 * row
            right = 90 + int((width - 100) * min(1.0, max(0.0, share)))
            cv2.rectangle(picture, (90, top + 2), (right, top + 13), _COLOURS[label], -1)
            cv2.putText(
                picture,
                label.name.lower(),
                (8, top + 13),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.5,
                (230, 230, 230),
                1,
                cv2.LINE_AA,
            )
        yield picture
