"""``python -m simulator``: make training data, drive, and evaluate in closed loop."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from controller.cli import DONE, add_command, run_command
from simulator.errors import SimulatorUsageError
from simulator.tracks import RANDOM, TRACK_NAMES


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="A world to drive in, without a car."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_dataset(commands)
    return run_command(parser, argv)


def _track_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in TRACK_NAMES:
            raise argparse.ArgumentTypeError(f"{name!r}: there are {', '.join(TRACK_NAMES)}")
    return names


def _add_dataset(commands: Any) -> None:  # noqa: ANN401
    parser = add_command(
        commands,
        "dataset",
        _dataset,
        "Write labelled frames: the teacher drives, or a model drives and the teacher labels.",
        "python -m simulator dataset --frames 30000 --seed 1 --out out/practice",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument("--frames", type=int, default=20000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="0 to 999")
    parser.add_argument("--model", metavar="NAME_OR_FILE", help="drives instead of the teacher")
    parser.add_argument(
        "--tracks", type=_track_names, default=(RANDOM,), metavar="NAME,NAME",
        help=f"of {', '.join(TRACK_NAMES)}",
    )  # fmt: skip
    parser.add_argument("--look-ahead", type=float, default=0.4, metavar="M", help="the teacher's")
    parser.add_argument("--turn", type=float, default=12.0, metavar="DEGREES", help="the teacher's")
    parser.add_argument("--plain", action="store_true", help="one and the same room for all drives")
    parser.add_argument("--one-camera", action="store_true", help="one camera and car for all")
    parser.add_argument("--no-recovery", action="store_true", help="never askew or disturbed")


def _dataset(arguments: argparse.Namespace) -> int:
    from controller.pilot import find_model
    from simulator.dataset import DatasetConfig, make_dataset
    from simulator.practice import PracticeConfig
    from simulator.teacher import TeacherConfig

    if arguments.out.exists() and any(arguments.out.iterdir()):
        raise SimulatorUsageError(f"{arguments.out}: is not empty, name another folder")
    config = DatasetConfig(
        arguments.frames,
        arguments.seed,
        arguments.tracks,
        teacher=TeacherConfig(arguments.look_ahead, math.radians(arguments.turn)),
        practice=PracticeConfig(recovery=not arguments.no_recovery),
        vary_look=not arguments.plain,
        vary_camera=not arguments.one_camera,
    )
    model = None if arguments.model is None else find_model(arguments.model)

    def show(done: int, wanted: int) -> None:
        print(f"\r{done} of {wanted} frames", end="", file=sys.stderr, flush=True)

    frames = make_dataset(config, model, show)
    print(file=sys.stderr)
    frames.save(arguments.out)
    shares = [float((frames.labels == label).mean()) for label in range(3)]
    print(
        f"{arguments.out}: {len(frames)} frames of {len(frames.drive_names)} drives; "
        f"forward {shares[0]:.2f}, left {shares[1]:.2f}, right {shares[2]:.2f}"
    )
    return DONE


if __name__ == "__main__":
    sys.exit(main())
