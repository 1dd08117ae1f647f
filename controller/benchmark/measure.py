"""How long a frame takes to become a command, and how much of that is not the model.

The drive is the real one (`controller.car.drive`) in real time, with everything that it has on
the car, recording too; only the camera is a made-up one and the microcontroller answers from a pty.
The bare ``invoke()`` is that of the same model in the same process, before and after each drive,
woken at its rate: after a pause a processor has other things in its caches and may have slept. A
drive pays for that too, but for the warm-up before each frame (see the table). Back to back,
without pauses, the model is timed as well. The rates take turns, `DRIVES` times: what other
programs, or a virtual machine's neighbours, take for some seconds falls on all.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import statistics as stats
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from controller.cameras.registry import CameraSettings
from controller.car import drive, settle
from controller.clock import Clock, MonotonicClock
from controller.config import Config, LinkSettings, ModelSettings
from controller.cycle import Cycle
from controller.drive.statistics import PERCENTILES, Statistics
from controller.drive.supervisor import SupervisorSettings
from controller.errors import ControllerError
from controller.model.pilot import TflitePilot, find_model
from controller.model.trial import load_pilot
from controller.recording.recorder import RecordingSettings
from controller.service.control import ArmingSettings
from controller.system import process

WARM_UP_S = 1.0
"""Left out of every figure: arming, caches, the processor's clock."""
DRIVES = 4
"""At each rate, in turn with the other rates; each lasts a quarter of the time asked for."""
HOT_INVOKES = 500
START_UPS = 5
"""Processes started to see how soon they decide."""
REALTIME_PRIORITY = 20
"""Of SCHED_FIFO, as in systemd/realtime.conf."""


@dataclass(slots=True)
class RateFigures:
    """What was measured at one frame rate; it grows with every drive.

    Attributes:
        rate_hz: Frames a second asked of the camera.
        statistics: The loop's figures after the warm-up.
        bare_ns: Times of the bare ``invoke()`` woken at this rate, ns.
        beyond_ns: From frame to command, less the median of the bare ones before and after the same
            drive, ns.
        warmed_up: Drives in which the model was run in the warm-up too.
        not_recorded: Frames that are missing in the recordings.
        cpu_s: Processor time that the drives took, s.
        took_s: Time that they lasted, s.
    """

    rate_hz: float
    statistics: Statistics = field(default_factory=Statistics)
    bare_ns: list[int] = field(default_factory=list)
    beyond_ns: list[float] = field(default_factory=list)
    warmed_up: int = 0
    not_recorded: int = 0
    cpu_s: float = 0.0
    took_s: float = 0.0


