"""``python -m training study`` and ``report``: the grid of the transfer study, and its tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from controller.cli.common import DONE, FELL_SHORT, make_parser
from controller.frames import REFERENCE_SHAPE
from training.cli.common import add_json, run_command, size_argument
from training.cli.selection import add_data_arguments
from training.errors import SpecError
from training.pipeline.recipes import RECIPES
from training.study.plan import DEFAULT_SHUFFLED, DEFAULT_SLICES, DEFAULT_TRANSFER, Plan, plan_runs
from training.study.report import accuracy_table, write_report
from training.study.results import read_study
from training.study.runner import Job, run_study

_T = TypeVar("_T")


def _list_of(kind: Callable[[str], _T]) -> Callable[[str], tuple[_T, ...]]:
    def parse(text: str) -> tuple[_T, ...]:
        try:
            return tuple(kind(part) for part in text.split(",") if part.strip())
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: values with commas between") from error

    return parse


def main_study(argv: Sequence[str] | None = None) -> int:
    """Run the grid of the transfer study."""
    parser = make_parser(
        "python -m training study",
        "Train every network of a grid: slices from random and ImageNet weights, baseB, baseB+,\n"
        "BnB, BnB+, AnB and AnB+. The same command again goes on after a kill; a finished run is\n"
        "never run twice. Started several times at once, the processes share the runs.\n"
        "`report` turns the folder into tables and figures.",
        "python -m training study --data tubs/t1 --data tubs/t2 --held-out tubs/day1 "
        "--out study --epochs 3",
    )
    add_data_arguments(parser, size=False)
    add = parser.add_argument
    add("--recipe", choices=sorted(RECIPES), default="default")
    add("--epochs", type=int, help="passes over the training frames (the recipe's own)")
    add("--slices", type=_list_of(int), default=DEFAULT_SLICES, metavar="N,N,...")
    add("--transfer", type=_list_of(int), default=DEFAULT_TRANSFER, metavar="N,N,...")
    add("--alphas", type=_list_of(float), default=(1.0,), metavar="A,A,...")
    add("--sizes", type=_list_of(size_argument), default=(REFERENCE_SHAPE,), metavar="HxW,...",
        help="frames' heights and widths in pixels (45x80)")  # fmt: skip
    add("--seeds", type=_list_of(int), default=(0,), metavar="S,S,...")
    add("--shuffled", type=_list_of(str), default=DEFAULT_SHUFFLED, metavar="NAMES",
        help="networks to train once more on the seed's shuffled split")  # fmt: skip
    add("--upsample", action="store_true", help="scale frames to 224x224 inside the graph")
    add("--imagenet-weights", type=Path, metavar="PATH", help="file instead of Keras' download")
    add("--every", type=int, default=1, metavar="N", help="train on every N-th frame (1)")
    add("--judge-every", type=int, default=1, metavar="N", help="judge on every N-th frame (1)")
    add("--threads", type=int, metavar="N", help="threads of a run (TensorFlow's choice)")
    add("--ray", metavar="WHERE", help="spread the runs over Ray: local, auto, or an address")
    add("--workers", type=int, metavar="N", help="runs at once with --ray local (one per core)")
    add("--gpus", type=float, default=0.0, metavar="N", help="GPUs of a run on Ray (0)")
    add("--list", action="store_true", help="print the runs and stop")
    args = parser.parse_args(argv)
    return run_command(lambda: _study(args))


def _study(args: argparse.Namespace) -> int:
    if args.imagenet_weights and not args.imagenet_weights.is_file():
        raise SpecError(f"{args.imagenet_weights}: no such file of ImageNet weights")
    plan = Plan(
        args.slices,
        args.transfer,
        args.alphas,
        args.sizes,
        args.seeds,
        args.shuffled,
        str(args.imagenet_weights or "imagenet"),
        args.upsample,
    )
    if args.list:
        print("\n".join(run.folder for run in plan_runs(plan)))
        return DONE
    job = Job(
        plan,
        tuple(str(path) for path in args.data),
        tuple(str(path) for path in args.held_out),
        args.out,
        args.every,
        args.judge_every,
        args.recipe,
        args.epochs,
        args.threads,
        args.smooth_ms,
        args.turn_at,
    )
    if args.ray:
        from training.study.ray import Cluster, run_study_on_ray

        failed = run_study_on_ray(job, Cluster(args.ray, args.workers, args.gpus))
    else:
        failed = run_study(job)
    print(accuracy_table(read_study(args.out)).markdown())
    for folder, why in failed.items():
        print(f"failed: {folder}: {why}", file=sys.stderr)
    return FELL_SHORT if failed else DONE


def main_report(argv: Sequence[str] | None = None) -> int:
    """Turn a study's folder into tables and the figure."""
    parser = make_parser(
        "python -m training report",
        "Write a study's tables (Markdown, HTML, JSON) and its figure.",
        "python -m training report study --out docs/study --command 'make study'",
    )
    parser.add_argument("study", type=Path, nargs="+", help="the study's folder; several as one")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--command", default="python -m training study", help="what made it")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _report(args))


def _report(args: argparse.Namespace) -> int:
    written = write_report(args.study, args.out, args.command)
    if args.json:
        print(json.dumps(json.loads((args.out / "study.json").read_text())))
        return DONE
    print("\n".join(str(path) for path in written))
    return DONE
