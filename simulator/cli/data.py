"""``python -m simulator dataset``, ``sheet`` and ``benchmark``: pictures without a driver."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import cv2

from controller.arrays import read_npy
from controller.cli.common import DONE, FELL_SHORT, add_command, print_json
from simulator.cli.common import (
    check_range,
    make_folder,
    track_names,
    write_picture,
)
from simulator.errors import SimulatorUsageError
from simulator.track.tracks import GAP_SHARE, RANDOM, TRACK_NAMES

MOST_PER_DRIVE = 200
"""Frames of one drive, at most and unless told otherwise; a data set has at most 1000 drives."""


def add_dataset(commands: Any) -> None:  # noqa: ANN401
    """Add ``dataset``."""
    parser = add_command(
        commands,
        "dataset",
        _dataset,
        "Write labelled frames: the teacher drives, or a model drives and the teacher labels.",
        "python -m simulator dataset --frames 30000 --seed 1 --out out/practice",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument("--frames", type=int, default=20000, metavar="N")
    parser.add_argument(
        "--per-drive", type=int, default=MOST_PER_DRIVE, metavar="N",
        help="frames of each drive, %(default)s: fewer show more rooms, tracks and cameras",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="0 to 999")
    parser.add_argument("--model", metavar="NAME_OR_FILE", help="drives instead of the teacher")
    parser.add_argument(
        "--tracks", type=track_names, default=(RANDOM,), metavar="NAME,NAME",
        help=f"of {', '.join(TRACK_NAMES)}",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument(
        "--form", choices=("frameset", "reference"), default="frameset",
        help="the project's own, or {train,valid,test}_{data,labels}.npy as the reference has it",
    )  # fmt: skip
    parser.add_argument(
        "--clear", type=float, default=0.7, metavar="M", help="free way at which the teacher turns"
    )
    parser.add_argument(
        "--reference-share", type=float, default=0.3, metavar="SHARE",
        help="of the drives, in a room and behind a camera as in the reference frames",
    )  # fmt: skip
    parser.add_argument("--gap-share", type=float, default=GAP_SHARE, metavar="SHARE",
                        help="of the random tracks, with missing sheets")  # fmt: skip
    parser.add_argument("--pale-share", type=float, default=0.0, metavar="SHARE",
                        help="of the others, on a floor nearly as light as paper")  # fmt: skip
    parser.add_argument("--plain", action="store_true", help="one and the same room for all drives")
    parser.add_argument("--one-camera", action="store_true", help="one camera and car for all")
    parser.add_argument("--no-recovery", action="store_true", help="never askew or disturbed")


def _dataset(arguments: argparse.Namespace) -> int:
    from controller.model.pilot import find_model
    from simulator.teacher.dataset import DatasetConfig, make_dataset, save_reference
    from simulator.teacher.rollouts import RolloutConfig
    from simulator.teacher.teacher import TeacherConfig

    check_range("--per-drive", arguments.per_drive, 1, MOST_PER_DRIVE)
    check_range("--frames", arguments.frames, 1, 1000 * arguments.per_drive)
    check_range("--clear", arguments.clear, 0.3, 5)
    check_range("--reference-share", arguments.reference_share, 0, 1)
    check_range("--gap-share", arguments.gap_share, 0, 1)
    check_range("--pale-share", arguments.pale_share, 0, 1)
    config = DatasetConfig(
        arguments.frames,
        arguments.seed,
        arguments.tracks,
        arguments.per_drive,
        teacher=TeacherConfig(arguments.clear),
        practice=RolloutConfig(recovery=not arguments.no_recovery),
        vary_look=not arguments.plain,
        vary_camera=not arguments.one_camera,
        reference_share=arguments.reference_share,
        gap_share=arguments.gap_share,
        pale_share=arguments.pale_share,
    )
    model = None if arguments.model is None else find_model(arguments.model)
    make_folder(arguments.out)
    if any(arguments.out.iterdir()):
        raise SimulatorUsageError(f"{arguments.out}: is not empty, name another folder")

    def show(done: int, wanted: int) -> None:
        if sys.stderr.isatty() or done == wanted:
            print(f"\r{done} of {wanted} frames", end="", file=sys.stderr, flush=True)

    frames = make_dataset(config, model, show, arguments.jobs)
    print(file=sys.stderr)
    if arguments.form == "reference":
        save_reference(frames, arguments.out)
    else:
        frames.save(arguments.out)
    shares = [float((frames.labels == label).mean()) for label in range(3)]
    print(
        f"{arguments.out}: {len(frames)} frames of {len(frames.drive_names)} drives; "
        f"forward {shares[0]:.2f}, left {shares[1]:.2f}, right {shares[2]:.2f}"
    )
    return DONE


def add_sheet(commands: Any) -> None:  # noqa: ANN401
    """Add ``sheet``."""
    parser = add_command(
        commands,
        "sheet",
        _sheet,
        "Twenty simulated frames on one page, real ones beside them.",
        "python -m simulator sheet --reference sample_data.npy --out out/sheet.png",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .png")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="0 to 999")
    parser.add_argument(
        "--reference", type=Path, metavar="FILE_OR_TUB",
        help="real frames: the reference's .npy form, or a Donkeycar tub",
    )  # fmt: skip
    parser.add_argument("--track", choices=TRACK_NAMES, default=RANDOM)
    parser.add_argument(
        "--look", choices=("any", "reference"), default="any",
        help="rooms of any kind, or the reference frames' own",
    )  # fmt: skip


def _sheet(arguments: argparse.Namespace) -> int:
    from simulator.pictures.sheet import contact_sheet

    if arguments.reference is not None and not arguments.reference.is_dir():
        _check_reference(arguments.reference)
    check_range("--seed", arguments.seed, 0, 999)
    if not arguments.out.suffix or not cv2.haveImageWriter(str(arguments.out)):
        raise SimulatorUsageError(
            f"--out {arguments.out}: no picture can be written by that name, name a .png"
        )
    if arguments.out.exists() and not os.access(arguments.out, os.W_OK):
        raise SimulatorUsageError(f"--out {arguments.out}: cannot be written, name another file")
    if arguments.out.is_dir():
        raise SimulatorUsageError(f"--out {arguments.out}: is a folder, name a file")
    make_folder(arguments.out.parent)
    sheet = contact_sheet(
        arguments.seed,
        arguments.reference,
        arguments.track,
        reference=arguments.look == "reference",
    )
    write_picture(arguments.out, sheet)
    return DONE


def _check_reference(path: Path) -> None:
    """Refuse early what is no .npy at all, or one without a row."""
    if read_npy(path, mapped=True).size == 0:
        raise SimulatorUsageError(f"--reference {path}: holds no frame, must hold one or more")


def add_reference(commands: Any) -> None:  # noqa: ANN401
    """Add ``reference``."""
    parser = add_command(
        commands,
        "reference",
        _reference,
        "A model's answers to real labelled frames: accuracy, confusion, left/right swaps.",
        "python -m simulator reference sample_data.npy --model default --json",
    )
    parser.add_argument(
        "data", type=Path, metavar="FILE", help="*_data.npy in the reference's form, *_labels.npy "
        "beside it",
    )  # fmt: skip
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE",
                        help="'teacher': its rule, on the paper found in the frames")  # fmt: skip
    parser.add_argument(
        "--least", type=float, default=0.0, metavar="SHARE",
        help="exit with 1 if fewer are right, or left and right are swapped",
    )  # fmt: skip
    parser.add_argument("--halves", type=Path, metavar="FOLDER",
                        help="write two halves: train on one, judge on the other")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _reference(arguments: argparse.Namespace) -> int:
    from controller.model.pilot import find_model
    from simulator.evaluation.closed_loop import TEACHER
    from simulator.evaluation.real_frames import judge_reference, write_halves
    from simulator.evaluation.rule_fit import fit_rule

    check_range("--least", arguments.least, 0, 1)
    if arguments.halves is not None:
        make_folder(arguments.halves)
        print("wrote", *write_halves(arguments.data, arguments.halves))
        return DONE
    if arguments.model == TEACHER:
        fit = fit_rule(arguments.data)
        if arguments.json:
            print_json(fit)
            return DONE
        for clear_m, alike in fit["agreement"].items():
            print(f"turns where the way is free for less than {clear_m:.2f} m: {alike:3} of "
                  f"{fit['frames']} as people")  # fmt: skip
        if fit["turns_to_the_same_side"] is not None:
            print(f"people's turns to the same side: {100 * fit['turns_to_the_same_side']:.0f} %")
        return DONE
    judgement = judge_reference(find_model(arguments.model), arguments.data)
    if arguments.json:
        print_json(judgement.as_json())
    else:
        print(judgement.table())
    good = judgement.accuracy >= arguments.least and not (arguments.least and judgement.swaps)
    return DONE if good else FELL_SHORT


def add_benchmark(commands: Any) -> None:  # noqa: ANN401
    """Add ``benchmark``."""
    parser = add_command(
        commands,
        "benchmark",
        _benchmark,
        "Pictures and simulated seconds per second of one core.",
        "python -m simulator benchmark --firmware --json",
    )
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE")
    parser.add_argument("--firmware", action="store_true", help="measure with the firmware too")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _benchmark(arguments: argparse.Namespace) -> int:
    from simulator.evaluation.benchmark import benchmark
    from simulator.evaluation.closed_loop import find_pilot_model

    figures = benchmark(find_pilot_model(arguments.model), firmware=arguments.firmware)
    if arguments.json:
        print_json(figures)
    else:
        for name, value in figures.items():
            print(f"{name:28}{value:10.1f}")
    return DONE
