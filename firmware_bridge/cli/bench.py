"""``bench``: round-trip times, and what the link costs at 50 Hz."""

from __future__ import annotations

import argparse

from firmware_bridge.cli.common import (
    Subparsers,
    add_command,
    add_json,
    positive_float,
    positive_int,
    print_json,
)
from firmware_bridge.tools.bench import RATE_HZ, RoundTrips, link_cost, round_trips


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "bench",
        "measure round trips to the MCU and the link's CPU share at 50 Hz; the motors stay off",
        "emulate -- python -m firmware_bridge bench {pty}",
        run,
    )
    parser.add_argument("device", help="a path, a glob pattern or a URL")
    parser.add_argument("--count", type=positive_int, default=500, help="round trips, default 500")
    parser.add_argument("--seconds", type=positive_float, default=10.0, help="at 50 Hz, default 10")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the figures; 1 when over 1 % of the commands got no answer."""
    trips = round_trips(args.device, args.count)
    cost = link_cost(args.device, args.seconds)
    p50, p90, p99 = (trips.percentile(percent) for percent in (50, 90, 99))
    send_p50, send_p99 = (RoundTrips(cost.send_ms, 0).percentile(p) for p in (50, 99))
    if args.json:
        print_json(
            {
                "round_trip_ms": {"p50": p50, "p90": p90, "p99": p99, "max": trips.percentile(100)},
                "count": args.count,
                "lost": trips.lost,
                "rate_hz": RATE_HZ,
                "link_cpu_share": cost.cpu_share,
                "send_ms": {"p50": send_p50, "p99": send_p99},
                "dropped": cost.dropped,
            }
        )
    else:
        print(f"round trip       p50 {p50:.2f} ms, p90 {p90:.2f} ms, p99 {p99:.2f} ms, ", end="")
        print(f"max {trips.percentile(100):.2f} ms; {trips.lost} of {args.count} lost")
        print(f"link at 50 Hz    {cost.cpu_share:.1%} of one core; send() takes ", end="")
        print(f"p50 {send_p50:.3f} ms, p99 {send_p99:.3f} ms; {cost.dropped} dropped")
    return 1 if trips.lost > args.count / 100 else 0
