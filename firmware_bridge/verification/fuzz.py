"""Corrupted frames by the hundred million against the real core, and a judge."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware.toolchain import SANITIZERS, WARNINGS, build
from firmware_bridge.wire.protocol import COUNTERS


@dataclass(frozen=True, slots=True)
class FuzzResult:
    """What came of it.

    Attributes:
        frames: Corrupted frames sent.
        wrong_commands: Commands obeyed that the host had not sent so, or not then.
        accepted: Right commands accepted in between.
        rejects: Frames rejected, by reason.
        seconds: How long it took.
    """

    frames: int
    wrong_commands: int
    accepted: int
    rejects: dict[str, int]
    seconds: float


def build_fuzzer(sources: Sequence[str | Path] = ("frame.c", "core.c"), *, sanitized: bool) -> Path:
    """The fuzzer with a core.

    Args:
        sources: The core's own sources (a test puts broken ones here).
        sanitized: Under AddressSanitizer and UndefinedBehaviorSanitizer, ten times slower.
    """
    flags = ["cc", *WARNINGS, "-O2", *(SANITIZERS if sanitized else ())]
    return build("fuzz", flags, [*sources, "host/fuzz.c"])


def fuzz(program: Path, frames: int, seed: int, jobs: int) -> FuzzResult:
    """Run the fuzzer.

    Args:
        program: From `build_fuzzer`.
        frames: Corrupted frames to send, over all processes.
        seed: The same seed and jobs give the same frames.
        jobs: Processes to use.

    Raises:
        EmulatorError: The fuzzer itself died.
    """
    shares = [frames // jobs + (number < frames % jobs) for number in range(jobs)]
    started = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        runs = [
            pool.submit(_run_one, program, share, (seed * 1000 + number) % 2**64)
            for number, share in enumerate(shares)
        ]
        figures = [run.result() for run in runs]
    total = {key: sum(one[key] for one in figures) for key in figures[0]}
    return FuzzResult(
        frames=total["frames"],
        wrong_commands=total["wrong_commands"],
        accepted=total["accepted"],
        rejects={name: total[name] for name in COUNTERS[1:]},
        seconds=time.monotonic() - started,
    )


def _run_one(program: Path, frames: int, seed: int) -> dict[str, int]:
    done = subprocess.run(
        [str(program), str(frames), str(seed)], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise EmulatorError(f"the fuzzer ended with {done.returncode}: {done.stderr[:2000]}")
    return {key: int(value) for key, value in map(str.split, done.stdout.splitlines())}
