"""What the simulator's command lines share."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cv2

from controller.frames import Pixels
from simulator.errors import SimulatorError, SimulatorUsageError
from simulator.track.tracks import TRACK_NAMES

LARGEST_SEED = 10**15


def track_names(text: str) -> tuple[str, ...]:
    """For argparse: names of tracks with commas between."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in TRACK_NAMES:
            raise argparse.ArgumentTypeError(f"{name!r}: there are {', '.join(TRACK_NAMES)}")
    return names


def check_range(what: str, value: float, least: float, most: float) -> None:
    """Refuse a value out of range, and what is no number too: it is in no range."""
    if not least <= value <= most:
        raise SimulatorUsageError(f"{what} is {value}, must be {least:g} to {most:g}")


def make_folder(out: Path | None) -> None:
    """Before any work is done: ``--out`` is a folder, made if need be, that can be written to."""
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except FileExistsError as error:
        raise SimulatorUsageError(f"--out {out}: is a file, must be a folder") from error
    except OSError as error:
        raise SimulatorUsageError(
            f"--out {out}: cannot be written ({error.strerror}), name another folder"
        ) from error


def microcontroller_of(arguments: argparse.Namespace) -> str:
    """The microcontroller that ``--firmware`` stands for."""
    return "avr" if arguments.firmware else "python"


def numbers(text: str) -> tuple[float, ...]:
    """For argparse: numbers with commas between."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers with commas between") from error


def write_picture(path: Path, picture: Pixels) -> None:
    """Write RGB pixels as a PNG, and say so."""
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise SimulatorError(f"{path}: the picture cannot be written")
    print(f"wrote {path}", file=sys.stderr)
