"""How fast files run, side by side in one run on one machine."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.interpreter import RUNTIME
from controller.pilot import TflitePilot

_INVOKES_PER_ROUND = 20


@dataclass(frozen=True, slots=True)
class Timing:
    """One file at one number of threads.

    Attributes:
        file: The ``.tflite`` file.
        threads: Threads of the interpreter.
        p50_ms: Median time of one ``invoke()``, ms.
        p99_ms: 99th percentile, ms.
        macs: Multiply-accumulates of one frame, or 0 where the card does not say.
        size_bytes: Size of the file.
    """

    file: Path
    threads: int
    p50_ms: float
    p99_ms: float
    macs: int
    size_bytes: int

    @property
    def macs_per_s(self) -> float:
        """Multiply-accumulates a second at the median."""
        return self.macs / (self.p50_ms / 1000.0)

    def as_json(self, peak: float | None) -> dict[str, Any]:
        """The figures, with the share of a measured peak where there is one."""
        return {
            "file": self.file.name,
            "threads": self.threads,
            "invoke_ms": {"p50": round(self.p50_ms, 4), "p99": round(self.p99_ms, 4)},
            "frames_per_s": round(1000.0 / self.p50_ms, 1),
            "macs": self.macs,
            "macs_per_s": round(self.macs_per_s),
            "share_of_int8_peak": round(self.macs_per_s / peak, 4) if peak else None,
            "size_bytes": self.size_bytes,
        }


class _Runner:
    """A pilot that is being timed."""

    def __init__(self, file: Path, threads: int) -> None:
        self.file, self.threads = file, threads
        self.pilot = TflitePilot(file, threads)
        rng = np.random.default_rng(0)
        self.frame = rng.integers(0, 256, (*self.pilot.shape, 3)).astype(np.uint8)
        self.times_ns: list[int] = []

    def run(self, invokes: int, *, keep: bool) -> None:
        self.pilot.fit(self.frame)
        for _ in range(invokes):
            start = time.perf_counter_ns()
            self.pilot.infer()
            taken = time.perf_counter_ns() - start
            if keep:
                self.times_ns.append(taken)

    def timing(self) -> Timing:
        p50, p99 = np.percentile(self.times_ns, [50, 99]) / 1e6
        macs = int(self.pilot.card.facts.get("macs", 0))
        size = self.file.stat().st_size
        return Timing(self.file, self.threads, float(p50), float(p99), macs, size)


def measure(files: Sequence[Path], threads: Sequence[int], invokes: int = 400) -> list[Timing]:
    """Time every file at every number of threads.

    The files take turns, so that whatever else the machine does falls on all alike.

    Args:
        files: ``.tflite`` files, each with its card.
        threads: Numbers of threads.
        invokes: Timed calls of each.

    Raises:
        ModelError: If the car would refuse a file.
    """
    runners = [_Runner(file, count) for file in files for count in threads]
    for runner in runners:
        runner.run(5, keep=False)
    for _ in range(max(1, invokes // _INVOKES_PER_ROUND)):
        for runner in runners:
            runner.run(2, keep=False)
            runner.run(_INVOKES_PER_ROUND, keep=True)
    return [runner.timing() for runner in runners]


def machine() -> dict[str, str]:
    """What the figures were measured on: processor, system, runtime."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {"processor": name, "machine": platform.machine(), "runtime": RUNTIME}
