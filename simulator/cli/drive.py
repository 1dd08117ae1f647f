"""``python -m simulator drive``, ``evaluate`` and ``sweep``: a model at the wheel."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, FELL_SHORT, add_command, print_json
from simulator.car.car import CAR_KINDS
from simulator.cli.common import (
    LARGEST_SEED,
    check_range,
    make_folder,
    microcontroller_of,
    numbers,
    track_names,
    write_picture,
)
from simulator.evaluation.factors import FACTORS
from simulator.track.tracks import RANDOM, TRACK_NAMES

MOST_LAPS = 1000
FACTOR_RANGES = {
    "latency": (0.0, 1000.0),
    "frame-rate": (1.0, 120.0),
    "pitch": (-45.0, 45.0),
    "light": (0.01, 10.0),
    "speed": (0.1, 10.0),
    "delay": (0.0, 1000.0),
    "loss": (0.0, 1.0),
}
"""What a sweep may try: beyond these there is no world, or none that ever ends."""


def add_car(parser: argparse.ArgumentParser) -> None:
    """Add ``--car`` and ``--firmware``: what is driven, and who switches its motors."""
    parser.add_argument(
        "--car", choices=CAR_KINDS, default="",
        help="turns in place, in arcs, or steers; unless said, what suits the track",
    )  # fmt: skip
    parser.add_argument("--firmware", action="store_true", help="the real firmware, emulated")


def add_drive(commands: Any) -> None:  # noqa: ANN401
    """Add ``drive``."""
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
    add_car(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _drive(arguments: argparse.Namespace) -> int:
    from simulator.evaluation.closed_loop import find_pilot_model
    from simulator.evaluation.driving import drive_laps, table
    from simulator.world.world import WorldConfig

    check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    check_range("--laps", arguments.laps, 1, MOST_LAPS)
    config = WorldConfig(
        arguments.track,
        arguments.seed,
        microcontroller=microcontroller_of(arguments),
        car_kind=arguments.car,
    )
    model = find_pilot_model(arguments.model)
    make_folder(arguments.out)
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


def add_endure(commands: Any) -> None:  # noqa: ANN401
    """Add ``endure``."""
    parser = add_command(
        commands,
        "endure",
        _endure,
        "Drive for hours in real time, the controller in a process of its own: is memory flat?",
        "python -m simulator endure --seconds 3600 --firmware",
    )
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE")
    parser.add_argument("--track", choices=TRACK_NAMES, default="oval")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of room, camera and car")
    parser.add_argument("--seconds", type=float, default=3600.0, metavar="S", help="10 or more")
    parser.add_argument("--firmware", action="store_true", help="the real firmware, emulated")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _endure(arguments: argparse.Namespace) -> int:
    from controller.model.pilot import find_model
    from simulator.evaluation.endurance import endure, table
    from simulator.world.world import WorldConfig

    check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    check_range("--seconds", arguments.seconds, 10, 1e6)
    config = WorldConfig(
        arguments.track, arguments.seed, microcontroller=microcontroller_of(arguments)
    )
    figures = endure(
        config,
        str(find_model(arguments.model)),
        arguments.seconds,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    if arguments.json:
        print_json(figures)
    else:
        print(table(figures))
    return DONE if figures["held"] else FELL_SHORT


def add_evaluate(commands: Any) -> None:  # noqa: ANN401
    """Add ``evaluate``."""
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
        "--names", type=track_names, default=(RANDOM,), metavar="NAME,NAME",
        help=f"tracks, in turn, of {', '.join(TRACK_NAMES)}",
    )  # fmt: skip
    add_car(parser)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for a picture of every track")
    parser.add_argument("--least", type=float, default=0.0, metavar="SHARE",
                        help="exit with 1 if a smaller share is kept")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _evaluate(arguments: argparse.Namespace) -> int:
    from simulator.evaluation.closed_loop import find_pilot_model
    from simulator.evaluation.evaluate import EvaluationConfig, TrackResult, evaluate

    check_range("--least", arguments.least, 0, 1)
    check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    config = EvaluationConfig(
        arguments.tracks,
        arguments.seconds,
        arguments.seed,
        arguments.names,
        microcontroller_of(arguments),
        arguments.car,
    )
    model = find_pilot_model(arguments.model)
    make_folder(arguments.out)

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
            write_picture(arguments.out / name, result.picture)

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
            if isinstance(value, int | float):
                print(f"{key:24} {value:.4g}" if isinstance(value, float) else f"{key:24} {value}")
    return DONE if figures["kept_share"] >= arguments.least else FELL_SHORT


def add_sweep(commands: Any) -> None:  # noqa: ANN401
    """Add ``sweep``."""
    parser = add_command(
        commands,
        "sweep",
        _sweep,
        "Change one thing about the world, step by step, and see where driving breaks.",
        "python -m simulator sweep latency --tracks 10 --seconds 30 --out docs/driving",
    )
    parser.add_argument("factor", choices=tuple(FACTORS))
    parser.add_argument("--values", type=numbers, metavar="X,X", help="what to try")
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE")
    parser.add_argument("--tracks", type=int, default=10, metavar="N")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="on each track")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    add_car(parser)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for a chart")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _sweep(arguments: argparse.Namespace) -> int:
    from simulator.evaluation.closed_loop import find_pilot_model
    from simulator.evaluation.evaluate import EvaluationConfig
    from simulator.evaluation.sweep import sweep
    from simulator.pictures.chart import draw_chart

    for value in arguments.values or ():
        check_range(f"{arguments.factor} of --values", value, *FACTOR_RANGES[arguments.factor])
    check_range("--seed", arguments.seed, 0, LARGEST_SEED)
    config = EvaluationConfig(
        arguments.tracks,
        arguments.seconds,
        arguments.seed,
        microcontroller=microcontroller_of(arguments),
        car_kind=arguments.car,
    )

    def show(value: float, row: dict[str, Any]) -> None:
        print(
            f"{arguments.factor} {value:g}: {row['kept']} of {row['tracks']} kept, "
            f"p95 {100 * row['lateral_offset_p95_m']:.1f} cm, {row['distance_m']:.0f} m",
            file=sys.stdout if not arguments.json else sys.stderr,
            flush=True,
        )

    model = find_pilot_model(arguments.model)
    make_folder(arguments.out)
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
        write_picture(arguments.out / f"{arguments.factor}.png", chart)
    return DONE
