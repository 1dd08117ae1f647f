"""Figures of a drive while it goes on: how long each stage takes, how old frames are."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from controller.cycle import FRESH_NS, STAGES, Cycle
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.session import LinkHealth

_KEPT = 1 << 13
"""Cycles whose times are kept: the newest four minutes at 30 Hz."""
PERCENTILES = (50, 90, 99)
WHOLE = ("fit", "invoke", "decide", "send")
"""From the frame in the loop's hand to the command on the wire."""
BESIDE_THE_MODEL = ("fit", "decide", "send")


class Statistics:
    """A sink of the loop that counts commands and stops and keeps times, in bounded memory."""

    def __init__(self) -> None:
        # Filled, not just reserved: a drive's memory shall not grow as the rows are used.
        self._stages_ns = np.full((_KEPT, len(STAGES)), 0, np.int64)
        self._ages_ns = np.full(_KEPT, 0, np.int64)
        self.frames = 0
        """Frames that were decided on."""
        self.commands: Counter[str] = Counter()
        """Commands by name."""
        self.stops: Counter[str] = Counter()
        """Cycles that sent STOP, by reason."""
        self.unsent = 0
        """Commands that the link dropped."""
        self.stale = 0
        """Motions whose frame was older than 150 ms when they had left."""
        self.oldest_ns = 0
        """Age of the oldest frame for which a motion was sent, when it had left."""
        self.model_warmed_up = False
        """Whether the model was run in the warm-up too, see `controller.drive.warm_up`."""
        self.health: LinkHealth | None = None
        """The link as it was last."""

    def __call__(self, cycle: Cycle) -> None:
        """Count one cycle."""
        command = cycle.decision.command
        self.health = cycle.health
        self.unsent += cycle.sequence == 0 and not cycle.decision.silent
        self.commands[command.name] += 1
        if command is Command.STOP:
            self.stops[cycle.decision.reason.value] += 1
        if cycle.frame is not None:
            age_ns = cycle.age_ns
            row = self.frames % _KEPT
            self._stages_ns[row] = cycle.stages_ns
            self._ages_ns[row] = age_ns
            self.frames += 1
            if command is not Command.STOP:
                self.stale += age_ns > FRESH_NS
                self.oldest_ns = max(self.oldest_ns, age_ns)

    def stage_ms(self, stage: str, percentile: float) -> float:
        """A percentile of one of `controller.drive.loop.STAGES`, in ms; 0 without frames."""
        return self._sum_ms((stage,), percentile)

    def overhead_ms(self, percentile: float) -> float:
        """A percentile of everything between frame and command but the model, in ms."""
        return self._sum_ms(BESIDE_THE_MODEL, percentile)

    def whole_ns(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """From each kept frame to its command, the model too, ``(frames,) int64``, in ns."""
        return self._sum_ns(WHOLE)

    def age_ms(self, percentile: float) -> float:
        """A percentile of the frame's age when its command had left, in ms; 0 without frames."""
        return _percentile_ms(self._ages_ns[: min(self.frames, _KEPT)], percentile)

    def _sum_ms(self, stages: tuple[str, ...], percentile: float) -> float:
        return _percentile_ms(self._sum_ns(stages), percentile)

    def _sum_ns(self, stages: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        rows = self._stages_ns[: min(self.frames, _KEPT)]
        times_ns: np.ndarray[tuple[int], np.dtype[np.int64]]
        times_ns = rows[:, [STAGES.index(stage) for stage in stages]].sum(axis=1)
        return times_ns

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Percentiles of every stage, for machines."""
        return {stage: {f"p{p}": self.stage_ms(stage, p) for p in PERCENTILES} for stage in STAGES}

    def figures(self) -> dict[str, Any]:
        """Everything, for machines; times are of the newest frames."""
        status = None if self.health is None else self.health.status
        return {
            "frames": self.frames,
            "commands": dict(self.commands),
            "stops": dict(self.stops),
            "unsent": self.unsent,
            "mcu_counters": None if status is None else dict(status.counters),
            "stale_commands": self.stale,
            "oldest_frame_driven_on_ms": self.oldest_ns / 1e6,
            "stages_ms": self.stages_ms(),
            "overhead_ms": {f"p{p}": self.overhead_ms(p) for p in PERCENTILES},
            "frame_age_ms": {f"p{p}": self.age_ms(p) for p in PERCENTILES},
        }

    def table(self) -> str:
        """The stages and the frame age as text, one a line."""
        lines = [f"{'':14}{'p50 ms':>10}{'p99 ms':>10}"]
        for stage in STAGES[1:]:
            p50, p99 = self.stage_ms(stage, 50), self.stage_ms(stage, 99)
            lines.append(f"{stage:14}{p50:10.3f}{p99:10.3f}")
        lines.append(f"{'frame age':14}{self.age_ms(50):10.3f}{self.age_ms(99):10.3f}")
        return "\n".join(lines)


def _percentile_ms(values_ns: np.ndarray[tuple[int], np.dtype[np.int64]], q: float) -> float:
    return float(np.percentile(values_ns, q)) / 1e6 if len(values_ns) else 0.0
