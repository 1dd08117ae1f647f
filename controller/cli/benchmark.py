"""``python -m controller benchmark``."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from controller.cli.common import DONE, FELL_SHORT, add_command, print_json
from controller.errors import UsageError


def add_benchmark(commands: Any) -> None:  # noqa: ANN401
    """Add ``benchmark``."""
    parser = add_command(
        commands,
        "benchmark",
        _benchmark,
        "Time a drive, recording on, with a made-up camera, beside the bare invoke() of its model "
        "woken at the same rate: overhead, frame age, start, memory. Ends with 1 if the design's "
        "numbers are not met.",
        "python -m controller benchmark --rates 20,30,60,90 --seconds 10 --realtime",
    )
    parser.add_argument("--model", default="default", metavar="NAME_OR_FILE,...")
    parser.add_argument(
        "--threads", type=_threads, default=(1,), metavar="N,N", help="of the interpreter"
    )
    parser.add_argument("--rates", type=_rates, default=(30.0,), metavar="HZ,HZ")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="at each rate")
    parser.add_argument(
        "--link", metavar="DEVICE", help="a real device; without it, a simulated one on a pty"
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="SCHED_FIFO on one core, as the service may have it (as root)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _threads(text: str) -> tuple[int, ...]:
    try:
        threads = tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers, as 1,2,4") from error
    if not all(1 <= count <= 8 for count in threads):
        raise argparse.ArgumentTypeError(f"{text!r}: threads are 1 to 8")
    return threads


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers, as 20,30,60") from error
    if not all(1 <= rate <= 120 for rate in rates):
        raise argparse.ArgumentTypeError(f"{text!r}: rates are 1 to 120 Hz")
    return rates


def _benchmark(arguments: argparse.Namespace) -> int:
    from controller.benchmark import measure, report

    if not 0 < arguments.seconds <= 3600:
        raise UsageError(f"--seconds is {arguments.seconds}, must be above 0 and at most 3600")
    models = arguments.model.split(",")
    if len(models) == len(arguments.threads) == 1:
        if arguments.realtime:
            measure.be_realtime()
        with contextlib.ExitStack() as stack:
            device = arguments.link or stack.enter_context(measure.benchmark_peer())
            if arguments.realtime:
                measure.keep_to_one_core()
            figures = measure.run(
                models[0], arguments.rates, arguments.seconds, arguments.threads[0], device
            )
        machine = report.describe_machine()
        if arguments.json:
            print_json({**figures, "machine": machine})
        else:
            print(report.table(figures, machine))
        return FELL_SHORT if report.misses(figures) else DONE
    results = measure.run_each(
        models,
        arguments.threads,
        arguments.rates,
        arguments.seconds,
        arguments.link,
        realtime=arguments.realtime,
    )
    if arguments.json:
        print_json({"results": results})
    else:
        print(report.comparison(results))
    return DONE
