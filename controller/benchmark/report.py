"""What `controller.benchmark.measure` found, beside the design's "numbers to reach"."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from controller.doctor.machine import Machine
from controller.model.interpreter import RUNTIME
from controller.system.board import temperature_c

OVERHEAD_MS = {"p50": 0.06, "p99": 0.25}
"""From a frame in memory to its command on the wire, beyond the bare ``invoke()``."""
AGE_MS = {"p50": 1.0, "p99": 3.0}
"""Age of a frame when its command has left, beyond the bare ``invoke()``."""
START_S = 0.25
MEMORY_MIB = 70.0


def describe_machine() -> dict[str, Any]:
    """The computer that a benchmark ran on, and what slowed it down."""
    machine = Machine()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "governor": machine.governor,
        "throttled": machine.throttled,
        "temperature_c": temperature_c(),
        "realtime": os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR),
        "system": platform.platform(),
        "python": platform.python_version(),
        "runtime": RUNTIME,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def misses(figures: dict[str, Any]) -> list[str]:
    """Which of the design's numbers one configuration does not meet, in words."""
    found = []
    for rate in figures["rates"]:
        for p in ("p50", "p99"):
            for key, name in (("overhead_ms", "overhead"), ("beyond_invoke_ms", "beyond invoke()")):
                if rate[key][p] > OVERHEAD_MS[p]:
                    found.append(
                        f"{name} {p} at {rate['rate_hz']:g} Hz: "
                        f"{rate[key][p]:.3f} > {OVERHEAD_MS[p]} ms"
                    )
            limit = rate["invoke_ms"][p] + AGE_MS[p]
            age = rate["frame_age_ms"][p]
            if age > limit:
                found.append(f"frame age {p} at {rate['rate_hz']:g} Hz: {age:.3f} > {limit:.3f} ms")
    if figures["start_to_first_decision_s"] > START_S:
        found.append(f"first decision: {figures['start_to_first_decision_s']:.2f} > {START_S} s")
    if figures["peak_rss_mib"] > MEMORY_MIB:
        found.append(f"peak memory: {figures['peak_rss_mib']:.1f} > {MEMORY_MIB:g} MiB")
    return found


def table(figures: dict[str, Any], machine: dict[str, Any]) -> str:
    """One configuration's figures for people."""
    hot = figures["invoke_hot_ms"]
    lines = [
        _machine_line(machine),
        (
            f"model {figures['model']}, {figures['threads']} thread(s), recording on; times in ms; "
            f"invoke() without pauses: p50 {hot['p50']:.3f}, p99 {hot['p99']:.3f}"
        ),
        f"{'':8}{'bare invoke()':>18}{'overhead':>18}{'beyond bare':>18}{'frame age':>18}",
        f"{'rate':8}" + f"{'p50':>9}{'p99':>9}" * 4 + f"{'cpu':>7}{'frames':>8}{'lost':>6}",
    ]
    keys = ("invoke_ms", "overhead_ms", "beyond_invoke_ms", "frame_age_ms")
    for rate in figures["rates"]:
        cells = "".join(f"{rate[key]['p50']:9.3f}{rate[key]['p99']:9.3f}" for key in keys)
        lines.append(
            f"{rate['rate_hz']:5.0f} Hz{cells}{100 * rate['cpu_share']:6.1f}%{rate['frames']:8}"
            f"{rate['not_recorded']:6}"
        )
    lines.append(
        f"{'design':8}{'':18}{OVERHEAD_MS['p50']:9.3f}{OVERHEAD_MS['p99']:9.3f}{'':18}"
        f"{'+1':>9}{'+3':>9}"
    )
    drives, warmed_up = (
        sum(rate[key] for rate in figures["rates"])
        for key in ("drives", "drives_with_model_warmed_up")
    )
    stages = figures["rates"][0]["stages_ms"]
    lines += [
        f"the model was run in the warm-up before each frame in {warmed_up} of {drives} drives",
        f"stages at {figures['rates'][0]['rate_hz']:g} Hz, p50 / p99: "
        + ", ".join(f"{name} {t['p50']:.3f} / {t['p99']:.3f}" for name, t in stages.items()),
        (
            f"process start -> first decision {figures['start_to_first_decision_s']:.2f} s "
            f"(design {START_S}); peak memory {figures['peak_rss_mib']:.1f} MiB "
            f"(design {MEMORY_MIB:g}); of a drive, median and worst of {figures['start_ups']}"
        ),
    ]
    missed = misses(figures)
    lines += [f"NOT met: {miss}" for miss in missed] or ["the design's numbers are met"]
    return "\n".join(lines)


def _machine_line(machine: dict[str, Any]) -> str:
    words = [machine["processor"], f"{machine['cores']} cores", machine["runtime"]]
    if machine["governor"] != "unknown":
        words.append(f"governor {machine['governor']}")
    if machine["temperature_c"] is not None:
        words.append(f"{machine['temperature_c']:.0f} °C")
    if machine["throttled"] is not None:
        words.append(f"throttled {machine['throttled']:#x}")
    if machine["realtime"]:
        words.append("real-time priority")
    return ", ".join(words)


def comparison(results: list[dict[str, Any]]) -> str:
    """Models and threads side by side, at the first rate."""
    lines = [
        f"{'model':32}{'threads':>8}{'invoke':>9}{'overhead':>10}{'age':>8}{'cpu':>7}{'MiB':>7}"
    ]
    for figures in results:
        rate = figures["rates"][0]
        lines.append(
            f"{figures['model'][-32:]:32}{figures['threads']:8}{rate['invoke_ms']['p50']:9.3f}"
            f"{rate['overhead_ms']['p50']:10.3f}{rate['frame_age_ms']['p50']:8.3f}"
            f"{100 * rate['cpu_share']:6.1f}%{figures['peak_rss_mib']:7.1f}"
        )
    for model in dict.fromkeys(figures["model"] for figures in results):
        mine = [figures for figures in results if figures["model"] == model]
        best = min(mine, key=lambda figures: figures["rates"][0]["frame_age_ms"]["p50"])
        if len(mine) > 1:
            lines.append(f"{model}: freshest with [model] threads = {best['threads']}")
    return "\n".join(lines)
