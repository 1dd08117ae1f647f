"""How fast files run, side by side in one run on one machine."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.model.interpreter import RUNTIME
from controller.model.pilot import TflitePilot

_INVOKES_PER_ROUND = 20
_CARD_INVOKES = (40, 400)
_CARD_SECONDS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """One file at one number of threads.

    Attributes:
        file: The ``.tflite`` file.
        threads: Threads of the interpreter.
        p50_ms: Median time of one ``invoke()``, ms.
        p99_ms: 99th percentile, ms.
        best_ms: Shortest, ms.
        facts: The file's card.
    """

    file: Path
    threads: int
    p50_ms: float
    p99_ms: float
    best_ms: float
    facts: dict[str, Any]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one frame, or 0 where the card does not say."""
        return int(self.facts.get("macs", 0))

    @property
    def macs_per_s(self) -> float:
        """Multiply-accumulates a second at the median."""
        return self.macs / (self.p50_ms / 1000.0)


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
            self.pilot.invoke()
            taken = time.perf_counter_ns() - start
            if keep:
                self.times_ns.append(taken)

    def timing(self) -> Timing:
        p50, p99, best = (float(np.percentile(self.times_ns, p)) / 1e6 for p in (50, 99, 0))
        return Timing(self.file, self.threads, p50, p99, best, self.pilot.card.facts)


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


def latency_facts(file: Path) -> dict[str, Any]:
    """What a card says of a file's speed: one thread, about two seconds long.

    Raises:
        ModelError: If the car would refuse the file.
    """
    rough = measure([file], [1], _INVOKES_PER_ROUND)[0]
    least, most = _CARD_INVOKES
    invokes = int(min(most, max(least, _CARD_SECONDS * 1000 / rough.p50_ms)))
    timing = measure([file], [1], invokes)[0]
    figures = {"p50_ms": round(timing.p50_ms, 4), "p99_ms": round(timing.p99_ms, 4), "threads": 1}
    return {**figures, **machine()}


def machine() -> dict[str, str]:
    """What figures are measured on: processor or board, clock governor where told, runtime."""
    facts = {
        "processor": _processor(),
        "machine": platform.machine(),
        "runtime": f"{RUNTIME} {importlib.metadata.version(RUNTIME)}",
    }
    governor = _first_line(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))
    return {**facts, "governor": governor} if governor else facts


def _processor() -> str:
    board = _first_line(Path("/proc/device-tree/model")).rstrip("\0")
    if board:
        return board
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _first_line(path: Path) -> str:
    return (_read(path).splitlines() or [""])[0]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
