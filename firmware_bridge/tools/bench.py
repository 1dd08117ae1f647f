"""Round-trip times, and what the link costs at 50 Hz."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_bridge.clock import MonotonicClock
from firmware_bridge.links.serial import SerialLink
from firmware_bridge.tools.probe import Probe
from firmware_bridge.wire.commands import Command, McuStatus

RATE_HZ = 50.0
ANSWER_S = 0.1


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Command handed over to the operating system until the status that accepts it is decoded.

    Attributes:
        times_ms: Of every command that was answered, sorted.
        lost: Commands without an answer within 100 ms.
    """

    times_ms: Sequence[float]
    lost: int

    def percentile(self, percent: float) -> float:
        """In ms; not a number when nothing was answered."""
        if not self.times_ms:
            return float("nan")
        index = min(len(self.times_ms) - 1, int(len(self.times_ms) * percent / 100))
        return self.times_ms[index]


@dataclass(frozen=True, slots=True)
class LinkCost:
    """What a `SerialLink` costs at 50 Hz.

    Attributes:
        cpu_share: CPU time of the whole process over wall time.
        send_ms: Time that each `send` took, sorted.
        dropped: Commands that were not handed over.
    """

    cpu_share: float
    send_ms: Sequence[float]
    dropped: int


def _answers(sequence: int) -> Callable[[McuStatus], bool]:
    return lambda status: status.sequence >= sequence


def round_trips(device: str, count: int) -> RoundTrips:
    """Send STOPs at random phases and time the answers. The motors stay off."""
    rng = random.Random(1)
    times_ms = []
    lost = 0
    with Probe(device) as probe:
        for _ in range(count):
            started = time.perf_counter()
            sequence = probe.send(Command.STOP)
            if probe.wait(_answers(sequence), ANSWER_S):
                times_ms.append((time.perf_counter() - started) * 1000)
            else:
                lost += 1
            probe.pause(rng.uniform(0.005, 0.035))
    return RoundTrips(sorted(times_ms), lost)


def link_cost(device: str, seconds: float) -> LinkCost:
    """Send STOPs at 50 Hz through a `SerialLink`, reading its health each time."""
    send_ms = []
    with SerialLink(device, MonotonicClock()) as link:
        started, cpu = time.monotonic(), time.process_time()
        next_s = started
        while next_s < started + seconds:
            before = time.perf_counter()
            link.send(Command.STOP, 100)
            send_ms.append((time.perf_counter() - before) * 1000)
            health = link.health()
            next_s += 1 / RATE_HZ
            time.sleep(max(0.0, next_s - time.monotonic()))
        share = (time.process_time() - cpu) / (time.monotonic() - started)
    return LinkCost(share, sorted(send_ms), health.dropped)
