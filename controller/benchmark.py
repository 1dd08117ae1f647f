"""How long a frame takes to become a command, and how much of that is not the model.

The real loop, link, supervisor and recorder run in real time; only the camera is a made-up one, and
the microcontroller answers from a pty. The model's bare ``invoke()`` is timed in the same run.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.cameras import CameraSettings, open_camera
from controller.clock import Clock, MonotonicClock
from controller.driving import drive_metadata, settle
from controller.interpreter import RUNTIME
from controller.loop import Cycle, Loop
from controller.pilot import TflitePilot, find_model
from controller.recorder import Recorder
from controller.statistics import Statistics
from controller.supervisor import Supervisor, SupervisorSettings
from firmware_bridge.links import open_link

WARM_UP_S = 0.5
"""Left out of every figure: arming, caches, the processor's clock."""
BARE_INVOKES = 300


@dataclass(frozen=True, slots=True)
class RateFigures:
    """What was measured at one frame rate.

    Attributes:
        rate_hz: Frames a second asked of the camera.
        statistics: The loop's figures after the warm-up.
        bare_invoke_ms: Percentiles 50 and 99 of the bare model, back to back.
        recorded: Cycles recorded.
        dropped: Cycles that the recorder dropped.
    """

    rate_hz: float
    statistics: Statistics
    bare_invoke_ms: dict[str, float]
    recorded: int
    dropped: int


def process_age_s() -> float:
    """Time since the kernel started this process, in s (to 10 ms: proc(5), starttime)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


@contextlib.contextmanager
def benchmark_peer() -> Iterator[str]:
    """A microcontroller on a pty, in a process of its own; gives the pty's path."""
    command = [sys.executable, "-m", "controller.benchmark_peer"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        try:
            yield peer.stdout.readline().strip() if peer.stdout else ""
        finally:
            if peer.stdin:
                peer.stdin.close()
            peer.wait(5)


class _AfterWarmUp:
    """Passes cycles on once the car drives and the warm-up is over."""

    def __init__(self, statistics: Statistics, clock: Clock) -> None:
        self._statistics = statistics
        self._start_ns = clock.now_ns() + int(WARM_UP_S * 1e9)
        self.first_decision_s: float | None = None

    def __call__(self, cycle: Cycle) -> None:
        if self.first_decision_s is None and cycle.frame is not None:
            self.first_decision_s = process_age_s()
        if cycle.sent_ns >= self._start_ns:
            self._statistics(cycle)


def run(
    model: str, rates_hz: Sequence[float], seconds: float, threads: int, link_device: str
) -> tuple[list[RateFigures], float]:
    """Drive at each rate in turn.

    Args:
        model: A shipped model or a file.
        rates_hz: Frames a second, each 1 to 120.
        seconds: Measured time at each rate.
        threads: Of the interpreter.
        link_device: A device; see `benchmark_peer` for one without hardware.

    Returns:
        The figures, and the time from process start to the first decision, in s.
    """
    pilot = TflitePilot(find_model(model), threads)
    settle()
    results = []
    first_decision_s = 0.0
    for rate_hz in rates_hz:
        figures, first = _run_rate(pilot, rate_hz, seconds, link_device)
        results.append(figures)
        first_decision_s = first_decision_s or first
    return results, first_decision_s


def _run_rate(
    pilot: TflitePilot, rate_hz: float, seconds: float, link_device: str
) -> tuple[RateFigures, float]:
    clock = MonotonicClock()
    settings = CameraSettings(source="pattern", frame_rate_hz=rate_hz)
    statistics = Statistics()
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True), None, rate_hz)
    supervisor.arm()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = stack.enter_context(open_link(link_device, clock))
        recorder = Recorder(folder / "drive.mcap", drive_metadata(pilot), clock.now_ns())
        stack.enter_context(recorder)
        camera = stack.enter_context(open_camera(settings, clock))
        measured = _AfterWarmUp(statistics, clock)
        end_ns = clock.now_ns() + int((WARM_UP_S + seconds) * 1e9)
        loop = Loop(camera, pilot, supervisor, link, clock, (measured, recorder))
        loop.run(lambda: clock.now_ns() < end_ns)
    figures = RateFigures(
        rate_hz, statistics, _bare_invoke_ms(pilot), recorder.written, recorder.dropped
    )
    return figures, measured.first_decision_s or 0.0


def _bare_invoke_ms(pilot: TflitePilot) -> dict[str, float]:
    times = np.empty(BARE_INVOKES, np.int64)
    for index in range(BARE_INVOKES):
        start = time.perf_counter_ns()
        pilot.invoke()
        times[index] = time.perf_counter_ns() - start
    return {f"p{p}": float(np.percentile(times, p)) / 1e6 for p in (50, 99)}


def as_figures(
    model: str, threads: int, results: list[RateFigures], first_decision_s: float
) -> dict[str, Any]:
    """The figures for machines; the plain keys are those of the lowest rate."""
    rates = []
    for result in results:
        statistics = result.statistics
        rates.append(
            {
                "rate_hz": result.rate_hz,
                "frames": statistics.frames,
                "invoke_ms": result.bare_invoke_ms,
                "stages_ms": {
                    stage: {f"p{p}": statistics.stage_ms(stage, p) for p in (50, 99)}
                    for stage in ("wait", "fit", "invoke", "decide", "send")
                },
                "overhead_ms": {f"p{p}": statistics.overhead_ms(p) for p in (50, 99)},
                "frame_age_ms": {f"p{p}": statistics.age_ms(p) for p in (50, 99)},
                "stops": dict(statistics.stops),
                "recorded": result.recorded,
                "dropped": result.dropped,
            }
        )
    first = rates[0]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "model": model,
        "threads": threads,
        **{key: first[key] for key in ("invoke_ms", "overhead_ms", "frame_age_ms")},
        "start_to_first_decision_s": first_decision_s,
        "peak_rss_mib": usage.ru_maxrss / 1024,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rates": rates,
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "runtime": RUNTIME,
        },
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    machine = figures["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['runtime']}",
        f"model {figures['model']}, {figures['threads']} thread(s), recording on",
        f"{'':10}{'bare invoke':>18}{'overhead':>18}{'frame age':>18}{'':>4}frames  dropped",
        f"{'rate':10}" + f"{'p50 ms':>9}{'p99 ms':>9}" * 3,
    ]
    for rate in figures["rates"]:
        cells = "".join(
            f"{rate[key]['p50']:9.3f}{rate[key]['p99']:9.3f}"
            for key in ("invoke_ms", "overhead_ms", "frame_age_ms")
        )
        lines.append(f"{rate['rate_hz']:6.0f} Hz {cells}{rate['frames']:10}{rate['dropped']:9}")
    lines.append(
        f"first decision {figures['start_to_first_decision_s']:.2f} s after the process started; "
        f"peak memory {figures['peak_rss_mib']:.1f} MiB"
    )
    return "\n".join(lines)
