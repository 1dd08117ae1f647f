"""What is in a recorded drive, and the drive as a frame set, pictures or a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from controller.cycle import FRESH_NS
from controller.errors import DriveError, UsageError
from controller.pictures import encode_png
from controller.recording.frameset import UNLABELLED, FrameSet
from controller.recording.reader import DriveInfo, DrivenFrame, read_decisions
from firmware_bridge.wire.commands import Command

_COLOURS = {
    Command.FORWARD: (80, 200, 90),
    Command.LEFT: (60, 130, 250),
    Command.RIGHT: (250, 150, 50),
    Command.STOP: (220, 50, 50),
}
VIDEO_SCALE = 8
"""Times by which a video enlarges the model's input."""


def listed(path: Path) -> dict[str, Any]:
    """What is in a drive, or why that cannot be said: one broken file hides no other."""
    try:
        return summary_of(path)
    except DriveError as error:
        return {"path": str(path), "error": str(error)}


def summary_of(path: Path) -> dict[str, Any]:
    """What ``drives info`` says of a drive: plain figures, as JSON takes them.

    Raises:
        DriveError: If it is none.
    """
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


def write_pictures(folder: Path, frames: Sequence[DrivenFrame]) -> None:
    """Write each frame as ``NUMBER-COMMAND.png`` into a new folder."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        name = f"{number:06}-{frame.command.name.lower()}.png"
        (folder / name).write_bytes(encode_png(frame.pixels))


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