@contextlib.contextmanager
def benchmark_peer() -> Iterator[str]:
    """A microcontroller on a pty, in a process of its own; gives the pty's path."""
    command = [sys.executable, "-m", "controller.benchmark.peer"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        try:
            yield peer.stdout.readline().strip() if peer.stdout else ""
        finally:
            if peer.stdin:
                peer.stdin.close()
            peer.wait(5)


def be_realtime() -> None:
    """Run before everything else, as the service does with ``install.sh --realtime``.

    Raises:
        ControllerError: If this user may not.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
    except OSError as error:
        raise ControllerError(f"--realtime: {error.strerror}; it needs root") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What a drive says every second is in nobody's way here."""
    log = logging.getLogger("controller")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def keep_to_one_core() -> None:
    """Stay on the last core, where caches stay warm; the simulated device is elsewhere by now."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class _AfterWarmUp:
    """Passes cycles on once the warm-up is over."""

    def __init__(self, statistics: Sequence[Statistics], clock: Clock) -> None:
        self._statistics = statistics
        self._start_ns = clock.now_ns() + int(WARM_UP_S * 1e9)

    def __call__(self, cycle: Cycle) -> None:
        if cycle.sent_ns >= self._start_ns:
            for statistics in self._statistics:
                statistics(cycle)


def run(
    model: str, rates_hz: Sequence[float], seconds: float, threads: int, link_device: str
) -> dict[str, Any]:
    """Drive at each rate in turn.

    Args:
        model: A shipped model or a file.
        rates_hz: Frames a second, each 1 to 120.
        seconds: Measured time at each rate, in `DRIVES` parts.
        threads: Of the interpreter.
        link_device: A device; see `benchmark_peer` for one without hardware.

    Returns:
        The figures of this model with so many threads; see `controller.benchmark.report`.
    """
    pilot = load_pilot(find_model(model), threads)
    settle()
    hot_ms = _percentiles(_invoke_ns(pilot) for _ in range(HOT_INVOKES))
    rates = [RateFigures(rate_hz) for rate_hz in rates_hz]
    for _ in range(DRIVES):
        for figures in rates:
            _add_drive(figures, pilot, seconds / DRIVES, threads, link_device)
    starts = [_start_up(model, threads, link_device) for _ in range(START_UPS)]
    return {
        "model": model,
        "threads": threads,
        "invoke_hot_ms": hot_ms,
        "rates": [_rate_figures(figures) for figures in rates],
        "start_ups": START_UPS,
        "start_to_first_decision_s": stats.median(s["start_to_first_decision_s"] for s in starts),
        "peak_rss_mib": max(s["peak_rss_mib"] for s in starts),
    }


def _rate_figures(figures: RateFigures) -> dict[str, Any]:
    return {
        "rate_hz": figures.rate_hz,
        "invoke_ms": _percentiles(figures.bare_ns),
        "beyond_invoke_ms": _percentiles(figures.beyond_ns),
        **figures.statistics.figures(),
        "drives": DRIVES,
        "drives_with_model_warmed_up": figures.warmed_up,
        "not_recorded": figures.not_recorded,
        "cpu_share": figures.cpu_s / figures.took_s,
    }


def _add_drive(
    figures: RateFigures, pilot: TflitePilot, seconds: float, threads: int, link_device: str
) -> None:
    """One drive, and the bare model for half its time before it and half after it."""
    share = max(5, int(seconds * figures.rate_hz / 2))
    own = Statistics()
    bare_ns = list(itertools.islice(_paced_invokes_ns(pilot, figures.rate_hz), share))
    with tempfile.TemporaryDirectory() as folder, _quiet():
        config = _config(str(pilot.model), figures.rate_hz, threads, link_device, folder)
        cpu_s, start_s = process.cpu_s(), time.monotonic()
        measured = _AfterWarmUp((figures.statistics, own), MonotonicClock())
        everything = drive(config, WARM_UP_S + seconds, (measured,))
        figures.cpu_s += process.cpu_s() - cpu_s
        figures.took_s += time.monotonic() - start_s
        figures.warmed_up += everything.model_warmed_up
        figures.not_recorded += everything.frames - _recorded(Path(folder))
    bare_ns += itertools.islice(_paced_invokes_ns(pilot, figures.rate_hz), share)
    figures.bare_ns += bare_ns
    figures.beyond_ns += (own.whole_ns() - stats.median(bare_ns)).tolist()


def _config(model: str, rate_hz: float, threads: int, link_device: str, folder: str) -> Config:
    return Config(
        camera=CameraSettings(source="pattern", frame_rate_hz=rate_hz),
        link=LinkSettings(link_device),
        model=ModelSettings(model, threads),
        supervisor=SupervisorSettings(arm_at_start=True),
        arming=ArmingSettings(socket=""),
        recording=RecordingSettings(folder),
    )


def _recorded(folder: Path) -> int:
    from controller.recording.reader import read_decisions

    return sum(
        decision.capture_ns is not None
        for path in folder.iterdir()
        for decision in read_decisions(path)
    )


def _paced_invokes_ns(pilot: TflitePilot, rate_hz: float) -> Iterator[int]:
    """The bare model, woken as a drive is: asleep until the next frame would be due."""
    clock = MonotonicClock()
    due_ns = clock.now_ns()
    while True:
        due_ns += int(1e9 / rate_hz)
        clock.sleep_until(due_ns)
        yield _invoke_ns(pilot)


def _invoke_ns(pilot: TflitePilot) -> int:
    start = time.perf_counter_ns()
    pilot.invoke()
    return time.perf_counter_ns() - start


def _percentiles(times_ns: Any) -> dict[str, float]:  # noqa: ANN401 - any iterable of ns
    values = np.fromiter(times_ns, np.float64)
    if not len(values):
        return dict.fromkeys((f"p{p}" for p in PERCENTILES), 0.0)
    return {f"p{p}": float(np.percentile(values, p)) / 1e6 for p in PERCENTILES}


def _start_up(model: str, threads: int, link_device: str) -> dict[str, Any]:
    """A drive in a process of its own, from its start; recording, as on the car."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "controller", "drive", "--camera", "pattern", "--arm"]
        command += ["--link", link_device, "--model", model, "--threads", str(threads)]
        command += ["--record", folder, "--seconds", "3", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ControllerError(f"a drive ended with {done.returncode}: {done.stderr.strip()}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def run_each(
    models: Sequence[str],
    threads: Sequence[int],
    rates_hz: Sequence[float],
    seconds: float,
    link: str | None,
    *,
    realtime: bool,
) -> list[dict[str, Any]]:
    """Measure every model with every number of threads, each in a process of its own.

    Args:
        models: Shipped models or files.
        threads: Numbers of threads of the interpreter.
        rates_hz: See `run`.
        seconds: See `run`.
        link: A device, or None for a simulated one.
        realtime: Each as the service runs with ``install.sh --realtime``.

    Returns:
        What `run` gives, for each.

    Raises:
        ControllerError: If one of them failed.
    """
    results = []
    for model, count in itertools.product(models, threads):
        command = [sys.executable, "-m", "controller", "benchmark", "--model", model, "--json"]
        command += ["--threads", str(count), "--rates", ",".join(f"{r:g}" for r in rates_hz)]
        command += ["--seconds", str(seconds), *(["--link", link] if link else [])]
        command += ["--realtime"] if realtime else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout:
            raise ControllerError(f"{model}, {count} threads: {done.stderr.strip()}")
        results.append(json.loads(done.stdout))
    return results
