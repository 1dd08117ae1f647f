"""``python -m simulator``: make training data, drive, and evaluate in closed loop."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from controller.cli import DONE, FELL_SHORT, add_command, make_parser, print_json, run_command
from controller.frames import Pixels
from simulator.errors import SimulatorError, SimulatorUsageError
from simulator.factors import FACTORS
from simulator.tracks import RANDOM, TRACK_NAMES

MOST_LAPS = 1000
MOST_FRAMES = 200_000
"""What a data set of 1000 drives holds."""
LARGEST_SEED = 10**15
FACTOR_RANGES = {
    "latency": (0.0, 1000.0),
    "frame-rate": (1.0, 120.0),
    "pitch": (-45.0, 45.0),
    "light": (0.01, 10.0),
    "speed": (0.1, 10.0),
    "loss": (0.0, 1.0),
}
"""What a sweep may try: beyond these there is no world, or none that ever ends."""


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    parser = make_parser(
        "python -m simulator",
        "A world to drive in, without a car.",
        "python -m simulator drive --track oval --out out/drive",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_drive(commands)
    _add_evaluate(commands)
    _add_sweep(commands)
    _add_dataset(commands)
    _add_sheet(commands)
    _add_benchmark(commands)
    # Pictures of 45x80 are too small to share out: threads would only wait for each other.
    cv2.setNumThreads(1)
    return run_command(parser, argv)


def _track_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in TRACK_NAMES:
            raise argparse.ArgumentTypeError(f"{name!r}: there are {', '.join(TRACK_NAMES)}")
    return names


def _check_range(what: str, value: float, least: float, most: float) -> None:
    """Refuse a value out of range, and what is no number too: it is in no range."""
    if not least <= value <= most:
        raise SimulatorUsageError(f"{what} is {value}, must be {least:g} to {most:g}")


def _make_folder(out: Path | None) -> None:
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


def _add_drive(commands: Any) -> None:  # noqa: ANN401
    parser = add_command(
        commands,
        "drive",
        _drive,
        "Drive laps on one track: progress, a table, a recording, a picture and a video.",
        "python -m simulator drive --track oval --out out/drive",
    )
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE",
                        help="a shipped model, a .tflite file, or 'teacher'")  # fmt: skip
    parser.add_argument("--track", choices=TRACK_NAMES, default="oval")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of room, camera and car")
    parser.add_argument("--laps", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for recording, picture, video")
    parser.add_argument("--firmware", action="store_true", help="the real firmware, emulated")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _drive(arguments: argparse.Namespace) -> int:
    from simulator.driving import drive_laps, table
    from simulator.running import find_pilot_model
    from simulator.world import WorldConfig

    _check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    _check_range("--laps", arguments.laps, 1, MOST_LAPS)
    config = WorldConfig(arguments.track, arguments.seed, microcontroller=_mcu(arguments))
    model = find_pilot_model(arguments.model)
    _make_folder(arguments.out)
    result = drive_laps(
        config,
        model,
        arguments.laps,
        arguments.out,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    if arguments.json:
        print_json({**result.figures, "files": [str(path) for path in result.files]})
    else:
        print(table(result.figures))
        for path in result.files:
            print(f"wrote {path}")
    return DONE if result.completed else FELL_SHORT


def _mcu(arguments: argparse.Namespace) -> str:
    return "avr" if arguments.firmware else "python"


def _add_evaluate(commands: Any) -> None:  # noqa: ANN401
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        "Drive many unseen tracks in closed loop and count those that were kept.",
        "python -m simulator evaluate --model default --tracks 50 --seconds 60 --json",
    )
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE",
                        help="a shipped model, a .tflite file, or 'teacher'")  # fmt: skip
    parser.add_argument("--tracks", type=int, default=50, metavar="N")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="on each track")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument(
        "--names", type=_track_names, default=(RANDOM,), metavar="NAME,NAME",
        help=f"tracks, in turn, of {', '.join(TRACK_NAMES)}",
    )  # fmt: skip
    parser.add_argument("--firmware", action="store_true", help="the real firmware, emulated")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for a picture of every track")
    parser.add_argument("--least", type=float, default=0.0, metavar="SHARE",
                        help="exit with 1 if a smaller share is kept")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _evaluate(arguments: argparse.Namespace) -> int:
    from simulator.evaluation import EvaluationConfig, TrackResult, evaluate
    from simulator.running import find_pilot_model

    _check_range("--least", arguments.least, 0, 1)
    _check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    config = EvaluationConfig(
        arguments.tracks, arguments.seconds, arguments.seed, arguments.names, _mcu(arguments)
    )
    model = find_pilot_model(arguments.model)
    _make_folder(arguments.out)

    def show(index: int, result: TrackResult) -> None:
        keeping = result.keeping
        print(
            f"{index + 1:4} of {config.tracks}  {result.name:8} {result.seed}  "
            f"{'kept' if keeping.kept else 'LOST'}  {keeping.distance_m:6.2f} m  "
            f"{keeping.laps} laps  p95 {100 * keeping.offset_p95_m:5.1f} cm",
            file=sys.stderr,
            flush=True,
        )
        if arguments.out is not None and result.picture is not None:
            name = f"{index:03}-{result.name}-{result.seed}.png"
            _write_picture(arguments.out / name, result.picture)

    figures = evaluate(
        config,
        model,
        show,
        with_pictures=arguments.out is not None,
        jobs=arguments.jobs,
    )
    if arguments.json:
        print_json(figures)
    else:
        for key, value in figures.items():
            if key != "per_track":
                print(f"{key:24} {value:.4g}" if isinstance(value, float) else f"{key:24} {value}")
    return DONE if figures["kept_share"] >= arguments.least else FELL_SHORT


def _add_sweep(commands: Any) -> None:  # noqa: ANN401
    parser = add_command(
        commands,
        "sweep",
        _sweep,
        "Change one thing about the world, step by step, and see where driving breaks.",
        "python -m simulator sweep latency --tracks 10 --seconds 30 --out docs/driving",
    )
    parser.add_argument("factor", choices=tuple(FACTORS))
    parser.add_argument("--values", type=_numbers, metavar="X,X", help="what to try")
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE")
    parser.add_argument("--tracks", type=int, default=10, metavar="N")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="on each track")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--firmware", action="store_true", help="the real firmware, emulated")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for a chart")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers with commas between") from error


def _sweep(arguments: argparse.Namespace) -> int:
    from simulator.chart import draw_chart
    from simulator.evaluation import EvaluationConfig
    from simulator.running import find_pilot_model
    from simulator.sweep import sweep

    for value in arguments.values or ():
        _check_range(f"{arguments.factor} of --values", value, *FACTOR_RANGES[arguments.factor])
    _check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    config = EvaluationConfig(
        arguments.tracks, arguments.seconds, arguments.seed, microcontroller=_mcu(arguments)
    )

    def show(value: float, row: dict[str, Any]) -> None:
        print(
            f"{arguments.factor} {value:g}: {row['kept']} of {row['tracks']} kept, "
            f"p95 {100 * row['lateral_offset_p95_m']:.1f} cm, {row['distance_m']:.0f} m",
            file=sys.stdout if not arguments.json else sys.stderr,
            flush=True,
        )

    model = find_pilot_model(arguments.model)
    _make_folder(arguments.out)
    rows = sweep(config, model, arguments.factor, arguments.values, show, arguments.jobs)
    if arguments.json:
        print_json({"factor": arguments.factor, "rows": rows})
    if arguments.out is not None:
        factor = FACTORS[arguments.factor]
        chart = draw_chart(
            [row["value"] for row in rows],
            [row["kept_share"] for row in rows],
            f"tracks kept, of {config.tracks}, {config.seconds:g} s each",
            factor.unit,
            factor.usual,
        )
        _write_picture(arguments.out / f"{arguments.factor}.png", chart)
    return DONE


def _write_picture(path: Path, picture: Pixels) -> None:
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise SimulatorError(f"{path}: the picture cannot be written")
    print(f"wrote {path}", file=sys.stderr)


def _add_sheet(commands: Any) -> None:  # noqa: ANN401
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
        "--reference", type=Path, metavar="FILE", help="real frames in the reference's .npy form"
    )


def _sheet(arguments: argparse.Namespace) -> int:
    from simulator.sheet import contact_sheet

    if arguments.reference is not None:
        _check_reference(arguments.reference)
    _check_range("--seed", arguments.seed, 0, 999)
    if not arguments.out.suffix or not cv2.haveImageWriter(str(arguments.out)):
        raise SimulatorUsageError(
            f"--out {arguments.out}: no picture can be written by that name, name a .png"
        )
    if arguments.out.exists() and not os.access(arguments.out, os.W_OK):
        raise SimulatorUsageError(f"--out {arguments.out}: cannot be written, name another file")
    if arguments.out.is_dir():
        raise SimulatorUsageError(f"--out {arguments.out}: is a folder, name a file")
    _make_folder(arguments.out.parent)
    _write_picture(arguments.out, contact_sheet(arguments.seed, arguments.reference))
    return DONE


def _check_reference(path: Path) -> None:
    """Refuse early what is no .npy at all, or one without a row."""
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start != b"\x93NUMPY":
            found = "is empty" if not start else f"begins with {start!r}"
            raise SimulatorUsageError(f"--reference {path}: {found}, must be an .npy of frames")
        empty = np.load(path, mmap_mode="r").size == 0
    except (OSError, ValueError) as error:
        raise SimulatorUsageError(f"--reference {path}: cannot be read as .npy: {error}") from error
    if empty:
        raise SimulatorUsageError(f"--reference {path}: holds no frame, must hold one or more")


def _add_benchmark(commands: Any) -> None:  # noqa: ANN401
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
    from simulator.benchmark import benchmark
    from simulator.running import find_pilot_model

    figures = benchmark(find_pilot_model(arguments.model), firmware=arguments.firmware)
    if arguments.json:
        print_json(figures)
    else:
        for name, value in figures.items():
            print(f"{name:28}{value:10.1f}")
    return DONE


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
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
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

    _check_range("--frames", arguments.frames, -math.inf, MOST_FRAMES)
    _check_range("--look-ahead", arguments.look_ahead, 0.05, 5)
    _check_range("--turn", arguments.turn, 0.1, 90)
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
    _make_folder(arguments.out)
    if any(arguments.out.iterdir()):
        raise SimulatorUsageError(f"{arguments.out}: is not empty, name another folder")

    def show(done: int, wanted: int) -> None:
        print(f"\r{done} of {wanted} frames", end="", file=sys.stderr, flush=True)

    frames = make_dataset(config, model, show, arguments.jobs)
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
