"""``python -m training bench``: what training costs, and what of it is not the network."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from controller.recording.frameset import load_frameset
from training.cli.common import add_json, run_command
from training.data.pool import Pool
from training.data.registry import open_pool
from training.errors import SpecError, TrainingError
from training.networks.networks import NetworkSpec, spec_of
from training.runs.benchmark import make_frames, measure_speed, one_epoch
from training.study.runner import limit_threads

SPEED_FRAMES = 7000
"""Frames made up for the speed where no data set is named."""
MEMORY_NETWORK = ("sliced1", 0.25)
"""The smallest network: what memory a data set takes shows best beside it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare training on real batches with training on one constant batch."""
    parser = make_parser(
        "python -m training bench",
        "Frames a second of training steps fed by the real input pipeline, against the same steps\n"
        "on one constant batch, both taking turns; how much of the machine's measured matrix\n"
        "product the step reaches; with --memory the peak memory of whole epochs over made-up\n"
        "data sets of so many frames, each in a process of its own.",
        "python -m training bench frames/t1 --network sliced11 --alpha 0.25",
    )
    parser.add_argument("data", type=Path, nargs="*", help="data sets (made-up frames)")
    parser.add_argument("--network", default="sliced11")
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=6, help="steps a turn (6)")
    parser.add_argument("--turns", type=int, default=15, help="turns of each (15)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (TensorFlow's choice)")
    parser.add_argument("--plain", action="store_true",
                        help="batch-norm as Keras builds it, not by the fused kernel")  # fmt: skip
    parser.add_argument(
        "--memory", type=int, action="append", default=[], metavar="N",
        help="peak memory with N frames; may be repeated",
    )  # fmt: skip
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _memory_of(args) if args.memory_of else _bench(args))


def _bench(args: argparse.Namespace) -> int:
    if min(args.steps, args.turns, args.batch, *args.memory) < 1:
        raise SpecError("--steps, --turns, --batch and --memory must be at least 1")
    spec = spec_of(args.network, alpha=args.alpha)
    with tempfile.TemporaryDirectory() as folder:
        memory = {count: _peak_of(count, spec, Path(folder)) for count in args.memory}
        pool = _pool(args.data, spec, Path(folder))
        limit_threads(args.threads)
        speed = measure_speed(spec, pool, args.batch, args.steps, args.turns, fused=not args.plain)
        frames = len(pool)
    facts = {
        "network": f"{spec.name}, alpha {spec.alpha:g}, {spec.height}x{spec.width}",
        "batch": args.batch,
        "batch_norm": "as Keras builds it" if args.plain else "fused",
        "threads": args.threads or len(os.sched_getaffinity(0)),
        "frames_in_data": frames,
        "pipeline_frames_per_s": round(speed.pipeline, 1),
        "constant_frames_per_s": round(speed.constant, 1),
        "share": round(speed.share, 4),
        "pipeline_alone_frames_per_s": round(speed.alone, 1),
        "step_gflops": round(speed.step_flops / 1e9, 1),
        "matmul_gflops": round(speed.peak_flops / 1e9, 1),
        "share_of_matmul": round(speed.share_of_peak, 4),
        "peak_rss_mib_by_frames": {str(count): peak for count, peak in memory.items()},
    }
    print(json.dumps(facts) if args.json else _text(facts))
    return DONE


def _text(facts: dict[str, Any]) -> str:
    lines = [
        (
            f"{facts['network']}, batches of {facts['batch']}, {facts['threads']} threads, "
            f"batch-norm {facts['batch_norm']}, {facts['frames_in_data']} frames"
        ),
        f"  real input pipeline      {facts['pipeline_frames_per_s']:>9.1f} frames/s",
        f"  one constant batch       {facts['constant_frames_per_s']:>9.1f} frames/s",
        f"  share                    {facts['share']:>9.1%}",
        f"  pipeline with no step    {facts['pipeline_alone_frames_per_s']:>9.1f} frames/s",
        f"  step                     {facts['step_gflops']:>9.1f} GFLOP/s",
        f"  one matrix product       {facts['matmul_gflops']:>9.1f} GFLOP/s",
        f"  share                    {facts['share_of_matmul']:>9.1%}",
    ]
    for count, peak in facts["peak_rss_mib_by_frames"].items():
        lines.append(f"  peak memory, {count:>6} frames {peak:>7.1f} MiB")
    return "\n".join(lines)


def _pool(data: Sequence[Path], spec: NetworkSpec, folder: Path) -> Pool:
    shape = (spec.height, spec.width)
    if data:
        return open_pool(data, shape)
    return Pool.of([make_frames(SPEED_FRAMES, shape, folder / "speed")])


def _peak_of(count: int, spec: NetworkSpec, folder: Path) -> float:
    """Peak memory of an epoch over so many frames, in a fresh process."""
    made = folder / str(count)
    make_frames(count, (spec.height, spec.width), made)
    command = [sys.executable, "-m", "training", "bench", "--memory-of", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != DONE:
        raise TrainingError(f"{count} frames: {(done.stderr.strip() or 'died').splitlines()[-1]}")
    return float(done.stdout)


def _memory_of(args: argparse.Namespace) -> int:
    name, alpha = MEMORY_NETWORK
    pool = Pool.of([load_frameset(args.memory_of)])
    height, width = pool.shape
    spec = spec_of(name, alpha=alpha, height=height, width=width)
    print(round(one_epoch(spec, pool, args.batch), 1))
    return DONE
