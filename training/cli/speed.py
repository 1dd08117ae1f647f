"""``python -m training speed``: do mixed precision and XLA help on this machine?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from controller.cli.common import DONE, make_parser
from training.cli.common import add_json, run_command
from training.networks.networks import spec_of
from training.runs.speed import measure_speed


def main(argv: Sequence[str] | None = None) -> int:
    """Measure training steps in every precision, with and without XLA."""
    parser = make_parser(
        "python -m training speed",
        "Frames a second of training steps on one constant batch, in single and mixed precision,\n"
        "with and without XLA. `train` takes what is fastest as --precision and --xla.",
        "python -m training speed --network sliced11 --alpha 0.25",
    )
    add = parser.add_argument
    add("--network", default="sliced11", help="as in `train` (sliced11)")
    add("--alpha", type=float, default=1.0, help="width multiplier (1)")
    add("--batch", type=int, default=64, help="frames a step (64)")
    add("--steps", type=int, default=10, help="steps a turn (10)")
    add("--turns", type=int, default=3, help="turns of each, taken in turn; the best counts (3)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _speed(args))


def _speed(args: argparse.Namespace) -> int:
    facts = measure_speed(
        spec_of(args.network, alpha=args.alpha), args.batch, args.steps, args.turns
    )
    if args.json:
        print(json.dumps(facts))
        return DONE
    print(f"{'precision':<16}{'XLA':<6}{'frames/s':>10}{'of float32':>12}")
    for row in facts:
        print(
            f"{row['precision']:<16}{'yes' if row['xla'] else 'no':<6}"
            f"{row['frames_per_s']:>10}{row['of_float32']:>12}"
        )
    return DONE
